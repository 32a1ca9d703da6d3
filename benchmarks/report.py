"""How large a report is, how long it takes to write, to open and to zoom, by number of sources."""

import json
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import bench

SIZES = (2_000, 50_000)
MEGABYTES = {2_000: 25.0, 50_000: 60.0}
"""Most that a page of so many sources may have."""

FLAGGED, INSPECTED, SPURIOUS = 0.23, 0.5, 0.03
"""Shares of the sources, about those of the survey that the method was made for."""

N_COMPONENTS = 6
N_ZOOMS = 30
WHEEL_SECONDS = 0.05
FRAMES = """() => {
  const frames = { last: null, took: [] };
  const step = (now) => {
    if (frames.last !== null) frames.took.push(now - frames.last);
    frames.last = now;
    frames.next = requestAnimationFrame(step);
  };
  frames.next = requestAnimationFrame(step);
  window.frames_ = frames;
}"""


def write_run(folder: Path, cutouts: list[str], n_sources: int) -> None:
    """Write the tables of a run whose sources use the given cutouts over and over."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    component = rng.integers(0, N_COMPONENTS, n_sources)
    angle = 2 * np.pi * component / N_COMPONENTS
    points = 40 * np.column_stack([np.cos(angle), np.sin(angle)])
    points += rng.normal(0, 9, (n_sources, 2))
    flagged = rng.random(n_sources) < FLAGGED
    label = np.where(rng.random(n_sources) < SPURIOUS, 1.0, 0.0)
    label[rng.random(n_sources) >= INSPECTED] = np.nan
    reasons = np.array(["diffraction spike", "edge data", "close to another source"])
    probability = rng.beta(0.2, 6, n_sources)
    sources = pd.DataFrame(
        {
            "source_id": np.arange(10_000_000, 10_000_000 + n_sources),
            "path": [cutouts[number % len(cutouts)] for number in range(n_sources)],
            "label": label,
            "reason": np.where(label == 1, reasons[rng.integers(0, 3, n_sources)], ""),
            "tsne_x": points[:, 0],
            "tsne_y": points[:, 1],
            "component": component,
            "spurious_probability": np.where(flagged, 0.12, 0.004),
            "flagged": flagged,
            "inspection_probability": probability,
            "inspection_rank": (-probability).argsort().argsort() + 1,
        }
    )
    sources.to_csv(folder / "sources.csv", index=False)
    components = pd.DataFrame(
        {
            "component": range(N_COMPONENTS),
            "size": np.bincount(component),
            "n_inspected": 100,
            "n_spurious": 3,
            "fraction": 0.03,
            "fraction_low": 0.01,
            "fraction_high": 0.08,
            "in_region": np.arange(N_COMPONENTS) < 2,
        }
    )
    components.to_csv(folder / "components.csv", index=False)
    (folder / "summary.json").write_text(json.dumps({"written_by": "spurclust", "files": []}))


def look(path: Path) -> dict[str, Any]:
    """Open a page in a browser and zoom in it; without a browser nothing."""
    browser = shutil.which("chromium")
    if browser is None or find_spec("playwright") is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]")
        tables = time.perf_counter() - start
        page.wait_for_selector('body[data-ready="all"]', timeout=120_000)
        ready = time.perf_counter() - start
        frames = zoom(page)
        opened.close()
    return {"tables": tables, "ready": ready, "frames": frames}


def zoom(page: Any) -> list[float]:
    """Turn the wheel over the embedding; the times of the frames meanwhile, in ms, sorted."""
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'")
    page.evaluate("document.getElementById('map').scrollIntoView()")
    box = page.locator("#embedding").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(1000)
    page.evaluate(FRAMES)
    for number in range(N_ZOOMS):
        page.mouse.wheel(0, -60 if number < N_ZOOMS // 2 else 60)
        time.sleep(WHEEL_SECONDS)
    return sorted(page.evaluate("frames_.took"))


def measure_page(cutouts: list[str], n_sources: int) -> list[bench.Outcome]:
    """Write and open the page of so many sources."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_run(folder, cutouts, n_sources)
        done = bench.run_process([sys.executable, "-m", "spurclust", "report", name])
        megabytes = (folder / "report.html").stat().st_size / 1e6
        seen = look(folder / "report.html")
    what = f"report of {n_sources} sources"
    detail = f"written in {done}, peak memory {done.memory:.2f} GB"
    if n_sources in MEGABYTES:
        size = bench.at_most(f"{what}, size", megabytes, MEGABYTES[n_sources], " MB", detail)
    else:
        size = bench.for_information(f"{what}, size", f"{megabytes:.1f} MB", detail)
    if not seen:
        return [size]
    frames = seen["frames"]
    opened = f"{seen['tables']:.1f} s to the tables, {seen['ready']:.1f} s to the pictures"
    slow = f"one of ten takes longer than {frames[9 * len(frames) // 10]:.0f} ms"
    return [
        size,
        bench.for_information(f"{what}, opened", opened),
        bench.for_information(f"{what}, a frame while zooming", f"{median(frames):.0f} ms", slow),
    ]


def measure(folder: str, sizes: tuple[int, ...] = SIZES) -> list[bench.Outcome]:
    """Measure the pages of some numbers of sources, which use the cutouts over and over."""
    bench.require("bokeh", "jinja2")
    cutouts = [str(path) for path in sorted(Path(folder).resolve().glob("*.png"))]
    return [outcome for n in sizes for outcome in measure_page(cutouts, n)]


if __name__ == "__main__":
    bench.run_script(measure)
