"""A small survey in every form that is read, and a model of it."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust import InspectionRanker, SpuriousRegionDetector
from spurclust.catalog import save_model

N_FITTED, N_NEW = 120, 90


class Fitted(NamedTuple):
    model: object
    detector: SpuriousRegionDetector
    ranker: InspectionRanker


def make_images(n, seed):
    """Noise, and a bright streak in every fifth cutout."""
    rng = np.random.default_rng(seed)
    images = rng.normal(60, 12, size=(n, 14, 16))
    images[::5, 6:8] += 120
    return images.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    images, y = make_images(N_FITTED, 0), (np.arange(N_FITTED) % 5 == 0).astype(int)
    detector = SpuriousRegionDetector(4, perplexity=10, random_state=0).fit(images, y)
    ranker = InspectionRanker(40, random_state=0).fit(images, y)
    reading = {"reading": {"size": None, "reduce": None, "id_pattern": None, "dtype": "uint8"}}
    save_model(detector, folder / "model.skops", metadata=reading)
    save_model(ranker, folder / "ranker.skops", metadata=reading)
    return Fitted(folder / "model.skops", detector, ranker)


@pytest.fixture(scope="session")
def images():
    return make_images(N_NEW, 1)


@pytest.fixture(scope="session")
def expected(fitted, images):
    """What one process says of all new sources at once."""
    assignment = fitted.detector.assign(images)
    return pd.DataFrame(
        {
            "source_id": [str(k) for k in range(len(images))],
            "tsne_x": assignment.embedding[:, 0],
            "tsne_y": assignment.embedding[:, 1],
            "component": assignment.component,
            "spurious_probability": assignment.spurious_probability,
            "flagged": assignment.spurious_probability >= fitted.detector.threshold,
            "novelty": assignment.novelty,
            "inspection_probability": fitted.ranker.predict_proba(images)[:, 1],
        }
    )


def write_cutouts(folder, images):
    folder.mkdir(exist_ok=True)
    for k, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{k}.png")
    return folder


@pytest.fixture(scope="session")
def cutouts(tmp_path_factory, images):
    """A folder of PNG files, not to be changed."""
    return write_cutouts(tmp_path_factory.mktemp("survey") / "cutouts", images)


def same(table, expected):
    """Compare all but paths, to the bit."""
    table = table.drop(columns="path", errors="ignore").reset_index(drop=True)
    table["source_id"] = table["source_id"].astype(str).astype(object)
    expected = expected.assign(source_id=expected["source_id"].astype(object))
    pd.testing.assert_frame_equal(table, expected, check_exact=True, check_dtype=False)
