"""Log the stages of long work with their times."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from spurclust.progress import hidden_bars, showing_progress, stage

Log = Callable[[str], object]
"""A function that takes a line of progress, such as ``print``."""


class Stages:
    """Log each stage with its time, and keep the times."""

    def __init__(self, log: Log | None = None, seconds: dict[str, float] | None = None) -> None:
        self.log = log
        self.seconds = {} if seconds is None else seconds

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time a stage, and show its name while it lasts."""
        start = time.perf_counter()
        with showing_progress(self.log is not None), stage(name):
            yield
        self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Keep and log the seconds of a stage."""
        self.seconds[name] = round(seconds, 3)
        self.say(f"  {name:<12}{seconds:8.2f} s")

    def say(self, text: str) -> None:
        """Log a line, if there is a log."""
        if self.log is not None:
            with hidden_bars():
                self.log(text)
