"""How long `import spurclust` takes beside `import sklearn`, and the commands answer."""

import argparse
import sys
from functools import partial

from measure import Finished, Outcome, at_most, interleaved, report, run_process

LIMIT = 0.3
NAMES = "from spurclust import TSNE, ImageFlattener, PixelPCA, SpuriousRegionDetector"


def run_code(code: str) -> Finished:
    """Run a line of Python."""
    return run_process([sys.executable, "-c", code])


def measure(n_repeats: int) -> list[Outcome]:
    """Compare fresh processes, turn by turn."""
    codes = ("import sklearn", "import spurclust", NAMES, "import spurclust.cli", "pass")
    runs = interleaved(n_repeats, *[partial(run_code, code) for code in codes])
    theirs, ours, names, cli, empty = (run.seconds for run in runs)
    detail = (
        f"spurclust {ours:.2f} s, all its names {names:.2f} s, its commands {cli:.2f} s, sklearn "
        f"{theirs:.2f} s, Python alone {empty:.2f} s"
    )
    return [
        at_most("`import spurclust` less `import sklearn`", ours - theirs, LIMIT, " s", detail),
        at_most("all public names less `import sklearn`", names - theirs, LIMIT, " s", ""),
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    report(measure(parser.parse_args().repeats))


if __name__ == "__main__":
    main()
