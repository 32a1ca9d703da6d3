"""
PCA, a Bayesian mixture and HDBSCAN as steps
============================================

Each step of the detector can be another estimator: of scikit-learn, of another package, or of your
own. This example replaces ``reduce`` by a PCA, and the mixture by a Bayesian one
and by HDBSCAN.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spurclust import SpuriousRegionDetector
from spurclust.plots import RegionDisplay
from spurclust.simulate import simulate_survey

survey = simulate_survey(400, 40, random_state=12)

# %%
# HDBSCAN, with a ``predict``
# ---------------------------
# A mixture must give new sources their component. HDBSCAN has no ``predict``, so this class takes
# the component of the nearest fitted source. HDBSCAN's noise is -1, and becomes a component of its
# own.


class NearestHDBSCAN(BaseEstimator):
    """HDBSCAN that gives a new source the component of the nearest fitted one."""

    def __init__(self, min_cluster_size=10):
        self.min_cluster_size = min_cluster_size

    def fit(self, X, y=None):
        """Find the components of fitted sources."""
        found = HDBSCAN(self.min_cluster_size, copy=True).fit_predict(X)
        _, component = np.unique(found, return_inverse=True)
        self.nearest_ = KNeighborsClassifier(1).fit(X, component)
        return self

    def predict(self, X):
        """Return the component of each source."""
        return self.nearest_.predict(X)


# %%
# Four detectors
# --------------
# The defaults are :class:`~spurclust.CutoutFeatures`, :class:`~spurclust.GuidedProjection`,
# :class:`~spurclust.TSNE` and :class:`~spurclust.embedding.GuidedMixture`. A PCA in place of
# ``GuidedProjection`` lets no label shape the embedding. :ref:`Another example
# <sphx_glr_gallery_plot_13_umap.py>` puts UMAP in the place of t-SNE.

detectors = {
    "default": SpuriousRegionDetector(20, random_state=12),
    "PCA": SpuriousRegionDetector(
        20, reduce=make_pipeline(StandardScaler(), PCA(10)), random_state=12
    ),
    "BayesianGaussianMixture": SpuriousRegionDetector(
        20, mixture=BayesianGaussianMixture(max_iter=500), random_state=12
    ),
    "HDBSCAN": SpuriousRegionDetector(mixture=NearestHDBSCAN(), random_state=12),
}
figure, axes = plt.subplots(2, 2, figsize=(10, 6.5), layout="constrained")
for ax, (name, detector) in zip(axes.flat, detectors.items(), strict=True):
    detector.fit(survey.images, survey.y)
    RegionDisplay.from_estimator(detector, survey.y, ax=ax, legend=False)
    found = (detector.flagged_ & (survey.y == 1)).sum()
    ax.set_title(f"{name}: {detector.flagged_.sum()} flagged, {found} of 40 spurious")
