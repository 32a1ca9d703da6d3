"""Searches whose splits are spread over processes and machines."""

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from spurclust import SpuriousRegionDetector, SpuriousRegionDetectorCV
from spurclust.cutouts import CutoutReader
from spurclust.parallel import count_threads
from spurclust.scale import open_client


@pytest.fixture(scope="module")
def client():
    with open_client(workers=2) as client:
        yield client


@pytest.fixture(scope="module")
def cutouts():
    rng = np.random.default_rng(0)
    images = rng.normal(60, 12, size=(90, 12, 12))
    images[::4, 5] += 90
    y = (np.arange(90) % 4 == 0).astype(int)
    y[1::9] = -1
    return images.clip(0, 255).astype(np.uint8), y


def search(cutouts, protocol):
    images, y = cutouts
    settings = {"n_components": [2, 4], "threshold": [0.1, 0.3], "perplexity": [8]}
    detector = SpuriousRegionDetectorCV(
        **settings, cv=3, protocol=protocol, unlabeled=-1, random_state=0
    )
    return detector.fit(images, y)


@pytest.mark.parametrize("protocol", ["transductive", "inductive"])
def test_every_backend_finds_the_same(client, cutouts, protocol):
    expected = search(cutouts, protocol)
    for backend in ("dask", "threading", "loky"):
        with joblib.parallel_config(backend=backend, n_jobs=2):
            found = search(cutouts, protocol)
        assert found.best_params_ == expected.best_params_
        assert_array_equal(found.held_out_probability_, expected.held_out_probability_)
        assert_array_equal(found.best_estimator_.embedding_, expected.best_estimator_.embedding_)


def test_splits_run_on_the_workers(client, cutouts):
    def executed():
        return sum(client.run(lambda dask_worker: dask_worker.state.executed_count).values())

    before = executed()
    with joblib.parallel_config(backend="dask"):
        search(cutouts, "transductive")
    assert executed() >= before + 3


def test_grid_search_over_files(client, cutouts, tmp_path):
    images, y = cutouts
    images, y = images[y >= 0], y[y >= 0]
    paths = []
    for number, image in enumerate(images):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(image).save(paths[-1])
    pipeline = make_pipeline(
        CutoutReader(), SpuriousRegionDetector(perplexity=8, threshold=0.2, random_state=0)
    )
    grid = {"spuriousregiondetector__n_components": [2, 4]}
    folds = StratifiedKFold(3)

    def found():
        return GridSearchCV(pipeline, grid, scoring="average_precision", cv=folds).fit(paths, y)

    expected = found()
    with joblib.parallel_config(backend="dask"):
        distributed = found()
    assert_array_equal(
        distributed.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert distributed.best_params_ == expected.best_params_


def test_steps_use_one_thread_where_the_cluster_has_many(client):
    with joblib.parallel_config(backend="dask"):
        assert [count_threads(n_jobs) for n_jobs in (None, -1, 1, 3)] == [1, 1, 1, 3]
        inside = joblib.Parallel()(joblib.delayed(count_threads)(n_jobs) for n_jobs in (None, -1))
    assert inside == [1, 1]
    assert count_threads(-1) == joblib.effective_n_jobs(-1)
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert count_threads(None) == 3
