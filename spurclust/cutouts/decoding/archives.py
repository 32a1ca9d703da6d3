"""Files in zip and tar archives, with paths such as cutouts.zip/1.png."""

import os
import tarfile
import zipfile
from functools import lru_cache
from pathlib import Path
from posixpath import normpath

from spurclust.errors import CatalogError

ARCHIVES = (".zip", ".tar")
PACKED_ARCHIVES = (".tgz", ".tbz2", ".txz", ".7z", ".rar", ".tar.gz", ".tar.bz2", ".tar.xz")
"""Archives that are compressed as a whole, so that no file can be read alone."""


def list_archive(path: str) -> list[str]:
    """List the paths of the files in an archive."""
    try:
        return [f"{path}/{name}" for name in _members(path, _stamp_of(path))]
    except (OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise CatalogError(
            f"{path} cannot be read as an archive ({error}): unpack it, and give the folder"
        ) from error


def read_archived(path: str, max_bytes: int) -> bytes:
    """Read a file of an archive, of plausible size."""
    archive = archive_of(path)
    if archive is None:
        raise FileNotFoundError("no such file")
    try:
        member = _members(archive, _stamp_of(archive)).get(path[len(archive) + 1 :])
        if member is None:
            raise FileNotFoundError("no such file in the archive")
        if member.n_bytes > max_bytes:
            raise OSError(f"it is larger than any cutout (over {max_bytes} bytes)")
        return member.read()
    except (zipfile.BadZipFile, tarfile.TarError, RuntimeError, NotImplementedError) as error:
        raise OSError(str(error)) from error


def archive_of(path: str) -> str | None:
    """Return the archive in which a path lies."""
    # Making a Path takes longer than reading a small file.
    above = os.path.dirname(path)  # noqa: PTH120
    while above and above != os.path.dirname(above):  # noqa: PTH120
        if above.lower().endswith(ARCHIVES) and os.path.isfile(above):  # noqa: PTH113
            return above
        above = os.path.dirname(above)  # noqa: PTH120
    return None


class _ZipMember:
    """A file of a zip archive, read through the one open object."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._archive, self._info, self.n_bytes = archive, info, info.file_size

    def read(self) -> bytes:
        """Read it."""
        return bytes(self._archive.read(self._info))


class _TarMember:
    """A file of a tar archive: a part of it."""

    def __init__(self, path: str, info: tarfile.TarInfo) -> None:
        self._path, self._start, self.n_bytes = path, info.offset_data, info.size

    def read(self) -> bytes:
        """Read it."""
        with Path(self._path).open("rb") as file:
            file.seek(self._start)
            data = file.read(self.n_bytes)
        if len(data) < self.n_bytes:
            raise OSError("the archive ends before the file does")
        return data


def _stamp_of(path: str) -> tuple[int, int]:
    """Return size and time of an archive, which change when it is written."""
    status = Path(path).stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4)
def _members(path: str, stamp: tuple[int, int]) -> dict[str, "_ZipMember | _TarMember"]:  # noqa: ARG001 (of the cache)
    """Return the files of an archive by their names."""
    if path.lower().endswith(".zip"):
        archive = zipfile.ZipFile(path)
        return {
            normpath(info.filename).lstrip("/"): _ZipMember(archive, info)
            for info in archive.infolist()
            if not info.is_dir()
        }
    with tarfile.open(path, "r:") as file, Path(path).open("rb") as raw:
        members: dict[str, _ZipMember | _TarMember] = {
            normpath(info.name).lstrip("/"): _TarMember(path, info) for info in file if info.isreg()
        }
        # tarfile ends without an error at a header that is cut or damaged.
        raw.seek(file.offset)
        if raw.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"it is cut or damaged at byte {file.offset}")
        return members
