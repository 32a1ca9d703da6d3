"""All speed benchmarks in one table."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bench
import cold_start
import growth
import imports
import predict_files
import transform
import tsne
import tuning
import whole_run

Work = Callable[[], list[bench.Outcome]]


def plan(folder: str, labels: str, quick: bool) -> dict[str, Work]:
    """Return what is measured, in order; quick is what takes long once, and at most 20 000 rows."""
    repeats = 1 if quick else 3
    most = growth.FROM if quick else growth.SIZES[-1]
    rows = (tsne.SMALL, tsne.LARGE, tsne.VERY_LARGE)[: 2 if quick else 3]
    fitted = transform.FITTED[: 1 if quick else 2]
    return {
        "imports": imports.measure,
        "cold_start": cold_start.measure,
        "whole_run": partial(whole_run.measure, folder, labels, repeats_original=repeats),
        "predict_files": partial(predict_files.measure, folder, 4000, 15, bench.CORES),
        "tsne": partial(tsne.measure, rows, folder, repeats),
        "transform": partial(transform.measure, fitted),
        "tuning": partial(tuning.measure, folder, labels),
        "growth": partial(growth.measure, max_rows=most, repeats=repeats),
    }


def run_all(works: dict[str, Work], out: Path | None) -> list[bench.Outcome]:
    """Measure all; what fails is a row of the table, and the others go on."""
    outcomes: list[bench.Outcome] = []
    for name, work in works.items():
        print(f"\n{name} ...", flush=True)
        start = time.perf_counter()
        try:
            done = work()
        except bench.ChildError as error:
            done = [bench.Outcome(f"{name}.py", "did not end", "", False, str(error))]
        print(f"{bench.format_table(done)}\n\n{time.perf_counter() - start:.0f} s", flush=True)
        outcomes += done
        if out:  # after each, lest an hour be lost
            out.write_text(f"{bench.format_report(outcomes)}\n", encoding="utf-8")
    return outcomes


def main() -> None:
    """Measure all or some, on a given or a simulated survey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="PNG strips; without, 1816 are simulated")
    parser.add_argument("labels", nargs="?", help="their table of labels, xlsx")
    parser.add_argument("--quick", action="store_true", help="once, and at most 20 000 rows")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="scripts to run, without .py")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    args = parser.parse_args()
    if bool(args.folder) != bool(args.labels):
        parser.error("give the folder and the labels, or neither")
    if args.out and not args.out.parent.is_dir():
        parser.error(f"there is no folder {args.out.parent}")
    bench.require("openTSNE")
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or str(Path(name) / "survey")
        labels = args.labels or str(Path(folder) / "labels.xlsx")
        works = plan(folder, labels, args.quick)
        chosen = args.only or list(works)
        if unknown := set(chosen) - set(works):
            parser.error(f"--only knows {', '.join(works)}, not {', '.join(sorted(unknown))}")
        if not args.folder:
            bench.run_process([sys.executable, "-m", "spurclust", "simulate", folder])
        outcomes = run_all({each: works[each] for each in chosen}, args.out)
    print(f"\n{bench.format_report(outcomes)}")


if __name__ == "__main__":
    main()
