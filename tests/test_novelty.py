"""How far new sources lie from the fitted ones."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom
from scipy.stats import binom
from sklearn.base import BaseEstimator, TransformerMixin

from spurclust import SpuriousRegionDetector, novelty
from spurclust.catalog import load_model, save_model
from spurclust.embedding import ImageFlattener
from spurclust.novelty import NoveltyScale, drift_message
from spurclust.simulate import simulate_survey

N_FITTED, N_NEW = 120, 60


def rows(n, n_columns=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, n_columns)).astype(np.float32)


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(N_FITTED + N_NEW, 20, random_state=4, n_jobs=2)


@pytest.fixture(scope="module", params=["features", "pixels"])
def detector(request, survey):
    flatten = None if request.param == "features" else ImageFlattener()
    fitted = SpuriousRegionDetector(4, perplexity=15, flatten=flatten, random_state=0, n_jobs=2)
    return fitted.fit(survey.images[:N_FITTED], survey.y[:N_FITTED])


def share_of_novel(detector, images):
    return (detector.assign(images).novelty > 1).mean()


def test_new_sources_of_the_same_kind_are_not_novel():
    scale = NoveltyScale.fit(rows(3000))
    n_novel = int((scale.measure(rows(3000, seed=1)) > 1).sum())
    low, high = binom.interval(0.9999, 3000, 0.05)
    assert low <= n_novel <= high
    assert drift_message(n_novel, 3000) is None


def test_more_rows_than_landmarks(monkeypatch):
    monkeypatch.setattr(novelty, "MOST_LANDMARKS", 50)
    scale = NoveltyScale.fit(rows(3000))
    assert scale.landmarks.shape == (50, 6)
    assert 0.02 < (scale.measure(rows(3000, seed=1)) > 1).mean() < 0.1
    wide = NoveltyScale.fit(rows(9, 2_000_001))
    assert len(wide.landmarks) == 2


def test_fitted_sources_are_not_novel(detector, survey):
    assert not detector.assign(survey.images[:N_FITTED]).novelty.any()


def test_unchanged_cutouts_raise_no_alarm(detector, survey):
    n_novel = int((detector.assign(survey.images[N_FITTED:]).novelty > 1).sum())
    assert drift_message(n_novel, N_NEW) is None


@pytest.mark.parametrize("change", ["inverted", "brighter", "gamma"])
def test_other_stretches_raise_the_alarm(detector, survey, change):
    images = survey.images[N_FITTED:].astype(float)
    if change == "inverted":
        images = 255 - images
    elif change == "brighter":
        images = np.minimum(2 * images, 255)
    else:
        images = 255 * np.sqrt(images / 255)
    share = share_of_novel(detector, images.astype(np.uint8))
    assert share > 0.3
    assert f"({share:.0%}".removesuffix("%") in drift_message(round(N_NEW * share), N_NEW)


@pytest.mark.parametrize("change", ["blurred", "zoomed"])
def test_another_instrument_raises_the_alarm_on_features(detector, survey, change):
    if isinstance(detector.flatten, ImageFlattener):
        pytest.skip("pixels do not tell a blurred cutout from a smooth galaxy")
    images = survey.images[N_FITTED:]
    if change == "blurred":
        images = np.stack([gaussian_filter(image, 1.5) for image in images])
    else:
        height, width = images.shape[1:3]
        larger = [zoom(image, 2, order=1) for image in images]
        images = np.stack([one[height // 2 :, width // 2 :][:height, :width] for one in larger])
    share = share_of_novel(detector, images)
    assert share > 0.5
    assert drift_message(round(N_NEW * share), N_NEW)


def test_a_factor_on_all_pixels_is_no_drift_for_features(survey):
    images = survey.images[:120].astype(np.float32)
    fitted = SpuriousRegionDetector(3, perplexity=10, random_state=0).fit(images, survey.y[:120])
    assert np.array_equal(fitted.assign(images / 4).novelty, np.zeros(120))


def test_a_saved_model_measures_the_same(detector, survey, tmp_path):
    save_model(detector, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    new = survey.images[N_FITTED:]
    np.testing.assert_array_equal(loaded.assign(new).novelty, detector.assign(new).novelty)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_sources(n):
    found = NoveltyScale.fit(rows(n)).measure(rows(20, seed=1) + 100)
    assert np.isfinite(found).all()
    assert (found > 1).all()


def test_equal_sources():
    scale = NoveltyScale.fit(np.full((30, 4), 7.0))
    assert scale.unit == 0
    assert scale.measure([[7, 7, 7, 7], [7, 7, 7, 8]]).tolist() == [0, np.inf]


@pytest.mark.parametrize("factor", [1e-20, 1.0, 1e18])
def test_any_unit_of_the_pixels(factor):
    X, new = rows(200).astype(float), rows(50, seed=1).astype(float)
    found = NoveltyScale.fit(X * factor).measure(new * factor)
    np.testing.assert_allclose(found, NoveltyScale.fit(X).measure(new), rtol=1e-5)


@pytest.mark.parametrize(
    ("n_novel", "n"), [(0, 0), (0, 10), (1, 3), (1, 1), (5, 30), (1500, 10_000)]
)
def test_chance_is_no_drift(n_novel, n):
    assert drift_message(n_novel, n) is None


@pytest.mark.parametrize(("n_novel", "n"), [(3, 3), (9, 30), (1501, 10_000)])
def test_drift(n_novel, n):
    message = drift_message(n_novel, n)
    assert message.startswith(f"{n_novel} of {n} sources (")
    assert "inspect some" in message


class Halved(TransformerMixin, BaseEstimator):
    """A step of a user, with a parameter of a name that is also a method of `GuidedProjection`."""

    def __init__(self, normalize=True):
        self.normalize = normalize

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.asarray(X)[:, ::2] / 2 if self.normalize else X


@pytest.mark.filterwarnings("ignore:The region holds 60 of 60")
def test_novelty_is_measured_in_the_rows_of_a_users_step():
    X, new = rows(60, 8), rows(9, 8, seed=1)
    detector = SpuriousRegionDetector(2, perplexity=8, reduce=Halved(), random_state=0)
    detector.fit(X, np.arange(60) % 2)
    scale = NoveltyScale.fit(Halved().transform(X))
    np.testing.assert_allclose(
        detector.assign(new).novelty, scale.measure(Halved().transform(new)), rtol=1e-5
    )
