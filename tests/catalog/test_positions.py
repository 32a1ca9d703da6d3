"""Positions in a label table: which columns, which forms, and what is none."""

from datetime import time, timedelta

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog import match_labels, merge_labels, read_labels


def labels_of(**columns):
    n_rows = len(next(iter(columns.values())))
    cells = {"Source_ID": [str(k) for k in range(n_rows)], "Reliable_Source": [1] * n_rows}
    return read_labels(pd.DataFrame({**cells, **columns}))


def positions_of(ids=None, **columns):
    labels = labels_of(**columns)
    return match_labels(
        labels, labels.table["source_id"].tolist() if ids is None else ids
    ).positions


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("RA", "Dec"),
        ("ra", "DEC"),
        ("RA (deg)", "Dec (deg)"),
        ("RAJ2000", "DEJ2000"),
        ("_RAJ2000", "_DEJ2000"),
        ("RA_ICRS", "DE_ICRS"),
        ("ALPHA_J2000", "DELTA_J2000"),
        ("Right ascension", "Declination"),
    ],
)
def test_usual_names(ra, dec):
    found = positions_of(**{ra: [214.852676, None], dec: [-52.5, None]})
    np.testing.assert_array_equal(found, [[214.852676, -52.5], [np.nan, np.nan]])


@pytest.mark.parametrize("names", [("RA", "Field"), ("coord_ra", "coord_dec"), ("RAB1950", "Dec")])
def test_other_names_are_no_positions(names):
    assert positions_of(**{name: [0.5] for name in names}) is None


def test_in_the_order_of_the_cutouts():
    found = positions_of(["1", "x", "0"], RA=[1.0, 3.0], Dec=[10.0, 30.0])
    np.testing.assert_array_equal(found, [[3, 30], [np.nan, np.nan], [1, 10]])
    with pytest.warns(UserWarning, match="no cutout"):
        assert positions_of(["0"], RA=[None, 2.0], Dec=[None, 20.0]) is None


@pytest.mark.parametrize(
    ("ra", "dec", "degrees"),
    [
        ("14:19:24.6", "+52:52:23.2", (214.8525, 52.873111111)),
        ("14 19 24.6", "-00 30 00", (214.8525, -0.5)),
        ("14h19m24.6s", "52d52m23.2s", (214.8525, 52.873111111)),
        ("14h 19m 24.6s", "\N{MINUS SIGN}52° 52' 23.2\"", (214.8525, -52.873111111)),
        ("214d51m09s", "52:52.5", (214.8525, 52.875)),
        ("14:19", "52:52", (214.75, 52.866666667)),
        ("214.5°", "-5.5 deg", (214.5, -5.5)),
        (" 1e1 ", "0", (10, 0)),
        (time(14, 19, 24, 600000), time(5, 30), (214.8525, 5.5)),
        (time(14, 19, 24, 600000), timedelta(hours=52, minutes=30), (214.8525, 52.5)),
        (-145.0, 90, (215, 90)),
        (360, -90.0, (0, -90)),
    ],
)
def test_forms_of_a_position(ra, dec, degrees):
    found = positions_of(RA=pd.Series([ra], dtype=object), Dec=pd.Series([dec], dtype=object))
    np.testing.assert_allclose(found, [degrees], atol=1e-9)


@given(st.floats(0, 359.999), st.floats(-90, 90))
def test_sexagesimal_as_astropy_has_it(ra, dec):
    place = SkyCoord(ra * units.deg, dec * units.deg)
    for separator in ({"sep": ":"}, {"sep": " "}, {}):
        words = place.to_string("hmsdms", precision=7, **separator).split()
        half = len(words) // 2
        found = positions_of(RA=[" ".join(words[:half])], Dec=[" ".join(words[half:])])
        apart = SkyCoord(*found[0], unit="deg").separation(place)
        assert apart < 1 * units.mas


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        (10.5, 91),
        (-99, -99),
        (400, 0),
        ("14:61:00", "0"),
        ("14:19:61", "0"),
        ("14:19:00", "5h00m00s"),
        ("here", "there"),
        (None, 5),
        (5, None),
        (np.inf, 0),
    ],
)
def test_what_is_no_position_is_named(ra, dec):
    cells = {"RA": pd.Series([1, ra], dtype=object), "Dec": pd.Series([2, dec], dtype=object)}
    with pytest.warns(UserWarning, match=r"the DataFrame: 1 positions are left out.*: id 1 \('"):
        found = positions_of(**cells)
    np.testing.assert_array_equal(found, [[1, 2], [np.nan, np.nan]])


def test_where_one_pair_is_blank_the_next_counts():
    tables = [
        labels_of(RA=[1.0, None, "x"], Dec=[2.0, None, "y"]),
        labels_of(ra=[7, 8, 9], dec=[1, 2, 3]),
    ]
    labels = merge_labels(tables).labels
    found = match_labels(labels, ["0", "1", "2"]).positions
    np.testing.assert_array_equal(found, [[1, 2], [8, 2], [9, 3]])
