"""Cutouts from mosaics with a catalogue."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from spurclust.cutouts import ReadOptions, mosaics, open_mosaics, read_cutouts
from spurclust.errors import CatalogError

SHAPE = (120, 150)
SCALE = 0.05


def sky(scale=SCALE, shift=(0, 0), turn=0.0, frame="RA---TAN DEC--TAN"):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = frame.split()
    wcs.wcs.crval = [53.1, -27.8]
    wcs.wcs.crpix = [75.3 + shift[1], 60.8 + shift[0]]
    step, angle = scale / 3600, np.radians(turn)
    wcs.wcs.cd = step * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return wcs


def image(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def write(path, pixels, wcs=None, kind=fits.ImageHDU):
    hdu = kind(pixels, header=(wcs or sky()).to_header(), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return path


def catalogue(y, x, wcs=None, ids=None):
    place = (wcs or sky()).pixel_to_world(x, y)
    ids = [f"s{k:02d}" for k in range(len(x))] if ids is None else ids
    return pd.DataFrame({"Source_ID": ids, "RA": place.ra.deg, "Dec": place.dec.deg})


@pytest.fixture
def places():
    """Positions in pixels, of which some are near an edge, and one beyond it with its cutout in."""
    rng = np.random.default_rng(1)
    y, x = rng.uniform(0, 119, 40), rng.uniform(0, 149, 40)
    y[0], x[0], y[1], x[1] = 2.2, 148.9, -1, 70
    return y, x


@pytest.mark.parametrize("size", [11, "0.55arcsec", 0.55 * units.arcsec, "8 pix", "11"])
def test_cutouts_are_those_of_astropy(tmp_path, places, size):
    first, second = image(0), image(1)
    paths = {"F115W": write(tmp_path / "a.fits", first)}
    paths["F444W"] = write(tmp_path / "b.fits", second, sky(shift=(2, -2)))
    source = open_mosaics(paths, catalogue(*places), size=size)
    cutouts = source.read()
    side = 8 if size == "8 pix" else 11
    assert cutouts.images.shape == (40, side, side, 2)
    assert cutouts.images.dtype == np.float32
    assert (source.filters, source.take([3])) == (["F115W", "F444W"], (["s03"], [""]))
    assert cutouts.image_format.scale * 3600 == pytest.approx(SCALE)
    table = catalogue(*places)
    np.testing.assert_allclose(cutouts.positions, table[["RA", "Dec"]])
    for k, place in enumerate(SkyCoord(table["RA"], table["Dec"], unit="deg")):
        for channel, (pixels, wcs) in enumerate(((first, sky()), (second, sky(shift=(2, -2))))):
            cut = Cutout2D(pixels, place, side, wcs, mode="partial", fill_value=np.nan)
            np.testing.assert_array_equal(cutouts.images[k, :, :, channel], cut.data)


@pytest.mark.parametrize("dense", [0, 2])
@pytest.mark.parametrize("bytes_", [4, 4 * 40 * 150, 2**26])
def test_blocks_of_any_size_any_rows_and_parts_give_the_same(
    tmp_path, places, monkeypatch, bytes_, dense
):
    path = write(tmp_path / "a.fits", image())
    whole = open_mosaics({"F115W": path}, catalogue(*places), size=11).read().images
    monkeypatch.setattr(mosaics, "BLOCK_BYTES", bytes_)
    monkeypatch.setattr(mosaics, "_DENSE", dense)
    source = open_mosaics({"F115W": path}, catalogue(*places), size=11)
    assert source.image_format.shape == (11, 11)
    rows = [30, 2, 2, 17]
    np.testing.assert_array_equal(source.read(rows).images, whole[rows])
    source = pickle.loads(pickle.dumps(source))
    parts, size = source.partitions(16)
    assert ([len(part) for part in parts], size) == ([16, 16, 8], 16)
    read = [part.load(part.lazy.compute()).read().images for part in parts]
    np.testing.assert_array_equal(np.concatenate(read), whole)
    assert read_cutouts(source, reduce=2).images.shape == (40, 6, 6)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", ">f8"])
@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
@pytest.mark.parametrize("dense", [0, 2])
def test_pixels_of_any_type_become_float32(tmp_path, places, dtype, kind, dense, monkeypatch):
    # Blocks, or rows of single cutouts.
    monkeypatch.setattr(mosaics, "_DENSE", dense)
    pixels = np.random.default_rng(2).integers(0, 200, SHAPE).astype(dtype)
    options = {"quantize_level": 0} if kind is fits.CompImageHDU and dtype == ">f8" else {}
    if options:
        hdu = kind(pixels, header=sky().to_header(), compression_type="GZIP_2", **options)
    else:
        hdu = kind(pixels, header=sky().to_header())
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "a.fits.fz")
    images = open_mosaics({"g": tmp_path / "a.fits.fz"}, catalogue(*places), size=5).read().images
    assert images.dtype == np.float32
    for k, (y, x) in enumerate(zip(*places, strict=True)):
        if 5 < y < 110 and 5 < x < 140:
            assert images[k, 2, 2] == pixels[round(y), round(x)]
    assert np.isnan(images[1]).any()


@pytest.mark.parametrize("dense", [0, 2])
def test_blank_pixels_of_integers_have_no_data(tmp_path, dense, monkeypatch):
    monkeypatch.setattr(mosaics, "_DENSE", dense)
    pixels = np.full(SHAPE, 7, dtype=np.int16)
    pixels[60, 75] = -99
    fits.PrimaryHDU(pixels, header=sky().to_header()).writeto(tmp_path / "a.fits")
    for name, value in (("BLANK", -99), ("BSCALE", 0.5), ("BZERO", 3)):
        fits.setval(tmp_path / "a.fits", name, value=value, do_not_scale_image_data=True)
    found = open_mosaics(
        {"g": tmp_path / "a.fits"}, catalogue(np.array([60]), np.array([75])), size=3
    )
    expected = np.full((1, 3, 3), 7 * 0.5 + 3)
    expected[0, 1, 1] = np.nan
    np.testing.assert_array_equal(found.read().images, expected)


def test_sources_outside_are_named_and_refused_or_skipped(tmp_path):
    path = write(tmp_path / "a.fits", image())
    table = catalogue(np.array([60.0, 500, 60]), np.array([75.0, 75, 70]))
    table.loc[2, ["RA", "Dec"]] = np.nan
    with pytest.raises(CatalogError, match=r"2 of the 3 sources .* outside .*: s01, s02\. Leave"):
        open_mosaics({"g": path}, table, size=9)
    with pytest.warns(UserWarning, match="2 of the 3 sources .*: s01, s02; they were skipped"):
        source = open_mosaics({"g": path}, table, size=9, on_error="skip")
    assert source.read().source_ids == ["s00"]
    assert [one.source_id for one in source.lost] == ["s01", "s02"]
    with pytest.raises(CatalogError, match="2 of the 2 sources"):
        open_mosaics({"g": path}, table.iloc[1:], size=9, on_error="skip")


def test_a_band_that_does_not_show_a_source_is_blank_and_named(tmp_path):
    paths = {"F115W": write(tmp_path / "a.fits", image())}
    paths["F444W"] = write(tmp_path / "b.fits", image(1), sky(shift=(100, 0)))
    table = catalogue(np.array([60.0, 10]), np.array([75.0, 75]))
    with pytest.warns(UserWarning, match=r"1 of 2 sources .* blank \(NaN\): F444W of s00"):
        images = open_mosaics(paths, table, size=9).read().images
    assert np.isnan(images[0, :, :, 1]).all()
    assert np.isfinite(images[0, :, :, 0]).all()
    assert np.isfinite(images[1]).all()


def test_other_coordinates_and_distortions(tmp_path):
    galactic = sky(frame="GLON-TAN GLAT-TAN")
    place = SkyCoord(53.1, -27.8, unit="deg", frame="galactic").icrs
    table = pd.DataFrame({"Source_ID": ["a"], "RA": [place.ra.deg], "Dec": [place.dec.deg]})
    pixels = image()
    path = write(tmp_path / "a.fits", pixels, galactic)
    found = open_mosaics({"g": path}, table, size=3).read().images
    np.testing.assert_array_equal(found[0], pixels[59:62, 73:76])
    header = sky(frame="RA---TAN-SIP DEC--TAN-SIP").to_header()
    header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-3, "B_0_2": 1e-3})
    header.update({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"})
    fits.PrimaryHDU(pixels, header=header).writeto(tmp_path / "sip.fits")
    far = pd.DataFrame({"Source_ID": ["in", "far"], "RA": [53.1, 60], "Dec": [-27.8, -20.0]})
    with pytest.warns(UserWarning, match="1 of the 2 sources .*: far"):
        source = open_mosaics({"g": tmp_path / "sip.fits"}, far, size=3, on_error="skip")
    np.testing.assert_array_equal(source.read().images[0], pixels[59:62, 73:76])


@pytest.mark.parametrize(
    ("wcs", "reason"),
    [
        (sky(0.1), r"a\.fits has pixels of 0\.05 arcsec, but .*b\.fits of 0\.1 arcsec: bring"),
        (sky(turn=90), r"b\.fits of 0\.05 arcsec, turned against them"),
    ],
)
def test_mosaics_of_other_pixels_are_refused(tmp_path, places, wcs, reason):
    paths = {"F115W": write(tmp_path / "a.fits", image())}
    paths["F444W"] = write(tmp_path / "b.fits", image(), wcs)
    with pytest.raises(CatalogError, match=reason):
        open_mosaics(paths, catalogue(*places), size=11)


def test_cutouts_of_another_size_than_the_fit_name_the_option(tmp_path, places):
    path, table = write(tmp_path / "a.fits", image()), catalogue(*places)
    fitted = open_mosaics({"g": path}, table, size=11).read().image_format
    with pytest.raises(CatalogError, match="it is 9 x 9 pixels.* are 11 x 11 .*--cutout-size"):
        open_mosaics({"g": path}, table, size=9).read(options=ReadOptions(like=fitted))


@pytest.mark.parametrize("size", ["2 parsec", "", "wide", 0, -3, "1deg", True * 0, None, "3 Jy"])
def test_sizes_that_are_none(tmp_path, places, size):
    path = write(tmp_path / "a.fits", image())
    with pytest.raises(CatalogError, match=r"size of the cutouts.*'2arcsec', or a number"):
        open_mosaics({"g": path}, catalogue(*places), size=size)


def test_what_is_no_mosaic(tmp_path, places):
    table = catalogue(*places)
    fits.PrimaryHDU(image()).writeto(tmp_path / "plain.fits")
    (tmp_path / "text.fits").write_text("no FITS")
    (tmp_path / "a.fits.gz").touch()
    for name, reason in (
        ("plain.fits", "no science image of two axes with celestial coordinates"),
        ("text.fits", r"cannot be read as a mosaic \(it is not a FITS file"),
        ("absent.fits", "cannot be read as a mosaic"),
        ("a.fits.gz", "cannot be read in parts: unpack it, or compress its tiles"),
    ):
        with pytest.raises(CatalogError, match=rf"{name}.* {reason}"):
            open_mosaics({"g": tmp_path / name}, table, size=11)
    with pytest.raises(CatalogError, match="there are no mosaics"):
        open_mosaics({}, table, size=11)
    path = write(tmp_path / "a.fits", image())
    with pytest.raises(CatalogError, match=r"no positions: .* RA and Dec.*columns are mag$"):
        open_mosaics({"g": path}, table[["Source_ID"]].assign(mag=1.0), size=11)
    with pytest.raises(ValueError, match="on_error='pass'"):
        open_mosaics({"g": path}, table, size=11, on_error="pass")


@pytest.mark.parametrize("science", ["SCI", "DRZ"])
@pytest.mark.parametrize("first", ["WHT", "VAR_FLAT", "SCI_RMS", "WEIGHT"])
def test_the_science_image_of_several_is_read(tmp_path, first, science):
    hdus = [fits.PrimaryHDU()]
    for name in (first, "ERR", science):
        pixels = np.full(SHAPE, len(hdus), dtype=np.float32)
        hdus.append(fits.ImageHDU(pixels, header=sky().to_header(), name=name))
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    table = catalogue(np.array([60]), np.array([75]))
    source = open_mosaics({"g": tmp_path / "a.fits"}, table, size=3)
    assert (source.read().images == 3).all()
    fits.append(tmp_path / "a.fits", pixels, hdus[-1].header)
    with pytest.raises(CatalogError, match=f"a.fits has 2 science images, {science}, {science}"):
        open_mosaics({"g": tmp_path / "a.fits"}, table, size=3)


@pytest.mark.parametrize("dense", [0, 2])
@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
def test_a_mosaic_cut_short_is_named(tmp_path, places, dense, kind, monkeypatch):
    path = write(tmp_path / "a.fits", image(), kind=kind)
    whole = path.read_bytes()
    monkeypatch.setattr(mosaics, "_DENSE", dense)
    source = open_mosaics({"g": path}, catalogue(*places), size=11)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        CatalogError, match=r"[^(]*a\.fits is truncated, .*replace it by a whole copy"
    ):
        open_mosaics({"g": path}, catalogue(*places), size=11)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "File may have been truncated")
        with pytest.raises(CatalogError, match=r"a\.fits cannot be read .*replace it by a whole"):
            source.read()


def test_positions_that_cannot_be_read_are_named(tmp_path):
    table = catalogue(np.array([60]), np.array([75])).assign(RA=-306.9)
    path = write(tmp_path / "a.fits", image())
    with pytest.raises(CatalogError, match="no readable positions: .*'-306.9'"):
        open_mosaics({"g": path}, table, size=3)
