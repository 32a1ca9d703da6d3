"""The page in a real browser, as a person would use it."""

import csv
import os
import shutil
from dataclasses import replace
from importlib.util import find_spec
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import read_labels
from spurclust.report import render_report

READY = 'body[data-ready="all"]'
TABLES = "body[data-ready]"
AUDITED = [30, 6, 12]
WINDOW = {"width": 1280, "height": 800}
RESET = """() => {
  localStorage.clear();
  readVerdicts();
  showSent();
  find("judge").close();
  find("judge").querySelector("details").open = false;
  selectRows([]);
  find("similar").close();
  queues.delete("selection");
  queues.delete("similar");
  embedding.hidden.clear();
  for (const select of document.querySelectorAll("main select")) select.selectedIndex = 0;
  find("known-missed").checked = false;
  if (!find("outlines").checked) find("outlines").click();
  for (const id of ["color-by", "next-which", "known-reason"]) {
    find(id).dispatchEvent(new Event("change"));
  }
  zoomBy("reset");
  useTool("pan");
  document.activeElement.blur();
  window.scrollTo(0, 0);
}"""
POSITION = """(row) => {
  const view = [...Bokeh.index.roots].find((root) => root.model.name === "embedding");
  const { x, y } = embedding.source.data;
  const box = view.el.getBoundingClientRect();
  const index = embedding.indexOf[row];
  return [box.x + view.frame.x_scale.compute(x[index]),
          box.y + view.frame.y_scale.compute(y[index])];
}"""

A_CARD = """
const { getParameter } = WebGLRenderingContext.prototype;
const names = [WebGLRenderingContext.RENDERER, 0x9246];
WebGLRenderingContext.prototype.getParameter = function (name) {
  return names.includes(name) ? "a card" : getParameter.call(this, name);
};
"""
NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, img")]
  .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.alt || one.labels?.length))
  .map((one) => one.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def browser():
    """A browser; without one the tests are skipped, but not in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if find_spec("playwright") is None or path is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("needs pip install playwright, and apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


def write_page(path, results, load, **options):
    pieces, _ = render_report(results, load, **options)
    path.write_text("".join(pieces), encoding="utf-8", newline="\n")


@pytest.fixture(scope="module")
def report(tmp_path_factory, make_results, load):
    pytest.importorskip("bokeh")
    results = make_results(ranking=True)
    results = replace(results, audit=results.sources["source_id"][AUDITED].tolist())
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_page(path, results, load, panel_names=["F090W", "F115W", "F150W"])
    by_rank = np.argsort(results.column("inspection_rank"))
    wanted = results.flagged & (results.label < 0)
    return SimpleNamespace(
        path=path,
        ids=results.sources["source_id"].to_numpy(),
        label=results.label,
        probability=results.column("inspection_probability"),
        suggested=sorted([9, 30], key=lambda row: results.column("inspect_next")[row]),
        queue=[int(row) for row in by_rank if wanted[row]],
    )


class Visitor:
    """Someone with a browser of their own, who hears whatever pages say or fetch."""

    def __init__(self, browser):
        self.context = browser.new_context(viewport=WINDOW, accept_downloads=True)
        self.context.set_default_timeout(10_000)
        self.errors, self.requests = [], []

    def visit(self, path, ready=TABLES):
        page = self.context.new_page()
        page.on("console", self.listen)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(ready)
        page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
        return page

    def listen(self, message):
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture
def visitor(browser):
    """Someone who has not seen the page."""
    visitor = Visitor(browser)
    yield visitor
    visitor.context.close()
    assert visitor.errors == []


@pytest.fixture(scope="module")
def opened(browser, report):
    visitor = Visitor(browser)
    yield SimpleNamespace(page=visitor.visit(report.path, READY), visitor=visitor)
    visitor.context.close()


@pytest.fixture
def page(opened):
    """The page with its plots drawn, which tests share, as a first visit shows it."""
    opened.page.set_viewport_size(WINDOW)
    opened.page.emulate_media(media="screen", color_scheme="light")
    opened.page.evaluate(RESET)
    yield opened.page
    assert opened.visitor.errors == []


def show_embedding(page):
    page.evaluate("document.getElementById('embedding-section').scrollIntoView()")
    page.wait_for_timeout(150)


def drag_around(page, inside, tool):
    """Draw a lasso or a box around the sources of some columns and rows of the grid."""
    show_embedding(page)
    page.click(f'[data-drag="{tool}"]')
    corners = [page.evaluate(POSITION, row) for row in inside]
    x, y = [corner[0] for corner in corners], [corner[1] for corner in corners]
    left, right, top, bottom = min(x) - 14, max(x) + 14, min(y) - 14, max(y) + 14
    path = [(left, top), (right, bottom)]
    if tool == "lasso":
        path = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    page.mouse.move(*path[0])
    page.mouse.down()
    for point in path[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()
    page.wait_for_selector("#selection:not([hidden])")


def downloaded(page, button, path):
    with page.expect_download() as waiting:
        page.click(button)
    waiting.value.save_as(path)
    return waiting.value.suggested_filename


def shown_row(page):
    return page.evaluate("judgeRow()")


def test_it_opens_from_disk_and_fetches_nothing(page, opened):
    visitor = opened.visitor
    outside = [url for url in visitor.requests if not url.startswith(("data:", "blob:"))]
    assert len(outside) == 1
    assert outside[0].startswith("file:")
    refused = page.evaluate("fetch('https://example.invalid/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    # The browser reports what the policy refused.
    visitor.errors.clear()
    assert page.evaluate("document.title") == "out · spurclust report"


def test_hostile_text_is_text(page, report, hostile):
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("({}).kind") is None
    assert page.locator("script").count() == 6
    shown = page.locator("#known-cards .card b").all_inner_texts()
    spurious = [row for row in range(40) if report.label[row] == 1]
    assert {report.ids[row] for row in spurious} >= {hostile["ids"][1], hostile["ids"][2]}
    assert sorted(shown) == sorted(" ".join(report.ids[row].split()) for row in spurious)
    assert page.locator("#known-cards img[src=x]").count() == 0
    assert hostile["reason"] in page.inner_text("#known-cards")
    assert hostile["reason"] in page.inner_text("#work, #components")
    assert "{{ 7 * 7 }} ${hacked} `" in page.evaluate("data.ids")
    page.select_option("#color-by", "reason")
    assert hostile["reason"] in page.inner_text("#legend")


def test_pointing_shows_the_cutout_and_what_is_known(page, report):
    show_embedding(page)
    row = 20
    x, y = page.evaluate(POSITION, row)
    page.mouse.move(x - 25, y - 25)
    page.mouse.move(x, y, steps=3)
    page.wait_for_selector("#hover:not([hidden])")
    assert page.evaluate("Number(find('hover').dataset.row)") == row
    picture = page.locator("#hover img").first
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [60, 20]
    text = page.inner_text("#hover")
    for part in (report.ids[row], "label reliable", "component 1", "probability", "of 40"):
        assert part in text
    page.mouse.move(5, 5)
    page.wait_for_selector("#hover", state="hidden")


def test_the_lasso_selects_what_it_surrounds(page, report, tmp_path):
    inside = [10, 11, 12, 18, 19, 20]
    drag_around(page, inside, "lasso")
    assert sorted(page.evaluate("selectedRows()")) == inside
    title = page.inner_text("#selection-title")
    assert title.startswith("6 sources selected: 1 spurious, 3 reliable, 2 uninspected")
    assert downloaded(page, "#selection-download", tmp_path / "s.csv") == "selection.csv"
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["Source_ID"] for row in rows} == {report.ids[row] for row in inside}
    page.click("#selection-judge")
    assert "(6)" in page.locator("#judge-queue option:checked").inner_text()


def test_what_the_legend_hides_cannot_be_selected(page, report):
    page.click("#legend li:nth-child(2) button")
    assert page.get_attribute("#legend li:nth-child(2) button", "aria-pressed") == "false"
    inside = [10, 11, 12, 18, 19, 20]
    drag_around(page, inside, "box")
    expected = [row for row in inside if report.label[row] != 0]
    assert sorted(page.evaluate("selectedRows()")) == expected
    page.click("#legend-hide")
    assert page.evaluate("selectedRows()") == []
    page.click("#legend-show")
    page.evaluate("selectRows([11])")
    assert page.evaluate("selectedRows()") == [11]
    page.click("#selection-clear")
    page.wait_for_selector("#selection", state="hidden")


def test_every_coloring_and_tool_works(page):
    for key in page.evaluate("data.colorings.map((way) => way.key)"):
        page.select_option("#color-by", key)
        counts = page.locator("#legend .count").all_inner_texts()
        assert sum(map(int, filter(None, counts))) == 40
    page.emulate_media(color_scheme="dark")
    before = page.evaluate("embedding.plot.x_range.end - embedding.plot.x_range.start")
    page.click('[data-zoom="0.7"]')
    after = page.evaluate("embedding.plot.x_range.end - embedding.plot.x_range.start")
    assert after == pytest.approx(0.7 * before)
    page.click('[data-zoom="reset"]')
    page.uncheck("#outlines")
    page.fill("#find-id", "1020")
    page.press("#find-id", "Enter")
    assert page.evaluate("selectedRows()") == [20]
    page.fill("#find-id", "no such")
    page.press("#find-id", "Enter")
    assert page.inner_text("#find-answer") == "no such id"
    page.click('[data-component="1"]')
    assert len(page.evaluate("selectedRows()")) == 20


def test_judging_with_keys_survives_a_reload_and_is_read_back(visitor, report, tmp_path):
    desk = visitor.visit(report.path)
    desk.click("#bar-judge")
    assert desk.locator("#judge-picture img").first.is_visible()
    seen = []
    for key in ("s", "r", "1", "u", "R", "2"):
        seen.append(shown_row(desk))
        desk.keyboard.press(key)
    assert seen == report.queue[:6]
    desk.keyboard.press("z")
    assert shown_row(desk) == seen[5]
    desk.keyboard.press("ArrowLeft")
    assert shown_row(desk) == seen[4]
    assert desk.inner_text("#judge-verdict") == "● reliable"
    desk.keyboard.press("s")
    desk.keyboard.press("ArrowRight")
    assert shown_row(desk) == report.queue[6]
    desk.reload()
    desk.wait_for_selector(TABLES)
    assert desk.inner_text("#bar-progress") == "4 judged, 1 unsure"
    desk.click("#bar-judge")
    assert shown_row(desk) == seen[5]
    assert desk.inner_text("#judge-count") == f"5 of {len(report.queue)} judged"
    desk.keyboard.press("z")
    assert shown_row(desk) == seen[4]
    assert desk.inner_text("#judge-verdict") == "● reliable"
    assert downloaded(desk, "#judge-download", tmp_path / "j.csv") == "judged.csv"
    table = read_labels(tmp_path / "j.csv").table[["source_id", "label", "reason"]]
    expected = {0: (1, ""), 1: (0, ""), 2: (1, "spike"), 4: (0, "")}
    assert {tuple(row) for row in table.to_numpy()} == {
        (report.ids[seen[number]], *verdict) for number, verdict in expected.items()
    }
    downloaded(desk, "#judge-unsure", tmp_path / "u.csv")
    with (tmp_path / "u.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["Source_ID"], [report.ids[seen[3]]]]


def test_hostile_ids_and_reasons_come_back_to_the_letter(page, report, hostile, tmp_path):
    rows = sorted(hostile["ids"])
    page.evaluate("(rows) => selectRows(rows)", rows)
    page.click("#selection-judge")
    page.fill("#judge-new-reason", 'a,"new" <b>\u2028 reason')
    page.press("#judge-new-reason", "Enter")
    n_reasons = page.locator("#judge-reasons button").count()
    assert n_reasons == 4
    for _ in rows:
        page.keyboard.press("4")
    assert page.inner_text("#judge-count") == "7 of 7 judged"
    assert "All of these are judged" in page.inner_text("#judge-picture")
    downloaded(page, "#judge-download", tmp_path / "j.csv")
    labels = read_labels(tmp_path / "j.csv").table
    assert set(labels["source_id"]) == set(hostile["ids"].values())
    assert set(labels["reason"]) == {'a,"new" <b>\u2028 reason'}


def test_the_expected_completeness_is_that_of_the_probabilities(page, report):
    page.click("#bar-judge")
    for key in "srs":
        page.keyboard.press(key)
    judged = report.queue[:3]
    rest = [row for row in range(40) if report.label[row] < 0 and row not in judged]
    remaining = report.probability[rest].sum()
    found = page.evaluate("expectation()")
    n_found = (report.label == 1).sum() + 2  # those of earlier rounds count
    assert found["found"] == n_found
    assert found["remaining"] == pytest.approx(remaining)
    assert found["completeness"] == pytest.approx(n_found / (n_found + remaining))
    assert found["inspections"] <= len(rest)
    assert "Expected completeness so far" in page.inner_text("#judge-expected")
    page.evaluate("data.expected_scale = 0.5")
    assert page.evaluate("expectation()")["remaining"] == pytest.approx(remaining / 2)
    page.evaluate("data.expected_scale = 1")


def test_another_verdict_on_a_label_counts_and_an_unsure_one_leaves_it(page, report):
    before = page.evaluate("expectation()")["found"]
    known, reliable = (int(np.flatnonzero(report.label == label)[0]) for label in (1, 0))
    page.evaluate(f"putVerdict({known}, {{ kind: 'unsure', reason: '' }})")
    assert page.evaluate("expectation()")["found"] == before
    page.evaluate(f"putVerdict({known}, {{ kind: 'reliable', reason: '' }})")
    assert page.evaluate("expectation()")["found"] == before - 1
    page.evaluate(f"putVerdict({reliable}, {{ kind: 'spurious', reason: 'spike' }})")
    assert page.evaluate("expectation()")["found"] == before
    page.evaluate(f"putVerdict({report.queue[0]}, {{ kind: 'spurious', reason: 'spike' }})")
    origins = {row[0]: row[3] for row in page.evaluate("judgedTable()")}
    assert origins[report.ids[report.queue[0]]] == "queue"
    assert origins[report.ids[known]] == origins[report.ids[reliable]] == ""


def test_keys_go_where_they_are_typed(page):
    page.click("#bar-judge")
    page.focus("#judge-new-reason")
    page.keyboard.type("surz")
    assert page.input_value("#judge-new-reason") == "surz"
    assert page.evaluate("verdicts.size") == 0
    page.focus("#judge-stage")
    page.keyboard.press("Control+r")
    page.keyboard.press("9")
    assert page.evaluate("verdicts.size") == 0
    page.keyboard.press("Escape")
    page.wait_for_selector("#judge", state="hidden")
    page.keyboard.press("s")
    assert page.evaluate("verdicts.size") == 0


def test_a_mouse_does_what_keys_do_and_keys_go_on_after_it(page, report):
    page.click("#bar-judge")
    n_queue = len(report.queue)
    for _ in range(n_queue - 2):
        page.click('[data-verdict="reliable"]')
    page.click("#judge-reasons button:first-child")
    page.click('[data-verdict="unsure"]')
    assert page.inner_text("#judge-count") == f"{n_queue} of {n_queue} judged"
    assert page.locator('[data-verdict="unsure"]').is_disabled()
    page.keyboard.press("z")
    assert shown_row(page) == report.queue[-1]
    page.click("#judge-undo")
    page.click("#judge-back")
    assert page.inner_text("#judge-verdict") == "● reliable"
    page.click("#judge-skip")
    assert shown_row(page) == report.queue[-2]


def test_the_suggestions_of_the_run_are_offered_in_their_order(page, report):
    page.select_option("#next-which", "mixed")
    shown = page.locator("#next-cards .card").evaluate_all(
        "all => all.map((one) => one.dataset.row)"
    )
    assert [int(row) for row in shown] == report.suggested
    page.click("#next-judge")
    assert shown_row(page) == report.suggested[0]


def test_labels_that_look_wrong_are_two_lists_in_order(page, report):
    wrong = np.where(report.label == 1, 1 - report.probability, report.probability)
    for key, label in {"doubtful": 0, "unlikely": 1}.items():
        expected = sorted(np.flatnonzero(report.label == label), key=lambda row: -wrong[row])
        cards = page.locator(f"#{key}-cards .card")
        shown = [int(card.get_attribute("data-row")) for card in cards.all()]
        assert shown == expected[:12]
        percent = 100 * wrong[shown[0]]
        assert f"wrong: {percent:.1f} %" in cards.first.inner_text()
        n_wrong = (wrong[expected] > 0.5).sum()
        assert page.inner_text(f"#{key}-count").startswith(f"{n_wrong} of {len(expected)} ")
        page.click(f"#{key}-judge")
        assert page.evaluate("judge.queue") == expected
        page.keyboard.press("Escape")


def test_similar_sources_of_any_card_can_be_judged(page, report):
    card = page.locator("#next-cards .card").first
    row = int(card.get_attribute("data-row"))
    card.locator("button.link").click()
    assert page.inner_text("#similar-title") == f"Most similar to {report.ids[row]}"

    def shown():
        cards = page.locator("#similar-cards .card").all()
        return [int(card.get_attribute("data-row")) for card in cards]

    assert shown() == [(row + step) % 40 for step in range(4)]
    other = shown()[2]
    page.click(f'#similar-cards [data-row="{other}"] button.link')
    assert shown() == [(other + step) % 40 for step in range(4)]
    page.keyboard.press("s")
    assert page.evaluate("verdicts.size") == 0
    page.click(f'#similar-cards [data-row="{other}"] > button')
    assert page.locator("#similar").is_hidden()
    assert shown_row(page) == other
    page.keyboard.press("s")
    page.keyboard.press("m")
    page.wait_for_selector("#similar[open]")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    assert page.locator("#similar").is_hidden()
    assert page.locator("#judge").is_visible()
    assert page.evaluate("[...verdicts.keys()]") == [other]


def test_the_sample_of_an_audit_is_a_queue_with_a_command(page, visitor, report):
    page.select_option("#next-which", "audit")
    page.click("#next-judge")
    assert page.evaluate("judge.queue") == AUDITED
    page.click("#judge summary")
    command = "spurclust audit out --labels judged.csv"
    assert page.inner_text("#judge-audit") == command
    for answer in ("Promise.resolve(window.copied = text)", "Promise.reject(Error('no'))"):
        page.evaluate(f"() => {{ navigator.clipboard.writeText = (text) => {answer}; }}")
        page.click('[data-copy="judge-audit"]')
        page.wait_for_function("find('judge-copied').textContent !== ''")
    assert page.evaluate("window.copied") == command
    page.wait_for_function("find('judge-copied').textContent.startsWith('Selected')")
    assert page.evaluate("window.getSelection().toString()") == command


def test_beside_a_cutout_are_the_sky_and_the_most_similar(page, report):
    page.click("#bar-judge")
    captions = page.locator("#judge-nearest figcaption").all_inner_texts()
    assert captions == ["1010 edge data", "__proto__ spike"]
    assert page.evaluate("[0, 1].map((row) => data.nearest[row])") == [[], [10]]
    link = page.locator("#judge-about a")
    assert link.get_attribute("href") == f"https://sky.example/?target={shown_row(page)}"
    assert link.get_attribute("rel") == "noopener noreferrer"
    # Neither a source without a position nor a script instead of a link.
    assert page.evaluate("[0, 1].flatMap(skyLinkOf).length") == 0
    assert page.locator("#known-cards .card a.sky").count() == int((report.label == 1).sum()) - 1


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_panels_are_enlarged_by_whole_numbers_and_named(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.click("#bar-judge")
    page.wait_for_function("find('judge-picture').querySelector('.picture').style.length > 0")
    assert page.locator("#judge-picture .filter").all_inner_texts() == ["F090W", "F115W", "F150W"]
    sizes = page.locator("#judge-picture .window, #judge-nearest .window").evaluate_all(
        "windows => windows.flatMap((one) => [one.clientWidth, one.clientHeight])"
    )
    assert all(size % 20 == 0 for size in sizes)  # a panel has 20 x 20 pixels
    assert min(sizes[:6]) >= 100
    # As large as fits for every source, not only when the window has changed.
    fitted = "document.querySelector('#judge-picture .picture').style.gridTemplateColumns"
    for key in "rsru":
        page.keyboard.press(key)
        page.wait_for_timeout(50)
        assert page.evaluate(fitted) == page.evaluate(f"() => {{ fitJudge(); return {fitted}; }}")
    room = """() => {
      find("judge-nearest").append(make("p", { style: "flex: none; width: 3000px" }));
      return find("judge-picture").clientWidth;
    }"""
    assert page.evaluate(room) <= width


def test_a_graphics_card_draws_where_there_is_one(visitor, report):
    visitor.context.add_init_script(A_CARD)
    assert visitor.visit(report.path, READY).evaluate("embedding.plot.output_backend") == "webgl"


def test_two_results_do_not_mix(visitor, report, tmp_path, make_results, load):
    def change(sources, *_):
        sources.loc[0, "tsne_x"] = 0.5

    write_page(tmp_path / "other.html", make_results(ranking=True, change=change), load)
    first, second = visitor.visit(report.path), visitor.visit(tmp_path / "other.html")
    first.click("#bar-judge")
    first.keyboard.press("s")
    second.reload()
    second.wait_for_selector(TABLES)
    assert second.evaluate("verdicts.size") == 0
    # The same result in two windows is one.
    again = visitor.visit(report.path)
    again.click("#bar-judge")
    again.keyboard.press("r")
    first.wait_for_function("verdicts.size === 2")


@pytest.mark.parametrize("broken", ["setItem", "getItem"])
def test_a_browser_that_keeps_nothing_is_told(visitor, report, broken):
    visitor.context.add_init_script(
        f"Storage.prototype.{broken} = () => {{ throw new DOMException('no', 'SecurityError'); }}"
    )
    page = visitor.visit(report.path)
    assert "download the labels before you close" in page.inner_text("#storage-notice")
    page.click("#bar-judge")
    page.keyboard.press("s")
    assert page.evaluate("judgedTable().length") == 2
    assert "keeps nothing" in page.inner_text("#judge-notice")


def test_what_was_kept_may_be_damaged(page):
    for text in ("{", "[]", "null", '{"verdicts": [[1], null, ["1020", "x", ""]], "history": [7]}'):
        page.evaluate("(text) => localStorage.setItem(STORE, text)", text)
        page.evaluate("readVerdicts()")
        assert page.evaluate("[verdicts.size, undoable.length]") == [0, 0]
        assert page.evaluate("storageWorks")


def test_forgetting_asks_first(page):
    page.click("#bar-judge")
    page.keyboard.press("s")
    page.click("#judge summary")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#judge-forget")
    assert page.evaluate("verdicts.size") == 1
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#judge-forget")
    assert page.evaluate("verdicts.size") == 0
    assert page.locator("#judge-download").is_disabled()


def test_everything_has_a_name_and_the_keyboard_reaches_it(visitor, report):
    page = visitor.visit(report.path, READY)
    assert page.evaluate(NAMELESS) == []
    focused = "document.activeElement.id || document.activeElement.textContent"
    reached = [page.keyboard.press("Tab") or page.evaluate(focused) for _ in range(15)]
    assert reached[0] == "Skip to the content"
    assert {"bar-judge", "Move", "Box", "Lasso", "Whole", "outlines"} <= set(reached)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("width", [390, 1280, 2560])
def test_nothing_sticks_out(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints_light_and_in_one_column(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(100)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.set_viewport_size({"width": 700, "height": 900})
    page.emulate_media(media="print", color_scheme=scheme)
    for part in (".bar", ".tools", "#next-judge", "#embedding > :not(.printed)"):
        assert not page.locator(part).first.is_visible()
    inks = """['--ink', '--page', '--accent'].map(
      (name) => getComputedStyle(document.body).getPropertyValue(name))"""
    assert page.evaluate(inks) == ["#000", "#fff", "#0a5c99"]
    inverted = page.locator(".printed").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).filter != 'none')"
    )
    assert inverted == 2 * [scheme == "dark"]
    boxes = [page.locator(name).bounding_box() for name in ("#embedding", "#components", "#work")]
    assert all(one["y"] + one["height"] <= next["y"] for one, next in pairwise(boxes))
    assert page.locator("#known-cards .card").count() == 6
    assert len(page.pdf(format="A4")) > 10_000


def test_the_known_can_be_chosen_by_reason(page):
    page.check("#known-missed")
    assert page.locator("#known-cards .card").count() == 2
    page.uncheck("#known-missed")
    page.select_option("#known-reason", label="spike (3)")
    assert page.locator("#known-cards .card").count() == 3
    page.select_option("#next-which", "known")
    page.click("#next-cards .card:first-of-type button")
    assert page.locator("#judge").get_attribute("open") is not None


HOSTILE = "</script><script>window.hacked=5</script>"


def add_columns(sources, components, summary):
    numbers = np.arange(len(sources))
    sources["mag"] = np.where(numbers == 3, np.nan, 20 + numbers / 4)
    sources[HOSTILE] = np.where(numbers % 2, "N", np.where(numbers == 0, HOSTILE, "NE"))
    sources["name"] = [f"g{number}" for number in numbers]
    sources["ra"], sources["dec"] = 150 + numbers / 3, np.where(numbers == 2, np.nan, -numbers)
    sources["survey_id"] = 10**15 + numbers


@pytest.fixture
def filtered(visitor, tmp_path, make_results, load):
    """The page of a run with other columns, such as magnitudes."""
    results = make_results(ranking=True, change=add_columns)
    path = tmp_path / "report.html"
    write_page(path, results, load)
    return visitor.visit(path, READY)


def shown_rows(page):
    script = """() => [...embedding.shown.values()].flatMap((filter) => [...filter.indices])
      .map((index) => embedding.source.data.row[index]).sort((a, b) => a - b)"""
    return page.evaluate(script)


def test_other_columns_are_shown_colored_by_and_filtered_by(filtered):
    page = filtered
    facts = page.evaluate("factsOf(0)")[-4:]
    assert facts[:3] == [["mag", "20"], [HOSTILE, HOSTILE], ["name", "g0"]]
    assert ["mag", "20.75"] not in page.evaluate("factsOf(3)")
    titles = page.locator("#color-by option").all_inner_texts()
    assert titles[-3:-1] == ["mag", HOSTILE]
    page.select_option("#color-by", label=HOSTILE)
    assert page.locator("#legend li:visible").all_inner_texts()[0].split() == [
        *HOSTILE.split(),
        "1",
    ]
    assert page.evaluate("window.hacked") is None
    # Numbers, from and to, both ends included; a source without one is not among them.
    page.fill("#filter-low", "20.5")
    page.fill("#filter-high", "21")
    assert shown_rows(page) == [2, 4]
    assert "2 of 40 sources shown, by mag" in page.inner_text("#filter-count")
    # Another column narrows it further; a text that is a whole cell means that cell.
    page.select_option("#filter-by", label=HOSTILE)
    page.fill("#filter-text", "ne")
    assert shown_rows(page) == [2, 4]
    page.fill("#filter-text", "n")
    assert shown_rows(page) == []
    assert page.inner_text("#next-cards") == "None."
    page.click("#filter-clear")
    assert len(shown_rows(page)) == 40
    page.fill("#filter-text", "n")
    assert shown_rows(page) == list(range(1, 40, 2))
    assert page.evaluate("queues.get('uninspected').members.every((row) => row % 2 === 1)")


def test_a_selection_has_the_positions_and_the_other_columns(filtered, tmp_path):
    filtered.evaluate("selectRows([0, 2, 3])")
    downloaded(filtered, "#selection-download", tmp_path / "s.csv")
    found = pd.read_csv(tmp_path / "s.csv", keep_default_na=False).sort_values("name")
    columns = ["ra", "dec", "mag", HOSTILE, "name", "survey_id"]
    assert found.columns[-6:].tolist() == columns
    assert found[columns].astype(str).to_numpy().tolist() == [
        ["150.0", "0", "20", HOSTILE, "g0", str(10**15)],
        ["150.666667", "", "20.5", "NE", "g2", str(10**15 + 2)],
        ["151.0", "-3", "", "N", "g3", str(10**15 + 3)],
    ]


def test_a_page_without_other_columns_has_no_filters(page):
    assert page.locator("#filter-by").count() == 0
