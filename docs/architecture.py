"""The picture of the page "Architecture": the rooms of the package, and the way of the data."""

import argparse
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
WAY = ["cutouts", "features", "embedding", "region", "Analysis", "files"]
MEANINGS = {
    "cli": "one module a command: parse, call, print",
    "scale": "any number of sources, on dask",
    "inspection": "from no label to a survey's labels",
    "analysis": "the whole workflow, in memory",
    "report": "the page to look at and to judge in",
    "plots": "matplotlib displays",
    "catalog": "tables and models, in and out",
    "cutouts": "files, stores, mosaics",
    "simulate": "a survey with known defects",
    "judging": "verdicts, stored and counted",
    "tuning": "settings on held-out labels",
    "ranking": "order of inspection, explanation",
    "reference": "a part to fit on",
    "detector": "the estimator: steps, mixture, region",
    "steps": "the steps up to the embedding",
    "region": "the region rule",
    "novelty": "how unlike the fitted",
    "embedding": "numbers to points, and their components",
    "features": "cutouts to numbers",
    "metrics": "completeness, bounds, scorers",
}
WIDTH, MARGIN, ROW, GAP, TOP = 1080, 24, 56, 8, 150
STYLE = """
rect { fill: #f3f6fa; stroke: #5b7690; rx: 6px; }
.way rect { fill: #fff3d6; stroke: #b07d12; }
text { font-family: system-ui, sans-serif; text-anchor: middle; fill: #1b2733; }
.name { font-size: 16px; font-weight: 600; }
.meaning { font-size: 12px; fill: #41525f; }
.title { font-size: 14px; text-anchor: start; fill: #41525f; }
line { stroke: #b07d12; stroke-width: 2; marker-end: url(#arrow); }
"""


def read_layers() -> list[list[str]]:
    """Return the rooms of each layer, the uppermost first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    return [layer.replace("|", " ").replace(":", " ").split() for layer in layers]


def draw_box(left: float, top: float, width: float, name: str, meaning: str = "") -> str:
    """Return a box with a name, and what it is."""
    middle = left + width / 2
    below = f'<text class="meaning" x="{middle:g}" y="{top + 42:g}">{escape(meaning)}</text>'
    return (
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{ROW}"/>'
        f'<text class="name" x="{middle:g}" y="{top + (23 if meaning else 34):g}">'
        f"{escape(name)}</text>" + (below if meaning else "")
    )


def draw_row(names: list[str], top: float, gap: float = GAP) -> list[str]:
    """Return a row of boxes over the whole width."""
    width = (WIDTH - 2 * MARGIN - gap * (len(names) - 1)) / len(names)
    return [
        draw_box(MARGIN + k * (width + gap), top, width, name, MEANINGS.get(name, ""))
        for k, name in enumerate(names)
    ]


def draw_way(top: float, gap: float = 44) -> list[str]:
    """Return the way of the data: boxes with arrows from each to the next."""
    width = (WIDTH - 2 * MARGIN - gap * (len(WAY) - 1)) / len(WAY)
    ends = [MARGIN + k * (width + gap) for k in range(1, len(WAY))]
    boxes = [draw_box(MARGIN + k * (width + gap), top, width, name) for k, name in enumerate(WAY)]
    middle = top + ROW / 2
    arrows = [
        f'<line x1="{end - gap + 4:g}" y1="{middle:g}" x2="{end - 9:g}" y2="{middle:g}"/>'
        for end in ends
    ]
    return ['<g class="way">', *boxes, *arrows, "</g>"]


def draw_architecture() -> str:
    """Return the picture as SVG."""
    layers = read_layers()
    height = TOP + len(layers) * (ROW + GAP) + MARGIN
    tops = range(TOP, height, ROW + GAP)
    rows = [part for names, top in zip(layers, tops, strict=False) for part in draw_row(names, top)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
            f"<style>{STYLE}</style>",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="5" '
            'markerHeight="5" orient="auto"><path d="M0 0L8 4L0 8z" fill="#b07d12"/></marker>',
            "</defs>",
            f'<path d="M0 0H{WIDTH}V{height}H0z" fill="white"/>',
            f'<text class="title" x="{MARGIN}" y="28">The way of the data</text>',
            *draw_way(40),
            f'<text class="title" x="{MARGIN}" y="{TOP - 12}">'
            "The rooms: each imports from those below it</text>",
            *rows,
            "</svg>\n",
        ]
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "images")
    args = parser.parse_args()
    (args.images / "architecture.svg").write_text(draw_architecture(), encoding="utf-8")


if __name__ == "__main__":
    main()
