import numpy as np
import pytest
from astropy.io import fits

from spurclust.cutouts.filters import channel_order, filter_names, wavelength


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("z6_10003_F090WF115WF150W2_crop.png", ["F090W", "F115W", "F150W2"]),
        ("7_f814w-f850lp.tif", ["F814W", "F850LP"]),
        ("F1000W_9.png", ["F1000W"]),
        ("galaxy_F12_7.png", []),
    ],
)
def test_names_of_files_hold_filters(name, expected):
    assert filter_names([f"a F444W folder/{name}", f"other/{name}"]) == expected


def test_files_of_different_filters_have_no_common_ones():
    assert filter_names(["7_F115W.png", "8_F150W.png"]) == []


def write_fits(path, *filters):
    images = [fits.ImageHDU(np.zeros((3, 3))) for _ in filters]
    for image, name in zip(images, filters, strict=True):
        if name:
            image.header["FILTER"] = name
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path)
    return str(path)


def test_headers_of_fits_files_hold_filters(tmp_path):
    assert filter_names([write_fits(tmp_path / "7.fits", "HSC-G", "HSC-R")]) == ["HSC-G", "HSC-R"]
    assert filter_names([write_fits(tmp_path / "8.fits", "HSC-G", None)]) == []
    assert filter_names([str(tmp_path / "missing.fits")]) == []
    names = ["F444W", "F115W"]
    assert filter_names([write_fits(tmp_path / "9.fits", *names)]) == ["F115W", "F444W"]


def test_channels_are_in_the_order_of_wavelength_where_it_is_known():
    assert [wavelength(name) for name in ("F115W", "F444W", "F606W", "x")] == [1150, 4440, 606, 0]
    assert channel_order(["SCI_F444W", "SCI_F115W"]) == [1, 0]
    for names in (["SCI", "ERR"], ["F444W", "ERR"], ["F444W", "F115W", "F115W"]):
        assert channel_order(names) == list(range(len(names)))
