"""
A figure for a paper
====================

Every display draws on axes of your own. This example makes one figure of three panels, as wide as a
page of a journal, in your own matplotlib layout and style.
"""

import matplotlib.pyplot as plt

from spurclust import SpuriousRegionDetector
from spurclust.metrics import completeness_curve
from spurclust.plots import ComponentsDisplay, EmbeddingDisplay
from spurclust.simulate import simulate_survey

survey = simulate_survey(400, 40, random_state=12)
detector = SpuriousRegionDetector(12, random_state=12).fit(survey.images, survey.y)

# %%
# Two panels and one of your own
# ------------------------------
# Give ``ax=`` to a display, and draw the rest with matplotlib. The display leaves `ax_` and
# `figure_`, to change anything afterwards.

style = {"font.family": "serif", "font.size": 8, "axes.titlesize": 8}
with plt.rc_context(style):
    figure = plt.figure(figsize=(7.1, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.3, 1, 1])
    EmbeddingDisplay.from_estimator(detector, survey.y, ax=left, legend={"fontsize": 6, "ncols": 1})
    components = ComponentsDisplay.from_estimator(detector, ax=middle, legend=False)
    workload, completeness = completeness_curve(survey.y, detector.spurious_probability_)
    right.plot(100 * workload, 100 * completeness, color="black")
    right.set(xlabel="Workload (%)", ylabel="Completeness (%)", xlim=(0, 100), ylim=(0, 102))
    for ax, letter in zip((left, middle, right), "abc", strict=True):
        ax.set_title(f"({letter})", loc="left")
    components.ax_.axvline(100 * detector.threshold, color="C3", linewidth=0.8)

# %%
# Save it as vectors, with text as text:
# ``spurclust.plots.save_figure(figure, "figure1.pdf")``.
