import warnings

import numpy as np
import pytest

from spurclust import SpuriousRegionDetector, analyze
from spurclust.features import CutoutFeatures
from spurclust.inspection.web import points
from spurclust.inspection.web.points import EMBEDDING, Embedding, make_points


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(90, 9, 9)).astype(np.float32)
    images[:30, 2:7] += 9
    return images


def test_it_is_the_embedding_of_an_analysis_without_labels(images, tmp_path):
    found = make_points(CutoutFeatures().fit_transform(images), tmp_path).astype(float)
    detector = SpuriousRegionDetector(3, random_state=12)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "perplexity")
        expected = analyze(images, detector=detector, ranking=False).detector.embedding_
    expected = expected - expected.min(axis=0)
    np.testing.assert_allclose(found, 65535 * expected / expected.max(), atol=1)


def test_it_is_made_once_for_the_same_features(images, tmp_path):
    rows = images.reshape(90, -1)
    first = Embedding(rows, tmp_path)
    assert first.points() is None
    made = first.work.future.result(300)
    assert first.points().tolist() == Embedding(rows, tmp_path).points().tolist() == made.tolist()
    assert Embedding(rows + 1, tmp_path).points() is None
    (tmp_path / EMBEDDING).write_bytes(b"no embedding")
    assert Embedding(rows, tmp_path).points() is None


def test_of_many_sources_some_are_placed_among_the_others(images, tmp_path, monkeypatch):
    monkeypatch.setattr(points, "MOST_FITTED", 50)
    found = make_points(images.reshape(90, -1), tmp_path).astype(float)
    middles = found[:30].mean(axis=0), found[30:].mean(axis=0)
    nearer = [np.linalg.norm(found - middle, axis=1) for middle in middles]
    assert ((nearer[0] < nearer[1]) == (np.arange(90) < 30)).mean() > 0.95
