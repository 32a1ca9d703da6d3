"""Arrays of cutouts, of numpy and of dask."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import match_labels, read_labels
from spurclust.cutouts import ImageFormat, ReadOptions, arrays, open_cutouts, read_cutouts
from spurclust.cutouts.decoding import shrink
from spurclust.errors import CatalogError

from .conftest import N_NEW


@pytest.fixture(params=["numpy", "dask"])
def make(request):
    """What makes an array of the kind."""
    if request.param == "numpy":
        return lambda images: images
    return lambda images: da.from_array(images, chunks=(32, -1, -1))


def test_reading_whole_and_in_part(make, images):
    cutouts = read_cutouts(make(images))
    np.testing.assert_array_equal(cutouts.images, images)
    assert cutouts.images.dtype == images.dtype
    assert cutouts.source_ids == [str(k) for k in range(N_NEW)]
    assert cutouts.paths == [""] * N_NEW
    source = open_cutouts(make(images), source_ids=range(100, 100 + N_NEW))
    assert (len(source), source.in_files) == (N_NEW, False)
    assert source.image_format[:2] == ((14, 16), "u1")
    some = source.read([70, 3])
    np.testing.assert_array_equal(some.images, images[[70, 3]])
    assert some.source_ids == ["170", "103"]


def test_a_numpy_array_is_not_copied(images):
    assert np.shares_memory(read_cutouts(images).images, images)
    assert np.shares_memory(open_cutouts(images).read(range(3, 9)).images, images)


@pytest.mark.parametrize("dtype", ["uint8", "float64", "int64", "bool"])
@pytest.mark.parametrize("shrinking", [{"size": (5, 6)}, {"reduce": 3}])
def test_shrinking_in_parts(make, images, dtype, shrinking, monkeypatch):
    pixels = (images > 100) if dtype == "bool" else images.astype(dtype)
    cutouts = read_cutouts(make(pixels), **shrinking)
    monkeypatch.setattr(arrays, "ARRAY_BYTES", 7 * pixels[0].nbytes)
    np.testing.assert_array_equal(read_cutouts(make(pixels), **shrinking).images, cutouts.images)
    as_in_files = {"bool": np.uint8(255), "int64": np.float32(1)}.get(dtype, pixels.dtype.type(1))
    expected = [shrink(image * as_in_files, **shrinking) for image in pixels]
    np.testing.assert_allclose(cutouts.images, expected, rtol=1e-6)


def test_what_has_the_wanted_shape_is_not_shrunk_again(images):
    like = ImageFormat((14, 16), images.dtype)
    source = open_cutouts(images)
    again = source.read(options=ReadOptions(reduce=2, like=like))
    np.testing.assert_array_equal(again.images, images)
    halved = source.read([5], ReadOptions(reduce=2, like=ImageFormat((7, 8, 3), images.dtype)))
    np.testing.assert_array_equal(halved.images[0, ..., 2], shrink(images[5], reduce=2))
    for rows in ([], [0]):
        with pytest.raises(
            CatalogError, match=r"it is 5 x 6 pixels .*, but the fitted cutouts are 14 x 17"
        ):
            source.read(rows, ReadOptions(size=(5, 6), like=like._replace(shape=(14, 17))))


@pytest.mark.parametrize("shrinking", [{}, {"reduce": 2}])
def test_infinite_pixels_are_unreadable_as_those_of_files(make, images, shrinking):
    pixels = images.astype(np.float32)
    pixels[4, 2, 2] = -np.inf
    ids = [f"s{k}" for k in range(N_NEW)]
    with pytest.raises(
        CatalogError, match="source s4 of .* infinite .*use NaN, or leave such sources out"
    ):
        read_cutouts(make(pixels), source_ids=ids, **shrinking)
    with pytest.warns(UserWarning, match=r"1 of 90 cutouts were skipped:\n  s4: .* infinite"):
        cutouts = read_cutouts(make(pixels), source_ids=ids, on_error="skip", **shrinking)
    assert cutouts.source_ids == ids[:4] + ids[5:]
    with pytest.raises(CatalogError, match="none of 90 cutouts could be read"):
        read_cutouts(make(np.full_like(pixels, np.inf)), on_error="skip", **shrinking)


def test_dask_arrays_keep_their_chunks(images):
    array = da.from_array(images, chunks=(32, 7, 16))
    source = open_cutouts(array, source_ids=range(100, 100 + N_NEW))
    parts, size = source.partitions()
    assert [len(part) for part in parts] == [32, 32, 26]
    assert size == 32
    assert parts[1].load(images[32:64]).take([0])[0] == ["132"]
    np.testing.assert_array_equal(parts[1].lazy.compute(), images[32:64])
    uneven = da.from_array(images, chunks=((20, 40, 30), 14, 16))
    assert open_cutouts(uneven).partitions()[1] is None


def test_partitions_of_numpy_arrays(images, monkeypatch):
    parts, size = open_cutouts(images).partitions(50)
    assert [len(part) for part in parts] == [50, 40]
    assert size == 50
    part = parts[1].load(parts[1].lazy.compute())
    assert part.take([0, 1])[0] == ["50", "51"]
    np.testing.assert_array_equal(part.read().images, images[50:])
    assert part.stamp() == parts[1].stamp()
    monkeypatch.setattr(arrays, "ARRAY_BYTES", 70 * images[0].nbytes)
    assert [len(part) for part in open_cutouts(images).partitions()[0]] == [70, 20]


def test_the_fingerprint_of_a_numpy_array_is_of_its_pixels(images):
    fingerprint = open_cutouts(images).fingerprint
    assert open_cutouts(np.asfortranarray(images)).fingerprint == fingerprint
    assert open_cutouts(images[:-1]).fingerprint != fingerprint
    assert open_cutouts(images[::-1]).fingerprint != fingerprint
    assert open_cutouts(images, source_ids=range(1, N_NEW + 1)).fingerprint != fingerprint


@pytest.mark.filterwarnings("ignore:.*have no cutout")
def test_labels_find_the_rows_that_they_find_among_all(images):
    table = {"Source_ID": ["007", "12", "80", "900", "x"], "Reliable_Source": 0}
    labels = read_labels(pd.DataFrame(table))
    every = [str(k) for k in range(N_NEW)]
    rows, ids = open_cutouts(images).find(labels.table["source_id"].tolist())
    assert ids == [str(row) for row in rows]
    assert len(ids) < 10
    expected = match_labels(labels, every).y
    assert match_labels(labels, ids).y.tolist() == expected[rows].tolist()
    assert {row for row, label in enumerate(expected) if label >= 0} <= set(rows.tolist())
    assert open_cutouts(images, source_ids=every).find(["7"])[1] == every


@pytest.mark.parametrize("shape", [(3, 4), (0, 4, 4), (2, 3, 4, 5, 6)])
def test_arrays_of_other_shapes(make, shape):
    with pytest.raises(CatalogError, match=r"has shape .*: cutouts need"):
        open_cutouts(make(np.zeros(shape)) if len(shape) == 3 else np.zeros(shape))


@pytest.mark.parametrize("dtype", [object, complex, "U3"])
def test_arrays_of_anything_but_real_numbers_are_refused(make, dtype):
    with pytest.raises(CatalogError, match=r"array of dtype .*: pixels must be"):
        open_cutouts(make(np.zeros((4, 5, 5), dtype=dtype)))


def test_masked_arrays_are_refused():
    with pytest.raises(CatalogError, match="masked array: fill it"):
        open_cutouts(np.ma.masked_equal(np.zeros((4, 5, 5)), 0))
