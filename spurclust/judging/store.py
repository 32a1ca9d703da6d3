"""The verdicts of inspectors in one SQLite file: events that are only appended."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, get_args

from spurclust.errors import CatalogError
from spurclust.judging.words import UNDO, Verdict

STORE = "inspection.sqlite"
SCHEMA_VERSION = 1
_APPLICATION = 0x53505552
"""Marks the file as one of spurclust, also for the command `file`."""

_SCHEMA = f"""
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    inspector TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN {(*get_args(Verdict), UNDO)}),
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    time TEXT NOT NULL,
    model INTEGER NOT NULL,
    why TEXT NOT NULL
);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TRIGGER kept BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER kept_too BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'append only'); END;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class Event(NamedTuple):
    """One verdict on a source, with its time.

    The store only appends events. Labels are computed from all of them.

    Parameters
    ----------
    source_id : str
        The source.
    inspector : str
        Who gave it; "" for a label from before the inspection.
    verdict : {"spurious", "reliable", "unsure", "undo"}
        "undo" takes back the last valid verdict of the inspector on this source.
    reason : str, default=""
        Why the source is spurious.
    note : str, default=""
        Any text.
    model : int, default=0
        Number of the model that chose the source; 0 is before the first.
    why : str, default=""
        Why the source was shown; for a label from before, its origin.
    time : str, default=""
        Time in UTC (ISO 8601); "" is the time of storing.

    Examples
    --------
    >>> from spurclust.inspection import Event
    >>> Event("00123", "anna", "spurious", reason="spike").verdict
    'spurious'
    """

    source_id: str
    inspector: str
    verdict: str
    reason: str = ""
    note: str = ""
    model: int = 0
    why: str = ""
    time: str = ""


_COLUMNS = ", ".join(Event._fields)
_INSERT = f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join('?' * len(Event._fields))})"


class VerdictStore:
    """The events of an inspection, in a file of its folder.

    Events are safe on the disk when `append` returns, even if the process or the power fails. Only
    one thread and one process may use a store at a time; the caller ensures that.

    Parameters
    ----------
    folder : path
        An existing folder. The file is made if there is none.

    Raises
    ------
    CatalogError
        When the file cannot be used, or was made by a newer spurclust.

    Examples
    --------
    >>> import tempfile
    >>> from spurclust.inspection import Event, VerdictStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = VerdictStore(folder)
    ...     stored = store.append([Event("00123", "anna", "spurious")])
    ...     found = [event.source_id for event in store.events()]
    ...     store.close()
    >>> found
    ['00123']
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / STORE
        with self._errors():
            self._connection = sqlite3.connect(self.path, check_same_thread=False)
            try:
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def _open(self) -> None:
        """Check or make the schema."""
        run = self._connection.execute
        # With these two, a transaction is on the disk when its commit returns.
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        version = run("PRAGMA user_version").fetchone()[0]
        application = run("PRAGMA application_id").fetchone()[0]
        has_tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
        if has_tables and application != _APPLICATION:
            raise CatalogError(f"{self.path} is a database of another program: move it away")
        if version > SCHEMA_VERSION:
            raise CatalogError(
                f"{self.path} has version {version}, but this spurclust knows "
                f"{SCHEMA_VERSION}: install a newer one"
            )
        if not has_tables:
            self._connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of SQLite into an error that names the file."""
        try:
            yield
        except sqlite3.Error as error:
            raise CatalogError(
                f"{self.path} cannot be used ({error}): make room, permit it, or choose another "
                "folder"
            ) from error

    def append(self, events: Iterable[Event]) -> list[Event]:
        """Store all events or none.

        Parameters
        ----------
        events : iterable of Event
            The events; those without a time get the present time.

        Returns
        -------
        list of Event
            The stored events.

        Raises
        ------
        CatalogError
            When they cannot be stored.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        rows = [one._replace(time=one.time or now) for one in events]
        with self._errors(), self._connection as transaction:
            transaction.executemany(_INSERT, rows)
        return rows

    def events(self) -> Iterator[Event]:
        """Return all events, the oldest first.

        Yields
        ------
        Event
            An event.
        """
        with self._errors():
            yield from map(
                Event._make,
                self._connection.execute(f"SELECT {_COLUMNS} FROM events ORDER BY number"),
            )

    def setting(self, name: str, value: str) -> str:
        """Return a setting, and store a value for it if it has none.

        Parameters
        ----------
        name : str
            Its name.
        value : str
            Value to store if there is none.

        Returns
        -------
        str
            Its value.
        """
        with self._errors(), self._connection as transaction:
            transaction.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, value))
            found = transaction.execute("SELECT value FROM settings WHERE name = ?", (name,))
            return str(found.fetchone()[0])

    def set(self, name: str, value: str) -> None:
        """Store a setting, and replace an earlier value.

        Parameters
        ----------
        name : str
            Its name.
        value : str
            The new value.
        """
        with self._errors(), self._connection as transaction:
            transaction.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def settings(self) -> dict[str, str]:
        """Return all settings.

        Returns
        -------
        dict of str to str
            The value of each name.
        """
        with self._errors():
            return dict(self._connection.execute("SELECT name, value FROM settings"))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
