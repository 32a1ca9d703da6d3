"""Region files and links: read by others, and safe whatever the ids are."""

import re
from importlib.util import find_spec
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.catalog import sky_viewer_links, sources_table, write_ds9_regions
from spurclust.errors import CatalogError

IDS = ["00123", "a b;c", "}", '"{', "x}\"'", "é星", "two\nlines", "# icrs"]
LINE = re.compile(
    r"""circle\((?P<ra>[\d.]+),(?P<dec>[-\d.]+),(?P<radius>[\d.]+)"\)"""
    r""" # text=(\{[^{}]*\}|"[^"]*"|'[^']*') tag=\{(?P<tag>[a-z]+)\}"""
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
    text = path.read_bytes().decode("utf-8")
    assert text.startswith("# Region file format: DS9")
    head, _, circles = text.partition("\nicrs\n")
    assert "global" in head
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
    texts = [m[4][1:-1] for m in found]
    assert texts == ["00123", "}", '"{', "x)\"'", "é星", "two lines", "# icrs"]
    assert [path.name for path in tmp_path.iterdir()] == ["flagged.reg"]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6))
def test_any_id_stays_on_its_line(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("any") / "flagged.reg"
    assert write_ds9_regions(example(ids, flagged=[True] * len(ids)), path) == len(ids)
    assert all(LINE.fullmatch(line) for line in lines_of(path))


@pytest.mark.skipif(find_spec("regions") is None, reason="the package regions is not installed")
@pytest.mark.filterwarnings("ignore")
def test_regions_reads_the_file(tmp_path):
    from regions import Regions

    table = example()
    write_ds9_regions(table, tmp_path / "flagged.reg")
    found = Regions.read(tmp_path / "flagged.reg", format="ds9")
    flagged = table[table["flagged"]]
    np.testing.assert_allclose([r.center.icrs.ra.deg for r in found], flagged["ra"], atol=1e-8)
    np.testing.assert_allclose([r.radius.to_value("arcsec") for r in found], 1)
    assert [r.meta["tag"] for r in found][:2] == [["uninspected"], ["spurious"]]
    assert found[4].meta["text"] == "é星"


def test_sources_without_a_position_have_no_circle(tmp_path):
    positions = np.full((3, 2), np.nan)
    positions[2] = 5, 6
    table = example(["1", "2", "3"], positions=positions, flagged=[True] * 3)
    assert write_ds9_regions(table, tmp_path / "f.reg") == 1
    assert table["sky_viewer"].tolist()[:2] == ["", ""]
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


def test_no_links_without_positions():
    assert sky_viewer_links(np.full((2, 2), np.nan)) == ["", ""]
    assert sky_viewer_links([]) == []
    assert "sky_viewer" not in pd.DataFrame(example(positions=None)).columns
