"""The pictures of the page "The report": a survey, half of it inspected, as a browser shows it."""

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from spurclust.cli.main import main as spurclust

SEED = 12
MAX_BYTES = 300_000
SIZES = {"wide": {"width": 1600, "height": 1000}, "usual": {"width": 1280, "height": 800}}


def write_half(labels: str, path: Path) -> None:
    """Write a label table in which about half of the sources are not inspected."""
    table = pd.read_excel(labels, dtype=str, keep_default_na=False)
    blank = np.random.default_rng(SEED).random(len(table)) < 0.5
    table.loc[blank, ["Reliable_Source", "Reason"]] = ""
    table.to_csv(path, index=False)


def save(page: Page, path: Path) -> None:
    """Save what the page shows, in as many colors as fit into 300 kB."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, optimize=True)
    for colors in (256, 128, 64, 32):
        if path.stat().st_size <= MAX_BYTES:
            break
        # An octree keeps the few dots of a color of their own; the usual way drops them.
        few = picture.quantize(colors, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def scroll_to(page: Page, part: str) -> None:
    """Bring a part of the page to the top."""
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    page.evaluate("(part) => document.querySelector(part).scrollIntoView()", part)
    page.wait_for_timeout(400)


def point_at_spurious(page: Page) -> None:
    """Put the pointer on the known spurious source that is to be looked at first."""
    position = page.evaluate("""() => {
      const view = [...Bokeh.index.roots].find((root) => root.model.name === "embedding");
      const { x, y } = embedding.source.data;
      const box = view.el.getBoundingClientRect();
      const index = embedding.indexOf[queues.get("known").members[3]];
      return [box.x + view.frame.x_scale.compute(x[index]),
              box.y + view.frame.y_scale.compute(y[index])];
    }""")
    page.mouse.move(position[0] - 20, position[1])
    page.mouse.move(*position, steps=3)
    page.wait_for_selector("#hover:not([hidden])")


def open_page(browser: Any, report: Path, size: str, scheme: str) -> Page:
    """Open the report in a window of some size, light or dark."""
    page: Page = browser.new_page(viewport=SIZES[size], color_scheme=scheme)
    page.goto(report.as_uri())
    page.wait_for_selector('body[data-ready="all"]')
    page.wait_for_timeout(500)
    return page


def draw(browser: Any, report: Path, images: Path) -> None:
    """Make all pictures."""
    page = open_page(browser, report, "wide", "light")
    save(page, images / "report-top.png")
    scroll_to(page, "#embedding-section")
    point_at_spurious(page)
    save(page, images / "report-embedding.png")
    page = open_page(browser, report, "usual", "light")
    scroll_to(page, "#components")
    save(page, images / "report-components.png")
    scroll_to(page, "#known")
    save(page, images / "report-known.png")
    page = open_page(browser, report, "usual", "dark")
    page.click("#bar-judge")
    for key in "1rr2u":
        page.keyboard.press(key)
    page.wait_for_timeout(300)
    save(page, images / "report-judge.png")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="cutouts, say of `spurclust simulate survey`")
    parser.add_argument("labels")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "images")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        labels, results = Path(name) / "labels.csv", Path(name) / "survey"
        write_half(args.labels, labels)
        command = ["run", args.folder, "--labels", str(labels), "--out", str(results)]
        if spurclust([*command, "--tune", "--no-plots"]):
            raise SystemExit("the run failed, its message is above")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            draw(browser, results / "report.html", args.images)
            browser.close()


if __name__ == "__main__":
    main()
