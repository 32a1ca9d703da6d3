"""The source in the center: negative light, dipoles, shape, and panels that do not agree."""

import numpy as np
import pytest

from spurclust.features import CutoutFeatures
from spurclust.simulate import draw_strips, simulate_survey

SIDE = 31


def blob(x=0.0, y=0.0, width=1.5, peak=30.0):
    """Return a round source, off the center by so many pixels."""
    down, along = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return peak * np.exp(-((along - x) ** 2 + (down - y) ** 2) / (2 * width**2))


def measure(*panels, seed=0):
    """Measure panels of noise to which light is added, one each."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 1, (len(panels), SIDE, SIDE)) + np.array(panels)
    return CutoutFeatures().set_output(transform="pandas").fit_transform(images)


def test_light_of_both_signs_is_seen():
    table = measure(blob(), -blob(), blob(-2) - blob(2), np.zeros((SIDE, SIDE)))
    assert table["panel1_source_balance"][0] > 0.9
    assert table["panel1_source_balance"][1] < -0.9
    assert abs(table["panel1_source_balance"][2]) < 0.2
    assert table["panel1_source_dipole"].argmax() == 2
    assert table["panel1_source_height"][[0, 2]].min() > 2 * table["panel1_source_height"][3]
    assert (
        table["panel1_source_depth"][[1, 2]].min() > 2 * table["panel1_source_depth"][[0, 3]].max()
    )
    assert table["panel1_source_negative"][1] == pytest.approx(
        table["panel1_source_positive"][0], abs=0.1
    )


def test_a_dipole_changes_its_sign_when_turned_and_a_point_source_does_not():
    table = measure(blob(), blob(-2) - blob(2), blob(3), blob(width=4) * (np.arange(SIDE) == 15))
    symmetry, roundness = table["panel1_source_symmetry"], table["panel1_source_roundness"]
    assert symmetry[0] > 0.9 > -0.8 > symmetry[1]
    assert roundness[0] > 0.9 > 0.5 > roundness[3]
    assert symmetry[3] > 0.9
    assert table["panel1_source_radial"][0] > 0.9 > 0.6 > table["panel1_source_radial"][2]


def test_one_bright_pixel_is_sharper_than_any_source():
    pixel = np.zeros((SIDE, SIDE))
    pixel[15, 15] = 40
    table = measure(blob(width=1), blob(width=2), pixel)
    assert table["panel1_source_sharpness"].argmax() == 2
    assert table["panel1_source_sharpness"].argmin() == 1


def test_light_of_the_other_sign_in_one_panel():
    rng = np.random.default_rng(0)
    cubes = rng.normal(0, 1, (2, SIDE, SIDE, 3))
    cubes += blob()[..., None]
    cubes[1, ..., 2] -= 2 * blob()
    table = CutoutFeatures().set_output(transform="pandas").fit_transform(cubes)
    balance = table[[f"panel{k}_source_balance" for k in (1, 2, 3)]].to_numpy()
    assert balance[1, 2] < -0.9
    assert np.delete(balance.ravel(), 5).min() > 0.9


def test_blank_corners_and_sides():
    images = np.random.default_rng(0).normal(0, 1, (3, 60, 60))
    images[1, :10, :10] = np.nan
    images[2, :, -2:] = np.nan
    table = CutoutFeatures().set_output(transform="pandas").fit_transform(images)
    assert table["panel1_blank_corner1"].tolist() == pytest.approx([0, 1, 0.2])
    assert table["panel1_blank_corner2"].tolist() == pytest.approx([0, 0, 0.2])
    assert table["panel1_blank_side1"].tolist() == pytest.approx([0, 1 / 6, 1])
    assert table["panel1_blank_side2"].tolist() == pytest.approx([0, 1 / 6, 1 / 30])


def test_the_source_of_a_strip_is_that_of_its_cube():
    survey = simulate_survey(8, 2, random_state=0)
    drawn, cube = (
        CutoutFeatures().set_output(transform="pandas").fit_transform(images)
        for images in (draw_strips(survey.cubes), survey.cubes)
    )
    for name in ("positive", "symmetry", "roundness"):
        difference = drawn[f"panel4_source_{name}"] - cube[f"panel4_source_{name}"]
        assert difference.abs().median() < 0.1
