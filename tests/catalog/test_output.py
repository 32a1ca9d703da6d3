"""Results appear whole or not at all, and nobody's files are touched."""

import errno
import json
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spurclust.catalog.output import atomic_write, check_output_folder, write_results
from spurclust.errors import CatalogError


def write(folder, files):
    """Write a result of these files."""
    with write_results(folder) as staging:
        fill(staging, files)


def fill(folder, files):
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def tree(folder):
    """Return everything below a folder, hidden or not, with the text of the files."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None
        for path in Path(folder).rglob("*")
    }


def files_listed(folder):
    return json.loads((Path(folder) / "summary.json").read_text())["files"]


FIRST = {"sources.csv": "1", "plots/a.png": "a", "plots/deep/b.png": "b", "model.skops": "m"}
SECOND = {"sources.csv": "2", "sources.ecsv": "e", "summary.json": '{"flagged": 3}'}


@pytest.mark.parametrize("name", ["out", "new/er/out", "out/"])
def test_new_folder(tmp_path, name):
    (tmp_path / "plain").mkdir()
    write(f"{tmp_path}/{name}", FIRST)
    found = tree(tmp_path / name)
    assert set(found) == {*FIRST, "summary.json", "plots", "plots/deep"}
    assert {**found, **FIRST} == found
    assert files_listed(tmp_path / name) == sorted([*FIRST, "summary.json"])
    assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_summary_keeps_what_is_in_it(tmp_path):
    what = "é, and bytes of a name that is not UTF-8: \udce9"
    summary = {"z": 1, "a": {"completeness": 0.1, "what": what}, "files": ["invented"]}
    write(tmp_path / "out", {"summary.json": json.dumps(summary), "x": "x"})
    found = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    expected = {**summary, "files": ["summary.json", "x"], "written_by": "spurclust"}
    assert found == expected
    assert list(found)[:2] == ["z", "a"]


def test_new_result_replaces_the_earlier_one_and_nothing_else(tmp_path):
    mine = {"notes.txt": "mine", "plots/mine.png": "p"}
    fill(tmp_path, mine)
    for files, folders in ((FIRST, {"plots", "plots/deep"}), (SECOND, {"plots"})):
        write(tmp_path, files)
        found = tree(tmp_path)
        assert set(found) == {*mine, *files, "summary.json", *folders}
        assert {**found, **mine, "sources.csv": files["sources.csv"]} == found
        assert files_listed(tmp_path) == sorted({*files, "summary.json"})


def test_files_of_an_earlier_result_may_be_gone(tmp_path):
    write(tmp_path, FIRST)
    (tmp_path / "plots" / "a.png").unlink()
    (tmp_path / "model.skops").unlink()
    (tmp_path / "model.skops").mkdir()
    write(tmp_path, SECOND)
    assert set(tree(tmp_path)) == {*SECOND, "model.skops"}


SUMMARIES_OF_OTHERS = [
    "not json",
    "[1]",
    '{"files": ["data.csv"]}',
    '{"files": ["data.csv"], "written_by": "another program"}',
    '{"files": "summary.json", "written_by": "spurclust"}',
    '{"files": null, "written_by": "spurclust"}',
]


@pytest.mark.parametrize("use", [check_output_folder, write])
@pytest.mark.parametrize(
    ("foreign", "named"),
    [
        ({"sources.csv": "mine"}, "sources.csv"),
        ({"plots": "mine"}, "plots"),
        ({"plots/a.png/x": "mine"}, "plots/a.png"),
        ({"model.skops": "mine", "sources.csv": "mine"}, "model.skops, sources.csv"),
        *(
            ({"summary.json": text, "data.csv": "mine"}, "summary.json")
            for text in SUMMARIES_OF_OTHERS
        ),
    ],
)
def test_files_of_others_are_never_overwritten(tmp_path, foreign, named, use):
    fill(tmp_path, foreign)
    with pytest.raises(CatalogError, match=f"holds {named}, not from an earlier result"):
        use(tmp_path, {**FIRST, **SECOND})
    assert {**tree(tmp_path), **foreign} == tree(tmp_path)
    assert not [name for name in tree(tmp_path) if name.startswith(".")]


def test_summary_that_names_files_elsewhere(tmp_path):
    target = tmp_path / "out"
    fill(tmp_path, {"mine.csv": "mine", "linked/mine.csv": "mine"})
    write(target, FIRST)
    (target / "link").symlink_to(tmp_path / "linked")
    names = ["../mine.csv", str(tmp_path / "mine.csv"), "link/mine.csv", 7, "summary.json"]
    summary = {"written_by": "spurclust", "files": names}
    (target / "summary.json").write_text(json.dumps(summary))
    write(target, {"x": "x"})
    assert tree(tmp_path)["mine.csv"] == "mine"
    assert tree(tmp_path)["linked/mine.csv"] == "mine"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError, SystemExit])
@pytest.mark.parametrize("earlier", [FIRST, None])
def test_failure_while_writing(tmp_path, error, earlier):
    target = tmp_path / "new" / "out"
    if earlier:
        write(target, earlier)
    before = tree(tmp_path)

    def write_and_fail():
        with write_results(target) as staging:
            fill(staging, SECOND)
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.EACCES, "Permission denied")])
@pytest.mark.parametrize("n_moves", range(9))
def test_failure_while_moving(tmp_path, monkeypatch, error, n_moves):
    target = tmp_path / "out"
    write(target, FIRST)
    fill(target, {"notes.txt": "mine"})
    before = tree(tmp_path)
    replace, calls = Path.replace, []

    def replace_some(file, new):
        calls.append(file)
        if len(calls) == n_moves + 1:
            raise error
        return replace(file, new)

    monkeypatch.setattr(Path, "replace", replace_some)
    # Five files are put aside, four moved in.
    with pytest.raises((KeyboardInterrupt, CatalogError)):
        write(target, {**SECOND, "tables/x": "x"})
    assert tree(tmp_path) == before


def test_summary_is_the_last_to_arrive(tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    moved = []
    monkeypatch.setattr(Path, "replace", lambda file, _: moved.append(file.name))
    write(tmp_path / "out", {"zz": "z", "summary.json": "{}", "aa": "a"})
    assert moved == ["aa", "zz", "summary.json"]


def test_full_disk(tmp_path):
    with (
        pytest.raises(CatalogError, match=r"the disk of .* is full"),
        write_results(tmp_path / "out"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_an_error_does_not_name_the_hidden_folder(tmp_path):
    target = tmp_path / "out"
    with (
        pytest.raises(CatalogError) as caught,
        write_results(target) as staging,
        atomic_write(staging / "a.png"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(target / "a.png") in str(caught.value)
    assert ".spurclust-" not in str(caught.value)


def test_folder_that_appears_meanwhile(tmp_path):
    target = tmp_path / "out"
    with write_results(target) as staging:
        fill(staging, SECOND)
        fill(target, {"notes.txt": "mine"})
    assert set(tree(tmp_path)) == {"out", "out/notes.txt", *(f"out/{name}" for name in SECOND)}


@pytest.mark.parametrize("use", [check_output_folder, write])
@pytest.mark.parametrize("name", ["file", "file/out", "file/new/out"])
def test_file_in_place_of_a_folder(tmp_path, use, name):
    fill(tmp_path, {"file": "mine"})
    with pytest.raises(CatalogError, match="file is not a folder"):
        use(tmp_path / name, FIRST)
    assert tree(tmp_path) == {"file": "mine"}


@pytest.mark.skipif(sys.platform == "win32", reason="links as in POSIX")
def test_links(tmp_path):
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match="broken is not a folder"):
        check_output_folder(tmp_path / "broken")
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    write(tmp_path / "out", SECOND)
    assert (tmp_path / "out").is_symlink()
    assert set(tree(tmp_path / "real")) == set(SECOND)


def test_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("out", SECOND)
    write(".", SECOND)
    assert set(tree(tmp_path)) == {*SECOND, "out", *(f"out/{name}" for name in SECOND)}


@pytest.mark.parametrize("use", [check_output_folder, write])
def test_folder_that_cannot_be_written_to(tmp_path, monkeypatch, use):
    def refuse(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CatalogError, match=r"cannot write to .* \(Permission denied\): choose"):
        use(tmp_path / "out", FIRST)


def test_check_leaves_nothing(tmp_path):
    check_output_folder(tmp_path / "new" / "out", FIRST)
    assert not list(tmp_path.iterdir())
    write(tmp_path, FIRST)
    check_output_folder(tmp_path, FIRST)
    assert files_listed(tmp_path) == sorted(set(tree(tmp_path)) - {"plots", "plots/deep"})


def test_files_that_no_later_result_may_replace(tmp_path):
    with write_results(tmp_path, replaceable=False) as staging:
        fill(staging, {"a.png": "1"})
    assert tree(tmp_path) == {"a.png": "1"}
    with pytest.raises(CatalogError, match=r"a\.png, not from"):
        write(tmp_path, {"a.png": "2"})


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", ["mine", None])
def test_failure_while_a_file_is_written(tmp_path, error, earlier):
    path = tmp_path / "t.csv"
    if earlier:
        path.write_text(earlier)
    before = tree(tmp_path)

    def write_and_fail():
        with atomic_write(path, advice="make room") as part:
            assert part.suffix == ".csv"
            part.write_text("half")
            raise error

    expected = r"t\.csv cannot be written \(No space left\): make room"
    with pytest.raises((CatalogError, KeyboardInterrupt)) as caught:
        write_and_fail()
    assert isinstance(error, KeyboardInterrupt) or caught.match(expected)
    assert tree(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="links and permissions as in POSIX")
def test_link_to_a_file_stays_and_others_can_read(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "t.csv"
    link.symlink_to(tmp_path / "real" / "t.csv")
    for text in ("first", "second"):
        with atomic_write(link) as part:
            part.write_text(text)
    assert link.is_symlink()
    assert tree(tmp_path / "real") == {"t.csv": "second"}
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(link.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


KILLED = """
import os, signal, sys
from spurclust.catalog import output

def die(file, target):
    if len(sys.argv) > 2 and file.name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    move(file, target)

move, output._move = output._move, die
with output.atomic_write(sys.argv[1] + "/../page.html") as page:
    page.touch()
    with output.write_results(sys.argv[1]) as staging:
        (staging / "new.csv").write_text("new")
        if len(sys.argv) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nobody is killed there")
@pytest.mark.parametrize("moment", [[], ["old.csv"], ["summary.json"], ["new.csv"]])
def test_what_a_killed_process_left_goes_with_the_next(tmp_path, moment):
    target, script = tmp_path / "results", tmp_path / "killed.py"
    if moment:
        write(target, {"old.csv": "old"})
    before = tree(target) if moment else {}
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(target), *moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert list(tmp_path.rglob(".spurclust-*"))
    living = tmp_path / f".spurclust-{'0' * 8}-1-of-another-machine"
    living.touch()
    check_output_folder(target)
    if moment:
        assert tree(target) == before
    with atomic_write(tmp_path / "page.html") as page:
        page.touch()
    assert list(tmp_path.rglob(".spurclust-*")) == [living]
    write(target, {"old.csv": "newer"})
    assert json.loads((target / "summary.json").read_text())["files"] == ["old.csv", "summary.json"]
