"""What the benchmarks share: options, surveys, fresh processes, medians, targets, the table."""

import argparse
import inspect
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any, NamedTuple

# Only light imports here and at the top of each script: a child starts with its parent's peak.

PACKAGES = (
    *("spurclust", "scikit-learn", "openTSNE", "numpy", "scipy", "numba"),
    *("pandas", "pillow", "imagecodecs", "dask"),
)
THREAD_LIMITS = ("OPENBLAS_", "OMP_", "MKL_", "NUMBA_", "LOKY_")
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
WATCH_SECONDS = 0.2
LOAD_AT_START = os.getloadavg()[0]
BUSY = 0.5
"""Share of the cores; waiting OpenMP threads then spin, and run many times slower."""

HELP = {
    "folder": "folder of PNG cutouts, as `spurclust simulate` writes them",
    "labels": "their table of labels",
    "jobs": "number of threads",
    "repeats": "how often each side is measured",
    "real": "folder of real cutouts, measured as well or instead",
    "cubes": "folder of FITS cubes of difference imaging, measured as well",
}


class ChildError(SystemExit):
    """A benchmark cannot go on; uncaught, it ends the script with its message."""


class Finished(NamedTuple):
    """Finished work: wall seconds, peak memory in GB, its result, the seconds of each run."""

    seconds: float
    memory: float
    result: Any = None
    each: tuple[float, ...] = ()

    def __str__(self) -> str:
        digits = 3 if self.seconds < 1 else 2
        text = f"{self.seconds:.{digits}f} s"
        if len(self.each) < 2:
            return f"{text} (1 run)"
        low, high = min(self.each), max(self.each)
        return f"{text} ({len(self.each)} runs, {low:.{digits}f} to {high:.{digits}f})"


class Outcome(NamedTuple):
    """One row of the table: what was compared, its value, the target, and whether it holds."""

    what: str
    value: str
    target: str
    holds: bool | None
    detail: str = ""


def usable_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


CORES = usable_cores()


def parse_options(function: Callable[..., Any]) -> dict[str, Any]:
    """Parse the command line by the signature of a function: a default makes an option."""
    parser = argparse.ArgumentParser(description=inspect.getmodule(function).__doc__)
    for name, parameter in inspect.signature(function).parameters.items():
        default, about = parameter.default, HELP.get(name)
        option = f"--{name.replace('_', '-')}"
        if default is inspect.Parameter.empty:
            parser.add_argument(name, help=about)
        elif isinstance(default, tuple):
            parser.add_argument(option, type=type(default[0]), nargs="*", default=default)
        else:
            kind = str if default is None else type(default)
            about = f"{about or ''} (default: %(default)s)".lstrip()
            parser.add_argument(option, type=kind, default=default, help=about)
    return vars(parser.parse_args())


def run_script(measure: Callable[..., Sequence[Outcome]], *children: Callable[..., Any]) -> None:
    """Measure with the options of the command line and print the table; or do a child's work."""
    if not serve_child({child.__name__: child for child in children}):
        report(measure(**parse_options(measure)))


def require(*modules: str) -> None:
    """Stop before the work when something that is compared with is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ChildError(f"{', '.join(missing)} not installed: pip install 'spurclust[bench]'")


def load_survey(folder: str, labels: str) -> tuple[Any, Any, Any]:
    """Read cutouts that can be read, and labels: images, `y` (-1 is uninspected), source ids."""
    from spurclust.catalog import match_labels, read_labels
    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(folder, on_error="skip", n_jobs=-1)
    y = match_labels(read_labels(labels), cutouts.source_ids).y
    return cutouts.images, y, cutouts.source_ids


def fit_models(cutouts: Any, y: Any) -> Any:
    """Fit a detector and a ranker as `spurclust run` does."""
    from spurclust import analyze
    from spurclust.catalog import FittedModels

    found = analyze(cutouts, y)
    return FittedModels(found.detector, found.ranker, found.summary["reading"])


def peak_memory() -> float:
    """Return this process's peak memory so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT / 1e9


def timed(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Do some work; return its result, and the seconds and peak memory for `run_child`."""
    start = time.perf_counter()
    result = work()
    return result, {"seconds": time.perf_counter() - start, "memory": peak_memory()}


def watch_memory(pid: int, ended: Event) -> float:
    """Return the peak memory of a process and its children together, in GB, seen now and then."""
    import psutil

    peak = 0.0
    while not ended.wait(WATCH_SECONDS):
        with suppress(psutil.Error):  # one of them has just ended
            first = psutil.Process(pid)
            each = [one.memory_full_info() for one in (first, *first.children(recursive=True))]
            # Of pages that processes share, pss counts to each its part; macOS has only uss.
            peak = max(peak, sum(getattr(one, "pss", one.uss) for one in each))
    return peak / 1e9


def run_process(command: Sequence[str], **options: Any) -> Finished:
    """Run a command as a process of its own; its memory is that of all its processes."""
    require("psutil")
    ended = Event()
    start = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        process = subprocess.Popen(command, **options)
        watched = pool.submit(watch_memory, process.pid, ended)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        ended.set()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        shown = " ".join(command)[:200]
        raise ChildError(f"exit code {process.returncode}, its message is above: {shown}")
    largest = usage.ru_maxrss * PEAK_UNIT / 1e9  # of the largest process, and of any moment
    return Finished(seconds, max(watched.result(), largest), each=(seconds,))


def run_child(script: str, function: str, **arguments: Any) -> Finished:
    """Run one function of a script in a process of its own.

    Seconds and memory are those that it returns under these names, else those of the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        given = json.dumps({"function": function, "result": str(path), "arguments": arguments})
        done = run_process([sys.executable, script, "--child", given])
        result = json.loads(path.read_text(encoding="utf-8"))
    seconds = result.get("seconds", done.seconds)
    return Finished(seconds, result.get("memory", done.memory), result, (seconds,))


def serve_child(functions: Mapping[str, Callable[..., dict[str, Any]]]) -> bool:
    """Do the work of a child, if this process is one."""
    if len(sys.argv) != 3 or sys.argv[1] != "--child":
        return False
    given = json.loads(sys.argv[2])
    result = functions[given["function"]](**given["arguments"])
    Path(given["result"]).write_text(json.dumps(result), encoding="utf-8")
    return True


def median_of(runs: Sequence[Finished]) -> Finished:
    """Return the medians of some runs, with the result of the last."""
    return Finished(
        median(run.seconds for run in runs),
        median(run.memory for run in runs),
        runs[-1].result,
        tuple(run.seconds for run in runs),
    )


def interleaved(n_repeats: int, *works: Callable[[], Finished]) -> list[Finished]:
    """Run works in turn, again and again, so that a slow minute hits all."""
    rounds = [[work() for work in works] for _ in range(n_repeats)]
    return [median_of(runs) for runs in zip(*rounds, strict=True)]


def at_least(
    what: str, value: float, target: float, detail: str = "", *, unit: str = "x"
) -> Outcome:
    """Judge a value that should be large, by default a ratio."""
    return Outcome(what, f"{value:.3g}{unit}", f">= {target:g}{unit}", value >= target, detail)


def at_most(what: str, value: float, target: float, unit: str, detail: str = "") -> Outcome:
    """Judge a value that should be small."""
    digits = 4 if unit == "x" else 3
    shown = f"{value:.{digits}g}{unit}"
    return Outcome(what, shown, f"<= {target:g}{unit}", value <= target, detail)


def for_information(what: str, value: str, detail: str = "") -> Outcome:
    """Show a value that has no target."""
    return Outcome(what, value, "", None, detail)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table in Markdown."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Write a Markdown table, and below it how many targets are reached."""
    verdicts = {None: "", True: "PASS", False: "**FAILS**"}
    rows = [[*row[:3], verdicts[row.holds], row.detail] for row in outcomes]
    table = markdown_table(["what", "measured", "target", "", "detail"], rows)
    judged = [row for row in outcomes if row.holds is not None]
    failed = [row.what for row in judged if not row.holds]
    if not judged:
        return table
    missed = f"; missed: {'; '.join(failed)}" if failed else ""
    return f"{table}\n\n{len(judged) - len(failed)} of {len(judged)} targets reached{missed}."


def conditions() -> str:
    """Describe the machine and the packages."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} missing")
    limits = [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(THREAD_LIMITS)]
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{CORES} cores, load {LOAD_AT_START:.1f} at the start; {', '.join(found)}; "
        f"thread limits set: {', '.join(limits) or 'none'}."
    )


def format_report(outcomes: Sequence[Outcome]) -> str:
    """Write the table and, below it, under which conditions it was measured."""
    parts = [format_table(outcomes), conditions()]
    if CORES * BUSY < LOAD_AT_START:
        parts.append("**The machine was busy at the start: do not trust these numbers.**")
    return "\n\n".join(parts)


def report(outcomes: Sequence[Outcome]) -> None:
    """Print the table and the conditions."""
    print(f"\n{format_report(outcomes)}")
