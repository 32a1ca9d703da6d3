"""How often a source is flagged, and what makes the runs differ."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap
from sklearn.mixture import GaussianMixture

from spurclust import TSNE, GuidedProjection, SpuriousRegionDetector
from spurclust.tuning import flag_stability, region_steadiness


@pytest.fixture
def detector(quick):
    return SpuriousRegionDetector(4, 0.3, **quick)


@pytest.mark.parametrize("assignment", ["hard", "soft"])
def test_it_is_the_share_of_detectors_that_flag(survey, detector, assignment):
    detector.set_params(assignment=assignment)
    share = flag_stability(*survey, detector, random_states=(3, 4, 5), perplexities=(8, 12))
    flags = [
        clone(detector)
        .set_params(embed=TSNE(perplexity, max_iter=250, init="random"), random_state=random_state)
        .fit(*survey)
        .flagged_
        for random_state in (3, 4, 5)
        for perplexity in (8, 12)
    ]
    assert_array_equal(share, np.mean(flags, axis=0))
    assert ((share > 0) & (share < 1)).any(), "the runs differ"


def test_threads_and_runs_change_no_bit_and_nothing_is_fitted(survey, detector):
    before, runs = repr(detector), {"random_states": range(2), "perplexities": [8, 12]}
    one, two = (flag_stability(*survey, detector, **runs, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert_array_equal(one, two)
    unset = clone(detector).set_params(random_state=None)
    assert_array_equal(one, flag_stability(*survey, unset, **runs))
    assert repr(detector) == before
    assert not hasattr(detector, "pipeline_")


def test_without_perplexities_those_around_the_detectors_own_are_tried(survey, detector):
    share = flag_stability(*survey, detector, random_states=[0])
    around = flag_stability(*survey, detector, random_states=[0], perplexities=(6.0, 10.0, 16.0))
    assert_array_equal(share, around)
    assert set(share * 3) <= {0, 1, 2, 3}


def test_seeds_of_the_steps_themselves_do_not_stop_the_runs_from_differing(survey, detector):
    detector.set_params(
        embed=TSNE(max_iter=250, random_state=1), mixture=GaussianMixture(random_state=1)
    )
    given = {"random_states": (3, 4), "perplexities": [10]}
    share = flag_stability(*survey, detector, **given)
    detector.set_params(embed=TSNE(max_iter=250), mixture=None)
    assert_array_equal(share, flag_stability(*survey, detector, **given))


def test_a_start_of_the_users_own_is_kept(survey, detector):
    start = np.random.default_rng(0).normal(size=(len(survey[0]), 2))
    detector.set_params(embed=TSNE(10, init=start, max_iter=250), mixture=KMeans(4, n_init=1))
    share = flag_stability(*survey, detector, random_states=[0], perplexities=[10])
    fresh = detector.set_params(random_state=0).fit(*survey)
    assert_array_equal(share, fresh.flagged_)


@pytest.mark.parametrize("embed", [PCA(2), Isomap(n_neighbors=40), "passthrough"], ids=str)
def test_embeddings_without_a_perplexity(survey, detector, embed):
    X, y = survey[0][:, :2], survey[1]
    detector.set_params(embed=embed, reduce="passthrough")
    share = flag_stability(X, y, detector, random_states=[7])
    assert_array_equal(share, detector.set_params(random_state=7).fit(X, y).flagged_)
    with pytest.raises(ValueError, match="has no perplexity: leave perplexities=None"):
        flag_stability(X, y, detector, perplexities=[30])


def test_too_few_sources_warn_once(survey, detector):
    X, y = survey[0][:24], survey[1][:24]
    detector.set_params(n_components=30)
    with pytest.warns(UserWarning, match="is too large for") as warned:
        flag_stability(X, y, detector, random_states=(0, 1), perplexities=(5, 20, 40))
    messages = sorted(str(each.message) for each in warned)
    assert [message.partition(" is too")[0] for message in messages] == [
        "n_components=30",
        "perplexity=20, 40",
    ]
    assert all(each.filename == __file__ for each in warned)


def test_without_a_spurious_source_nothing_is_flagged(survey, detector):
    with pytest.warns(UserWarning, match="None of the 120 inspected sources is spurious"):
        share = flag_stability(
            survey[0], np.zeros(120), detector, random_states=[0], perplexities=[10]
        )
    assert not share.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"random_states": []}, "There is no run"),
        ({"perplexities": []}, "There is no run"),
        ({"perplexities": [0]}, "A perplexity must be above 0, got 0"),
    ],
)
def test_bad_runs(survey, detector, arguments, message):
    with pytest.raises(ValueError, match=message):
        flag_stability(*survey, detector, **arguments)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 2}, "'threshold' parameter"),
        ({"assignment": "soft", "mixture": KMeans()}, "needs a mixture with predict_proba"),
    ],
)
def test_bad_settings(survey, detector, settings, message):
    with pytest.raises(ValueError, match=message):
        flag_stability(*survey, detector.set_params(**settings))


def test_bad_labels(survey, detector):
    X, y = survey
    with pytest.raises(ValueError, match="120 sources in X, 119 labels in y"):
        flag_stability(X, y[:-1], detector)


def test_a_region_is_as_steady_as_its_replicas_are_like_it(survey, quick):
    images, y = survey
    guided = GuidedProjection(4, n_estimators=60, random_state=0)
    detector = SpuriousRegionDetector(4, 0.3, reduce=guided, flatten="passthrough", **quick)
    features = detector.fit_assign(images, y).features
    found = region_steadiness(detector, features, y)
    assert 0 < found.similarity <= 1
    assert len(found.n_flagged) == 2
    assert found == region_steadiness(detector, features, y, n_jobs=2)


def test_a_perplexity_that_is_too_large_is_named_once(survey):
    images, y = survey
    guided = GuidedProjection(4, n_estimators=60, random_state=0)
    detector = SpuriousRegionDetector(
        2, 0.3, perplexity=5000, unlabeled=-1, reduce=guided, flatten="passthrough", random_state=0
    )
    with pytest.warns(UserWarning, match="perplexity=5000 is too large"):
        features = detector.fit_assign(images, y).features
    region_steadiness(detector, features, y)  # a warning would be an error


def test_without_trees_only_the_mixture_starts_elsewhere(survey, detector):
    images, y = survey
    detector.set_params(mixture=GaussianMixture(random_state=0))
    features = detector.fit_assign(images, y).features
    flags = [
        clone(detector)
        .set_params(mixture=GaussianMixture(random_state=state))
        .fit(*survey)
        .flagged_
        for state in (1, 2)
    ]
    own = detector.flagged_
    similarity = np.mean([(own & each).sum() / (own | each).sum() for each in flags])
    found = region_steadiness(detector, features, y)
    assert found.similarity == pytest.approx(similarity)
    assert found.n_flagged == tuple(each.sum() for each in flags)
