"""Options that several commands share."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from spurclust.cli import options
from spurclust.cli.main import make_parser
from spurclust.cli.named_cutouts import choose_cutouts


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """A folder with two mosaics and a catalogue."""
    folder = tmp_path_factory.mktemp("mosaics")
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = (53.1, -27.8), (32, 32), (-1e-5, 1e-5)
    for name in ("f115w.fits", "f444w.fits"):
        fits.PrimaryHDU(np.ones((64, 64)), header=wcs.to_header()).writeto(folder / name)
    place = wcs.pixel_to_world([10, 40], [20, 30])
    table = pd.DataFrame({"Source_ID": [7, 8], "RA": place.ra.deg, "Dec": place.dec.deg})
    table.to_csv(folder / "cat.csv", index=False)
    return folder


def choose(folder, *words):
    """Choose the cutouts of `spurclust run` and of `predict`, which must be the same."""
    texts = [word.replace("DIR", str(folder)) for word in words]
    parse = make_parser().parse_args
    run = parse(["run", *texts, "--labels", "L", "--out", "O"])
    predict = parse(["predict", "model", *texts, "--out", "O"])
    chosen, same = (choose_cutouts(args, options.read_catalogue(args)) for args in (run, predict))
    assert getattr(chosen, "fingerprint", chosen) == getattr(same, "fingerprint", same)
    return chosen


BANDS = ["--mosaic", "F115W=DIR/f115w.fits", "--mosaic", "F444W=DIR/f444w.fits"]
CATALOGUE = ["--catalogue", "DIR/cat.csv"]


@pytest.mark.parametrize("size", ["0.36arcsec", "10"])
def test_mosaics_are_cutouts(mosaic, size):
    source = choose(mosaic, *BANDS, *CATALOGUE, "--cutout-size", size)
    assert source.filters == ["F115W", "F444W"]
    assert source.image_format.shape == (10, 10, 2)
    assert source.take([0, 1])[0] == ["7", "8"]


def test_files_are_cutouts():
    assert choose("", "a") == "a"
    assert choose("", "a", "b") == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "no cutouts are given: name CUTOUTS, or mosaics with --mosaic"),
        (["a", "--cutout-size", "2arcsec"], "--cutout-size is for mosaics"),
        ([*BANDS, *CATALOGUE], "--mosaic needs a --catalogue .* and a --cutout-size"),
        ([*BANDS, "--cutout-size", "9"], "--mosaic needs a --catalogue"),
        (["a", *BANDS, *CATALOGUE, "--cutout-size", "9"], "and no CUTOUTS"),
        ([*BANDS[:2] * 2, *CATALOGUE, "--cutout-size", "9"], "FILTER=FILE, and each filter once"),
        (["--mosaic", "a.fits", *CATALOGUE, "--cutout-size", "9"], "a.fits: write each as FILTER="),
        (["--id-pattern", "x", *BANDS, *CATALOGUE, "--cutout-size", "9"], "are for files"),
        ([*BANDS, *CATALOGUE, "--cutout-size", "2 parsec"], "--cutout-size.* '2 parsec'"),
    ],
)
def test_cutouts_that_cannot_be_chosen(mosaic, words, reason):
    with pytest.raises(ValueError, match=reason):
        choose(mosaic, *words)
