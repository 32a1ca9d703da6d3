"""The command line: what it is called with, and what it says when something is wrong."""

import argparse
import gc
import sys
import warnings
from collections.abc import Callable, Sequence

from spurclust.cli.audit import run_audit
from spurclust.cli.fit import run_fit
from spurclust.cli.parser import make_parser
from spurclust.cli.predict import run_predict
from spurclust.cli.report import run_report
from spurclust.cli.run import run_run
from spurclust.cli.simulate import run_demo, run_simulate
from spurclust.cli.tune import run_tune

__all__ = ["main"]


GARBAGE_THRESHOLD = 500_000
"""So many new objects start a search for garbage, 700 by default: imports make a million objects
and no garbage, and searching took a quarter of their time, and a twentieth with 50 000."""


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning without the place in the code, each of its lines marked."""
    for line in str(message).splitlines():
        print(f"spurclust: warning: {line.strip()}", file=sys.stderr)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "demo": run_demo,
    "simulate": run_simulate,
    "run": run_run,
    "fit": run_fit,
    "tune": run_tune,
    "predict": run_predict,
    "audit": run_audit,
    "report": run_report,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    int
        0 when all went well, 1 for input that cannot be used. Wrong usage exits with 2.

    Examples
    --------
    >>> from spurclust.cli.main import main
    >>> main(["predict", "missing.skops", ".", "--out", "table.csv"])
    1
    """
    args = make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            # Also under -W error: a warning of ours is for the reader, not the end of a run.
            warnings.filterwarnings("always", category=UserWarning)
            warnings.showwarning = _print_warning
            COMMANDS[args.command](args)
    except (ValueError, OSError, ImportError, MemoryError) as error:
        print(f"spurclust: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        told = str(error) or "interrupted, nothing was written"
        print(f"spurclust: {told}", file=sys.stderr)
        return 130
    sys.stdout.flush()
    return 0


def run_process() -> None:
    """Be the whole process of a command.

    Raises
    ------
    SystemExit
        With what `main` returned.
    """
    gc.set_threshold(GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
    code = main()
    # Nothing is to be reused any more, and a last search takes half a second.
    gc.freeze()
    sys.exit(code)
