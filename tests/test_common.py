"""scikit-learn's own checks, bare, for every public estimator."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from spurclust import (
    TSNE,
    CutoutFeatures,
    GuidedProjection,
    ImageFlattener,
    SpuriousRegionDetector,
    SpuriousRegionDetectorCV,
)
from spurclust.cutouts import CutoutReader
from spurclust.embedding import GuidedMixture

# InspectionRanker is checked beside its other tests.
ESTIMATORS = [
    CutoutFeatures(),
    GuidedProjection(n_estimators=20),
    GuidedMixture(),
    ImageFlattener(),
    TSNE(),
    SpuriousRegionDetector(),
    SpuriousRegionDetector(assignment="soft"),
    SpuriousRegionDetectorCV(),
    CutoutReader(),
]


# The checks fit on a few dozen rows, for which the defaults are too large, as our warnings say;
# and check_estimator says that it cannot make paths for CutoutReader.
@pytest.mark.filterwarnings("ignore:perplexity=:UserWarning")
@pytest.mark.filterwarnings("ignore:n_components=:UserWarning")
@pytest.mark.filterwarnings("ignore:None of the:UserWarning")
@pytest.mark.filterwarnings("ignore:Only . inspected sources are:UserWarning")
@pytest.mark.filterwarnings("ignore:No setting keeps:UserWarning")
@pytest.mark.filterwarnings("ignore:.*of those tried:UserWarning")
@pytest.mark.filterwarnings("ignore:.*more than half:UserWarning")
@pytest.mark.filterwarnings("ignore:The region holds:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_check_estimator(estimator):
    results = check_estimator(estimator)
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert not any(result["expected_to_fail"] for result in results)
    assert any(result["status"] == "passed" for result in results)
