"""FITS images: which extensions, which axis, where on the sky, and what a header warns of."""

import bz2
import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from spurclust.cutouts.decoding import fits_images, read_image
from spurclust.errors import CatalogError

RNG = np.random.default_rng(5)


def image(*shape, dtype="f4"):
    return RNG.normal(100, 20, shape or (9, 13)).astype(dtype)


@pytest.fixture
def read(tmp_path):
    def read_hdus(*hdus, pack=bytes, **options):
        buffer = io.BytesIO()
        first = [] if isinstance(hdus[0], fits.PrimaryHDU) else [fits.PrimaryHDU()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fits.HDUList(first + list(hdus)).writeto(buffer)
        path = tmp_path / "1.fits"
        path.write_bytes(pack(buffer.getvalue()))
        return read_image(str(path), **options)

    return read_hdus


@pytest.mark.parametrize("compression", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1"])
@pytest.mark.parametrize("dtype", ["i2", "i4", "u1", "f4"])
def test_every_compression_by_tiles_gives_what_astropy_reads(read, compression, dtype):
    pixels = image(40, 60, dtype=dtype)
    hdu = fits.CompImageHDU(pixels, compression_type=compression)
    decoded = read(hdu)
    if dtype != "f4":
        np.testing.assert_array_equal(decoded.image, pixels)
    assert decoded.image.shape == (40, 60)
    assert np.abs(decoded.image.astype(float) - pixels).max() < 20


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_is_unpacked(read, pack):
    pixels = image()
    np.testing.assert_array_equal(read(fits.PrimaryHDU(pixels), pack=pack).image, pixels)


@pytest.mark.parametrize("name", ["PSF", "WHT", "F115W_ERR", "SEG", "MASK", "DQ", "VAR_POISSON"])
@pytest.mark.parametrize("science", ["SCI", "IMAGE", "DATA", "F115W"])
def test_the_science_image_is_read_wherever_it_stands(read, name, science):
    pixels = image()
    other = fits.ImageHDU(image(5, 5), name=name)
    for hdus in (
        [other, fits.ImageHDU(pixels, name=science)],
        [fits.ImageHDU(pixels, name=science), other],
    ):
        decoded = read(*hdus)
        np.testing.assert_array_equal(decoded.image, pixels)
        assert decoded.fits.extensions == (science,)


def test_names_come_in_order_and_only_auxiliary_ones_are_refused(read):
    planes = {name: image() for name in ("DATA", "IMAGE", "SCI")}
    hdus = [
        fits.PrimaryHDU(image()),
        *(fits.ImageHDU(one, name=name) for name, one in planes.items()),
    ]
    np.testing.assert_array_equal(read(*hdus).image, planes["SCI"])
    np.testing.assert_array_equal(read(*hdus[:3]).image, planes["IMAGE"])
    np.testing.assert_array_equal(read(hdus[0]).image, hdus[0].data)
    with pytest.raises(
        CatalogError, match=r"science image: 1 WHT \(9 x 13\).*--hdu NAME_OR_NUMBER"
    ):
        read(fits.ImageHDU(image(), name="WHT"))


def test_one_extension_a_filter_becomes_channels(read):
    planes = [image() for _ in range(3)]
    hdus = [fits.ImageHDU(one, name="SCI", ver=k) for k, one in enumerate(planes, 1)]
    decoded = read(*hdus, fits.ImageHDU(image(), name="WHT"))
    np.testing.assert_array_equal(decoded.image, np.stack(planes, axis=-1))
    assert decoded.fits.extensions == ("SCI,1", "SCI,2", "SCI,3")
    for hdu, name in zip(hdus, ("F115W", "F277W", "F444W"), strict=True):
        hdu.header["FILTER"] = name
    assert read(*hdus).fits.extensions == ("SCI F115W", "SCI F277W", "SCI F444W")
    by_name = [fits.ImageHDU(one, name=name) for one, name in zip(planes, "GRI", strict=True)]
    assert read(*by_name).fits.extensions == ("G", "R", "I")
    primary = fits.PrimaryHDU(planes[0])
    primary.header["FILTER"] = "F090W"
    assert read(primary, *hdus[1:]).image.shape == (9, 13, 2)  # SCI comes first
    for hdu in hdus:
        hdu.name = hdu.header["FILTER"]
    assert read(primary, *hdus[1:]).image.shape == (9, 13, 3)


def test_images_that_differ_are_refused_unless_named(read):
    hdus = [fits.ImageHDU(image(9, 13), name="A"), fits.ImageHDU(image(5, 5), name="B")]
    with pytest.raises(CatalogError, match=r"differ in shape or kind: 1 A \(9 x 13\), 2 B .*--hdu"):
        read(*hdus)
    for wanted in (["B"], ["b"], [2]):
        np.testing.assert_array_equal(read(*hdus, hdu=wanted).image, hdus[1].data)
    with pytest.raises(CatalogError, match=r"no image extension 'C'; it has 1 A \(9 x 13\), 2 B"):
        read(*hdus, hdu=["C"])
    third = fits.ImageHDU(image(9, 13), name="WHT")
    expected = np.stack([third.data, hdus[0].data], axis=-1)
    np.testing.assert_array_equal(read(*hdus, third, hdu=["WHT", 1]).image, expected)


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4"])
def test_blank_with_bzero_is_no_data(read, dtype):
    pixels = RNG.integers(0, 1000, (9, 13)).astype(dtype)
    hdu = fits.PrimaryHDU(pixels)
    zero = hdu.header.get("BZERO", 0)
    hdu.header["BLANK"] = int(pixels[2, 3]) - zero
    expected = np.where(pixels == pixels[2, 3], np.nan, pixels).astype(np.float32)
    np.testing.assert_array_equal(read(hdu).image, expected)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 9, 13), (9, 13)), ((1, 1, 9, 13), (9, 13)), ((9, 13, 1), (9, 13)),
     ((1, 5, 9, 13), (9, 13, 5)), ((5, 1, 9, 13), (9, 13, 5)), ((9, 13, 3), (9, 13, 3)),
     ((3, 9, 13), (9, 13, 3)),
     ((9, 9, 5), (9, 9, 5)), ((30, 11, 11), (11, 11, 30)), ((1, 9, 13, 3), (9, 13, 3))],
)  # fmt: skip
def test_the_channels_come_last(read, shape, expected):
    pixels = image(*shape)
    decoded = read(fits.PrimaryHDU(pixels)).image
    assert decoded.shape == expected
    assert decoded.sum() == pytest.approx(pixels.sum(), rel=1e-4)


def test_the_axes_of_the_sky_decide_where_they_are_named(read):
    hdu = fits.PrimaryHDU(image(9, 13, 3))
    hdu.header["CTYPE1"], hdu.header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    assert read(hdu).image.shape == (13, 3, 9)
    with pytest.raises(CatalogError, match=r"\(2, 3, 4, 10\)"):
        read(fits.PrimaryHDU(image(2, 3, 4, 10)))


def with_wcs(shape=(9, 13), **header):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = header.pop("ctype", ("RA---TAN", "DEC--TAN"))
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (150, 2), (7, 5), (-1e-5, 1e-5)
    hdu = fits.PrimaryHDU(image(*shape), header=wcs.to_header())
    hdu.header.update(header)
    return hdu


def test_the_position_and_the_scale_are_those_of_the_header(read):
    header = read(with_wcs()).fits
    assert header.position == pytest.approx((150, 2))
    assert header.center == (4, 6)
    assert header.scale == pytest.approx(1e-5)
    header = read(with_wcs(RA=150.00001, DEC=2.00002)).fits
    assert header.position == (150.00001, 2.00002)
    assert header.center == pytest.approx((6, 5), abs=1e-3)
    # The telescope pointed elsewhere.
    assert read(with_wcs(RA=151.0, DEC=2.0)).fits.position == pytest.approx((150, 2))
    plain = fits.PrimaryHDU(image())
    assert read(plain).fits[1:4] == (None, None, None)
    plain.header["RA"], plain.header["DEC"] = "10:00:00", "+02:00:00"
    assert read(plain).fits.position == ("10:00:00", "+02:00:00")
    galactic = read(with_wcs(ctype=("GLON-TAN", "GLAT-TAN"))).fits.position
    assert galactic != pytest.approx((150, 2), abs=1)
    bad = with_wcs(CTYPE1="RA---XXX")
    assert read(bad).fits.position is None


def test_what_astropy_warns_of_is_a_note_and_no_warning(read, tmp_path):
    hdu = with_wcs(RADECSYS="FK5", EQUINOX=2000.0)
    hdu.header["BLANK"] = -1  # means nothing for floats
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decoded = read(hdu)
    assert any("BLANK" in note for note in decoded.fits.notes)
    assert read(fits.PrimaryHDU(image())).fits.notes == ()


@pytest.mark.parametrize("number", [0, 1])
def test_longer_headers_than_any_cutout_has_are_refused(read, monkeypatch, number):
    monkeypatch.setattr(fits_images, "MOST_HEADER_BYTES", 5 * 2880)
    hdus = [fits.PrimaryHDU(image()), fits.ImageHDU(image(), name="WHT")]
    read(*hdus)
    for k in range(200):
        hdus[number].header[f"KEY{k}"] = k
    with pytest.raises(CatalogError, match="a header of more than 14400 bytes"):
        read(*hdus)


def test_more_extensions_than_any_cutout_has_are_refused(read, monkeypatch):
    monkeypatch.setattr(fits_images, "MOST_EXTENSIONS", 3)
    hdus = [fits.ImageHDU(image(), name="SCI") for _ in range(4)]
    with pytest.raises(CatalogError, match="more than 3 extensions"):
        read(*hdus)


@pytest.mark.parametrize("where", ["FILTER", "EXTNAME"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_filters_are_in_the_order_of_wavelength_whatever_that_of_the_file(read, where, order):
    names, images = ["F606W", "F115W", "F444W"], [image() for _ in range(3)]
    hdus = [fits.ImageHDU(images[k], name="SCI") for k in order]
    for k, hdu in zip(order, hdus, strict=True):
        hdu.header[where] = names[k]
    np.testing.assert_array_equal(read(*hdus).image, np.dstack(images))
    chosen = read(*hdus, hdu=["F444W", "f115w"]).image
    np.testing.assert_array_equal(chosen, np.dstack([images[2], images[1]]))
    if where == "FILTER":
        np.testing.assert_array_equal(read(*hdus, hdu=["SCI"]).image, np.dstack(images))


def test_a_filter_names_no_weights(read):
    hdus = [fits.ImageHDU(image(), name=name) for name in ("WHT", "SCI")]
    for hdu in hdus:
        hdu.header["FILTER"] = "F115W"
    np.testing.assert_array_equal(read(*hdus, hdu=["F115W"]).image, hdus[1].data)
