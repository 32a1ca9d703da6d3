"""The pictures of the page "From nothing to a clean catalogue": a survey, partly inspected."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from report_screenshots import SIZES, save

from spurclust.catalog import read_labels

N_INSPECTIONS = 80
UNTIL_NEXT = """async (row) => {
  while (inspecting.busy || currentItem().row === row) {
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}"""


@contextmanager
def served(folder: str) -> Iterator[str]:
    """Serve an inspection of a folder; yield the link."""
    with tempfile.TemporaryDirectory() as parent:
        command = [sys.executable, "-m", "spurclust", "inspect", folder, "--no-browser"]
        command += ["--out", str(Path(parent) / "survey")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield next(
                re.findall(r"http://\S+", line)[0] for line in process.stdout if "http" in line
            )
            process.terminate()


def judge(page: Page, labels: str) -> None:
    """Judge by keys, by labels that are known, at the pace of a quick person."""
    table = read_labels(labels).table
    reason_of = dict(zip(table["source_id"], table["reason"], strict=True))
    for _ in range(N_INSPECTIONS):
        item = page.evaluate("currentItem()")
        reasons = page.evaluate("allReasons()")
        reason = reason_of[item["id"]]
        page.keyboard.press(str(reasons.index(reason) + 1) if reason else "r")
        page.evaluate(UNTIL_NEXT, item["row"])
        page.wait_for_timeout(400)
    while not page.evaluate("points.codes !== null"):
        page.wait_for_timeout(500)
    page.wait_for_timeout(3000)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="cutouts, say of `spurclust simulate survey`")
    parser.add_argument("labels")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "images")
    args = parser.parse_args()
    with served(args.folder) as link, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZES["usual"], color_scheme="light")
        page.goto(link)
        page.wait_for_selector('body[data-ready="all"]')
        judge(page, args.labels)
        save(page, args.images / "inspection-judge.png")
        page.evaluate("find('standing').scrollTop = find('standing').scrollHeight")
        save(page, args.images / "inspection-embedding.png")
        page.emulate_media(color_scheme="dark")
        page.keyboard.press("g")
        page.wait_for_timeout(1500)
        save(page, args.images / "inspection-grid.png")
        browser.close()


if __name__ == "__main__":
    main()
