"""How long `import spurclust` takes beside `import sklearn`, and the commands answer."""

import argparse
import subprocess
import sys
from functools import partial

from measure import Outcome, at_most, for_information, interleaved, report, run_process

LIMIT = 0.3
# The package imports its parts when they are first used, so that its own import says little.
NAMES = "from spurclust import *"
COMMANDS = {
    "sklearn": ["-c", "import sklearn"],
    "spurclust": ["-c", "import spurclust"],
    "names": ["-c", NAMES],
    "help": ["-m", "spurclust", "--help"],
    "empty": ["-c", "pass"],
}


def measure(n_repeats: int) -> list[Outcome]:
    """Compare fresh processes, turn by turn."""
    works = [
        partial(run_process, [sys.executable, *command], stdout=subprocess.DEVNULL)
        for command in COMMANDS.values()
    ]
    found = dict(zip(COMMANDS, interleaved(n_repeats, *works), strict=True))
    theirs, ours, names = (found[name] for name in ("sklearn", "spurclust", "names"))
    return [
        at_most(
            "`import spurclust` less `import sklearn`",
            ours.seconds - theirs.seconds,
            LIMIT,
            " s",
            f"{ours} less {theirs}; Python alone {found['empty']}",
        ),
        at_most(
            f"`{NAMES}` less `import sklearn`",
            names.seconds - theirs.seconds,
            LIMIT,
            " s",
            f"{names}, {names.memory:.2f} GB; sklearn {theirs.memory:.2f} GB",
        ),
        for_information("`spurclust --help`", f"{found['help'].seconds:.2f} s", f"{found['help']}"),
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="default: %(default)s")
    report(measure(parser.parse_args().repeats))


if __name__ == "__main__":
    main()
