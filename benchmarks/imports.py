"""How long `import spurclust` takes beside `import sklearn`, and the commands answer."""

import subprocess
import sys
from functools import partial

import bench

LIMIT = 0.3
# The package imports its parts on first use, so that its own import alone means little.
NAMES = "from spurclust import *"
COMMANDS = (
    ["-c", "import sklearn"],
    ["-c", "import spurclust"],
    ["-c", NAMES],
    ["-m", "spurclust", "--help"],
    ["-c", "pass"],
)


def measure(repeats: int = 7) -> list[bench.Outcome]:
    """Compare fresh processes, turn by turn."""
    works = [
        partial(bench.run_process, [sys.executable, *command], stdout=subprocess.DEVNULL)
        for command in COMMANDS
    ]
    theirs, ours, names, command, empty = bench.interleaved(repeats, *works)
    detail = f"{ours} less {theirs}; Python alone {empty}"
    of_names = f"{names}, {names.memory:.2f} GB; sklearn {theirs.memory:.2f} GB"
    less = "less `import sklearn`"
    return [
        bench.at_most(
            f"`import spurclust` {less}", ours.seconds - theirs.seconds, LIMIT, " s", detail
        ),
        bench.at_most(f"`{NAMES}` {less}", names.seconds - theirs.seconds, LIMIT, " s", of_names),
        bench.for_information("`spurclust --help`", f"{command.seconds:.2f} s", str(command)),
    ]


if __name__ == "__main__":
    bench.run_script(measure)
