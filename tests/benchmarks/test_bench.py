import subprocess
import sys
from pathlib import Path
from threading import Event, Timer

import pytest


@pytest.fixture
def bench(script):
    return script("bench")


def test_a_median_keeps_its_runs(bench):
    runs = [bench.Finished(seconds, seconds / 10, seconds) for seconds in (3.0, 1.0, 8.0)]
    done = bench.median_of(runs)
    assert done == (3.0, 0.3, 8.0, (3.0, 1.0, 8.0))
    assert str(done) == "3.00 s (3 runs, 1.00 to 8.00)"
    assert str(bench.median_of(runs[1:2])) == "1.00 s (1 run)"


def test_works_take_turns(bench):
    turns = []

    def work(name):
        turns.append(name)
        return bench.Finished(len(turns), 0.0, name)

    done = bench.interleaved(3, lambda: work("ours"), lambda: work("theirs"))
    assert turns == ["ours", "theirs"] * 3
    assert [(each.seconds, each.result) for each in done] == [(3, "ours"), (4, "theirs")]


def test_a_value_reaches_its_target_or_fails(bench):
    outcomes = [bench.at_least("run", ratio, 25, "a : b") for ratio in (24.9, 25, 30)]
    outcomes += [bench.at_most("KL", value, 1.01, "x") for value in (1.01, 1.0101)]
    assert [row.holds for row in outcomes] == [False, True, True, True, False]
    table = bench.format_table(outcomes)
    assert "| run | 24.9x | >= 25x | **FAILS** | a : b |" in table
    assert "| KL | 1.01x | <= 1.01x | PASS |  |" in table


def test_the_table_names_every_loss(bench):
    outcomes = [
        bench.at_least("won", 2, 1),
        bench.at_least("lost", 1, 2),
        bench.for_information("shown", "3 s"),
    ]
    assert bench.format_table(outcomes).endswith("1 of 2 targets reached; missed: lost.")
    assert "| shown | 3 s |  |  |  |" in bench.format_table(outcomes)


def test_a_process_has_its_own_peak_memory(bench):
    heavy = bench.run_process([sys.executable, "-c", "b'1' * 400_000_000"])
    # A process starts with the peak of its parent, here pytest, which may be larger.
    assert 0.4 < heavy.memory <= max(0.45, bench.peak_memory())
    assert heavy.each == (heavy.seconds,)
    assert bench.run_process([sys.executable, "-c", "pass"]).memory <= bench.peak_memory()


def test_the_memory_of_a_process_includes_its_children(bench):
    hold = "held = b'1' * 300_000_000; input()"
    both = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}"
    ended = Event()
    with subprocess.Popen([sys.executable, "-c", both], stdin=subprocess.PIPE) as process:
        Timer(2, ended.set).start()
        assert 0.6 < bench.watch_memory(process.pid, ended) < 0.8
        process.communicate(b"\n\n")


def test_what_fails_says_so(bench):
    with pytest.raises(bench.ChildError, match="exit code 3"):
        bench.run_process([sys.executable, "-c", "raise SystemExit(3)"])


def test_what_is_missing_is_named_with_the_command_that_installs_it(bench):
    with pytest.raises(bench.ChildError, match=r"no_such_peer .*pip install 'spurclust\[bench\]'"):
        bench.require("json", "no_such_peer")


def test_a_child_returns_its_own_cost(bench, tmp_path):
    path = tmp_path / "bench.py"
    path.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(bench.__file__).rpartition('/')[0]!r})\n"
        "from bench import serve_child, timed\n"
        "def double(value):\n"
        "    found, cost = timed(lambda: 2 * value)\n"
        "    block = b'1' * 400_000_000\n"
        "    return {**cost, 'found': found}\n"
        "assert serve_child({'double': double})\n"
    )
    done = bench.run_child(str(path), "double", value=21)
    assert done.result["found"] == 42
    assert done.seconds == done.result["seconds"] < 0.1
    # What comes after the timed work is not its memory.
    assert done.memory < bench.peak_memory() + 0.1


def test_defaults_of_a_signature_are_options(bench, monkeypatch, capsys):
    def work(folder, repeats: int = 3, sizes: tuple[int, ...] = (1, 2), out: str | None = None):
        return folder, repeats, sizes, out

    monkeypatch.setattr("sys.argv", ["bench.py", "survey", "--sizes", "5", "7", "--out", "x"])
    assert work(**bench.parse_options(work)) == ("survey", 3, [5, 7], "x")
    monkeypatch.setattr("sys.argv", ["bench.py"])
    with pytest.raises(SystemExit):
        bench.parse_options(work)
    assert "required: folder" in capsys.readouterr().err


def test_the_conditions_name_versions_cores_and_thread_limits(bench, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    text = bench.conditions()
    assert f"{bench.usable_cores()} cores" in text
    assert "numpy " in text
    assert "OMP_NUM_THREADS=3" in text


@pytest.mark.parametrize("busy", [False, True])
def test_a_busy_machine_is_noted(bench, monkeypatch, busy):
    load = bench.CORES * (bench.BUSY + (0.1 if busy else -0.1))
    monkeypatch.setattr(bench, "LOAD_AT_START", load)
    assert ("machine was busy" in bench.format_report([])) is busy


def test_the_parents_stay_light():
    # A child starts with the peak memory of its parent.
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import speed; "
        "sys.exit(bool({'numpy', 'sklearn', 'spurclust', 'openTSNE'} & set(sys.modules)))"
    )
    folder = Path(__file__).parents[2] / "benchmarks"
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0
