import base64
import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurclust.report.order import inspection_order
from spurclust.report.page import left_out, page_data, render_page, to_script_json
from spurclust.report.pictures import Pictures
from spurclust.report.run_results import read_results

NO_PICTURES = Pictures({}, 640, [], [])
SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script", re.DOTALL)


@pytest.fixture
def page(run_folder):
    pytest.importorskip("bokeh")
    pytest.importorskip("jinja2")
    return render_page(
        read_results(run_folder), Pictures({0: "sTr1p0", 1: "sTr1p1"}, 640, [2], [3])
    )


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_for_a_script_is_read_back_and_ends_no_element(value):
    text = to_script_json(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert not set(text) & set("<>&")


def test_hostile_text_adds_no_element(page, hostile):
    scripts = SCRIPT.findall(page)
    assert [attributes for attributes, _ in scripts] == [
        ' type="application/json" id="data"',
        ' type="application/json" id="embedding-item"',
        ' type="application/json" id="curve-item"',
        "",
        "",
    ]
    data = json.loads(scripts[0][1])
    assert [data["ids"][row] for row in hostile["ids"]] == list(hostile["ids"].values())
    outside = SCRIPT.sub("", page)
    assert "window.hacked" not in outside
    assert "<b>data" not in outside
    assert "edge&lt;/script&gt;&lt;b&gt;data, &#34;really&#34;" in outside


def test_a_link_to_the_sky_is_a_link_and_no_script(make_run):
    results = read_results(make_run(ranking=True))
    sky = page_data(results, inspection_order(results), NO_PICTURES)["sky"]
    assert sky["start"] == "https://sky.example/?target="
    assert sky["ends"][:3] == [None, None, "2"]
    without = read_results(make_run())
    assert page_data(without, inspection_order(without), NO_PICTURES)["sky"] is None


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


def test_nothing_points_outside(page):
    outside = SCRIPT.sub("", page)
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#|data:)[^"'>\s]""", outside)
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", outside)


def test_own_scripts_hold_nothing_that_ends_them(page):
    own = SCRIPT.findall(page)[-1][1]
    assert "</" not in own
    assert "<!--" not in own


def test_pictures_are_in_it_once(page):
    assert page.count("sTr1p0") == page.count("sTr1p1") == 1


def test_the_page_needs_no_optional_column(make_run):
    pytest.importorskip("bokeh")

    def change(sources, components, summary):
        sources["label"] = float("nan")
        for name in list(summary):
            if name not in ("written_by", "files"):
                del summary[name]

    results = read_results(make_run(change=change))
    page = render_page(results, NO_PICTURES)
    assert "No source is known to be spurious" in page
    data = page_data(results, inspection_order(results), NO_PICTURES)
    assert data["nearest"] is None
    assert data["stability"] is None
    assert json.loads(to_script_json(data)) == data | {"cutouts": {}}


def test_the_most_alike_are_rows(make_run):
    def change(sources, *_):
        sources.loc[0, "nearest_spurious"] = ""
        sources.loc[1, "nearest_spurious"] = "unknown, 1010"

    results = read_results(make_run(ranking=True, change=change))
    data = page_data(results, inspection_order(results), NO_PICTURES)
    assert data["nearest"][:3] == [[], [10], [10, 4]]
    assert data["calibrated"]


@pytest.mark.parametrize(
    ("pictures", "parts"),
    [
        (Pictures(dict.fromkeys(range(40), ""), 300, [], []), ["40 of 40 sources, at most 300"]),
        (
            Pictures({0: ""}, 300, [7], []),
            ["1 of 40", "1 cutout was not found", "38 were left out"],
        ),
    ],
)
def test_what_is_left_out_is_said(run_folder, pictures, parts):
    sentences = left_out(read_results(run_folder), pictures)
    assert len(sentences) == len(parts)
    for sentence, part in zip(sentences, parts, strict=True):
        assert part in sentence
