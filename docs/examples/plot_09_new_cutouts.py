"""
New cutouts, and drift
======================

A fitted detector flags new cutouts, and places them in its embedding; nothing fitted moves. The
novelty of a cutout shows how unlike the fitted ones it is. If many are novel, the model no longer
fits: the detector, the telescope or the reduction has changed.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from spurclust import InspectionRanker, SpuriousRegionDetector
from spurclust.novelty import drift_message
from spurclust.plots import EmbeddingDisplay
from spurclust.simulate import draw_strips, simulate_survey

survey = simulate_survey(600, 60, random_state=12)
fitted, new = np.arange(400), np.arange(400, 600)
detector = SpuriousRegionDetector(20, random_state=12)
detector.fit(survey.images[fitted], survey.y[fitted])

# %%
# New sources
# -----------
# `assign` finds out everything at once; `predict`, `transform` and `decision_function` are parts of
# it. Each source is handled by itself, so that batches have no effect.

assignment = detector.assign(survey.images[new])
flagged = detector.predict(survey.images[new]) == 1
spurious = survey.y[new] == 1
print(f"flagged {flagged.sum()} of {len(new)} new sources")
print(f"among them {(flagged & spurious).sum()} of {spurious.sum()} spurious")

display = EmbeddingDisplay.from_estimator(detector, survey.y[fitted])
display.ax_.scatter(*assignment.embedding.T, s=14, color="C1", edgecolor="black", linewidth=0.4)
display.ax_.set_title("New sources in orange")

# %%
# An order of inspection
# ----------------------
# A ranker gives new sources a probability.

ranker = InspectionRanker(random_state=12).fit(survey.images[fitted], survey.y[fitted])
probability = ranker.predict_proba(survey.images[new])[:, 1]
order = np.argsort(-probability)
n_needed = np.flatnonzero(spurious[order])[-1] + 1
print(f"the last of {spurious.sum()} spurious sources comes at inspection {n_needed}")

# %%
# Drift
# -----
# Of sources like the fitted ones about 5 % have a novelty above 1. Of the same sources after a
# blur, as by another point spread function, nearly all have.

blurred = draw_strips(gaussian_filter(np.nan_to_num(survey.cubes[new]), (0, 1.5, 1.5, 0)))
for name, cutouts in {"as they are": survey.images[new], "blurred": blurred}.items():
    n_novel = int((detector.assign(cutouts).novelty > 1).sum())
    print(f"{name}: {n_novel / len(new):.0%} novel")
    print(drift_message(n_novel, len(new)))
