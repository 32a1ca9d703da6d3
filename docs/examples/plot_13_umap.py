"""
UMAP instead of t-SNE
=====================

`UMAP <https://umap-learn.readthedocs.io>`_ is another method that puts similar sources close
together. Pass it as the step ``embed``. This example compares it with t-SNE on the same features.

It needs the package ``umap-learn``, which spurclust does not install.
"""

import matplotlib.pyplot as plt
import numpy as np
import umap

from spurclust import SpuriousRegionDetector
from spurclust.plots import RegionDisplay
from spurclust.simulate import simulate_survey

survey = simulate_survey(600, 60, random_state=12)
fitted, new = np.arange(400), np.arange(400, 600)
images, y = survey.images[fitted], survey.y[fitted]

# %%
# Two embeddings
# --------------
# Everything else is the same: the features, the projection and the mixture.

detectors = {
    "t-SNE": SpuriousRegionDetector(20, random_state=12),
    "UMAP": SpuriousRegionDetector(
        20, embed=umap.UMAP(n_neighbors=15, n_jobs=1, random_state=12), random_state=12
    ),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, detector) in zip(axes, detectors.items(), strict=True):
    detector.fit(images, y)
    RegionDisplay.from_estimator(detector, y, ax=ax, legend=False)
    found = (detector.flagged_ & (y == 1)).sum()
    ax.set_title(f"{name}: {detector.flagged_.sum()} flagged, {found} of {(y == 1).sum()} spurious")

# %%
# New sources
# -----------
# Both place new sources among the fitted ones.

spurious = survey.y[new] == 1
for name, detector in detectors.items():
    flagged = detector.predict(survey.images[new]) == 1
    found = (flagged & spurious).sum()
    print(f"{name}: {flagged.sum()} of {len(new)} flagged, {found} of {spurious.sum()} spurious")

# %%
# spurclust promises the same bits for any batch of new sources. UMAP does not: it places the rows
# of a batch together. So predict all new sources at once.
