"""Types of arguments of the command line, which say what is allowed."""

import argparse
from collections.abc import Callable

PLOT_FORMATS = ("png", "svg", "pdf")
"""What `--plot-format` may be; the first is the default."""


def number(
    kind: type[int] | type[float], what: str, allowed: Callable[[float], bool]
) -> Callable[[str], float]:
    """Make a type of argument: a number of which only some values are allowed."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not allowed(value):
            raise argparse.ArgumentTypeError(f"{text} is not {what}")
        return value

    return convert


def plot_formats(text: str) -> list[str]:
    """Convert a list of formats with commas between, a type of argument."""
    formats = [part.strip().lower() for part in text.split(",")]
    for part in formats:
        if part not in PLOT_FORMATS:
            raise argparse.ArgumentTypeError(f"{part!r} is none of {', '.join(PLOT_FORMATS)}")
    return formats


COUNT = number(int, "a whole number of at least 1", lambda value: value >= 1)
COUNT_OR_NONE = number(int, "a whole number from 0 up", lambda value: value >= 0)
SEED = number(int, "a whole number from 0 to 4294967295", lambda value: 0 <= value < 2**32)
JOBS = number(int, "a whole number other than 0", lambda value: value != 0)
FRACTION = number(float, "above 0 and at most 1", lambda value: 0 < value <= 1)
POSITIVE = number(float, "a number above 0", lambda value: 0 < value < float("inf"))
