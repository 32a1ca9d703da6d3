"""Which files are cutouts, in which order, and the ids in their names."""

from pathlib import Path

import numpy as np
import pytest

from spurclust.cutouts import open_cutouts
from spurclust.cutouts.files import list_cutouts
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
    others = "2 hidden files, 1 .db file, 1 .xlsx file, 1 folder, 1 other file"
    assert list(open_cutouts(tmp_path).notes) == [f"Skipped in {tmp_path}: {others}"]


def test_a_glob_goes_into_subfolders(tmp_path):
    touch(tmp_path, "b/2.png", "a/10.png", "a/b/1.png", "a/2.png")
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
    with pytest.raises(CatalogError, match=f"{tmp_path} is a folder in a list of files"):
        list_cutouts(["1.png", tmp_path])


@pytest.mark.parametrize("wrong", [3, None, b"a.png", BytesPath()])
def test_what_is_no_path_is_an_error(wrong):
    with pytest.raises(CatalogError, match="is not a path"):
        list_cutouts(["a.png", wrong])


def test_suffixes_of_either_case_match_a_pattern(tmp_path):
    touch(tmp_path, "1.png", "2.PNG", "3.Fits.GZ", "4.fits.gz")
    assert names(list_cutouts(f"{tmp_path}/*.png")) == ["1.png", "2.PNG"]
    assert names(list_cutouts(f"{tmp_path}/**/*.PNG")) == ["1.png", "2.PNG"]
    assert names(list_cutouts(f"{tmp_path}/?.fits.gz")) == ["3.Fits.GZ", "4.fits.gz"]


def test_every_folder_is_listed_once_wherever_links_lead(tmp_path):
    touch(tmp_path, "top/a/b/1.png", "top/a/b/2.png", "top/.hidden/3.png")
    (tmp_path / "top/a/loop").symlink_to("..")
    (tmp_path / "top/z").symlink_to("a/b")
    (tmp_path / "linked").symlink_to("top/a/b")
    (tmp_path / "top/a/b/9.png").symlink_to("/nowhere.png")
    assert names(list_cutouts(f"{tmp_path}/top/**/*.png")) == ["1.png", "2.png", "9.png"]
    assert names(list_cutouts(f"{tmp_path}/t*/**/b/*.png")) == ["1.png", "2.png", "9.png"]
    assert names(list_cutouts(tmp_path / "linked")) == ["1.png", "2.png", "9.png"]


def test_folders_with_brackets_in_their_names_are_taken_as_they_stand(tmp_path):
    touch(tmp_path, "run [1]/src [2] a.png", "run [1]/b/3.png", "run 1/4.png")
    assert names(list_cutouts(f"{tmp_path}/run [1]/*.png")) == ["src [2] a.png"]
    assert names(list_cutouts(f"{tmp_path}/run [1]/**/*")) == ["3.png", "src [2] a.png"]


def test_what_a_folder_without_cutouts_holds_is_said(tmp_path):
    touch(tmp_path, "a/1.png", "b.bmp")
    with pytest.raises(
        CatalogError, match=r"what is there: 1 \.bmp file, 1 folder.*give '.*/\*\*/\*'"
    ):
        list_cutouts(tmp_path)


@pytest.mark.parametrize("name", ["cutouts.tar.gz", "cutouts.7z"])
def test_an_archive_that_is_compressed_as_a_whole_is_to_be_unpacked(tmp_path, name):
    touch(tmp_path, name)
    with pytest.raises(CatalogError, match="compressed as a whole: unpack it, and give the folder"):
        list_cutouts(tmp_path / name)


@pytest.mark.parametrize("address", ["s3://bucket/cutouts/*.fits", "https://x.org/a.zarr"])
def test_what_is_not_here_is_to_be_copied(address):
    with pytest.raises(CatalogError, match=r"is an address.*copy them.*aws s3 sync"):
        open_cutouts(address)
