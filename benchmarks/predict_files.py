"""`predict` from PNG files, against decoding the same files alone with the same threads.

Decoding is measured with the package's own reader, and with the libraries that it could use. Both
go over the files block by block, as with any number of files one must: where the pixels of all are
held at once, what is measured is how fast the machine hands out memory.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import bench

MOST_FITTED = 600
BLOCK = 2000
"""Files at a time, as many as `spurclust predict` takes by default."""
TARGET = 1.3


def split_files(found: list[str], n_files: int) -> tuple[list[str], list[str]]:
    """Choose the files to fit, and as many to predict as wanted, repeated if need be.

    None is both: a source seen in fit keeps its position, which costs less than finding one.
    """
    n_fitted = min(MOST_FITTED, len(found) // 2)
    others = found[n_fitted:]
    return found[:n_fitted], (others * (n_files // len(others) + 1))[:n_files]


def with_imagecodecs(path: str) -> Any:
    """Decode with libpng."""
    import imagecodecs

    return imagecodecs.png_decode(Path(path).read_bytes())


def with_pillow(path: str) -> Any:
    """Decode as most people do."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(path))


LIBRARIES = {"imagecodecs": with_imagecodecs, "Pillow": with_pillow}


def decode_all(decode: Callable[[str], Any], files: list[str], jobs: int) -> None:
    """Decode files in threads, and keep none."""
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(decode, files):
            pass


def by_blocks(work: Callable[[list[str]], Any], files: list[str]) -> None:
    """Do a work on block after block, and keep nothing."""
    for start in range(0, len(files), BLOCK):
        work(files[start : start + BLOCK])


def each(folder: str, files: int, repeats: int, jobs: int) -> dict[str, Any]:
    """Fit on some cutouts, then decode and predict many others, turn by turn."""
    import numpy as np
    from sklearn.pipeline import make_pipeline

    from spurclust import ImageFlattener, SpuriousRegionDetector
    from spurclust.cutouts import CutoutReader, list_cutouts

    fitted, others = split_files(list_cutouts(folder), files)
    detector = SpuriousRegionDetector(flatten=ImageFlattener(), random_state=12, n_jobs=jobs)
    pipeline = make_pipeline(CutoutReader(n_jobs=jobs), detector)
    pipeline.fit(fitted, np.arange(len(fitted)) % 10 == 0)
    reader = pipeline[0]
    by_blocks(reader.transform, others)  # so that neither is the first to read the files
    works: dict[str, Callable[[], Any]] = {
        "whole": partial(by_blocks, pipeline.predict, others),
        "spurclust": partial(by_blocks, reader.transform, others),
    }
    for name, decode in LIBRARIES.items():
        works[name] = partial(decode_all, decode, others, jobs)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            # Memory that the work before has given back would be new to the next one.
            reader.transform(others[:BLOCK])
            seconds[name].append(bench.timed(work)[1]["seconds"])
    counts = {"n_fitted": len(fitted), "n_distinct": len(set(others))}
    return {"each": seconds, **counts, "memory": bench.peak_memory()}


def measure(
    folder: str, files: int = 4000, repeats: int = 15, jobs: int = bench.CORES
) -> list[bench.Outcome]:
    """Compare."""
    bench.require("imagecodecs", "PIL")
    given = {"folder": folder, "files": files, "repeats": repeats, "jobs": jobs}
    done = bench.run_child(__file__, "each", **given)
    runs = {
        name: bench.Finished(median(seconds), done.memory, each=tuple(seconds))
        for name, seconds in done.result["each"].items()
    }
    whole = runs.pop("whole")
    outcomes = []
    for name, decoding in runs.items():
        what = f"predict from PNG files, against decoding them with {name}"
        ratio = whole.seconds / decoding.seconds
        outcomes.append(bench.at_most(what, ratio, TARGET, "x", f"{whole} : {decoding}"))
    detail = (
        f"{files} files ({done.result['n_distinct']} distinct) in blocks of {BLOCK}, "
        f"{done.result['n_fitted']} others fitted, on pixels; {jobs} threads; peak memory "
        f"{done.memory:.2f} GB"
    )
    rate = f"{files / whole.seconds:.0f} files a second"
    return [*outcomes, bench.for_information("the same, rate", rate, detail)]


if __name__ == "__main__":
    bench.run_script(measure, each)
