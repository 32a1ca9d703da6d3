"""The command ``spurclust``: its commands, and what a failure prints."""

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path

import spurclust
from spurclust.cli import audit, demo, inspect, merge_labels, predict, report, run
from spurclust.progress import hidden_bars, showing_progress

__all__ = ["main"]


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; `call` of a namespace is the function of the command."""
    parser = argparse.ArgumentParser(
        prog="spurclust", description="Find spurious sources among galaxy candidates."
    )
    parser.add_argument("--version", action="version", version=spurclust.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for module in (demo, inspect, run, predict, audit, merge_labels, report):
        module.add_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments. None is those of the process.

    Returns
    -------
    int
        0 for success, 1 for input that cannot be used. Wrong usage exits with 2.

    Examples
    --------
    >>> from spurclust.cli.main import main
    >>> main(["predict", "missing.skops", ".", "--out", "table.csv"])
    1
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if getattr(args, "out", None) == "":
        parser.error("argument --out: it is empty, perhaps a variable of the shell that is not set")
    try:
        with warnings.catch_warnings():
            # Warnings of spurclust do not end a run, not even with -W error.
            warnings.filterwarnings("always", category=UserWarning)
            warnings.showwarning = _print_warning
            with _output(getattr(args, "quiet", False)):
                args.call(args)
    except (ValueError, OSError, ImportError, MemoryError) as error:
        print(f"spurclust: error: {' '.join(_message(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        text = str(error) or "interrupted, nothing was written"
        print(f"spurclust: {text}", file=sys.stderr)
        return 130
    sys.stdout.flush()
    return 0


def _message(error: Exception) -> str:
    """Return what an error is about, and what to do where the system or a library raised it."""
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename} cannot be used ({error.strerror}): permit it, or choose another"
    if isinstance(error, UnicodeEncodeError):
        return f"a name is not UTF-8: {error.object!a}. Rename the file or folder"
    return str(error)


@contextmanager
def _output(quiet: bool) -> Iterator[None]:
    """Show the progress and the output of a command, or neither."""
    with ExitStack() as stack:
        stack.enter_context(showing_progress(not quiet))
        if quiet:
            nowhere = stack.enter_context(
                Path(os.devnull).open("w", encoding="utf-8", errors="replace")
            )
            stack.enter_context(redirect_stdout(nowhere))
        yield


def run_process() -> None:
    """Run the command line as a process, and exit with its return value."""
    signal.signal(signal.SIGTERM, _interrupt)
    code = main()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(code)


def _interrupt(*_: object) -> None:
    """End as after Ctrl-C, but let a cleanup that has begun finish."""
    if not isinstance(sys.exception(), KeyboardInterrupt):
        raise KeyboardInterrupt


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning without its position in the code, with a mark on each line."""
    with hidden_bars():
        for line in str(message).splitlines():
            print(f"spurclust: warning: {line.strip()}", file=sys.stderr)
