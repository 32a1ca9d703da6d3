"""Many files in, one array: order, ids, sizes, colours, bad files, and the transformer."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from sklearn.base import clone

from spurclust.cutouts import CutoutReader, list_cutouts, read_cutouts, source_ids_from_paths
from spurclust.cutouts.shrink import shrink
from spurclust.errors import CatalogError

RNG = np.random.default_rng(3)


def grey(shape=(6, 8)):
    return RNG.integers(0, 256, shape).astype(np.uint8)


def save(folder, name, image):
    path = folder / name
    Image.fromarray(image).save(path)
    return path


@pytest.fixture
def strips(tmp_path):
    """Ten grey strips saved as RGB, with their pixels by id."""
    pixels = {str(number): grey() for number in (2, 10, 1, 33, 4, 5, 6, 7, 8, 9)}
    for source_id, image in pixels.items():
        save(tmp_path, f"z6_{source_id}_F090WF115W_crop.png", np.dstack([image] * 3))
    return tmp_path, pixels


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_a_folder_in_natural_order_and_one_channel(strips, n_jobs):
    folder, pixels = strips
    (folder / "labels.xlsx").write_bytes(b"not an image")
    (folder / ".hidden.png").write_bytes(b"")
    cutouts = read_cutouts(folder, n_jobs=n_jobs)
    assert cutouts.source_ids == sorted(pixels, key=int)
    assert cutouts.images.dtype == np.uint8
    for source_id, image in zip(cutouts.source_ids, cutouts.images, strict=True):
        np.testing.assert_array_equal(image, pixels[source_id])
    assert len(cutouts) == 10
    assert cutouts.skipped == []


def test_a_glob_a_list_and_a_file(strips):
    folder, _ = strips
    by_glob = read_cutouts(str(folder / "z6_1*_F*.png"))
    assert by_glob.source_ids == ["1", "10"]
    paths = [folder / f"z6_{number}_F090WF115W_crop.png" for number in (33, 2)]
    assert read_cutouts(paths).source_ids == ["33", "2"]
    assert read_cutouts(str(paths[0])).images.shape == (1, 6, 8)


def test_colour_makes_the_whole_set_coloured(tmp_path):
    plain, coloured = grey(), grey((6, 8, 3))
    save(tmp_path, "a.png", plain)
    save(tmp_path, "b.png", coloured)
    save(tmp_path, "c.png", plain)
    images = read_cutouts(tmp_path).images
    np.testing.assert_array_equal(images[0], np.dstack([plain] * 3))
    np.testing.assert_array_equal(images[1], coloured)
    np.testing.assert_array_equal(images[2], images[0])


def test_transparency_is_reported(tmp_path):
    image = grey((6, 8, 4))
    save(tmp_path, "a.png", image)
    with pytest.warns(UserWarning, match=r"1 cutouts are partly transparent, .*a\.png"):
        images = read_cutouts(tmp_path).images
    np.testing.assert_array_equal(images[0], image[..., :3])


def test_two_sizes_name_both_and_size_makes_one(strips):
    folder, _ = strips
    save(folder, "z6_99_F1_crop.png", grey((6, 9)))
    with pytest.raises(CatalogError, match=r"10 of 6 x 8 .*1 of 6 x 9 .*z6_99_F1.*size="):
        read_cutouts(folder)
    assert read_cutouts(folder, size=(3, 4)).images.shape == (11, 3, 4)
    with pytest.warns(UserWarning, match="1 of 11 cutouts were skipped"):
        cutouts = read_cutouts(folder, on_error="skip")
    assert len(cutouts) == 10
    assert cutouts.skipped[0][0].endswith("z6_99_F1_crop.png")


def test_two_sizes_without_a_majority_are_an_error_even_when_skipping(tmp_path):
    save(tmp_path, "a.png", grey())
    save(tmp_path, "b.png", grey((3, 3)))
    with pytest.raises(CatalogError, match="2 sizes"):
        read_cutouts(tmp_path, on_error="skip")


def test_two_types_name_both(tmp_path):
    save(tmp_path, "a.png", grey())
    save(tmp_path, "b.png", grey().astype(np.uint16))
    with pytest.raises(CatalogError, match=r"b\.png: .*uint16.*a\.png.*uint8"):
        read_cutouts(tmp_path)


@pytest.mark.parametrize("damage", ["empty", "truncated", "text", "folder", "missing"])
def test_an_unreadable_file_is_named_and_skipping_loses_no_other(strips, damage):
    folder, pixels = strips
    path = folder / "z6_10_F090WF115W_crop.png"
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "truncated": data[:-30], "text": b"hello"}[damage])
    paths = [folder / f"z6_{number}_F090WF115W_crop.png" for number in pixels]
    with pytest.raises(CatalogError, match="z6_10_F090WF115W_crop"):
        read_cutouts(paths)
    with pytest.warns(UserWarning, match=r"1 of 10 cutouts were skipped:\n.*z6_10_"):
        cutouts = read_cutouts(paths, on_error="skip", n_jobs=2)
    assert cutouts.source_ids == [number for number in pixels if number != "10"]
    for source_id, image in zip(cutouts.source_ids, cutouts.images, strict=True):
        np.testing.assert_array_equal(image, pixels[source_id])


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(CatalogError, match="none of 1 cutouts could be read"):
        read_cutouts(tmp_path, on_error="skip")


def test_a_decompression_bomb_is_refused(tmp_path):
    Image.new("1", (40_000, 40_000)).save(tmp_path / "bomb.png")
    with pytest.raises(CatalogError, match=r"bomb\.png"):
        read_cutouts(tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "list of cutouts is empty"),
        ("nowhere", "no file or folder"),
        ("nowhere/*.png", "no cutout in"),
        ([3], "3 is not a path"),
    ],
)
def test_no_file_at_all(source, message):
    with pytest.raises(CatalogError, match=message):
        list_cutouts(source)


def test_an_empty_folder_says_what_it_looked_for(tmp_path):
    with pytest.raises(CatalogError, match=r"looked for files ending in .*\.png"):
        read_cutouts(tmp_path)


@pytest.mark.parametrize(
    ("name", "source_id"),
    [
        ("z6_12345_F606W_crop.png", "12345"),
        ("z0_10158_Fugriz_crop.png", "10158"),
        ("z12_a_b_F1.png", "a_b"),
        ("z6_00123_F1.png", "00123"),
        ("galaxy 7.fits.gz", "galaxy 7"),
        ("x.y.tiff", "x.y"),
    ],
)
def test_ids(name, source_id):
    assert source_ids_from_paths([f"folder/{name}"]) == [source_id]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "not a regular expression"),
        (r"\d+", "named group"),
        (r"q(?P<source_id>\d+)", r"finds no id in the name of a1\.png"),
    ],
)
def test_bad_id_patterns(pattern, message):
    with pytest.raises(CatalogError, match=message):
        source_ids_from_paths(["a1.png"], id_pattern=pattern)


def test_two_files_with_one_id_are_both_named():
    with pytest.raises(CatalogError, match=r"a/7\.png and b/7\.png both have the id '7'"):
        source_ids_from_paths(["a/7.png", "b/7.png"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size"),
        ({"size": (1, 2, 3)}, "size"),
        ({"reduce": 0}, "reduce"),
        ({"size": 2, "reduce": 2}, "size"),
        ({"on_error": "ignore"}, "on_error"),
        ({"size": 100}, "only ever shrunk"),
    ],
)
def test_bad_arguments(strips, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_cutouts(strips[0], **arguments)


@settings(deadline=None, max_examples=40)
@given(
    image=arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    parts=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_shrinking_is_the_mean_over_areas(image, parts):
    size = (min(parts[0], image.shape[0]), min(parts[1], image.shape[1]))
    # A picture enlarged by the new size has whole pixels in every new one.
    large = np.kron(image.astype(float), np.ones(size))
    exact = large.reshape(size[0], image.shape[0], size[1], image.shape[1]).mean(axis=(1, 3))
    np.testing.assert_array_equal(shrink(image, size=size, reduce=None), np.floor(exact + 0.5))
    as_float = shrink(image.astype(np.float32), size=size, reduce=None)
    np.testing.assert_allclose(as_float, exact, rtol=1e-5, atol=1e-4)


def test_shrinking_leaves_out_pixels_without_data():
    image = np.array([[1, np.nan], [3, np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(shrink(image, size=(1, 2), reduce=None), [[2, np.nan]])
    np.testing.assert_array_equal(shrink(image, size=(1, 1), reduce=None), [[2]])


def test_reduce_keeps_the_rest_at_the_edges(tmp_path):
    save(tmp_path, "a.png", np.array([[0, 2, 9], [4, 6, 9]], dtype=np.uint8))
    np.testing.assert_array_equal(read_cutouts(tmp_path, reduce=2).images, [[[3, 9]]])


def test_a_progress_bar_only_on_a_terminal(strips, monkeypatch, capsys):
    read_cutouts(strips[0], progress=True)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    read_cutouts(strips[0], progress=True)
    assert "10/10" in capsys.readouterr().err


class TestCutoutReader:
    def test_equals_read_cutouts(self, strips):
        cutouts = read_cutouts(strips[0])
        reader = CutoutReader(n_jobs=2)
        np.testing.assert_array_equal(reader.fit_transform(cutouts.paths), cutouts.images)
        column = np.array(cutouts.paths)[:, None]
        np.testing.assert_array_equal(CutoutReader().fit(column).transform(column), cutouts.images)
        assert reader.cutout_shape_ == (6, 8)
        assert reader.cutout_dtype_ == np.uint8

    def test_grey_is_repeated_where_the_fitted_were_coloured(self, tmp_path):
        plain = save(tmp_path, "a.png", grey())
        coloured = save(tmp_path, "b.png", grey((6, 8, 3)))
        assert CutoutReader().fit([coloured, plain]).transform([plain]).shape == (1, 6, 8, 3)
        with pytest.raises(CatalogError, match=r"b\.png: it has 3 channels"):
            CutoutReader().fit([plain]).transform([coloured])

    def test_another_size_than_in_fit(self, tmp_path):
        reader = CutoutReader().fit([save(tmp_path, "a.png", grey())])
        with pytest.raises(CatalogError, match=r"b\.png: it is 3 x 3"):
            reader.transform([save(tmp_path, "b.png", grey((3, 3)))])

    def test_bad_input(self, strips):
        with pytest.raises(CatalogError, match="0 sample"):
            CutoutReader().fit([])
        with pytest.raises(CatalogError, match="list of paths"):
            CutoutReader().fit(np.array([["a", "b"]]))
        with pytest.raises(ValueError, match="reduce"):
            CutoutReader(reduce=0).fit(list_cutouts(strips[0]))

    def test_clone_pickle_and_set_output(self, strips):
        paths = list_cutouts(strips[0])
        reader = CutoutReader(reduce=2).fit(paths)
        again = pickle.loads(pickle.dumps(reader))
        np.testing.assert_array_equal(again.transform(paths), reader.transform(paths))
        assert clone(reader).reduce == 2
        assert isinstance(reader.set_output(transform="pandas").transform(paths), np.ndarray)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_named(tmp_path):
    path = save(tmp_path, "a.png", grey())
    path.chmod(0)
    with pytest.raises(CatalogError, match=r"a\.png"):
        read_cutouts(tmp_path)


def test_ids_can_be_given(tmp_path):
    paths = [save(tmp_path, name, grey()) for name in ("a.png", "b.png")]
    cutouts = read_cutouts(paths, source_ids=["7", "8"])
    assert cutouts.source_ids == ["7", "8"]
    for ids in (["7"], ["7", "7"]):
        with pytest.raises(CatalogError, match="for 2 files: give each file an id of its own"):
            read_cutouts(paths, source_ids=ids)
