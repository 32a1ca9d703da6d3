"""The page of a live inspection in a real browser, as inspectors use it."""

import os
import shutil
from functools import partial
from importlib.util import find_spec

import pytest

from spurclust.catalog import read_labels

READY = 'body[data-ready="all"]'
N_SPURIOUS = 12
HOSTILE = '<img src=x onerror="document.title=1">'
NAMELESS = """() => [...document.querySelectorAll("button, a, input, select, img")]
  .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.alt || one.labels?.length))
  .map((one) => one.outerHTML.slice(0, 100))"""
WIDER = "document.documentElement.scrollWidth > window.innerWidth"
UNTIL = """async () => {
  const end = Date.now() + 20000;
  while (!(%s)) {
    if (Date.now() > end) throw new Error("this has taken too long");
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
}"""
SIZES = [(390, 844), (1280, 800), (2560, 1440)]


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


class Inspector:
    """Someone with a browser of their own, who hears whatever the page says or fetches."""

    def __init__(self, browser, served, name="anna", size=(1280, 800)):
        viewport = dict(zip(("width", "height"), size, strict=True))
        self.context = browser.new_context(viewport=viewport, accept_downloads=True)
        self.context.set_default_timeout(20_000)
        self.served, self.name = served, name
        self.errors, self.requests = [], []
        self.page = self.context.new_page()
        self.page.on("console", self.listen)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(served.link(name))
        self.page.wait_for_selector(READY)

    def listen(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def until(self, expression):
        """Wait for something; the page's policy lets nobody evaluate text within the page."""
        self.page.evaluate(UNTIL % expression)

    def shown(self):
        """The index of the source that is shown."""
        return self.page.evaluate("currentItem()?.row ?? null")

    def press(self, key):
        """Press a key, and wait until the source is another."""
        self.until("!inspecting.busy")
        row = self.shown()
        self.page.keyboard.press(key)
        self.until(f"!inspecting.busy && currentItem()?.row !== {row}")
        return row

    def judge(self, n=1):
        """Judge sources by what they are."""
        return [self.press("1" if self.shown() < N_SPURIOUS else "r") for _ in range(n)]

    def text(self, selector):
        return self.page.text_content(selector)


@pytest.fixture
def visit(browser):
    """Return a function that visits the page; all that it says or fetches is checked."""
    opened = []

    def open_page(served, name="anna", **options):
        opened.append(Inspector(browser, served, name, **options))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()
        assert one.errors == []
        assert {url.split("/")[2] for url in one.requests} == {f"127.0.0.1:{one.served.port}"}


def labels_of(visitor, tmp_path, suffix="csv"):
    """The labels as they are exported by the button."""
    visitor.page.click("#export summary")
    with visitor.page.expect_download() as download:
        visitor.page.click(f'#export a[href$="labels.{suffix}"]')
    path = tmp_path / f"exported.{suffix}"
    download.value.save_as(path)
    visitor.page.click("#export summary")
    return read_labels(path).table.set_index("source_id")["label"]


def test_forty_verdicts_by_keys_are_exported(served, visit, tmp_path):
    anna = visit(served)
    rows = anna.judge(40)
    labels = labels_of(anna, tmp_path)
    assert sorted(labels.index, key=int) == [str(row) for row in sorted(rows)]
    assert (labels == [int(int(name) < N_SPURIOUS) for name in labels.index]).all()
    anna.until("standing?.n_inspected === 40")
    assert "40 of 60 inspected" in anna.text("#count")
    assert anna.page.locator("#curve polyline").count() == 1
    anna.until("find('nearest').querySelector('.cutout img')")
    assert anna.page.evaluate(NAMELESS) == []


def test_two_disagree_and_a_third_decides(serve, visit, tmp_path):
    served = serve(names=["anna", "ben", "carl"], opinions=2, adjudicators=["carl"])
    anna, ben = visit(served), visit(served, "ben")
    row = anna.press("s")
    for _ in range(20):
        if ben.shown() == row:
            break
        ben.press("r")
    assert "second opinion" in ben.text("#why")
    assert ben.text("#opinions") == ""
    ben.press("r")
    carl = visit(served, "carl")
    assert carl.shown() == row
    assert "disagree" in carl.text("#why")
    assert "anna" in carl.text("#opinions")
    carl.until("find('team').textContent.includes('You are shown these first')")
    assert f"{row} anna ▲ spurious, ben ● reliable" in carl.text("#team")
    assert "not known yet" in carl.text("#team")
    ben.until("find('team').textContent.includes('Decided by carl')")
    assert "anna ▲" not in ben.text("#team")
    carl.press("s")
    assert labels_of(carl, tmp_path)[str(row)] == 1


def test_undo_and_a_note(served, visit):
    anna = visit(served)
    row = anna.shown()
    anna.page.keyboard.press("n")
    anna.page.keyboard.type("srz")
    anna.page.keyboard.press("Enter")
    assert anna.shown() == row
    anna.press("u")
    assert served.inspection.verdicts()["Note"].tolist() == ["srz"]
    assert anna.page.input_value("#note") == ""
    anna.press("z")
    assert anna.shown() == row
    assert served.inspection.progress().n_inspected == 0


def test_nothing_is_lost_when_the_server_starts_anew(served, visit):
    anna = visit(served)
    anna.judge(3)
    row = anna.shown()
    anna.page.fill("#note", "kept")
    served.stop()
    anna.page.locator("#stage").focus()
    anna.page.keyboard.press("s")
    anna.until("find('notice').textContent.includes('does not answer')")
    assert anna.shown() == row
    anna.errors.clear()  # the browser says that it cannot connect
    served.start()
    anna.until(f"!inspecting.busy && currentItem().row !== {row}")
    anna.until(f"connection.run === '{served.site.run}'")
    assert anna.text("#notice") == ""
    found = served.inspection.verdicts()
    assert len(found) == 4
    assert found.iloc[-1][["Source_ID", "Verdict", "Note"]].tolist() == [
        str(row),
        "spurious",
        "kept",
    ]
    anna.judge(2)
    anna.errors[:] = [one for one in anna.errors if "ERR_CONNECTION" not in one]


def test_a_late_answer_brings_no_judged_source_back(served, visit):
    anna = visit(served)
    held = []
    anna.page.route("**/api/next*", lambda route: held.append((route, route.fetch())))
    served.stop()
    served.start()
    anna.until(f"connection.run === '{served.site.run}'")
    anna.page.keyboard.press("s")
    anna.page.wait_for_timeout(500)
    for route, answer in held:
        route.fulfill(response=answer)
    anna.until("!inspecting.busy")
    anna.page.wait_for_timeout(500)
    assert str(anna.shown()) not in served.inspection.verdicts()["Source_ID"].tolist()
    anna.judge(2)
    anna.errors[:] = [one for one in anna.errors if "ERR_CONNECTION" not in one]


def test_many_are_judged_in_the_grid_by_keys(served, visit):
    anna = visit(served)
    anna.page.keyboard.press("g")
    anna.until("inspecting.items.length === 24")
    rows = anna.page.evaluate("inspecting.items.map((item) => item.row)")
    for key in " ", "ArrowRight", "ArrowRight", " ", "s":
        anna.page.keyboard.press(key)
    anna.until(f"!inspecting.items.some((item) => item.row === {rows[2]})")
    found = served.inspection.verdicts()
    assert found["Source_ID"].astype(int).tolist() == [rows[0], rows[2]]
    for key in "a", "r":
        anna.page.keyboard.press(key)
    anna.until(f"!inspecting.items.some((item) => item.row === {rows[1]})")
    assert served.inspection.progress().n_reliable == 24
    anna.page.keyboard.press("Escape")
    anna.until("!isGrid() && inspecting.items.length === AHEAD")


INKED = """(() => {
  const { width, height } = find("points");
  const pixels = find("points").getContext("2d").getImageData(0, 0, width, height).data;
  return pixels.filter((_, index) => index % 4 === 3).some((alpha) => alpha > 0);
})()"""


def test_the_embedding_is_drawn_and_follows_the_verdicts(served, visit):
    served.site.points()
    served.site.embedding.work.future.result(300)
    anna = visit(served)
    anna.until("points.codes !== null")
    assert anna.page.is_visible("#points")
    assert anna.page.evaluate(INKED)
    row = anna.press("s")
    anna.until(f"points.codes[{row}] === CODES.spurious")
    anna.page.set_viewport_size({"width": 500, "height": 800})
    assert anna.page.evaluate(INKED)


def test_a_button_makes_the_folder_of_results(serve, visit, tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    (made / "summary.json").write_text('{"labels": {"n_inspected": 2}}', encoding="utf-8")
    (made / "report.html").write_text("<p>found</p>", encoding="utf-8")
    served = serve(site={"make_results": partial(shutil.copytree, made)})
    anna = visit(served)
    anna.page.click("#export-title")
    anna.page.click("#make-results")
    anna.until("find('notice').textContent.includes('one spurious and one reliable')")
    anna.errors.clear()  # the browser says that it was refused
    anna.page.keyboard.press("s")
    anna.until("!inspecting.busy && find('last').textContent.includes('spurious')")
    anna.press("r")
    anna.page.click("#make-results")
    anna.until("find('results-state').textContent.includes('Ready, of 2 inspections')")
    assert str(served.folder / "results") in anna.text("#results-state")
    assert anna.text("#export-title") == "Export: results are ready"
    with anna.page.expect_download() as download:
        anna.page.click("#results-state a")
    assert download.value.path().read_text(encoding="utf-8") == "<p>found</p>"


def test_the_stretch_is_remembered(served, visit):
    anna = visit(served)
    anna.page.keyboard.press("t")
    anna.page.keyboard.press("t")
    anna.page.keyboard.press("]")
    anna.page.reload()
    anna.page.wait_for_selector(READY)
    assert anna.page.input_value("#stretch") == "asinh"
    anna.page.wait_for_selector('#picture img[src*="stretch=asinh&contrast=2"]')


def test_ids_reasons_and_notes_are_text(serve, visit, tmp_path):
    ids = [f"{HOSTILE}{k}" for k in range(60)]
    served = serve(source_ids=ids, names=[HOSTILE, "ben"])
    anna = visit(served, HOSTILE)
    anna.page.fill("#new-reason", HOSTILE)
    anna.page.keyboard.press("Enter")
    anna.page.fill("#note", HOSTILE)
    anna.page.keyboard.press("Enter")
    row = anna.press("4")
    assert anna.text("#last").endswith(f"spurious: {HOSTILE} · {ids[row]}")
    assert anna.text("#source-id").startswith(HOSTILE)
    assert anna.page.locator('img[src="x"]').count() == 0
    assert anna.page.title() == "survey: inspection"
    assert labels_of(anna, tmp_path, "xlsx").index.tolist() == [ids[row]]


@pytest.mark.parametrize("size", SIZES)
def test_it_fits_any_window(served, visit, size):
    anna = visit(served, size=size)
    anna.page.wait_for_selector("#picture .one-panel img")
    assert not anna.page.evaluate(WIDER)
    width = anna.page.evaluate("document.querySelector('#picture .one-panel').clientWidth")
    assert width % 9 == 0
    anna.page.click("#toggle-grid")
    anna.page.wait_for_selector("#grid .one-panel img")
    assert not anna.page.evaluate(WIDER)


def test_everything_judged_is_said(served, visit):
    anna = visit(served)
    for row in range(60):
        served.inspection.record(str(row), "reliable", inspector="anna")
    anna.page.evaluate("refreshItems()")
    anna.until("find('picture').textContent.includes('Nothing is left')")
    assert anna.page.is_disabled('[data-verdict="spurious"]')
