"""Cutouts in zip and tar archives."""

import io
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from spurclust.cutouts import open_cutouts, read_cutouts
from spurclust.errors import CatalogError

IMAGES = np.random.default_rng(0).integers(0, 256, (29, 5, 6)).astype(np.uint8)
FILES = {f"survey/{k + 1}.png": image for k, image in enumerate(IMAGES)}


def pack(path, files, **options):
    """Write bytes into an archive."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", **options) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(params=["cutouts.zip", "Cutouts.TAR"])
def archive(request, tmp_path):
    data = {name: png(image) for name, image in FILES.items()}
    data |= {
        "survey/labels.csv": b"1",
        "__MACOSX/._1.png": b"\0",
        "./30.png": png(255 - IMAGES[0]),
    }
    path = tmp_path / request.param
    if path.suffix == ".TAR":
        pack(tmp_path / "a.tar", data).rename(path)
        return path
    return pack(path, data, compression=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("n_jobs", [1, 8])
def test_an_archive_is_as_a_folder(archive, n_jobs):
    source = open_cutouts(archive)
    assert source.notes == [f"Skipped in {archive}: 1 .csv file, 1 hidden file"]
    cutouts = read_cutouts(archive, n_jobs=n_jobs)
    assert cutouts.source_ids == [str(k) for k in range(1, 31)]
    np.testing.assert_array_equal(cutouts.images[:29], IMAGES)
    assert cutouts.paths[0] == f"{archive}/survey/1.png"
    again = read_cutouts(cutouts.paths, source_ids=cutouts.source_ids)
    np.testing.assert_array_equal(again.images, cutouts.images)


def test_a_part_knows_when_the_archive_is_written_anew(archive):
    part = open_cutouts(archive).partitions(10)[0][0]
    before = part.stamp()
    assert open_cutouts(archive).partitions(10)[0][0].stamp() == before
    archive.write_bytes(archive.read_bytes() + bytes(10240))
    assert part.stamp() != before


def test_many_threads_read_one_archive(archive):
    source = open_cutouts(archive)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda k: source.read([k]).images[0], [*range(29)] * 5))
    np.testing.assert_array_equal(read[:29], IMAGES)
    np.testing.assert_array_equal(read[-29:], IMAGES)


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_what_cannot_be_read_of_an_archive_is_named(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"no archive" * 1000)
    with pytest.raises(CatalogError, match=rf"a\{suffix} cannot be read as an archive .*unpack it"):
        open_cutouts(path)
    pack(path, {"1.png": png(FILES["survey/9.png"]), "2.png": b"", "3.png": bytes(100)})
    for name, reason in (("2.png", "empty"), ("3.png", "begins with"), ("4.png", "no such file")):
        with pytest.raises(CatalogError, match=rf"a\{suffix}/{name}: .*{reason}"):
            read_cutouts([f"{path}/1.png", f"{path}/{name}"])


def test_a_file_in_a_file_that_is_no_archive(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(CatalogError, match=r"a\.txt/1\.png: no such file"):
        read_cutouts([tmp_path / "a.txt" / "1.png"])


@pytest.mark.parametrize("where", [512, 1024])
def test_no_file_after_a_damaged_part_of_an_archive_is_dropped(tmp_path, where):
    path = pack(tmp_path / "a.tar", {f"{k}.png": bytes(512) for k in range(3)})
    data = path.read_bytes()
    for damaged in (data[: where + 100], data[:1024] + b"rubbish" + data[1031:]):
        path.write_bytes(damaged)
        with pytest.raises(CatalogError, match=r"a\.tar cannot be read as an archive"):
            open_cutouts(path)


def test_an_archive_that_was_cut_short(tmp_path):
    path = pack(tmp_path / "a.tar", {"1.png": png(FILES["survey/9.png"]), "2.png": bytes(5000)})
    source = open_cutouts(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(CatalogError, match=r"2\.png: "):
        source.read([1])
