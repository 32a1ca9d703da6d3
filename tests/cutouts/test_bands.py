"""What names say: ids, bands; and several files as one cutout."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog.ids import match_ids
from spurclust.cutouts import ReadOptions, open_cutouts, read_cutouts, source_ids_from_paths
from spurclust.cutouts.bands import SUFFIXES, files_of, group_files, order_filters
from spurclust.cutouts.decoding import shrink
from spurclust.errors import CatalogError

PATTERN = "(?P<source_id>[0-9]+)_(?P<filter>F[0-9]+W)"

# Made-up bands of one value are not what is looked at.
pytestmark = pytest.mark.filterwarnings("ignore:.*(have one value|have the same pixels)")


def write_bands(folder, ids=("1", "2", "3"), filters=("F115W", "F277W", "F444W"), value=0):
    """Write cutouts whose pixels are the wavelength, and the number of the source beside."""
    folder.mkdir(exist_ok=True)
    for k, one in enumerate(ids):
        for name in filters:
            image = np.full((6, 8), int(name[1:-1]), dtype=np.float32)
            image[0, 0] = k
            fits.PrimaryHDU(image).writeto(folder / f"{one}_{name}.fits")
    return folder


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


def test_two_files_of_one_name_get_advice_to_take_the_folder():
    advice = r"give id_pattern .*\[\^/\]\+/.* for ids as 'goodsn/7'.*--field-column"
    with pytest.raises(CatalogError, match=advice):
        source_ids_from_paths(["cutouts/goodsn/7.png", "cutouts/goodss/7.png"])


def test_two_formats_of_one_cutout_get_advice_to_give_one():
    with pytest.raises(CatalogError, match=r"give those of one format, as 'cutouts/\*\.png'"):
        source_ids_from_paths(["cutouts/7.jpg", "cutouts/7.png"])


def test_a_pattern_with_a_slash_is_searched_in_the_path():
    paths = ["x/goodsn/7.png", "x/goodss/7.png"]
    for pattern in (
        r"(?P<source_id>goods./\d+)",
        "(?P<source_id>[^/]+/[^/.]+)",
        r"(?P<field>[^/]+)/(?P<source_id>[^/.]+)[.]",
    ):
        assert source_ids_from_paths(paths, id_pattern=pattern) == ["goodsn/7", "goodss/7"]
    # A set of characters without the slash is no slash.
    names = ["a_F1/7_F.png", "a_F1/8_F.png"]
    assert source_ids_from_paths(names, id_pattern="(?P<source_id>[^/]+)_F") == ["7", "8"]


@pytest.mark.parametrize(
    ("filters", "ordered"),
    [
        (["F444W", "F115W", "F090W", "F1000W", "F770W"], "F090W F115W F444W F770W F1000W"),
        (["F160W", "F814W", "F125W", "F606W", "F435W"], "F435W F606W F814W F125W F160W"),
        (["f444w", "F606W", "f115w"], "F606W f115w f444w"),
        (["z", "g", "Ks", "i", "r"], "g r i z Ks"),
        (["wide", "F115W", "narrow"], "F115W narrow wide"),
    ],
)
def test_filters_are_ordered_by_wavelength_if_all_are_known(filters, ordered):
    assert order_filters(filters) == ordered.split()


def test_the_files_of_a_source_are_its_channels(tmp_path):
    folder = write_bands(tmp_path / "cutouts")
    source = open_cutouts(folder, id_pattern=PATTERN)
    assert (len(source), source.filters) == (3, ["F115W", "F277W", "F444W"])
    cutouts = source.read()
    assert cutouts.source_ids == ["1", "2", "3"]
    assert cutouts.images.shape == (3, 6, 8, 3)
    assert cutouts.images[2, 1, 1].tolist() == [115, 277, 444]
    assert cutouts.images[:, 0, 0, 1].tolist() == [0, 1, 2]
    assert Path(cutouts.paths[0]).name == "1_{F115W,F277W,F444W}.fits"
    # What is saved of a source is enough to read it again.
    again = read_cutouts(cutouts.paths, source_ids=cutouts.source_ids)
    np.testing.assert_array_equal(again.images, cutouts.images)


def test_filters_are_channels_in_the_order_that_is_given(tmp_path):
    folder = write_bands(tmp_path / "cutouts")
    read = read_cutouts(folder, id_pattern=PATTERN, filters=["f444w", "F277W", "F115W"])
    assert read.images[0, 1, 1].tolist() == [444, 277, 115]
    with pytest.warns(UserWarning, match="3 files of other filters are skipped: F277W"):
        read = read_cutouts(folder, id_pattern=PATTERN, filters=["F444W", "F115W"])
    assert read.images[0, 1, 1].tolist() == [444, 115]
    with pytest.warns(UserWarning, match="6 files of other filters"):
        assert read_cutouts(folder, id_pattern=PATTERN, filters=["F277W"]).images.shape == (3, 6, 8)
    with pytest.raises(
        CatalogError, match=r"no file is of the filter 'F200W'.*F115W, F277W, F444W"
    ):
        read_cutouts(folder, id_pattern=PATTERN, filters=["F200W"])
    with pytest.raises(CatalogError, match="name each of them once"):
        read_cutouts(folder, id_pattern=PATTERN, filters=["F277W", "f277w"])
    with pytest.raises(CatalogError, match="no id_pattern with a group for them"):
        read_cutouts(folder, id_pattern="(?P<source_id>[^.]+)", filters=["F277W"])


def test_a_missing_band_is_blank_and_named(tmp_path):
    folder = write_bands(tmp_path / "cutouts")
    (folder / "2_F277W.fits").unlink()
    (folder / "3_F115W.fits").unlink()
    expected = "2 of 3 sources lack a band, .*NaN.*F115W of 3; F277W of 2"
    with pytest.warns(UserWarning, match=expected):
        cutouts = read_cutouts(folder, id_pattern=PATTERN)
    assert np.isnan(cutouts.images[1, :, :, 1]).all()
    assert cutouts.images[1, 1, 1, ::2].tolist() == [115, 444]
    assert Path(cutouts.paths[2]).name == "3_{,F277W,F444W}.fits"
    with pytest.warns(UserWarning, match="1 sources have none of the filters: 3"):
        assert read_cutouts(folder, id_pattern=PATTERN, filters=["F115W"]).source_ids == ["1", "2"]


def test_a_missing_band_of_integers_is_zero(tmp_path):
    for name in ("1_g", "1_r", "2_r"):
        fits.PrimaryHDU(np.full((6, 8), 7, dtype=np.int16)).writeto(tmp_path / f"{name}.fits")
    with pytest.warns(UserWarning, match="1 of 2 sources lack a band"):
        images = read_cutouts(tmp_path, id_pattern="(?P<source_id>.)_(?P<filter>.)").images
    assert images.dtype == np.int16
    assert images[1, 0, 0].tolist() == [0, 7]


def test_bands_in_folders_of_their_own(tmp_path):
    for name in ("F115W", "F200W"):
        (tmp_path / name).mkdir()
        for one in "12":
            image = np.full((6, 8), float(name[1:-1]))
            fits.PrimaryHDU(image).writeto(tmp_path / name / f"{one}_{name}_v2.fits")
    pattern = "(?P<filter>F[0-9]+W)/(?P<source_id>[0-9])_"
    cutouts = read_cutouts(f"{tmp_path}/**/*.fits", id_pattern=pattern)
    assert cutouts.images[1, 0, 0].tolist() == [115, 200]
    assert cutouts.paths[0].endswith("/{F115W/1_F115W_v2.fits,F200W/1_F200W_v2.fits}")


def test_bands_on_other_grids_are_refused_unless_they_are_shrunk(tmp_path):
    for name, size in (("F115W", 8), ("F277W", 4)):
        fits.PrimaryHDU(np.ones((size, size))).writeto(tmp_path / f"1_{name}.fits")
    with pytest.raises(CatalogError, match=r"1_F115W\.fits has shape \(8, 8\).*1_F277W.*--size"):
        read_cutouts(tmp_path, id_pattern=PATTERN)
    assert read_cutouts(tmp_path, id_pattern=PATTERN, size=4).images.shape == (1, 4, 4, 2)
    fits.PrimaryHDU(np.arange(32.0).reshape(2, 4, 4)).writeto(
        tmp_path / "1_F115W.fits", overwrite=True
    )
    with pytest.raises(CatalogError, match="several channels, but is one band"):
        read_cutouts(tmp_path, id_pattern=PATTERN)


def write_trimmed(folder, keep, *, center=None, scale=None):
    """Write two bands of six sources, of which one band of the third keeps a part; return both."""
    rng = np.random.default_rng(0)
    images = rng.normal(100, 9, (6, 12, 12, 2)).astype(np.float32)
    for k, image in enumerate(images):
        for name, pixels in zip(("F115W", "F277W"), np.moveaxis(image, -1, 0), strict=True):
            part = keep if (k, name) == (2, "F115W") else np.s_[:, :]
            hdu = fits.PrimaryHDU(pixels[part])
            if center is not None:
                starts = [one.start or 0 for one in part]
                hdu.header["CRPIX2"], hdu.header["CRPIX1"] = np.subtract(center, starts) + 1.0
            if scale:
                hdu.header["CTYPE1"], hdu.header["CTYPE2"] = "RA---TAN", "DEC--TAN"
                hdu.header["CDELT1"], hdu.header["CDELT2"] = -scale, scale
            hdu.writeto(folder / f"{k}_{name}.fits")
    padded = np.full((12, 12), np.nan, np.float32)
    padded[keep] = images[2, keep[0], keep[1], 0]
    images[2, ..., 0] = padded
    return images


NOTE = r"1 of 6 cutouts have bands of several sizes, .*padded without data to 12 x 12.*2_\{F115W,"


@pytest.mark.parametrize(
    ("keep", "header"),
    [
        (np.s_[:, 5:], {"center": (5.5, 5.5)}),
        (np.s_[4:, :9], {"center": (5.5, 5.5)}),
        (np.s_[3:, 3:], {"center": (5.5, 5.5), "scale": 1e-5}),
        (np.s_[2:10, :], {}),
    ],
)
def test_a_band_trimmed_at_an_edge_is_padded_as_its_source_lies(tmp_path, keep, header):
    expected = write_trimmed(tmp_path, keep, **header)
    with pytest.warns(UserWarning, match=NOTE):
        cutouts = read_cutouts(tmp_path, id_pattern=PATTERN)
    np.testing.assert_array_equal(cutouts.images, expected)
    alone = open_cutouts(cutouts.paths[2:3]).read(options=ReadOptions(like=cutouts.image_format))
    np.testing.assert_array_equal(alone.images, expected[2:3])


def test_a_trimmed_band_lies_where_pad_says_and_can_be_refused(tmp_path):
    expected = write_trimmed(tmp_path, np.s_[:, 5:])
    with pytest.warns(UserWarning, match=NOTE):
        images = read_cutouts(tmp_path, id_pattern=PATTERN, pad="end").images
    np.testing.assert_array_equal(images, expected)
    # Where it lies among pixels without data is kept when it is shrunk.
    with pytest.warns(UserWarning, match=NOTE):
        halved = read_cutouts(tmp_path, id_pattern=PATTERN, pad="end", size=6).images
    np.testing.assert_array_equal(halved[2], shrink(expected[2], size=(6, 6)))
    with pytest.raises(CatalogError, match=r"2_F115W\.fits has shape \(12, 7\).*--size"):
        read_cutouts(tmp_path, id_pattern=PATTERN, pad="never")


def test_a_source_whose_bands_are_all_trimmed_is_padded_to_the_others(tmp_path):
    expected = write_trimmed(tmp_path, np.s_[:, 5:], center=(5.5, 5.5))
    hdu = fits.PrimaryHDU(expected[2, :, 3:, 1])
    hdu.header["CRPIX2"], hdu.header["CRPIX1"] = 6.5, 3.5
    hdu.writeto(tmp_path / "2_F277W.fits", overwrite=True)
    expected[2, :, :3, 1] = np.nan
    with pytest.warns(UserWarning, match="padded without data") as told:
        images = read_cutouts(tmp_path, id_pattern=PATTERN).images
    np.testing.assert_array_equal(images, expected)
    assert "several sizes, which were padded without data to 12 x 9" in str(told[0].message)


def test_bands_of_other_pixel_scales_are_no_trimmed_ones(tmp_path):
    for name, size, scale in (("F115W", 12, 1e-5), ("F277W", 9, 2e-5)):
        hdu = fits.PrimaryHDU(np.ones((size, 9)))
        hdu.header["CTYPE1"], hdu.header["CTYPE2"] = "RA---TAN", "DEC--TAN"
        hdu.header["CDELT1"], hdu.header["CDELT2"] = -scale, scale
        hdu.writeto(tmp_path / f"1_{name}.fits")
    with pytest.raises(CatalogError, match="cut all bands on one grid"):
        read_cutouts(tmp_path, id_pattern=PATTERN)
    assert read_cutouts(tmp_path, id_pattern=PATTERN, size=9).images.shape == (1, 9, 9, 2)


def test_two_files_of_one_band_are_an_error():
    paths = ["a/1_F115W.fits", "b/1_F115W.fits"]
    with pytest.raises(CatalogError, match=r"a/1_F115W.* and b/1_F115W.* both are F115W of .*'1'"):
        group_files(paths, PATTERN, None)


@pytest.mark.parametrize(
    "name",
    [
        "{id}_{band}.fits",
        "z6_{id}_{band}_crop.png",
        "{id}-{band}.png",
        "{band}/{id}.fits.gz",
        "jw01_{band}_{id}.fits",
        "v2_{band}-{id}_sci.fits",
    ],
)
def test_the_pattern_that_is_advised_for_bands_groups_them(name):
    bands = ["f115w", "f200w", "f444w"]
    paths = ["x/" + name.format(id=k, band=band) for k in range(1, 9) for band in bands]
    with pytest.raises(CatalogError, match="look like sources with one file per band") as refused:
        group_files(paths, None, None)
    pattern = re.search(r"\(--id-pattern\) '([^']*)'", str(refused.value))[1]
    grouped = group_files(paths, pattern, None)
    assert (len(grouped.source_ids), grouped.filters) == (8, bands)


@pytest.mark.parametrize("name", ["{id}_{band}.fits", "{band}_{id}.fits"])
def test_bands_are_seen_among_many_files(name):
    paths = [name.format(id=k, band=b) for k in range(600) for b in ("F115W", "F200W", "F444W")]
    with pytest.raises(
        CatalogError, match="1800 files such as .* look like sources with one file per band"
    ):
        group_files(paths if name.startswith("{id}") else sorted(paths), None, None)


def test_bands_of_letters_are_seen_as_well_and_other_names_are_not():
    letters = [f"{k}_{band}.fits" for k in range(1, 9) for band in "gri"]
    with pytest.raises(CatalogError, match="look like sources with one file per band"):
        group_files(letters, None, None)
    each = group_files(letters, "(?P<source_id>[^.]+)", None)
    assert each.source_ids == [path.removesuffix(".fits") for path in letters]
    for name in ("galaxy_{}.png", "{}_F115W_F200W_crop.png", "{}.png", "field_a_{}.fits"):
        paths = [name.format(k) for k in range(1, 30)]
        assert len(group_files(paths, None, None).source_ids) == 29


def test_bands_that_have_one_id_get_the_pattern_as_advice():
    paths = [f"{k}_{band}.fits" for k in range(1, 9) for band in ("F115W", "F200W")]
    with pytest.raises(CatalogError, match=r"bands of one source, give id_pattern.*\?P<filter>"):
        group_files(paths, "(?P<source_id>[0-9]+)_F", None)


WORDS = st.text(st.sampled_from("aF1_.-"), min_size=1, max_size=5)


@given(WORDS, WORDS, st.lists(st.sampled_from(["F1", "F2", "g"]), min_size=1, unique=True))
def test_a_path_of_several_files_gives_them_back(before, after, filters):
    paths = [f"{before}/=({name})={after}.png" for name in filters]
    pattern = r"(?P<source_id>=)\((?P<filter>\w+)\)"
    grouped = group_files(paths, pattern, filters)
    assert files_of(grouped.paths[0]) == paths


def test_names_that_cannot_be_put_together_are_to_be_changed():
    paths = ["1_F1W_{a,b}.fits", "1_F2W_{a,b}.fits"]
    with pytest.raises(
        CatalogError, match=r"1_F1W_\{a,b\}\.fits: its name has braces or commas: rename"
    ):
        group_files(paths, PATTERN, None)


def test_a_file_with_braces_in_its_name_is_itself(tmp_path):
    path = tmp_path / "a{1,2}.fits"
    fits.PrimaryHDU(np.ones((4, 4))).writeto(path)
    assert files_of(str(path)) == [str(path)]
    assert read_cutouts([path]).images.shape == (1, 4, 4)


@pytest.mark.parametrize("names", ["{}_F115W_{}.fits", "{}_{}.fits"])
def test_weights_beside_images_are_no_bands(names):
    paths = [names.format(k, kind) for k in range(7) for kind in ("sci", "wht")]
    with pytest.raises(CatalogError, match="0.*wht.fits looks like the wht of an image.*_sci.fits"):
        group_files(paths, None, None)
    with pytest.raises(
        CatalogError, match="finds no id in the name of 0.*wht.fits: correct it, or"
    ):
        group_files(paths, "(?P<source_id>[0-9]+).*_sci", None)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_name_of_every_kind_of_file_is_an_id(suffix):
    assert match_ids(["7"], [f"cutouts/007{suffix}"])[0].tolist() == [0]
    assert source_ids_from_paths([f"cutouts/007{suffix}"]) == ["007"]
