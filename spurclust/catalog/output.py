"""Write one file, or all files of a result, whole or not at all.

A result is written to a hidden folder, which is then renamed. If the folder of the results exists,
the files are moved there one by one, and everything is put back if that fails. Files of an earlier
result that the new one lacks are removed; all others stay. On any exception, including a keyboard
interrupt, no new files remain and an earlier result is unchanged. A killed process can leave a
hidden folder ``.spurclust-*``. The next process that writes there removes it.

``summary.json`` lists the files that a later result may replace: "files" has their relative paths,
"written_by" is "spurclust".
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from platform import node
from secrets import token_hex
from zlib import crc32

from spurclust.errors import CatalogError, import_optional

_SUMMARY = "summary.json"
_REPLACED = ".replaced"
_HOST = crc32(node().encode())
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], *, advice: str = "choose another place", dry_run: bool = False
) -> Iterator[Path]:
    """Yield a hidden file beside `path`; it replaces `path` at the end of the ``with`` block."""
    # Resolved, so that a symbolic link remains.
    target = Path(path).resolve()
    if target.is_dir():
        raise CatalogError(f"{path} is a folder: give the name of a file")
    if not target.parent.is_dir():
        raise CatalogError(f"{path} cannot be written: there is no folder {target.parent}")
    part = target.with_name(_hidden_name() + target.suffix)
    try:
        _remove_dead(target.parent)
        yield part
        if not dry_run:
            part.replace(target)
    except OSError as error:
        raise CatalogError(
            f"{path} cannot be written ({error.strerror or error}): {advice}"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def check_output_folder(folder: str | os.PathLike[str], names: Iterable[str] = ()) -> None:
    """Raise an error before the work, if results of these names cannot be written."""
    target = Path(folder)
    _make_staging(target).rmdir()
    if target.is_dir():
        _refuse_foreign(target, names)


@contextmanager
def write_results(folder: str | os.PathLike[str], *, replaceable: bool = True) -> Iterator[Path]:
    """Yield a hidden folder; its files move to `folder` at the end of the ``with`` block."""
    target = Path(folder)
    staging = _make_staging(target)
    try:
        yield staging
        names = _list_in_summary(staging) if replaceable else _files_in(staging)
        _publish(staging, target, names)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise CatalogError(
            f"the disk of {target} is full: make room or choose another folder; nothing was written"
        ) from error
    except CatalogError as error:
        # Nobody knows the hidden folder, which is removed.
        raise CatalogError(str(error).replace(str(staging), str(target))) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def locked_folder(folder: str | os.PathLike[str], name: str) -> Iterator[None]:
    """Lock a folder for this process, until the block or the process ends."""
    filelock = import_optional("filelock", feature="Holding a folder", extra="inspect")
    lock = filelock.FileLock(Path(folder) / name)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise CatalogError(
            f"{folder} is being used by another process: wait for it, or choose another folder"
        ) from error
    except NotImplementedError as error:
        raise CatalogError(
            f"{folder} is on a file system without locks: choose a folder on another one"
        ) from error
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        yield
    finally:
        # The file stays: another process may have opened it, and a third one would lock a new file.
        lock.release()


def make_folder(folder: Path) -> None:
    """Make a folder, if it does not exist."""
    if folder.exists() and not folder.is_dir():
        raise CatalogError(f"{folder} is a file: choose a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _cannot_write(folder: str | os.PathLike[str], error: OSError) -> CatalogError:
    """Return the error for a folder that cannot be written to."""
    return CatalogError(
        f"cannot write to {folder} ({error.strerror or error}): make room, permit it, or choose "
        "another folder"
    )


def _hidden_name() -> str:
    """Return a unique name that identifies the process that writes it."""
    return f".spurclust-{_HOST:08x}-{os.getpid()}-{token_hex(4)}"


def _remove_dead(folder: Path) -> None:
    """Remove the hidden files of processes that were killed."""
    for stray in folder.glob(f".spurclust-{_HOST:08x}-*-*"):
        if _is_alive(stray.name.split("-")[2]):
            continue
        with suppress(OSError):
            # The files that it moved aside are all that remains of an earlier result.
            for name in _files_in(stray / _REPLACED):
                if not os.path.lexists(folder / name):
                    _move(stray / _REPLACED / name, folder / name)
            if stray.is_dir():
                shutil.rmtree(stray)
            else:
                stray.unlink()


def _is_alive(process: str) -> bool:
    """Return whether a process is, or may be, alive."""
    if os.name != "posix" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _make_staging(target: Path) -> Path:
    """Make a hidden folder in the target, or in its nearest parent that exists."""
    absolute = Path(os.path.abspath(target))  # noqa: PTH100 (resolve would follow a broken link)
    base = next(path for path in (absolute, *absolute.parents) if os.path.lexists(path))
    if not base.is_dir():
        raise CatalogError(f"{base} is not a folder: choose another folder for the results")
    staging = base / _hidden_name()
    try:
        _remove_dead(base)
        staging.mkdir()
    except OSError as error:
        raise CatalogError(
            f"cannot write to {base} ({error.strerror or error}): choose another folder for the "
            "results"
        ) from error
    return staging


def _files_in(folder: Path) -> list[str]:
    """List the files below a folder, with "/" between parts."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in files)


def _list_in_summary(staging: Path) -> list[str]:
    """Add the list of files to the summary, and return it."""
    path = staging / _SUMMARY
    summary = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    summary["written_by"] = "spurclust"
    summary["files"] = sorted({*_files_in(staging), _SUMMARY})
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    # Names of files that are not UTF-8 have characters that only an escape can hold.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    return list(summary["files"])


def _earlier_files(target: Path) -> list[str]:
    """List the files of an earlier result that are still in the folder."""
    try:
        summary = json.loads((target / _SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    # Files that another program lists must not be replaced.
    if not isinstance(summary, dict) or summary.get("written_by") != "spurclust":
        return []
    names = summary.get("files")
    return (
        [name for name in names if _is_file_inside(target, name)] if isinstance(names, list) else []
    )


def _is_file_inside(target: Path, name: object) -> bool:
    """Return whether a name in a summary is of a file in its folder, not elsewhere."""
    if not isinstance(name, str) or ".." in PurePosixPath(name).parts:
        return False
    file = target / name
    return file.is_file() and file.parent.resolve().is_relative_to(target.resolve())


def _refuse_foreign(target: Path, names: Iterable[str]) -> None:
    """Raise an error if files of anything but an earlier result would be overwritten."""
    ours = set(_earlier_files(target))
    foreign = set()
    for name in names:
        if name not in ours and os.path.lexists(target / name):
            foreign.add(name)
        for parent in map(str, PurePosixPath(name).parents):
            file = target / parent
            if parent not in ours and os.path.lexists(file) and not file.is_dir():
                foreign.add(parent)
    if foreign:
        raise CatalogError(
            f"{target} holds {', '.join(sorted(foreign))}, not from an earlier result: move it "
            "away or choose another folder"
        )


def _publish(staging: Path, target: Path, names: Sequence[str]) -> None:
    """Move the files to their place."""
    try:
        if os.path.lexists(target):
            _refuse_foreign(target, names)
            _merge(staging, target, names)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            staging.rename(target)
    except OSError as error:
        raise CatalogError(
            f"cannot write to {target} ({error.strerror or error}): choose another folder; nothing "
            "was written"
        ) from error


def _merge(staging: Path, target: Path, names: Sequence[str]) -> None:
    """Move files into an existing folder, and replace those of an earlier result."""
    aside = staging / _REPLACED
    earlier = _earlier_files(target)
    # The summary tells whose the other files are, so it is the last one in and the first one out.
    order = sorted(names, key=lambda name: name == _SUMMARY)
    try:
        for name in earlier:
            _move(target / name, aside / name)
        for name in order:
            _move(staging / name, target / name)
    except BaseException:
        for name in reversed(order):
            if not (staging / name).exists():
                (target / name).unlink(missing_ok=True)
        for name in earlier:
            if os.path.lexists(aside / name):
                _move(aside / name, target / name)
        _remove_empty(target, names)
        raise
    _remove_empty(target, earlier)


def _move(file: Path, target: Path) -> None:
    """Move a file within a disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)


def _remove_empty(target: Path, names: Iterable[str]) -> None:
    """Remove empty subfolders."""
    folders = {parent for name in names for parent in PurePosixPath(name).parents if parent.parts}
    for parent in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
        folder = target / parent
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
