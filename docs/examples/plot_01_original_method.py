"""
The original method, step by step
=================================

Flatten each cutout to a row of pixels. Embed the rows with t-SNE. Fit a Gaussian mixture on the
embedding. Flag every source of a component in which enough of the inspected sources are spurious.

This example does each step by itself, and then all of them with
:class:`~spurclust.SpuriousRegionDetector`. `t-SNE
<https://scikit-learn.org/stable/modules/manifold.html#t-sne>`_ puts similar rows close together in
a plane.
"""

# %%
# A survey
# --------
# The simulated survey has 400 sources, of which 30 are spurious. Each cutout is a strip of six
# panels, one per filter.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.mixture import GaussianMixture

from spurclust import TSNE, ImageFlattener, SpuriousRegionDetector
from spurclust.plots import GalleryDisplay, RegionDisplay
from spurclust.region import component_counts, component_table, region_of, spurious_fractions
from spurclust.simulate import simulate_survey

survey = simulate_survey(400, 30, random_state=12)
images, y = survey.images, survey.y
spurious = np.flatnonzero(y == 1)[:6]
GalleryDisplay(
    images[spurious],
    np.array(survey.source_ids)[spurious],
    np.array(survey.reasons)[spurious],
).plot()

# %%
# Pixels to rows, rows to points
# ------------------------------
# The strips are drawn three times enlarged. :class:`~spurclust.ImageFlattener` undoes that:
# distances between rows stay in proportion, and rows are nine times shorter.

rows = ImageFlattener().fit_transform(images)
embedding = TSNE(perplexity=50, random_state=12).fit_transform(rows)
print(images.shape, "->", rows.shape, "->", embedding.shape)

# %%
# Components
# ----------
# Six Gaussians describe where the sources lie. Each color is one of them.

mixture = GaussianMixture(6, random_state=12).fit(embedding)
component = mixture.predict(embedding)
figure, ax = plt.subplots(layout="constrained")
ax.scatter(*embedding.T, c=component, cmap="tab10", s=12)
ax.scatter(*embedding[y == 1].T, s=40, facecolor="none", edgecolor="black", label="known spurious")
ax.set(xlabel="t-SNE x", ylabel="t-SNE y", aspect="equal")
ax.legend()

# %%
# The region
# ----------
# The spurious fraction of a component is the known spurious divided by the inspected. The
# components at or above the threshold form the spurious region.

counts = component_counts(component, y, 6)
region = region_of(spurious_fractions(counts), threshold=0.05)
flagged = region[component]
print(f"{flagged.sum()} of {len(y)} sources are flagged,", end=" ")
print(f"{(flagged & (y == 1)).sum()} of {(y == 1).sum()} spurious sources are among them")
component_table(counts, threshold=0.05)

# %%
# All at once
# -----------
# The detector does the same steps, and flags the same kind of region. Its components come in
# another order, since it sorts the rows first: so the order of your files has no effect.

detector = SpuriousRegionDetector(6, 0.05, flatten=ImageFlattener(), random_state=12)
detector.fit(images, y)
RegionDisplay.from_estimator(detector, y)

# %%
# The labels that chose the region also judge it here, so these numbers flatter. The next examples
# hold labels out.
