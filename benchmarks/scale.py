"""A million sources on dask: throughput with one and two workers, memory over time, the same bits.

The cutouts are made on the fly, so that no disk is measured: each is one of a simulated survey's,
turned or mirrored, with noise of its own. Then partitions without work, for what the scheduler
takes.
"""

import os
import random
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import bench

CHUNK = 5000
CUBE = (24, 24, 4)
N_BASE = 2000
N_SPURIOUS = 60
SAMPLE_SECONDS = 0.5
MOST_GB = 1.5
MOST_GROWTH = 1.1
BILLION = 1e9


class Run(NamedTuple):
    """One run: seconds, GB of each worker over time, and bytes written."""

    seconds: float
    memory: dict[int, list[float]]
    n_bytes: int


def base_cubes() -> tuple[Any, Any]:
    """Simulate cutouts in four filters, and their labels."""
    import numpy as np

    from spurclust.simulate import simulate_survey

    survey = simulate_survey(N_BASE, N_SPURIOUS, random_state=12, n_jobs=-1)
    cubes = survey.cubes.astype(np.float32)
    top, left = (cubes.shape[1] - CUBE[0]) // 2, (cubes.shape[2] - CUBE[1]) // 2
    return cubes[:, top : top + CUBE[0], left : left + CUBE[1], 1 : 1 + CUBE[2]].copy(), survey.y


def vary(base: Any, number: int, n_rows: int) -> Any:
    """Make the cutouts of one chunk, which depend on its number only."""
    import numpy as np

    rng = np.random.default_rng(number)
    chosen = base[rng.integers(0, len(base), n_rows)]
    for turn, part in enumerate(np.array_split(np.arange(n_rows), 8)):
        turned = np.rot90(chosen[part], turn % 4, axes=(1, 2))
        chosen[part] = turned[:, ::-1] if turn >= 4 else turned
    sky = np.nanmedian(np.abs(np.nan_to_num(base[:100])))
    return chosen + sky * rng.standard_normal(chosen.shape, dtype=np.float32)


def lazy_cutouts(base: Any, n_sources: int) -> Any:
    """Make the survey as a dask array of which nothing is computed yet."""
    import dask
    import dask.array as da

    shared = dask.delayed(base, pure=True, traverse=False)
    starts = range(0, n_sources, CHUNK)
    blocks = [
        da.from_delayed(
            dask.delayed(vary, pure=True)(shared, number, min(CHUNK, n_sources - start)),
            (min(CHUNK, n_sources - start), *CUBE),
            dtype="float32",
        )
        for number, start in enumerate(starts)
    ]
    return da.concatenate(blocks)


class Watch:
    """Samples the memory of processes until it is left."""

    def __init__(self, pids: list[int]) -> None:
        self.memory: dict[int, list[float]] = {pid: [] for pid in pids}
        self.lost = ""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        if self.lost and error[0] is None:
            raise bench.ChildError(f"{self.lost}: a worker was restarted, and no number counts")

    def _sample(self) -> None:
        import psutil

        try:
            processes = {pid: psutil.Process(pid) for pid in self.memory}
            while not self._done.wait(SAMPLE_SECONDS):
                for pid, process in processes.items():
                    self.memory[pid].append(process.memory_info().rss / 1e9)
        except psutil.NoSuchProcess as error:
            self.lost = str(error)


def predict_with(n_workers: int, models: Any, cutouts: Any, folder: Path) -> Run:
    """Predict a survey on a cluster of this machine that has been warmed up."""
    from spurclust.scale import open_client, write_predictions

    with open_client(workers=n_workers) as client:
        client.run(lambda: __import__("spurclust.scale"))
        write_predictions(models, cutouts[: 2 * CHUNK], folder / "few")
        pids = list(client.run(os.getpid).values())
        start = time.perf_counter()
        with Watch(pids) as watch:
            write_predictions(models, cutouts, folder / "all")
        seconds = time.perf_counter() - start
    n_bytes = sum(path.stat().st_size for path in (folder / "all").rglob("*") if path.is_file())
    return Run(seconds, watch.memory, n_bytes)


def growth_of(memory: dict[int, list[float]]) -> float:
    """Return the largest ratio of a worker's median memory in the last fifth to the second."""
    ratios = []
    for series in memory.values():
        fifth = max(len(series) // 5, 1)
        ratios.append(median(series[-fifth:]) / median(series[fifth : 2 * fifth] or series))
    return max(ratios)


def same_bits(models: Any, base: Any, folder: Path, n_sources: int) -> tuple[bool, int]:
    """Predict a random partition in this process, whole, and compare every bit."""
    import numpy as np
    import pandas as pd

    number = random.SystemRandom().randrange(-(-n_sources // CHUNK))
    table = pd.read_parquet(folder / "all" / "sources" / f"part-{number:06d}.parquet")
    assignment, probability, _ = models.predict(vary(base, number, len(table)))
    expected = {
        "source_id": np.array([str(number * CHUNK + k) for k in range(len(table))], dtype=object),
        "tsne_x": assignment.embedding[:, 0],
        "tsne_y": assignment.embedding[:, 1],
        "component": assignment.component,
        "spurious_probability": assignment.spurious_probability,
        "novelty": assignment.novelty,
        "inspection_probability": probability,
    }
    columns = expected.items()
    return all(np.array_equal(table[name].to_numpy(), column) for name, column in columns), number


def measure_arrays(n_sources: int) -> list[bench.Outcome]:
    """Predict cutouts made on the fly, with one worker and with two."""
    base, y = base_cubes()
    models = bench.fit_models(base, y)
    cutouts = lazy_cutouts(base, n_sources)
    rows: list[bench.Outcome] = []
    runs = []
    for n_workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            run = predict_with(n_workers, models, cutouts, Path(folder))
            is_same, number = same_bits(models, base, Path(folder), n_sources)
        runs.append(run)
        rate = f"{n_sources / run.seconds:,.0f} a second"
        detail = f"{run.seconds:.0f} s; {run.n_bytes / n_sources:.0f} bytes a source written"
        many = f"{n_workers} worker{'s' * (n_workers > 1)}"
        what = f"partition {number} as a single process has it, {many}"
        bits = "equal to the bit" if is_same else "different"
        growth = f"memory, last fifth to second fifth, {many}"
        rows += [
            bench.for_information(f"{n_sources:,} cubes, {many}", rate, detail),
            bench.at_most(f"peak memory of a worker, {many}", peak_of(run), MOST_GB, " GB"),
            bench.at_most(growth, growth_of(run.memory), MOST_GROWTH, "x"),
            bench.Outcome(what, bits, "equal", is_same),
        ]
    ratio = bench.at_least("two workers against one", runs[0].seconds / runs[1].seconds, 1.8)
    return [*rows, ratio, extrapolate(runs[1], n_sources, 2)]


def peak_of(run: Run) -> float:
    """Return the peak memory of the largest worker, in GB."""
    return max(max(series) for series in run.memory.values())


def extrapolate(run: Run, n_sources: int, n_workers: int) -> bench.Outcome:
    """Compute what a thousand million sources take at the measured rate of a core."""
    core_hours = n_workers * run.seconds / n_sources * BILLION / 3600
    written = run.n_bytes / n_sources * BILLION / 1e9
    detail = f"{core_hours / 1000:,.1f} hours on 1000 cores; {written:.0f} GB written"
    return bench.for_information("10^9 such sources", f"{core_hours:,.0f} core hours", detail)


def leave_out(predictor: Any, number: int, partition: Any, images: Any, job: Any) -> Any:  # noqa: ARG001
    """Stand in for the writing of a partition, and do nothing."""
    from spurclust.scale.parts import PartitionSummary

    return PartitionSummary(number, len(partition), 0, 0, [], "")


def measure_scheduling(n_partitions: int, n_workers: int) -> list[bench.Outcome]:
    """Send partitions in which there is nothing to do, to see what sending them takes."""
    from spurclust.cutouts.path_tables import TableRows
    from spurclust.scale import open_client, writing
    from spurclust.scale.parts import Job
    from spurclust.scale.predictor import Predictor

    writing.write_partition = leave_out
    rows: list[bench.Outcome] = []
    with open_client(workers=n_workers) as client:
        for n in (n_partitions // 4, n_partitions):
            parts = [
                TableRows("/t.parquet", k, 0, 2000, "source_id", "path", "/") for k in range(n)
            ]
            start = time.perf_counter()
            job = Job("/", "", "", strict=False)
            list(writing.write_all(Predictor(None), parts, job, client))
            seconds = time.perf_counter() - start
            rate = f"{n / seconds:,.0f} a second"
            rows.append(bench.for_information(f"{n:,} empty partitions", rate, f"{seconds:.1f} s"))
    return rows


def measure(sources: int = 1_000_000, partitions: int = 8000) -> list[bench.Outcome]:
    """Run both parts; 0 leaves one out."""
    bench.require("dask", "distributed", "pyarrow", "psutil")
    rows = measure_arrays(sources) if sources else []
    return rows + (measure_scheduling(partitions, min(2, bench.CORES)) if partitions else [])


if __name__ == "__main__":
    bench.run_script(measure)
