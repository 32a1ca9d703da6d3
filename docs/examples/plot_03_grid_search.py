"""
A grid search for completeness under a workload
===============================================

A search over ``recall`` alone prefers to flag everything. The scorers of ``spurclust.metrics``
hold both: this example asks for the most completeness among the sources that a team can afford to
inspect, and for the least work that keeps a completeness.
"""

# %%
# Features once, embeddings once
# ------------------------------
# Features know no labels, so one computation serves all folds. ``memory`` keeps the embedding of a
# fold for all settings of the mixture.

from tempfile import TemporaryDirectory

import pandas as pd
from sklearn.model_selection import GridSearchCV

from spurclust import CutoutFeatures, GuidedProjection, SpuriousRegionDetector
from spurclust.metrics import get_scorer
from spurclust.plots import TuningDisplay
from spurclust.simulate import simulate_survey
from spurclust.tuning import InspectedStratifiedKFold

survey = simulate_survey(400, 40, random_state=12)
features = CutoutFeatures().fit_transform(survey.images)
grid = {"n_components": [5, 10, 20], "threshold": [0.05, 0.1, 0.2, 0.4]}
scoring = {
    "completeness": get_scorer("completeness"),
    "neg_workload": get_scorer("neg_workload"),
}

# %%
# The choice
# ----------
# ``refit`` takes a function of the results. This one takes the most completeness whose workload is
# at most 12 %.


def best_within_workload(results):
    """Return the index of the most completeness with a workload of at most 12 %."""
    table = pd.DataFrame(results)
    affordable = table[table["mean_test_neg_workload"] >= -0.12]
    order = ["mean_test_completeness", "mean_test_neg_workload"]
    return affordable.sort_values(order).index[-1]


with TemporaryDirectory() as folder:
    search = GridSearchCV(
        SpuriousRegionDetector(
            flatten="passthrough", reduce=GuidedProjection(), memory=folder, random_state=12
        ),
        grid,
        scoring=scoring,
        refit=best_within_workload,
        cv=InspectedStratifiedKFold(3, random_state=12),
    )
    search.fit(features, survey.y)
print(search.best_params_)

# %%
# The whole grid
# --------------
# Color is the workload; numbers are the completeness in per cent; the frame is the choice. On a
# plateau the choice is firm.

TuningDisplay.from_estimator(search)

# %%
# The other way round
# -------------------
# The scorer ``constrained_neg_workload`` asks for the least workload whose completeness reaches a
# floor in every fold. It is one number, and so works as ``scoring`` by itself, in a
# ``RandomizedSearchCV`` as well.

scorer = get_scorer("constrained_neg_workload", completeness=0.9)
print(scorer(search.best_estimator_, features, survey.y))
