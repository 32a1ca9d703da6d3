"""
Finding wrong labels
====================

People err. This example gives ten sources the wrong label, and finds them again: by
:func:`~spurclust.ranking.label_suspicion`, which is the probability that a label is wrong, judged
without that label.
"""

import numpy as np

from spurclust import InspectionRanker
from spurclust.plots import GalleryDisplay
from spurclust.ranking import label_suspicion
from spurclust.simulate import simulate_survey

survey = simulate_survey(400, 60, random_state=12)

# %%
# Ten wrong labels
# ----------------
# Five spurious sources are called reliable, and five reliable ones spurious.

rng = np.random.default_rng(0)
wrong = np.concatenate(
    [rng.choice(np.flatnonzero(survey.y == k), 5, replace=False) for k in (0, 1)]
)
y = survey.y.copy()
y[wrong] = 1 - y[wrong]

# %%
# Suspicion
# ---------
# A ranker gives each source a probability, from trees that have not seen its label. The column
# ``label_suspicion`` of ``spurclust run`` has the suspicion.

ranker = InspectionRanker(random_state=12).fit(survey.images, y)
suspicion = label_suspicion(y, ranker.inspection_probability_)
order = np.argsort(-suspicion, kind="stable")
print("wrong labels among the 20 most suspect:", np.isin(order[:20], wrong).sum(), "of 10")

# %%
# The first to look at again
# --------------------------
# Beneath each cutout stands the label that it has.

GalleryDisplay(
    survey.images[order[:8]],
    np.array(survey.source_ids)[order[:8]],
    np.where(y[order[:8]] == 1, "called spurious", "called reliable"),
).plot()

# %%
# The suspicion names labels to look at again, and changes none. A spurious source of a kind that no
# other label has looks reliable, and stands high as well.
