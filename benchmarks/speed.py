"""All speed benchmarks in one table."""

import argparse
import os
from pathlib import Path

import cold_start
import growth
import imports
import predict_files
import transform
import tsne
import tuning
import whole_run
from measure import conditions, format_table


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="PNG cutouts, as `spurclust simulate` writes them")
    parser.add_argument("labels", help="their label table")
    parser.add_argument("--quick", action="store_true", help="once, and at most 20 000 rows")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    args = parser.parse_args()
    n_repeats, n_jobs = 1 if args.quick else 3, os.cpu_count() or 1
    sizes = [1816, tsne.LARGE] if args.quick else [1816, tsne.LARGE, tsne.VERY_LARGE]
    outcomes = []
    for name, work in {
        "imports": lambda: imports.measure(7),
        "cold_start": cold_start.measure,
        "whole_run": lambda: whole_run.measure(args.folder, args.labels, n_repeats, n_repeats),
        "predict_files": lambda: predict_files.measure(args.folder, 4000, 5, n_jobs),
        "tsne": lambda: tsne.measure(sizes, n_repeats, n_jobs),
        "transform": lambda: transform.measure(1816, list(transform.TARGETS), 1, n_jobs),
        "tuning": lambda: tuning.measure(args.folder, args.labels, 1, n_jobs),
        "growth": lambda: growth.measure(tsne.LARGE if args.quick else growth.SIZES[-1], n_jobs),
    }.items():
        print(f"{name} ...", flush=True)
        done = work()
        print(format_table(done), flush=True)
        outcomes += done
    table = f"{format_table(outcomes)}\n\n{conditions()}\n"
    print(f"\n{table}")
    if args.out:
        args.out.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
