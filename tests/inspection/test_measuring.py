import os

import numpy as np
import pytest
from PIL import Image

from spurclust.cutouts import ReadOptions, open_cutouts
from spurclust.features import CutoutFeatures
from spurclust.inspection import measuring
from spurclust.inspection.measuring import FEATURES, measure_cutouts_once


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 255, size=(12, 16, 16)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, images):
    (tmp_path / "cutouts").mkdir()
    for k, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "cutouts" / f"{k}.png")
    return tmp_path


@pytest.fixture
def measure(folder):
    def measure(**options):
        return measure_cutouts_once(
            open_cutouts(folder / "cutouts"), ReadOptions(**options), folder
        )

    return measure


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_features_are_those_of_the_extractor(measure, images):
    expected = CutoutFeatures().fit_transform(images)
    assert np.array_equal(measure().rows, expected)


def test_a_second_time_nothing_is_measured(measure, monkeypatch):
    first = measure()
    monkeypatch.setattr(measuring, "extract_features", None)
    assert same(measure(), first)


@pytest.mark.parametrize("change", ["pixels", "options", "damage", "nothing kept"])
def test_what_is_no_longer_so_is_measured_again(measure, folder, images, change):
    first, options = measure(), {}
    if change == "pixels":
        Image.fromarray(255 - images[0]).save(folder / "cutouts" / "0.png")
        os.utime(folder / "cutouts" / "0.png", ns=(1, 1))
    elif change == "options":
        options = {"reduce": 2}
    elif change == "damage":
        (folder / FEATURES).write_bytes((folder / FEATURES).read_bytes()[:-500])
    else:
        (folder / FEATURES).unlink()
    again = measure(**options)
    assert same(again, first) == (change in ("damage", "nothing kept"))
    assert same(measure(**options), again)


def test_unreadable_cutouts_are_left_out(measure, folder):
    (folder / "cutouts" / "3.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="1 of the 12 cutouts to measure were skipped"):
        measured = measure(on_error="skip")
    assert measured.sources.tolist() == [0, 1, 2, *range(4, 12)]
    assert len(measured.rows) == len(measured.isolation) == 11


def test_given_features_are_finite_and_of_all_sources(folder):
    source = open_cutouts(folder / "cutouts")
    for features, words in ((np.full((12, 2), np.nan), "NaN or infinite"), ([[0]], "one row for")):
        with pytest.raises(ValueError, match=words):
            measure_cutouts_once(source, ReadOptions(), folder, features)
