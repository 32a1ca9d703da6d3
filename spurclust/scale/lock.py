"""One process at a time in a folder of predictions."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil

from spurclust.errors import CatalogError

LOCK = "predicting.lock"

SAME_SECONDS = 60
"""Two starts of a process that differ by less are one: a clock that is set right moves them."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; others are refused until the block ends.

    The lock is a file that only one can create, also on a network file system, and that names its
    process. That of a process of this machine that has died is taken over. Of a process on another
    machine nothing is known from here: its lock stays until it ends, or is removed by hand.

    Parameters
    ----------
    folder : Path
        The folder, which exists.

    Raises
    ------
    CatalogError
        When another process holds it, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from spurclust.scale.lock import locked
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with locked(Path(folder)):
    ...         print([path.name for path in Path(folder).iterdir()])
    ['predicting.lock']
    """
    path = folder / LOCK
    # The token tells this lock from a later one of the same process.
    own = json.dumps({**_describe(os.getpid()), "token": token_hex(8)})
    try:
        if not _create(path, own):
            _take_over(path, own)
    except OSError as error:
        raise CatalogError(
            f"cannot write to {folder} ({error.strerror or error}): make room, permit it, or "
            "choose another folder"
        ) from error
    try:
        yield
    finally:
        if _text_of(path) == own:
            with suppress(OSError):
                path.unlink()


def _describe(pid: int) -> dict[str, Any]:
    """Name a process, by its start as well: after it another may get its number."""
    return {
        "host": socket.gethostname(),
        "pid": pid,
        "started": psutil.Process(pid).create_time(),
    }


def _create(path: Path, text: str) -> bool:
    """Create the lock, unless it is there."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    try:
        os.write(handle, text.encode())
    except OSError:
        path.unlink()
        raise
    finally:
        os.close(handle)
    return True


def _take_over(path: Path, own: str) -> None:
    """Replace the lock of a process that has died; raise an error if it lives."""
    there = _text_of(path)
    _refuse_living(path, there)
    aside = path.with_name(f".spurclust-{token_hex(6)}.lock")
    with suppress(FileNotFoundError):
        path.rename(aside)
    moved = _text_of(aside)
    if moved and moved != there:
        # Between the two, another process took it over, and this is its lock.
        aside.rename(path)
    else:
        aside.unlink(missing_ok=True)
    if not _create(path, own):
        _refuse_living(path, _text_of(path))
        raise CatalogError(f"{path.parent} is being used by another process: wait for it")


def _refuse_living(path: Path, text: str) -> None:
    """Raise an error unless a lock is of a process of this machine that has died."""
    try:
        owner = json.loads(text)
        host, pid, started = owner["host"], int(owner["pid"]), float(owner["started"])
    except (ValueError, TypeError, KeyError):
        host, pid, started = "an unknown machine", 0, 0.0
    if host == socket.gethostname():
        if _lives(pid, started):
            raise CatalogError(
                f"{path.parent} is being used by process {pid}: wait for it, or choose another "
                "folder"
            )
        return
    raise CatalogError(
        f"{path.parent} is being used by process {pid} on {host}: wait for it; or, if it runs no "
        f"more, remove {path} and give the same command again"
    )


def _lives(pid: int, started: float) -> bool:
    """Tell whether a process is still there, and no other with its number."""
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - started) < SAME_SECONDS
        # What was killed stays as a zombie until its parent looks.
        return bool(is_same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _text_of(path: Path) -> str:
    """Read a lock; "" if it is gone."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
