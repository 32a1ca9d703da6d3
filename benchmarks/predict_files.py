"""`predict` from PNG files, against decoding the same files alone with the same threads.

Decoding is measured with the package's own reader, and with the libraries that it could use. Both
go over the files block by block, as with any number of files one must: where the pixels of all are
held at once, what is measured is how fast the machine hands out memory.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from measure import (
    Finished,
    Outcome,
    at_most,
    for_information,
    peak_memory,
    report,
    require,
    run_child,
    serve_child,
    timed,
    usable_cores,
)

MOST_FITTED = 600
BLOCK = 2000
"""Files at a time, as many as `spurclust predict` takes by custom."""
TARGET = 1.3


def split_files(found: list[str], n_files: int) -> tuple[list[str], list[str]]:
    """Choose the files to fit, and as many to predict as wanted, again and again if need be.

    None is both: a source seen in fit keeps its place, which costs less than placing it.
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
DECODERS = ("spurclust", *LIBRARIES)


def decode_all(decode: Callable[[str], Any], files: list[str], n_jobs: int) -> None:
    """Decode files in threads, and keep none."""
    with ThreadPoolExecutor(n_jobs) as pool:
        for _ in pool.map(decode, files):
            pass


def by_blocks(work: Callable[[list[str]], Any], files: list[str]) -> None:
    """Do a work on block after block, and keep nothing."""
    for start in range(0, len(files), BLOCK):
        work(files[start : start + BLOCK])


def each(folder: str, n_files: int, n_repeats: int, n_jobs: int) -> dict[str, Any]:
    """Fit on some cutouts, then decode and predict many others, turn by turn."""
    import numpy as np
    from sklearn.pipeline import make_pipeline

    from spurclust import ImageFlattener, SpuriousRegionDetector
    from spurclust.cutouts import CutoutReader, list_cutouts

    fitted, files = split_files(list_cutouts(folder), n_files)
    detector = SpuriousRegionDetector(flatten=ImageFlattener(), random_state=12, n_jobs=n_jobs)
    pipeline = make_pipeline(CutoutReader(n_jobs=n_jobs), detector)
    pipeline.fit(fitted, np.arange(len(fitted)) % 10 == 0)
    reader = pipeline[0]
    by_blocks(reader.transform, files)  # so that neither is the first to read the files
    works: dict[str, Callable[[], Any]] = {
        "whole": partial(by_blocks, pipeline.predict, files),
        "spurclust": partial(by_blocks, reader.transform, files),
    }
    for name, decode in LIBRARIES.items():
        works[name] = partial(decode_all, decode, files, n_jobs)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(n_repeats):
        for name, work in works.items():
            # What the work before has given back to the machine, the next one would ask for anew.
            reader.transform(files[:BLOCK])
            seconds[name].append(timed(work)[1]["seconds"])
    counts = {"n_fitted": len(fitted), "n_distinct": len(set(files))}
    return {**seconds, **counts, "memory": peak_memory()}


def measure(folder: str, n_files: int, n_repeats: int, n_jobs: int) -> list[Outcome]:
    """Compare."""
    require("imagecodecs", "PIL")
    arguments = {"n_files": n_files, "n_repeats": n_repeats, "n_jobs": n_jobs}
    done = run_child(__file__, "each", folder=folder, **arguments)
    whole, *alone = (
        Finished(median(done.result[name]), done.memory, each=tuple(done.result[name]))
        for name in ("whole", *DECODERS)
    )
    outcomes = [
        at_most(
            f"predict from PNG files, against decoding them with {name}",
            whole.seconds / decoding.seconds,
            TARGET,
            "x",
            f"{whole} : {decoding}",
        )
        for name, decoding in zip(DECODERS, alone, strict=True)
    ]
    detail = (
        f"{n_files} files ({done.result['n_distinct']} distinct) in blocks of {BLOCK}, "
        f"{done.result['n_fitted']} others fitted, on pixels; {n_jobs} threads; peak memory "
        f"{done.memory:.2f} GB"
    )
    rate = f"{n_files / whole.seconds:.0f} files a second"
    return [*outcomes, for_information("the same, rate", rate, detail)]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="PNG cutouts")
    parser.add_argument("--files", type=int, default=4000, help="taken again when there are fewer")
    parser.add_argument("--repeats", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=usable_cores(), help="default: %(default)s")
    args = parser.parse_args()
    report(measure(args.folder, args.files, args.repeats, args.jobs))


if __name__ == "__main__" and not serve_child({"each": each}):
    main()
