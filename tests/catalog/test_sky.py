"""Positions in a label table; region files and links, safe whatever the ids are."""

import re
from datetime import time, timedelta
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from spurclust.catalog import (
    match_labels,
    merge_labels,
    read_labels,
    sources_table,
    write_ds9_regions,
)
from spurclust.catalog.sky import sky_viewer_links
from spurclust.errors import CatalogError

IDS = ["00123", "a b;c", "}", '"{', "x}\"'", "é星", "two\nlines", "# icrs"]
LINE = re.compile(
    r"""circle\((?P<ra>[\d.]+),(?P<dec>[-\d.]+),(?P<radius>[\d.]+)"\)"""
    r""" # color=(?P<color>[a-z]+) text=(\{[^{}]*\}|"[^"]*"|'[^']*') tag=\{(?P<tag>[a-z]+)\}"""
)


def example(ids=IDS, **others):
    n_sources = len(ids)
    given = {
        "embedding": np.zeros((n_sources, 2)),
        "component": np.zeros(n_sources),
        "spurious_probability": np.zeros(n_sources),
        "flagged": np.arange(n_sources) != 1,
        "y": np.arange(n_sources) % 3 - 1,
        "positions": np.column_stack(
            [np.linspace(0, 359, n_sources), np.linspace(-90, 90, n_sources)]
        ),
    }
    return sources_table(ids, **{**given, **others})


def lines_of(path):
    head, _, circles = path.read_bytes().decode("utf-8").partition("\nicrs\n")
    assert head.startswith("# Region file format: DS9")
    return circles.splitlines()


def test_a_circle_for_each_flagged_source(tmp_path):
    table = example()
    assert write_ds9_regions(table, tmp_path / "flagged.reg", radius=1.5) == 7
    found = [LINE.fullmatch(line) for line in lines_of(tmp_path / "flagged.reg")]
    flagged = table[table["flagged"]]
    np.testing.assert_allclose([float(m["ra"]) for m in found], flagged["ra"], atol=1e-8)
    np.testing.assert_allclose([float(m["dec"]) for m in found], flagged["dec"], atol=1e-8)
    assert {m["radius"] for m in found} == {"1.5"}
    words = {-1: "uninspected", 0: "reliable", 1: "spurious"}
    assert [m["tag"] for m in found] == [words[y] for y in flagged["label"].fillna(-1)]
    colors = {"uninspected": "yellow", "reliable": "cyan", "spurious": "red"}
    assert [m["color"] for m in found] == [colors[m["tag"]] for m in found]
    texts = [m[5][1:-1] for m in found]
    assert texts == ["id 00123", "}", '"{', "x)\"'", "é星", "two lines", "# icrs"]
    assert [path.name for path in tmp_path.iterdir()] == ["flagged.reg"]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_id_stays_on_its_line(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("any") / "flagged.reg"
    assert write_ds9_regions(example(ids, flagged=[True] * len(ids)), path) == len(ids)
    assert all(LINE.fullmatch(line) for line in lines_of(path))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=8) | st.sampled_from(IDS), min_size=1, max_size=3))
def test_the_package_regions_reads_any_id(tmp_path_factory, ids):
    regions = pytest.importorskip("regions")
    path = tmp_path_factory.mktemp("any") / "flagged.reg"
    write_ds9_regions(example(ids, flagged=[True] * len(ids)), path)
    found = regions.Regions.read(path, format="ds9")
    assert len(found) == len(ids)
    texts = [match[5] for match in map(LINE.fullmatch, lines_of(path))]
    # It takes all delimiters from the ends of a text.
    ends = " {}\"'"
    found_texts = [str(circle.meta.get("text", "")).strip(ends) for circle in found]
    assert found_texts == [text.strip(ends) for text in texts]
    assert all(circle.visual["edgecolor"] in ("red", "cyan", "yellow") for circle in found)


def test_sources_without_a_position_have_no_circle_and_no_link(tmp_path):
    positions = [[np.nan, np.nan], [np.nan, np.nan], [5, 6]]
    table = example(["1", "2", "3"], positions=positions, flagged=[True] * 3)
    assert [link != "" for link in table["sky_viewer"]] == [False, False, True]
    assert write_ds9_regions(table, tmp_path / "f.reg") == 1
    assert write_ds9_regions(table.iloc[:0], tmp_path / "f.reg") == 0
    assert lines_of(tmp_path / "f.reg") == []


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ValueError, match="no column dec, ra"):
        write_ds9_regions(example(positions=None), tmp_path / "f.reg")
    with pytest.raises(ValueError, match="radius=0: it must be above 0"):
        write_ds9_regions(example(), tmp_path / "f.reg", radius=0)
    with pytest.raises(CatalogError, match="there is no folder"):
        write_ds9_regions(example(), tmp_path / "none" / "f.reg")
    assert not list(tmp_path.iterdir())


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90))
def test_links_name_the_place(ra, dec):
    (link,) = sky_viewer_links([[ra, dec]])
    parts = urlsplit(link)
    assert parts.scheme == "https"
    assert not re.search(r"[\s<>\"'&]", link.replace("&fov", ""))
    found = [float(word) for word in parse_qs(parts.query)["target"][0].split()]
    np.testing.assert_allclose(found, [ra, dec], atol=5.1e-7)


# Positions


def labels_of(**columns):
    cells = {name: pd.Series(column, dtype=object) for name, column in columns.items()}
    table = pd.DataFrame({"Reliable_Source": 1, **cells})
    return read_labels(table.assign(Source_ID=[str(row) for row in table.index]))


def positions_of(ids=None, **columns):
    labels = labels_of(**columns)
    return match_labels(labels, ids or labels.table["source_id"].tolist()).positions


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
    found = positions_of(RA=[ra], Dec=[dec])
    np.testing.assert_allclose(found, [degrees], atol=1e-9)


@settings(max_examples=40)
@given(st.floats(0, 359.999), st.floats(-90, 90))
def test_sexagesimal_as_astropy_has_it(ra, dec):
    position = SkyCoord(ra * units.deg, dec * units.deg)
    for separator in ({"sep": ":"}, {"sep": " "}, {}):
        words = position.to_string("hmsdms", precision=7, **separator).split()
        half = len(words) // 2
        found = positions_of(RA=[" ".join(words[:half])], Dec=[" ".join(words[half:])])
        apart = SkyCoord(*found[0], unit="deg").separation(position)
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
    with pytest.warns(UserWarning, match=r"the DataFrame: 1 positions are left out.*: id 1 \('"):
        found = positions_of(RA=[1, ra], Dec=[2, dec])
    np.testing.assert_array_equal(found, [[1, 2], [np.nan, np.nan]])


def test_where_one_pair_is_blank_the_next_counts():
    tables = [
        labels_of(RA=[1.0, None, "x"], Dec=[2.0, None, "y"]),
        labels_of(ra=[7, 8, 9], dec=[1, 2, 3]),
    ]
    labels = merge_labels(tables).labels
    found = match_labels(labels, ["0", "1", "2"]).positions
    np.testing.assert_array_equal(found, [[1, 2], [8, 2], [9, 3]])
