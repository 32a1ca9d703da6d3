"""
Features against pixels
=======================

Two diffraction spikes at different positions have hardly a pixel in common. Features describe what
a cutout shows, wherever it shows it. This example compares a region on pixels with a region on
features, and both with an order of inspection. All are judged on held-out sources.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import cross_val_predict

from spurclust import ImageFlattener, InspectionRanker, SpuriousRegionDetector
from spurclust.metrics import average_precision, workload_at_completeness
from spurclust.plots import CompletenessDisplay
from spurclust.simulate import simulate_survey
from spurclust.tuning import InspectedStratifiedKFold

survey = simulate_survey(400, 40, random_state=12)
images, y = survey.images, survey.y

# %%
# Three methods
# -------------
# Each gives every source a score. Cross-validation fits a method on two thirds of the sources, and
# scores the last third.

methods = {
    "region on pixels": (
        SpuriousRegionDetector(6, flatten=ImageFlattener(), random_state=12),
        "decision_function",
    ),
    "region on features": (SpuriousRegionDetector(20, random_state=12), "decision_function"),
    "order of inspection": (InspectionRanker(200, random_state=12), "predict_proba"),
}
folds = InspectedStratifiedKFold(3, random_state=12)
scores = {}
for name, (method, response) in methods.items():
    found = cross_val_predict(method, images, y, cv=folds, method=response)
    scores[name] = found[:, 1] if found.ndim == 2 else found

# %%
# How much is to be inspected
# ---------------------------
# The workload is the part of the sources that is inspected until 95 % of the spurious are found.

pd.DataFrame(
    {
        name: {
            "average precision": average_precision(y, score),
            "workload at 95 %": workload_at_completeness(y, score, completeness=0.95),
        }
        for name, score in scores.items()
    }
).T.round(3)

# %%
# The whole curves
# ----------------
# The diagonal is what inspection in random order finds.

figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
for ax, (name, score) in zip(axes, scores.items(), strict=True):
    CompletenessDisplay(y, score).plot(ax=ax, legend=False)
    ax.set_title(name)
