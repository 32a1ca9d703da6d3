"""Many files into one array: order, threads, memory, colors, odd sizes and bad files."""

import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
import tifffile
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from spurclust.cutouts import ImageFormat, ReadOptions, gather, open_cutouts, read_cutouts
from spurclust.cutouts.decoding import shrink
from spurclust.errors import CatalogError
from spurclust.features.images import content_keys

RNG = np.random.default_rng(3)


def gray(n, shape=(6, 8), dtype=np.uint8):
    return [RNG.integers(0, 256, shape).astype(dtype) for _ in range(n)]


def as_rgb(image):
    return np.dstack([image] * 3)


def write(folder, images, *, name="z6_{}_F606W_crop.png", first=1):
    paths = []
    for k, image in enumerate(images, first):
        paths.append(str(folder / name.format(k)))
        Image.fromarray(image).save(paths[-1])
    return paths


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 7, -1])
def test_threads_change_nothing(tmp_path, n_jobs):
    images = gray(60)
    write(tmp_path, map(as_rgb, images))
    cutouts = read_cutouts(tmp_path, n_jobs=n_jobs)
    np.testing.assert_array_equal(cutouts.images, images)
    assert cutouts.source_ids == [str(k) for k in range(1, 61)]
    assert len(cutouts) == 60
    assert cutouts.skipped == []


def test_threads_are_used_and_few_images_wait(tmp_path, monkeypatch):
    write(tmp_path, gray(80))
    threads, started, waiting, stored = set(), [], [], []
    read = gather.read_source

    def watched_read(path, options):
        threads.add(threading.get_ident())
        started.append(path)
        waiting.append(len(started) - len(stored))
        return read(path, options)

    def watch(images, *_, **__):
        for image in images:
            stored.append(image)
            yield image

    monkeypatch.setattr(gather, "read_source", watched_read)
    monkeypatch.setattr(gather, "track", watch)
    with joblib.parallel_config(n_jobs=2, backend="threading"):
        read_cutouts(tmp_path, progress=True)
    assert len(started) == len(stored) == 80
    assert threading.get_ident() not in threads
    assert max(waiting) <= 8


def test_an_error_stops_the_threads(tmp_path, monkeypatch):
    paths = write(tmp_path, gray(200))
    Path(paths[0]).write_bytes(b"")
    started = []
    read = gather.read_source
    monkeypatch.setattr(
        gather, "read_source", lambda path, options: started.append(path) or read(path, options)
    )
    with pytest.raises(CatalogError, match=r"z6_1_.*it is empty .*on_error=.skip"):
        read_cutouts(tmp_path, n_jobs=2)
    assert len(started) <= 8


@pytest.mark.parametrize("position", [0, 2, 4])
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_colored_cutout_makes_the_set_colored(tmp_path, position, n_jobs, channel):
    images = gray(5)
    expected = [as_rgb(image) for image in images]
    expected[position][-1, -1, channel] ^= 1  # by the least possible amount
    images[position] = expected[position]
    write(tmp_path, images)
    np.testing.assert_array_equal(read_cutouts(tmp_path, n_jobs=n_jobs).images, expected)


def test_no_data_in_equal_channels_is_equal(tmp_path):
    band = RNG.normal(size=(5, 5)).astype(np.float32)
    band[0] = np.nan
    fits.PrimaryHDU(np.stack([band, band])).writeto(tmp_path / "1.fits")
    np.testing.assert_array_equal(read_cutouts(tmp_path).images, band[None])


def test_cubes_have_their_filters_last(tmp_path):
    cubes = RNG.normal(size=(3, 5, 6, 7)).astype(np.float32)
    for k, cube in enumerate(cubes):
        fits.PrimaryHDU(cube).writeto(tmp_path / f"{k}.fits")
    images = read_cutouts(tmp_path, n_jobs=2).images
    np.testing.assert_array_equal(images, np.moveaxis(cubes, 1, -1))
    assert images.dtype == np.float32
    assert images.dtype.isnative


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_different_channels_or_types_are_an_error_where_no_kind_is_usual(tmp_path, on_error):
    cube = RNG.integers(0, 99, (5, 6, 8)).astype(np.uint8)
    for name, image in (("1", cube[0]), ("2", cube), ("3", cube[:4])):
        tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="minisblack")
    with pytest.raises(
        CatalogError, match=r"3 numbers of channels: .*1 of 4 channels, as .*3\.tif"
    ):
        read_cutouts(tmp_path, on_error=on_error)
    for k, dtype in enumerate((np.uint8, np.float32)):
        tifffile.imwrite(tmp_path / f"{k + 1}.tif", cube[0].astype(dtype))
    with pytest.raises(CatalogError, match=r"2 pixel types: 1 of .*tif; 1 of .*tif"):
        read_cutouts([tmp_path / "1.tif", tmp_path / "2.tif"], on_error=on_error)


def test_few_files_with_other_channels_or_types_are_named_and_skipped(tmp_path):
    cube = RNG.integers(0, 99, (4, 6, 8)).astype(np.uint8)
    for k in range(20):
        pixels = {5: cube[:3], 7: cube.astype(np.int16)}.get(k, cube) + np.uint8(k)
        tifffile.imwrite(tmp_path / f"{k}.tif", pixels, photometric="minisblack")
    match = r"2 numbers of channels: 19 of 4 channels, as .*1 of 3 channels, as .*5\.tif"
    with pytest.raises(CatalogError, match=match):
        read_cutouts(tmp_path)
    with pytest.warns(UserWarning, match="2 of 20 cutouts were skipped"):
        cutouts = read_cutouts(tmp_path, on_error="skip")
    reasons = {Path(one.path).stem: one.reason for one in cutouts.skipped}
    assert reasons["5"] == "it has 3 channels, and 19 others have 4 channels"
    assert reasons["7"] == "it has int16 pixels, and 19 others have uint8 pixels"
    assert cutouts.images.shape == (18, 6, 8, 4)


def test_pictures_of_8_and_16_bits_become_16_by_the_exact_factor(tmp_path):
    images = gray(5)
    paths = write(tmp_path, [images[0].astype(np.uint16) * 257, *images[1:]])
    with pytest.warns(UserWarning, match="4 of 5 cutouts were converted from uint8 to uint16, by"):
        cutouts = read_cutouts(tmp_path)
    np.testing.assert_array_equal(cutouts.images, np.array(images) * np.uint16(257))
    assert cutouts.image_format.dtype == np.uint16
    like = ImageFormat((6, 8), np.dtype(np.uint8))
    back = open_cutouts(paths[:1]).read(options=ReadOptions(like=like))
    np.testing.assert_array_equal(back.images, images[:1])


def test_fits_of_several_pixel_types_is_read_by_value(tmp_path):
    images = [image.astype(kind) for image, kind in zip(gray(3), ("i2", "u1", "f4"), strict=True)]
    for k, image in enumerate(images):
        fits.PrimaryHDU(image).writeto(tmp_path / f"{k}.fits")
    with pytest.warns(UserWarning, match="1 of 3 cutouts were converted from"):
        cutouts = read_cutouts(tmp_path)
    assert cutouts.images.dtype == np.float32
    np.testing.assert_array_equal(cutouts.images, images)


def test_lost_transparency_is_reported_once_where_the_user_called(tmp_path):
    write(tmp_path, [np.dstack([as_rgb(image), image]) for image in gray(3)])
    with pytest.warns(UserWarning, match=r"3 cutouts are partly transparent, .*_1_") as caught:
        read_cutouts(tmp_path)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_two_sizes_that_can_be_two_scales_are_counted(tmp_path, on_error):
    write(tmp_path, [*gray(1, (12, 16)), *gray(3, (6, 8))])
    expected = (
        r"2 sizes: 3 of 6 x 8 pixels \(height x width\), as .*_2_F606W_crop\.png; "
        r"1 of 12 x 16 .*_1_.*size=\(height, width\)"
    )
    with pytest.raises(CatalogError, match=expected):
        read_cutouts(tmp_path, on_error=on_error)
    with pytest.raises(CatalogError, match="3 of 6 x 8"):
        read_cutouts(tmp_path, pad="never", on_error=on_error)
    assert read_cutouts(tmp_path, size=(3, 4)).images.shape == (4, 3, 4)
    write(tmp_path, [image for k in range(5) for image in gray(1, (30, 20 + 5 * k))], first=5)
    with pytest.raises(CatalogError, match="7 sizes.*and 2 more"):
        read_cutouts(tmp_path, on_error=on_error)
    assert read_cutouts(tmp_path, size=(3, 4)).images.shape == (9, 3, 4)


def trimmed_fits(folder, image, *, left, name, **header):
    hdu = fits.PrimaryHDU(image[:, left:])
    hdu.header.update(header)
    hdu.writeto(folder / f"{name}.fits")


def test_a_cutout_trimmed_at_an_edge_is_padded_where_its_header_says(tmp_path):
    images = RNG.normal(size=(8, 12, 12)).astype(np.float32)
    for k, image in enumerate(images):
        left = 5 if k == 3 else 0
        trimmed_fits(tmp_path, image, left=left, name=k, CRPIX1=6.5 - left, CRPIX2=6.5)
    with pytest.warns(
        UserWarning, match=r"1 of 8 cutouts were padded without data to 12 x 12.*3\.f"
    ):
        cutouts = read_cutouts(tmp_path)
    expected = images.copy()
    expected[3, :, :5] = np.nan
    np.testing.assert_array_equal(cutouts.images, expected)
    with pytest.warns(UserWarning, match="padded"):
        halved = read_cutouts(tmp_path, size=6, on_error="skip")
    assert np.isnan(halved.images[3, :, :2]).all()
    np.testing.assert_array_equal(halved.images[3], shrink(expected[3], size=(6, 6)))
    alone = open_cutouts(cutouts.paths[3:4])
    options = ReadOptions(like=cutouts.image_format)
    np.testing.assert_array_equal(alone.read(options=options).images, expected[3:4])


def test_cutouts_that_astropy_trimmed_become_those_that_it_fills(tmp_path):
    mosaic = RNG.normal(size=(90, 90)).astype(np.float32)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ("RA---TAN", "DEC--TAN"), (150, 2), (-1e-5, 1e-5)
    inside = [tuple(at) for at in RNG.uniform(12, 78, (24, 2))]
    places = [(2.0, 40.0), (86.5, 40.3), (50.8, 1.2), (3.3, 87.6), *inside]
    expected = []
    for k, place in enumerate(places):
        trimmed = Cutout2D(mosaic, place, 20, wcs=wcs, mode="trim")
        expected.append(Cutout2D(mosaic, place, 20, mode="partial", fill_value=np.nan).data)
        hdu = fits.PrimaryHDU(trimmed.data, header=trimmed.wcs.to_header())
        sky = wcs.pixel_to_world(*place)
        hdu.header["RA"], hdu.header["DEC"] = sky.ra.deg, sky.dec.deg
        hdu.writeto(tmp_path / f"{k}.fits")
    with pytest.warns(UserWarning, match="4 of 28 cutouts were padded"):
        np.testing.assert_array_equal(read_cutouts(tmp_path).images, expected)


@pytest.mark.parametrize(("pad", "start"), [("center", 2), ("start", 0), ("end", 5)])
def test_without_a_header_pad_says_where_a_trimmed_cutout_lies(tmp_path, pad, start):
    images = gray(8, (12, 12))
    paths = write(tmp_path, [*images[:-1], images[-1][:, :7]])
    with pytest.warns(UserWarning, match="1 of 8 cutouts were padded"):
        padded = read_cutouts(tmp_path, pad=pad).images[-1]
    expected = np.zeros((12, 12), np.uint8)
    expected[:, start : start + 7] = images[-1][:, :7]
    np.testing.assert_array_equal(padded, expected)
    with pytest.raises(CatalogError, match=r"2 sizes: .*1 of 12 x 7"):
        read_cutouts(paths, pad="never")


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.tuples(st.integers(4, 20), st.integers(4, 20)), min_size=1, max_size=4),
    seed=st.integers(0, 9),
)
def test_no_pixel_of_a_padded_cutout_is_lost_in_any_order(sizes, seed):
    # Those would be taken for binned, or for something else.
    assume(not any((h == w and 20 % h == 0) or min(h, w) < 5 for h, w in sizes))
    rng = np.random.default_rng(seed)
    shapes = [(20, 20)] * 5 + sizes
    images = [rng.integers(1, 256, shape).astype(np.uint8) for shape in shapes]
    order = rng.permutation(len(shapes))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        paths = write(Path(folder), images)
        read = read_cutouts(paths)
        again = read_cutouts([paths[k] for k in order])
    for image, padded in zip(images, read.images, strict=True):
        assert sorted(padded[padded > 0]) == sorted(image.ravel())
    np.testing.assert_array_equal(again.images, read.images[order])


@pytest.mark.parametrize("odd", [0, 7, 19])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_skip_passes_over_an_odd_size_when_the_majority_is_clear(tmp_path, odd, n_jobs):
    images = gray(20)
    # Colored, so that it would change the set if it took part.
    written = [*images]
    written[odd] = RNG.integers(0, 256, (12, 16, 3)).astype(np.uint8)
    paths = write(tmp_path, written)
    Path(paths[3]).write_bytes(b"")
    with pytest.warns(UserWarning, match="2 of 20 cutouts were skipped") as caught:
        cutouts = read_cutouts(tmp_path, on_error="skip", n_jobs=n_jobs)
    assert len(caught) == 1
    np.testing.assert_array_equal(cutouts.images, np.delete(images, [3, odd], axis=0))
    assert [one.path for one in cutouts.skipped] == [paths[k] for k in sorted([3, odd])]
    assert [one.source_id for one in cutouts.skipped] == [str(k + 1) for k in sorted([3, odd])]
    [reason] = [one.reason for one in cutouts.skipped if one.path == paths[odd]]
    assert "12 x 16 pixels" in reason
    assert "18 others are 6 x 8" in reason


@settings(deadline=None, max_examples=30)
@given(
    kinds=st.lists(st.sampled_from(["gray", "color", "damaged"]), min_size=1, max_size=30),
    n_jobs=st.integers(1, 3),
)
def test_images_stay_in_order_whatever_is_passed_over_or_colored(kinds, n_jobs):
    images = gray(len(kinds))
    with tempfile.TemporaryDirectory() as folder:
        colors = [
            np.dstack([image, image, image + (kind == "color")])
            for image, kind in zip(images, kinds, strict=True)
        ]
        paths = write(Path(folder), colors)
        for path, kind in zip(paths, kinds, strict=True):
            if kind == "damaged":
                Path(path).write_bytes(Path(path).read_bytes()[:-20])
        kept = [k for k, kind in enumerate(kinds) if kind != "damaged"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if not kept:
                with pytest.raises(CatalogError, match="none of"):
                    read_cutouts(folder, on_error="skip", n_jobs=n_jobs)
                return
            cutouts = read_cutouts(folder, on_error="skip", n_jobs=n_jobs)
    chosen = colors if "color" in kinds else images
    np.testing.assert_array_equal(cutouts.images, [chosen[k] for k in kept])
    assert cutouts.paths == [paths[k] for k in kept]
    assert cutouts.source_ids == [str(k + 1) for k in kept]


@pytest.mark.parametrize("damage", ["empty", "truncated", "text", "folder", "missing"])
def test_an_unreadable_file_is_named_and_skipping_loses_no_other(tmp_path, damage):
    images = gray(5)
    paths = write(tmp_path, images)
    path = Path(paths[2])
    data = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "truncated": data[:-30], "text": b"hello"}[damage])
    with pytest.raises(CatalogError, match="z6_3_F606W_crop"):
        read_cutouts(paths)
    with pytest.warns(UserWarning, match=r"1 of 5 cutouts were skipped:\n.*z6_3_"):
        cutouts = read_cutouts(paths, on_error="skip", n_jobs=2)
    np.testing.assert_array_equal(cutouts.images, np.delete(images, 2, axis=0))


def test_a_cutout_smaller_than_size_can_be_skipped(tmp_path):
    write(tmp_path, [*gray(2, (6, 8)), *gray(1, (3, 4))])
    with pytest.raises(CatalogError, match=r"_3_.*3 x 4 pixels.*can only be shrunk"):
        read_cutouts(tmp_path, size=6)
    with pytest.warns(UserWarning, match="1 of 3 cutouts were skipped"):
        assert len(read_cutouts(tmp_path, size=6, on_error="skip")) == 2


def test_nothing_readable_is_an_error_even_when_skipping(tmp_path):
    (tmp_path / "1.png").touch()
    with pytest.raises(CatalogError, match=r"none of 1 cutouts could be read\..*1\.png: it is emp"):
        read_cutouts(tmp_path, on_error="skip")


def test_a_long_list_of_skipped_files_is_cut_in_the_warning_only(tmp_path):
    write(tmp_path, gray(1), first=99)
    for k in range(30):
        (tmp_path / f"{k}.png").touch()
    with pytest.warns(UserWarning, match=r"30 of 31[\s\S]*and more, all of them in Cutouts\.skipp"):
        cutouts = read_cutouts(tmp_path, on_error="skip")
    assert len(cutouts.skipped) == 30


def test_a_progress_bar_on_a_terminal_with_tqdm(tmp_path, capsys, monkeypatch):
    paths = write(tmp_path, gray(12))
    read_cutouts(paths, progress=True)
    assert not capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    read_cutouts(paths, progress=True)
    output = capsys.readouterr()
    assert "Reading cutouts:" in output.err
    assert not output.out
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert len(read_cutouts(paths, progress=True)) == 12
    assert not capsys.readouterr().err


def test_with_a_format_what_does_not_fit_is_an_error_or_passed_over(tmp_path):
    good = write(tmp_path, gray(1, (6, 8)), name="good.png")
    large = write(tmp_path, gray(1, (12, 16)), name="large.png")
    deep = write(tmp_path, gray(1, (6, 8), dtype=np.uint16), name="deep.png")
    colored = write(tmp_path, gray(1, (6, 8, 3)), name="colored.png")
    like = ImageFormat((6, 8), np.dtype(np.uint8))
    source = open_cutouts([*large, *good, *deep, *colored])
    cutouts = source.read(options=ReadOptions(like=like, on_error="skip"))
    assert cutouts.paths == good
    assert len(cutouts.images) == 1
    assert [one.path for one in cutouts.skipped] == [*large, *deep, *colored]
    for one, words in zip(cutouts.skipped, ("12 x 16", "uint16", "3 channels"), strict=True):
        assert words in one.reason
    nothing = source.read([0], ReadOptions(like=like, on_error="skip"))
    assert nothing.images.shape == (0, 6, 8)
    assert nothing.images.dtype == np.uint8
    with pytest.raises(CatalogError, match=r"deep\.png: its uint16 pixels .* the fitted"):
        source.read([1, 2], ReadOptions(like=like))
    with_channels = source.read([1], ReadOptions(like=ImageFormat((6, 8, 3), like.dtype)))
    np.testing.assert_array_equal(with_channels.images[0], as_rgb(np.asarray(Image.open(good[0]))))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size=0"),
        ({"size": (1, 2, 3)}, "size=.1, 2, 3"),
        ({"size": True}, "size=True"),
        ({"reduce": 0}, "reduce=0"),
        ({"reduce": 1.5}, r"reduce=1\.5"),
        ({"size": 2, "reduce": 2}, "size and reduce"),
        ({"on_error": "ignore"}, "on_error"),
        ({"pad": "left"}, "pad='left'"),
        ({"hdu": 1.5}, r"hdu=1\.5"),
        ({"hdu": ["SCI", ""]}, "hdu="),
    ],
)
def test_bad_options(arguments, message):
    with pytest.raises(ValueError, match=message):
        read_cutouts("anywhere", **arguments)


def test_importing_loads_no_reader_of_files():
    heavy = "{'PIL', 'astropy', 'imagecodecs', 'tifffile', 'tqdm', 'dask', 'pyarrow', 'zarr'}"
    # What scikit-learn and pandas themselves load is not ours to leave out.
    code = (
        "import sys, sklearn.pipeline, pandas; before = set(sys.modules); import spurclust.cutouts;"
        f"print({heavy} & (set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_panels_of_a_strip_are_padded_each(tmp_path):
    panels = [gray(3, (12, 12)) for _ in range(6)]
    strips = [np.hstack(three) for three in panels]
    strips[2] = np.hstack([panel[:10, :8] for panel in panels[2]])
    write(tmp_path, strips)
    with pytest.warns(UserWarning, match="1 of 6 cutouts were padded without data to 12 x 36"):
        images = read_cutouts(tmp_path).images
    expected = [np.pad(panel[:10, :8], ((1, 1), (2, 2))) for panel in panels[2]]
    np.testing.assert_array_equal(images[2], np.hstack(expected))


def draw_strip(panels, margin):
    """Draw panels side by side on white, three pixels apart."""
    white = np.full((len(panels[0]), 3, *panels[0].shape[2:]), 255, np.uint8)
    strip = np.hstack([part for panel in panels for part in (white, panel)][1:])
    return np.pad(strip, [(margin, margin)] * 2 + [(0, 0)] * (strip.ndim - 2), constant_values=255)


@pytest.mark.parametrize("margin", [0, 2])
@pytest.mark.parametrize("shape", [(12, 12), (12, 10, 3)])
@pytest.mark.parametrize(("height", "width"), [(12, 8), (9, 10), (10, 7)])
def test_panels_between_gaps_are_padded_each(tmp_path, margin, shape, height, width):
    panels = [gray(4, shape) for _ in range(6)]
    strips = [draw_strip(four, margin) for four in panels]
    trimmed = [panel[:height, :width] for panel in panels[2]]
    strips[2] = draw_strip(trimmed, margin)
    write(tmp_path, strips)
    room = [(0, shape[0] - height), (0, shape[1] - width), *[(0, 0)] * (len(shape) - 2)]
    expected = draw_strip([np.pad(panel, room) for panel in trimmed], margin)
    with pytest.warns(UserWarning, match=r"1 of 6 cutouts were padded without data to .*width\): "):
        padded = read_cutouts(tmp_path, pad="start").images[2]
    np.testing.assert_array_equal(padded, expected)


def test_a_strip_whose_panels_are_not_found_is_padded_as_one_picture(tmp_path):
    images = gray(6, (12, 40))
    write(tmp_path, [*images[:-1], images[-1][:, :35]])
    with pytest.warns(UserWarning, match="12 x 40 .* as one picture, because no equal panels"):
        padded = read_cutouts(tmp_path, pad="start").images[-1]
    np.testing.assert_array_equal(padded, np.pad(images[-1][:, :35], ((0, 0), (0, 5))))


@pytest.mark.parametrize("colored", [0, 2, 4, None])
def test_images_read_again_and_their_checksums_are_those_of_kept_ones(tmp_path, colored):
    images = gray(5)
    if colored is not None:
        images[colored] = RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    write(tmp_path, images)
    kept = read_cutouts(tmp_path).images
    again = open_cutouts(tmp_path).read(options=ReadOptions(kept_bytes=kept.nbytes - 1)).images
    assert (again.shape, again.dtype, len(again)) == (kept.shape, kept.dtype, 5)
    for rows in (1, slice(1, 4), [3, 0], slice(None)):
        np.testing.assert_array_equal(again[rows], kept[rows])
    np.testing.assert_array_equal(content_keys(again), content_keys(kept))
    stored = open_cutouts(tmp_path).read(options=ReadOptions(kept_bytes=kept.nbytes)).images
    assert isinstance(stored, np.ndarray)
