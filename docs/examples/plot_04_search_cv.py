"""
Settings chosen on held-out labels
==================================

:class:`~spurclust.SpuriousRegionDetectorCV` tries many settings in little more time than a few
fits. It embeds once for each fold, and tries all numbers of components and thresholds on that. Its
metrics are those of sources whose labels were held out.
"""

from spurclust import SpuriousRegionDetectorCV
from spurclust.plots import CompletenessDisplay, TuningDisplay
from spurclust.simulate import simulate_survey

survey = simulate_survey(400, 40, random_state=12)

# %%
# Half of the survey is inspected
# -------------------------------
# The value -1 means uninspected. Such sources shape the embedding, and count in no metric.

y = survey.y.copy()
y[::2] = -1
search = SpuriousRegionDetectorCV(
    n_components=(3, 5, 8, 12, 16, 20),
    threshold=(0.03, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8),
    completeness=0.9,
    unlabeled=-1,
    random_state=12,
)
search.fit(survey.images, y)
print(search.best_params_)
for name in ("completeness", "purity", "workload"):
    low, high = getattr(search, f"{name}_interval_")
    print(f"{name:<13}{getattr(search, f'{name}_'):.2f} ({low:.2f} to {high:.2f})")

# %%
# All settings
# ------------
# Color is the held-out workload; numbers are the held-out completeness; the frame is the choice.

TuningDisplay.from_estimator(search)

# %%
# Completeness against workload
# -----------------------------

CompletenessDisplay.from_estimator(search, y)

# %%
# Was it right?
# -------------
# The survey is simulated, so the labels of the other half are known.

flagged = search.best_estimator_.flagged_
hidden = y == -1
found = (flagged & hidden & (survey.y == 1)).sum()
print(f"{found} of {(survey.y[hidden] == 1).sum()} spurious sources among the uninspected")
print(f"{(flagged & hidden).sum()} of {hidden.sum()} uninspected sources are flagged")
