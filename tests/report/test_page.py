import base64
import hashlib
import json
import re

import numpy as np
import pytest

from spurclust.report import render_report

pytest.importorskip("bokeh")
pytest.importorskip("jinja2")

SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script", re.DOTALL)


def nothing(row):
    return None


def data_of(page):
    return json.loads(SCRIPT.findall(page)[0][1])


def cutouts_of(page):
    return json.loads(SCRIPT.findall(page)[1][1])


def render(*results, **options):
    pieces, sentences = render_report(*results, **options)
    return "".join(pieces), sentences


@pytest.fixture(scope="module")
def page(make_results, load):
    return render(make_results(), load)[0]


def test_the_policy_allows_these_scripts_only(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    scripts = [text for attributes, text in SCRIPT.findall(page) if not attributes]
    assert allowed == [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts
    ]
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_numbers_are_formatted(make_results):
    def change(sources, components, summary):
        components.loc[0, "in_region"], components.loc[1, "in_region"] = False, True
        components.loc[0, "fraction"] = np.nan
        components["size"] = 12_345
        components["fraction_low"], components["fraction_high"] = 0.01, 0.6

    page = render(make_results(ranking=True, change=change), nothing)[0]
    words = " ".join(re.sub("<[^>]*>", " ", SCRIPT.sub("", page)).split())
    region = words.index("1 region 12 345 11 2 18.2 % 1.0 to 60.0 % Show")
    assert words.index("0 12 345 13 4 not known 1.0 to 60.0 % Show") > region
    assert "95 % of the spurious 1 400 120 to 1 800" in words


def test_no_further_inspection_is_a_word(make_results):
    def change(sources, components, summary):
        rows = [(0.8, 0), (0.95, 17)]
        summary["ranking"]["expected_effort"] = [
            {"completeness": share, "inspections": 20, "interval": None, "inspections_left": left}
            for share, left in rows
        ]

    page = render(make_results(ranking=True, change=change), nothing)[0]
    table = re.search("<table[^>]*>\\s*<caption>More inspections.*?</table>", page, re.DOTALL)[0]
    words = " ".join(re.sub("<[^>]*>", " ", table).split())
    assert words.endswith("To find Inspections 80 % of the spurious none 95 % of the spurious 17")


def test_a_page_of_the_least_there_may_be(make_results):
    def change(sources, components, summary):
        sources["label"] = float("nan")
        summary.clear()

    page, sentences = render(make_results(change=change), nothing)
    assert "No source is known to be spurious" in page
    data = data_of(page)
    unknown = ("nearest", "similar", "suspicion", "stability", "sky")
    assert [data[name] for name in unknown] == [None] * len(unknown)
    assert "Labeled wrongly?" not in page
    assert cutouts_of(page) == {}
    assert "cutouts of 0 of 40 sources" in sentences[0]
    assert "40 cutouts were not found or not readable, such as strips/z6_0" in sentences[1]


def test_pixels_that_the_run_has_shrunk_are_not_all_their_pixels(make_results, load):
    def change(sources, components, summary):
        summary["reading"] = {"size": None, "reduce": 5}

    results = make_results(change=change)
    assert "with all their pixels" in render(results, load)[1][0]
    results.sources["path"] = ""
    page, (sentence,) = render(results, load)
    assert "with all their pixels" not in page
    assert sentence in page
    assert "--size or --reduce" in sentence


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, ["38 of 40 sources, with all their pixels", "2 cutouts were not found"]),
        (
            {"max_cutouts": 7, "max_side": 50, "n_threads": 2},
            ["6 of 40 sources, shrunk to 50 pixels", "1 cutout was not found", "33 were left out"],
        ),
    ],
)
def test_what_is_left_out_is_said(results, load, options, parts):
    page, sentences = render(results, lambda row: None if row in (4, 8) else load(row), **options)
    assert len(sentences) == len(parts)
    for sentence, part in zip(sentences, parts, strict=True):
        assert part in sentence
        assert part in page
    shown = cutouts_of(page)
    assert all(page.count(encoded) == 1 for encoded in shown.values())
    assert len(shown) == int(parts[0].split()[0])


def test_labels_more_probably_wrong_than_right_have_cutouts(make_results, load):
    def change(sources, components, summary):
        sources["flagged"], sources["inspect_next"] = False, np.nan
        sources["label_suspicion"] = np.where(np.isin(np.arange(40), [14, 38]), 0.7, 0.2)

    page, _ = render(make_results(ranking=True, change=change), load, max_cutouts=9)
    data, cutouts = data_of(page), cutouts_of(page)
    known = [row for row in range(40) if data["label"][row] == 1]
    assert sorted(map(int, cutouts)) == sorted([*known, 14, 38])
    assert set(data["similar"]) == set(cutouts)
    assert data["similar"]["38"] == [39, 0, 1]
