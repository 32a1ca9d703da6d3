"""`spurclust report`: a folder of results as one page to look at and to judge in."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from spurclust.cli.progress import Stages, say
from spurclust.errors import import_optional

REPORT = "report.html"


def run_report(args: argparse.Namespace) -> None:
    """Write the page of a run.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust report`.
    """
    from spurclust.catalog.output import atomic_write
    from spurclust.errors import CatalogError

    check_report_extras()
    folder = Path(args.folder)
    own = args.out is None
    path = folder / REPORT if own else Path(args.out)
    results = read_run(folder, folder.resolve().name)
    if own and path.exists() and REPORT not in results.summary.get("files", []):
        raise CatalogError(
            f"{path} is not from an earlier report: move it away, or choose another file with --out"
        )
    stages = Stages()
    with atomic_write(path) as part, stages("report"):
        told = write_report(
            results,
            part,
            cutouts=args.cutouts,
            max_cutouts=args.max_cutouts,
            max_side=args.cutout_size,
            max_bytes=round(1e6 * args.max_size),
            n_jobs=args.jobs,
        )
    if own:
        _list_in_summary(folder)
    for sentence in told:
        say(sentence)
    say(f"The report is {path}: open it in a browser")


def read_run(folder: Path, name: str) -> Any:
    """Read the results of a run back from its folder."""
    from spurclust.catalog import read_results
    from spurclust.report import Results

    tables = read_results(folder)
    return Results(name, tables.sources, tables.components, tables.summary, tables.tuning)


def write_report(
    results: Any,
    path: Path,
    *,
    images: NDArray[Any] | None = None,
    cutouts: str | None = None,
    max_cutouts: int = 12_000,
    max_side: int | None = None,
    max_bytes: int = 40_000_000,
    n_jobs: int = -1,
) -> list[str]:
    """Write the page of a result.

    Parameters
    ----------
    results : Results
        The tables and the summary.
    path : Path
        The file.
    images : ndarray of shape (n_sources, height, width[, n_channels]), default=None
        The cutouts in the order of the table, if they are at hand; None reads their files.
    cutouts : str, default=None
        Folder in which to look for the files instead of where they were.
    max_cutouts : int, default=12000
        Most cutouts in the page.
    max_side : int, default=None
        Pixels of their longer side; None chooses by how many there are.
    max_bytes : int, default=40_000_000
        Most bytes of all of them.
    n_jobs : int, default=-1
        Threads that read and shrink.

    Returns
    -------
    list of str
        What the page holds and what it leaves out.
    """
    from joblib import cpu_count

    from spurclust.report import render_report

    page, sentences = render_report(
        results,
        _loader(results.sources["path"].tolist(), images, cutouts),
        max_cutouts=max_cutouts,
        max_side=max_side,
        max_bytes=max_bytes,
        n_threads=n_jobs if n_jobs > 0 else max(1, cpu_count() + 1 + n_jobs),
    )
    path.write_text(page, encoding="utf-8", newline="\n")
    return sentences


def write_report_of_run(args: argparse.Namespace, folder: Path, images: NDArray[Any]) -> None:
    """Write the page of a run that is about to end into the folder of its files.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust run`.
    folder : Path
        Where the tables and the summary are already.
    images : ndarray of shape (n_sources, height, width[, n_channels])
        The cutouts as the run has read them.
    """
    # Shrunk ones are good for an embedding, and not for people: those are read again.
    is_whole = args.size is None and args.reduce is None
    write_report(
        read_run(folder, Path(args.out).resolve().name),
        folder / REPORT,
        images=images if is_whole else None,
        n_jobs=args.jobs,
    )


def check_report_extras() -> None:
    """Find out before the work whether what draws the page is installed."""
    for module in ("bokeh", "jinja2"):
        import_optional(module, feature="The report (of a run, or --no-report)", extra="report")


def _loader(
    paths: list[str], images: NDArray[Any] | None, folder: str | None
) -> Callable[[int], NDArray[Any] | None]:
    """Give what loads the cutout of a row, its top row of pixels first."""
    from spurclust.cutouts.decode import UnreadableCutoutError, read_image

    def pixels_of(row: int) -> NDArray[Any] | None:
        if images is not None:
            pixels: NDArray[Any] = images[row]
            return pixels
        if not paths[row]:
            return None
        # A path of another system may have backslashes.
        name = paths[row].replace("\\", "/").rpartition("/")[2]
        place = paths[row] if folder is None else str(Path(folder) / name)
        try:
            return read_image(place).image
        except (UnreadableCutoutError, ValueError):
            return None

    def load(row: int) -> NDArray[Any] | None:
        pixels = pixels_of(row)
        # The first row of a FITS image is its bottom.
        is_fits = paths[row].lower().removesuffix(".gz").endswith((".fits", ".fit"))
        return pixels[::-1] if is_fits and pixels is not None else pixels

    return load


def _list_in_summary(folder: Path) -> None:
    """Add the page to the files of the run, so that the next one may replace it."""
    from spurclust.catalog.output import atomic_write

    path = folder / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    files = summary.get("files", [])
    if REPORT in files:
        return
    summary["files"] = sorted([*files, REPORT])
    with atomic_write(path) as part:
        part.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
