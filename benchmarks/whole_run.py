"""`spurclust run` as a whole process, against the original steps as one script."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Finished, Outcome, at_least, median_of, report, run_process


def run_original(folder: str, labels: str, out: Path) -> Finished:
    """Run the original, and read what it found."""
    script = Path(__file__).with_name("original.py")
    with (out / "original.txt").open("w") as text:
        command = [sys.executable, str(script), folder, labels, str(out / "original.csv")]
        done = run_process(command, stdout=text)
    return done._replace(result=json.loads((out / "original.txt").read_text()))


def run_spurclust(folder: str, labels: str, out: Path) -> Finished:
    """Run the command line without pictures, and read its summary."""
    command = [sys.executable, "-m", "spurclust", "run", folder, "--labels", labels, "--no-plots"]
    command += ["--out", str(out / "results")]
    done = run_process(command, stdout=subprocess.DEVNULL)
    return done._replace(result=json.loads((out / "results" / "summary.json").read_text()))


def measure(folder: str, labels: str, n_repeats: int, n_originals: int) -> list[Outcome]:
    """Compare both."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        n_both = min(n_repeats, n_originals)
        runs = [
            (run_original(folder, labels, out), run_spurclust(folder, labels, out))
            for _ in range(n_both)
        ]
        theirs = median_of([original for original, _ in runs])
        more = [run_spurclust(folder, labels, out) for _ in range(n_repeats - n_both)]
        ours = median_of([*[spurclust for _, spurclust in runs], *more])
    found, summary = theirs.result, ours.result
    n_held = summary["in_sample"]["completeness"]["k"]
    quality = (
        f"the original flags {found['flagged']} and holds {found['held']} of {found['known']} "
        f"spurious; spurclust flags {summary['flagged']['k']}, holds {n_held}"
    )
    times = f"{theirs.seconds:.1f} s : {ours.seconds:.2f} s; {quality}"
    memory = f"{theirs.memory:.2f} GB : {ours.memory:.2f} GB"
    return [
        at_least("`spurclust run`, whole process, time", theirs.seconds / ours.seconds, 25, times),
        at_least("the same, peak memory", theirs.memory / ours.memory, 10, memory),
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("labels")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--originals", type=int, default=3, help="runs of the original")
    args = parser.parse_args()
    report(measure(args.folder, args.labels, args.repeats, args.originals))


if __name__ == "__main__":
    main()
