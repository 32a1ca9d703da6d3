"""The region rule, and its table in notebooks."""

import re
from xml.etree.ElementTree import fromstring

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn import config_context

from spurclust import SpuriousRegionDetector
from spurclust.region import (
    component_counts,
    component_table,
    describe_excess,
    region_html,
    region_of,
    spurious_fractions,
)

SOURCES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([-1, 0, 1])), max_size=60)


@given(SOURCES)
def test_every_source_counts_once(sources):
    component = np.array([c for c, _ in sources], dtype=int)
    y = np.array([label for _, label in sources], dtype=int)
    counts = component_counts(component, y, 5)
    assert_array_equal(counts.sum(axis=0), [len(y), (y >= 0).sum(), (y == 1).sum()])
    assert (counts[:, 2] <= counts[:, 1]).all()
    assert (counts[:, 1] <= counts[:, 0]).all()
    for number in range(5):
        assert counts[number, 2] == ((component == number) & (y == 1)).sum()


@given(SOURCES, st.floats(0.001, 1))
def test_a_higher_threshold_never_adds_a_component(sources, threshold):
    component = np.array([c for c, _ in sources], dtype=int)
    y = np.array([label for _, label in sources], dtype=int)
    fractions = spurious_fractions(component_counts(component, y, 5))
    region = region_of(fractions, threshold)
    assert not (region_of(fractions, min(1.0, 2 * threshold)) & ~region).any()
    assert_array_equal(region[np.isnan(fractions)], False)
    assert_array_equal(region, [f >= threshold for f in fractions])


def test_the_threshold_is_compared_exactly():
    counts = np.array([[60, 60, 3], [61, 61, 3], [20, 20, 1]])
    assert_array_equal(region_of(spurious_fractions(counts), 0.05), [True, False, True])


def test_the_table_has_intervals_around_the_fractions():
    table = component_table(np.array([[9, 4, 1], [3, 0, 0], [7, 7, 7]]), 0.3)
    known = table[table["n_inspected"] > 0]
    assert (known["fraction_low"] <= known["fraction"]).all()
    assert (known["fraction"] <= known["fraction_high"]).all()
    assert table.loc[1, ["fraction_low", "fraction_high"]].tolist() == [0, 1]
    assert table.index.name == "component"
    assert table["in_region"].tolist() == [False, False, True]


COUNTS = np.array([[50, 40, 30], [40, 0, 0], [10, 10, 0]])


@pytest.fixture(scope="module")
def detector():
    rng = np.random.default_rng(0)
    labels = (np.arange(60) < 15).astype(int)
    rows = rng.normal(size=(60, 5)) + 8 * labels[:, None]
    return SpuriousRegionDetector(2, perplexity=10, random_state=0).fit(rows, labels)


def read(html):
    """Return the texts of the cells of each row; an element that does not end is an error."""
    return [["".join(cell.itertext()) for cell in row] for row in fromstring(html).iter("tr")]


def test_one_row_for_each_component():
    html = region_html(component_table(COUNTS, 0.05), 0.05, np.arange(100) < 50)
    head, *rows = read(html)
    assert head == [
        "component",
        "size",
        "inspected",
        "spurious",
        "fraction",
        "95 % interval",
        "region",
    ]
    assert rows[0][:5] == ["0", "50", "40", "30", "0.750"]
    assert re.fullmatch(r"0\.\d{3} to 0\.\d{3}", rows[0][5])
    assert rows[0][6:] == ["yes"]
    assert rows[1] == ["1", "40", "0", "0", "", "", ""]
    assert rows[2][:5] == ["2", "10", "10", "0", "0.000"]
    assert html.count('class="in-region"') == 1
    assert "1 of 3 components, those with a spurious fraction of at least 0.05" in html
    assert "50 of 100 sources (workload 0.500)" in html
    assert "holds 30 of 30 known spurious, in-sample" in html


@pytest.mark.parametrize(
    ("counts", "n_sources", "advice"),
    [
        (
            [[30, 20, 4], [30, 20, 2]],
            60,
            r"raise threshold=0\.05 .*, 0\.15, or raise n_components=2",
        ),
        ([[8, 8, 2], [4, 4, 1]], 12, r"raise threshold=0\.05 .*, 0\.25, or inspect .* ranking"),
        ([[12, 12, 3]], 12, "saves hardly any inspection: inspect in the order of the ranking"),
    ],
)
def test_what_a_region_of_nearly_all_advises_is_possible(counts, n_sources, advice):
    table, flagged = component_table(np.array(counts), 0.05), np.ones(n_sources, dtype=bool)
    text = describe_excess(table, 0.05, flagged)
    assert text.startswith(f"The region holds {n_sources} of {n_sources} sources")
    assert re.search(advice, text)
    assert ("n_components" in text) == (n_sources == 60)
    assert text in region_html(table, 0.05, flagged)
    assert describe_excess(table, 0.05, np.arange(n_sources) < n_sources / 2) == ""


def test_texts_are_escaped():
    table = component_table(COUNTS, 0.05)
    table.index = pd.Index(["<b>", "&", "2"], name="component")
    html = region_html(table, 0.05, np.ones(100, dtype=bool))
    assert [row[0] for row in read(html)[1:]] == ["<b>", "&", "2"]
    assert "<b>" not in html


def test_a_fitted_detector_has_its_region_below_its_diagram(detector):
    html = detector._repr_html_()
    assert html.index("sk-top-container") < html.index('<div class="spurclust-region">')
    assert html.endswith(region_html(detector.components_, 0.05, detector.flagged_))
    bundle = detector._repr_mimebundle_()
    assert "Spurious region:" in bundle["text/html"]
    assert bundle["text/plain"] == repr(detector)


def test_one_that_is_not_fitted_has_its_diagram_only():
    detector = SpuriousRegionDetector()
    assert "sk-top-container" in detector._repr_html_()
    for html in (detector._repr_html_(), detector._repr_mimebundle_()["text/html"]):
        assert "Spurious region:" not in html


def test_whoever_wants_text_has_text(detector):
    with config_context(display="text"):
        assert not hasattr(detector, "_repr_html_")
        assert set(detector._repr_mimebundle_()) == {"text/plain"}
