import sqlite3
import subprocess
import sys
from collections import Counter

import pytest

from spurclust.errors import CatalogError
from spurclust.inspection import Event, VerdictStore
from spurclust.judging.store import STORE

STREAM = """
import sys
from spurclust.inspection import Event, VerdictStore

store = VerdictStore(sys.argv[1])
for k in range(10**6):
    store.append([Event(str(k), "anna", "spurious")])
    print(k, flush=True)
"""


def stored(folder):
    store = VerdictStore(folder)
    events = list(store.events())
    store.close()
    return events


def test_events_come_back_in_order_with_their_time(tmp_path):
    store = VerdictStore(tmp_path)
    given = [
        Event("ä7", "anna", "spurious", "spike", "<b>\n", 3, "audit"),
        Event("8", "", "unsure"),
    ]
    returned = store.append(given)
    store.close()
    assert stored(tmp_path) == returned
    assert [one._replace(time="") for one in returned] == given
    assert all(one.time.endswith("+00:00") for one in returned)


def test_events_are_stored_all_or_none(tmp_path):
    store = VerdictStore(tmp_path)
    with pytest.raises(CatalogError, match="CHECK"):
        store.append([Event("7", "anna", "spurious"), Event("8", "anna", "perhaps")])
    assert list(store.events()) == []
    store.close()


@pytest.mark.parametrize("change", ["DELETE FROM events", "UPDATE events SET verdict = 'unsure'"])
def test_events_can_neither_be_changed_nor_removed(tmp_path, change):
    store = VerdictStore(tmp_path)
    store.append([Event("7", "anna", "spurious")])
    store.close()
    connection = sqlite3.connect(tmp_path / STORE)
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        connection.execute(change)
    connection.close()


def test_a_commit_waits_for_the_disk(tmp_path):
    store = VerdictStore(tmp_path)
    # 2 is FULL: the log is synchronized at every commit.
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_the_first_value_of_a_setting_stays(tmp_path):
    store = VerdictStore(tmp_path)
    assert [store.setting("a", "1"), store.setting("a", "2")] == ["1", "1"]
    store.close()


def test_what_is_no_store_of_ours_is_refused_and_left(tmp_path):
    (tmp_path / STORE).write_bytes(b"no database, " * 100)
    with pytest.raises(CatalogError, match="not a database"):
        VerdictStore(tmp_path)
    (tmp_path / STORE).unlink()
    connection = sqlite3.connect(tmp_path / STORE)
    connection.execute("CREATE TABLE events (number)")
    connection.close()
    with pytest.raises(CatalogError, match="another program"):
        VerdictStore(tmp_path)


def test_a_store_of_a_newer_version_is_refused(tmp_path):
    VerdictStore(tmp_path).close()
    connection = sqlite3.connect(tmp_path / STORE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CatalogError, match="version 99.*install a newer"):
        VerdictStore(tmp_path)


def test_importing_the_store_loads_no_array_library():
    code = "import sys, spurclust.judging.store; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("n_verdicts", [1, 20, 90])
def test_what_was_acknowledged_survives_a_kill(tmp_path, n_verdicts):
    with subprocess.Popen(
        [sys.executable, "-c", STREAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        acknowledged = [process.stdout.readline().strip() for _ in range(n_verdicts)]
        process.kill()
        acknowledged += process.stdout.read().split()
    counts = Counter(event.source_id for event in stored(tmp_path))
    assert set(counts) - {str(len(acknowledged))} == set(acknowledged)
    assert set(counts.values()) == {1}
