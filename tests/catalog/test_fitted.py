"""What a run has fitted, loaded together."""

import numpy as np
import pytest

from spurclust import InspectionRanker, SpuriousRegionDetector
from spurclust.catalog import FittedModels, load_fitted, save_model
from spurclust.embedding import ImageFlattener
from spurclust.errors import CatalogError
from spurclust.features import CutoutFeatures


@pytest.fixture(scope="module")
def images():
    images = np.random.default_rng(0).normal(60, 12, size=(60, 12, 12))
    images[::4, 5] += 90
    return images.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def y():
    return (np.arange(60) % 4 == 0).astype(int)


@pytest.fixture(scope="module")
def detector(images, y):
    return SpuriousRegionDetector(3, perplexity=8, random_state=0).fit(images, y)


def test_with_a_ranker_cutouts_are_measured_once(detector, images, y, tmp_path, monkeypatch):
    ranker = InspectionRanker(40, random_state=0).fit(images, y)
    save_model(detector, tmp_path / "model.skops", metadata={"reading": {"size": [5, 5]}})
    save_model(ranker, tmp_path / "ranker.skops")
    models = load_fitted(tmp_path / "model.skops").set_jobs(2)
    assert models.reading == {"size": [5, 5], "reduce": None, "id_pattern": None, "dtype": None}
    assert models.ranker.n_jobs == models.detector.n_jobs == 2
    calls = []
    transform = CutoutFeatures.transform

    def counted(self, X):
        calls.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(CutoutFeatures, "transform", counted)
    new = images[:, ::-1]
    assignment, probability = models.predict(new)
    assert calls == [60]
    monkeypatch.undo()
    np.testing.assert_array_equal(probability, ranker.predict_proba(new)[:, 1])
    np.testing.assert_array_equal(assignment.embedding, detector.assign(new).embedding)


@pytest.mark.parametrize("extractor", ["passthrough", ImageFlattener()])
def test_rankers_whose_features_have_no_threads(detector, images, y, extractor):
    ranker = InspectionRanker(40, extractor=extractor, random_state=0).fit(images, y)
    models = FittedModels(detector, ranker, {}).set_jobs(2)
    assert ranker.n_jobs == 2
    _, probability = models.predict(images)
    np.testing.assert_array_equal(probability, ranker.predict_proba(images)[:, 1])


def test_other_features_are_measured_apart(images, y, tmp_path):
    on_pixels = SpuriousRegionDetector(
        3, perplexity=8, flatten=ImageFlattener(), random_state=0
    ).fit(images, y)
    ranker = InspectionRanker(40, random_state=0).fit(images, y)
    save_model(on_pixels, tmp_path / "model.skops")
    save_model(ranker, tmp_path / "ranker.skops")
    _, probability = load_fitted(tmp_path / "model.skops").predict(images)
    np.testing.assert_array_equal(probability, ranker.predict_proba(images)[:, 1])


def test_without_a_ranker(detector, images, tmp_path):
    save_model(detector, tmp_path / "model.skops")
    models = load_fitted(tmp_path / "model.skops")
    assert models.predict(images)[1] is None


def test_what_is_no_detector(images, tmp_path):
    save_model(ImageFlattener().fit(images), tmp_path / "model.skops")
    with pytest.raises(CatalogError, match="holds a ImageFlattener, not a detector"):
        load_fitted(tmp_path / "model.skops")
