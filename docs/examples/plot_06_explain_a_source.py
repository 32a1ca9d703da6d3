"""
Why is this source suspect?
===========================

The ranker orders sources by their probability of being spurious. This example explains the rank of
one source: which panels and features count, which known spurious sources are similar, and which
other sources of the survey are.
"""

import numpy as np

from spurclust import InspectionRanker
from spurclust.plots import GalleryDisplay
from spurclust.ranking import explain_source, similar_sources
from spurclust.simulate import simulate_survey

survey = simulate_survey(400, 40, random_state=12)
ids, reasons = np.array(survey.source_ids), np.array(survey.reasons)

# %%
# The most probable uninspected source
# ------------------------------------
# Half of the survey is inspected.

y = survey.y.copy()
y[::2] = -1
ranker = InspectionRanker(unlabeled=-1, random_state=12).fit(survey.images, y)
suspect = np.flatnonzero(y == -1)[ranker.inspection_rank_[y == -1].argmin()]
GalleryDisplay(survey.images[[suspect]], ids[[suspect]]).plot()

# %%
# Panels and features
# -------------------
# The effect of a panel is by how much the probability would fall if all its features were those of
# a typical reliable source.

why = explain_source(ranker, survey.images[suspect])
print(f"probability {why.probability:.2f}")
why.panels

# %%
# Single features have smaller effects: others of the same panel stand in for each.

why.features

# %%
# Known spurious sources like it
# ------------------------------
GalleryDisplay(survey.images[why.nearest], ids[why.nearest], reasons[why.nearest]).plot()

# %%
# Any sources like it
# -------------------
# Similar sources are found whatever their labels. A verdict on one often holds for the others.

features = ranker.extract_features(survey.images)
similar, distances = similar_sources(
    features, 6, sources=[suspect], importances=ranker.feature_importances_
)
GalleryDisplay(survey.images[similar[0]], ids[similar[0]]).plot()
print(distances[0].round(2))
