"""Which files are cutouts, in which order, and the ids in their names."""

import re
from pathlib import Path

import numpy as np
import pytest

from spurclust.cutouts.files import list_cutouts, source_ids_from_paths
from spurclust.errors import CatalogError


class BytesPath:
    def __fspath__(self):
        return b"a.png"


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(paths):
    return [Path(path).name for path in paths]


def test_a_folder_in_natural_order_without_other_files(tmp_path):
    touch(
        tmp_path, "z6_10_F1.png", "z6_9_F1.PNG", "z6_2_F1.fits.gz", "a.jpeg", "b.tif", "c.fits.fz",
        "labels.xlsx", "Thumbs.db", ".hidden.png", "._z6_9_F1.png", "README", "sub/z6_1_F1.png",
    )  # fmt: skip
    expected = ["a.jpeg", "b.tif", "c.fits.fz", "z6_2_F1.fits.gz", "z6_9_F1.PNG", "z6_10_F1.png"]
    assert names(list_cutouts(tmp_path)) == expected
    assert list_cutouts(str(tmp_path)) == [str(tmp_path / name) for name in expected]


def test_a_glob_goes_into_subfolders(tmp_path):
    touch(tmp_path, "b/2.png", "a/10.png", "a/b/1.png", "a/labels.xlsx", "a/2.png")
    found = list_cutouts(f"{tmp_path}/**/*")
    assert found == [
        str(tmp_path / name) for name in ("a/b/1.png", "a/2.png", "b/2.png", "a/10.png")
    ]
    assert list_cutouts(tmp_path / "a" / "*.png") == [f"{tmp_path}/a/2.png", f"{tmp_path}/a/10.png"]


def test_a_list_keeps_its_order_and_a_single_file_is_itself(tmp_path):
    touch(tmp_path, "b.dat", "[1].png")
    assert list_cutouts(["z.png", Path("a.png")]) == ["z.png", "a.png"]
    assert list_cutouts(np.array(["z.png", "a.png"])) == ["z.png", "a.png"]
    assert list_cutouts(tmp_path / "b.dat") == [str(tmp_path / "b.dat")]
    assert list_cutouts(tmp_path / "[1].png") == [str(tmp_path / "[1].png")]


def test_the_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    touch(tmp_path, "cutouts/1.png")
    assert list_cutouts("~/cutouts") == [str(tmp_path / "cutouts" / "1.png")]
    assert list_cutouts("~/cutouts/*.png") == [str(tmp_path / "cutouts" / "1.png")]


def test_nothing_to_read_is_an_error(tmp_path):
    touch(tmp_path, "labels.xlsx")
    with pytest.raises(CatalogError, match=r"no cutout in .*looked for files ending in \.png"):
        list_cutouts(tmp_path)
    with pytest.raises(CatalogError, match="no cutout in"):
        list_cutouts(f"{tmp_path}/*.png")
    with pytest.raises(CatalogError, match="no file or folder .*absent"):
        list_cutouts(tmp_path / "absent")
    with pytest.raises(CatalogError, match="list of cutouts is empty"):
        list_cutouts([])


@pytest.mark.parametrize("wrong", [3, None, b"a.png", BytesPath()])
def test_what_is_no_path_is_an_error(wrong):
    with pytest.raises(CatalogError, match="is not a path"):
        list_cutouts(["a.png", wrong])


@pytest.mark.parametrize(
    ("name", "source_id"),
    [
        ("z6_12345_F606W_F814W_crop.png", "12345"),
        ("z0_10158_Fugriz_crop.png", "10158"),
        ("z10_00042_F115W.fits", "00042"),
        ("z6.5_7_F115W.tif", "7"),
        ("z6_GOODS_N_12_F606W_crop.png", "GOODS_N_12"),
        ("z6_J1234-0042_FUV.png", "J1234-0042"),
        ("10224.fits", "10224"),
        ("10224.fits.gz", "10224"),
        ("10224.FITS.FZ", "10224"),
        ("galaxy.v2.png", "galaxy.v2"),
        ("az6_12345_F606W.png", "az6_12345_F606W"),
        ("strange.dat", "strange"),
        (".png", ".png"),
    ],
)
def test_ids_by_default(name, source_id):
    assert source_ids_from_paths([f"z1_folder_F/{name}"]) == [source_id]
    assert source_ids_from_paths([Path(name)]) == [source_id]


def test_ids_by_pattern():
    paths = ["f9/cut-12-a.png", "f9/cut-13-b.png"]
    for pattern in (r"(?P<source_id>\d+)", re.compile(r"cut-(?P<source_id>\d+)")):
        assert source_ids_from_paths(paths, id_pattern=pattern) == ["12", "13"]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(\d+", r"'\(\\\\d\+' is not a regular expression"),
        (r"(\d+)", r"lacks the named group.*\?P<source_id>"),
        (r"no-(?P<source_id>\d+)", r"finds no id in the name of f/a1\.png"),
        (r"a(?P<source_id>x*)", r"finds no id in the name of f/a1\.png"),
        (r"(?P<source_id>b)?a", r"finds no id in the name of f/a1\.png"),
    ],
)
def test_patterns_that_give_no_id(pattern, reason):
    with pytest.raises(CatalogError, match=reason):
        source_ids_from_paths(["f/a1.png"], id_pattern=pattern)


def test_two_files_with_one_id():
    with pytest.raises(CatalogError, match=r"a/7\.png and b/7\.fits both have the id '7'"):
        source_ids_from_paths(["a/7.png", "a/8.png", "b/7.fits"])
    with pytest.raises(CatalogError, match="both have the id"):
        source_ids_from_paths(["a.png", "a.png"])
