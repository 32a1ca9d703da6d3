"""Strips look as the team's do, and a survey is written whole or not at all."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurclust.simulate import simulate_survey, strips
from spurclust.simulate.strips import draw_strips, strip_name, write_survey


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(12, 6, random_state=3)


@pytest.fixture(scope="module")
def written(survey, tmp_path_factory):
    return write_survey(survey, tmp_path_factory.mktemp("parent") / "new" / "survey", n_jobs=2)


def panel(strip, k):
    """Cut a panel out of a strip, at its native pixels."""
    left = 6 + k * 157
    return strip[8:161:3, left : left + 153 : 3]


def everything_below(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_layout_of_a_strip():
    strip = draw_strips(np.full((51, 51, 6), np.nan, dtype=np.float32))
    assert (strip.shape, strip.dtype) == ((170, 950), np.uint8)
    black = strip == 0
    assert black.any(axis=1).sum() == 153
    assert black.any(axis=0).sum() == 6 * 153
    assert set(np.unique(strip)) == {0, 255}
    # The panels lie in the middle.
    assert (black.any(axis=0) == black.any(axis=0)[::-1]).all()


def test_every_pixel_is_drawn_three_by_three():
    rng = np.random.default_rng(0)
    strip = draw_strips(rng.normal(size=(51, 51, 6)).astype(np.float32))
    for k in range(6):
        left = 6 + k * 157
        drawn = strip[8:161, left : left + 153]
        small = drawn[::3, ::3]
        np.testing.assert_array_equal(drawn, small.repeat(3, axis=0).repeat(3, axis=1))


def test_each_panel_is_stretched_between_its_own_percentiles():
    ramp = np.arange(51 * 51, dtype=np.float32).reshape(51, 51)
    cube = np.stack([ramp * 10.0**k + k for k in range(6)], axis=-1)
    strip = draw_strips(cube)
    for k in range(6):
        grey = panel(strip, k)
        assert (grey == 0).mean() == pytest.approx(0.05, abs=0.01)
        assert (grey == 255).mean() == pytest.approx(0.005, abs=0.003)
        assert (np.diff(grey.ravel().astype(int)) >= 0).all()
    np.testing.assert_array_equal(panel(strip, 0), panel(strip, 3))


def test_off_data_is_black_and_does_not_change_the_rest():
    rng = np.random.default_rng(1)
    cube = rng.normal(size=(51, 51, 6)).astype(np.float32)
    cube[:20, :, 2] = np.nan
    grey = panel(draw_strips(cube), 2)
    assert (grey[:20] == 0).all()
    assert (grey[20:] == 0).mean() == pytest.approx(0.05, abs=0.02)


def test_a_constant_panel_is_drawn_without_a_warning():
    assert (panel(draw_strips(np.ones((51, 51, 6), dtype=np.float32)), 0) == 0).all()


def test_a_set_is_drawn_like_its_members():
    cubes = np.random.default_rng(2).normal(size=(3, 40, 45, 5)).astype(np.float32)
    np.testing.assert_array_equal(draw_strips(cubes), [draw_strips(cube) for cube in cubes])


def test_cubes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"7 panels, 3 times larger than \(51, 51\) pixels"):
        draw_strips(np.zeros((2, 51, 51, 7), dtype=np.float32))
    with pytest.raises(ValueError, match=r"do not fit into a strip of 170 x 950"):
        draw_strips(np.zeros((60, 51, 6), dtype=np.float32))


def test_cubes_with_too_few_axes():
    with pytest.raises(ValueError, match=r"cubes has the shape \(51, 51\)"):
        draw_strips(np.zeros((51, 51), dtype=np.float32))


def test_files_are_grey_strips_in_three_channels(survey, written):
    for source_id, image in zip(survey.source_ids, survey.images, strict=True):
        with Image.open(written / strip_name(source_id)) as file:
            assert (file.size, file.mode) == ((950, 170), "RGB")
            pixels = np.asarray(file)
        for channel in range(3):
            np.testing.assert_array_equal(pixels[..., channel], image)


def test_files_are_named_as_the_teams(survey, written):
    names = {path.name for path in written.glob("*.png")}
    pattern = re.compile(r"z6_(\d+)_F090WF115WF150WF200WF277WF444W_crop\.png")
    assert {pattern.fullmatch(name)[1] for name in names} == set(survey.source_ids)
    assert everything_below(written) == sorted([*names, "labels.xlsx"])


def test_labels_belong_to_the_files_in_another_order(survey, written):
    table = pd.read_excel(written / "labels.xlsx")
    assert table.columns.tolist() == ["Source_ID", "Reliable_Source", "Reason", "RA", "Dec"]
    ids = table["Source_ID"].astype(str).tolist()
    assert ids != survey.source_ids
    assert sorted(ids, key=int) == survey.source_ids
    table.index = ids
    table = table.loc[survey.source_ids]
    np.testing.assert_array_equal(table["Reliable_Source"], 1 - survey.y)
    assert table["Reason"].fillna("").tolist() == survey.reasons
    np.testing.assert_allclose(table["RA"], survey.truth["ra"], atol=1e-6)
    np.testing.assert_allclose(table["Dec"], survey.truth["dec"], atol=1e-6)


def test_an_empty_folder_is_filled(survey, tmp_path):
    assert write_survey(survey, tmp_path) == tmp_path
    assert len(everything_below(tmp_path)) == len(survey) + 1


def test_a_folder_with_other_cutouts_is_refused(survey, tmp_path):
    (tmp_path / "z6_1_F115W_crop.png").touch()
    with pytest.raises(FileExistsError, match="not empty: name a new folder"):
        write_survey(survey, tmp_path)
    assert everything_below(tmp_path) == ["z6_1_F115W_crop.png"]


def test_a_file_is_refused(survey, tmp_path):
    (tmp_path / "survey").write_text("mine")
    with pytest.raises(FileExistsError, match="is a file"):
        write_survey(survey, tmp_path / "survey")
    assert (tmp_path / "survey").read_text() == "mine"


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_after_a_failure(survey, tmp_path, monkeypatch, exists, error):
    write_strip = strips._write_strip

    def fail(cube, path):
        if survey.source_ids[5] in path.name:
            raise error
        write_strip(cube, path)

    monkeypatch.setattr(strips, "_write_strip", fail)
    folder = tmp_path / "survey"
    if exists:
        folder.mkdir()
    with pytest.raises(error):
        write_survey(survey, folder)
    assert everything_below(tmp_path) == (["survey"] if exists else [])


def test_nothing_is_left_when_moving_fails(survey, tmp_path, monkeypatch):
    rename = Path.rename

    def fail(path, target):
        if survey.source_ids[5] in path.name:
            raise OSError("no space")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no space"):
        write_survey(survey, tmp_path)
    assert everything_below(tmp_path) == []


def test_without_openpyxl_the_command_is_named(survey, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match=r"Writing the labels of a survey needs .*\[survey\]"):
        write_survey(survey, tmp_path / "survey")
    assert everything_below(tmp_path) == []
