"""Progress of long work on a terminal or in a notebook.

Nothing is shown outside `showing_progress`. So functions that work need no parameter for it.
"""

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Item = TypeVar("Item")

_asked: ContextVar[bool | None] = ContextVar("asked", default=None)

_STAGE = "{desc} ..."


@contextmanager
def showing_progress(shown: bool = True) -> Iterator[None]:
    """Return a context that shows or hides stages and bars, whatever is asked for inside it."""
    token = _asked.set(shown and _asked.get() is not False)
    try:
        yield
    finally:
        _asked.reset(token)


def _open_bar(**options: Any) -> Any:
    """Open a bar that vanishes when closed; None without a terminal, notebook or tqdm."""
    # A notebook's standard error is not a terminal.
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return None
    with warnings.catch_warnings():
        # Without ipywidgets tqdm advises to install them and falls back to text.
        warnings.filterwarnings("ignore", "IProgress not found")
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return None
        return tqdm(leave=False, **options)


def track(
    items: Iterable[Item], total: int, description: str, unit: str, *, shown: bool = False
) -> Iterator[Item]:
    """Yield items, and count them in a bar if `shown` or the context asks for it."""
    is_asked = shown or _asked.get()
    bar = _open_bar(total=total, desc=description, unit=unit) if is_asked else None
    if bar is None:
        yield from items
        return
    with bar:
        for item in items:
            yield item
            bar.update()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Show the name of a stage while it lasts."""
    bar = _open_bar(desc=name, bar_format=_STAGE) if _asked.get() else None
    try:
        yield
    finally:
        if bar is not None:
            bar.close()


@contextmanager
def hidden_bars() -> Iterator[None]:
    """Return a context that hides the bars, so that lines can be printed."""
    if "tqdm" not in sys.modules:
        yield
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        yield
