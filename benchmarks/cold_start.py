"""What the compilation of the kernels costs: at first, later, and where no cache can be written."""

import json
import os
import shutil
import site
import sys
import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import bench

IMPORTS = "import json, sys, numba, scipy.fft, spurclust.detector"
FIT = """
import numpy as np
from spurclust import SpuriousRegionDetector
images = np.random.default_rng(0).integers(0, 255, (60, 9, 9), dtype=np.uint8)
detector = SpuriousRegionDetector(2, perplexity=5, random_state=0).fit(images, np.arange(60) < 6)
flags = detector.predict(images[:9] // 2)
print(json.dumps({"file": spurclust.detector.__file__, "points": detector.embedding_.tolist()}))
"""
LIMIT = 1.0


def copy_unwritable(folder: Path) -> Path:
    """Copy the package so that its folders cannot take a cache, not even from root.

    Where Python and numba would make a folder for their caches, there is a file.
    """
    spec = find_spec("spurclust")
    if spec is None or spec.origin is None:
        raise bench.ChildError("spurclust is not installed")
    package = folder / "spurclust"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(spec.origin).parent, package, ignore=ignored)
    for each in [package, *(found for found in package.rglob("*") if found.is_dir())]:
        (each / "__pycache__").touch()
    return folder


def run_with(
    code: str, home: Path, *, cache: Path | None = None, path: Path | None = None
) -> bench.Finished:
    """Run code in a process whose home, cache of kernels and package are these."""
    dropped = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", *(("PYTHONPATH",) if path else ()))
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    # Packages that users installed for themselves lie below their home.
    environment |= {"HOME": str(home), "PYTHONUSERBASE": site.getuserbase()}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    if cache:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    if path:
        environment["PYTHONPATH"] = str(path)
    with tempfile.TemporaryFile("w+") as text:
        done = bench.run_process(
            [sys.executable, "-c", code], env=environment, stdout=text, cwd="/"
        )
        text.seek(0)
        written = text.read()
    result = json.loads(written) if written else {}
    if result and path and not Path(result["file"]).is_relative_to(path):
        raise bench.ChildError(f"{result['file']} was used, not the copy in {path}")
    return done._replace(result=result)


def measure(repeats: int = 7) -> list[bench.Outcome]:
    """Compare a cold and a warm cache, a read-only installation, and no cache at all."""
    code = IMPORTS + FIT
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        file, home = folder / "file", folder / "home"
        file.touch()
        home.mkdir()
        copy = copy_unwritable(folder / "copy")
        in_folder = partial(run_with, home=home, cache=folder / "cache")
        imports = bench.median_of([in_folder(IMPORTS) for _ in range(repeats)])
        cold = in_folder(code)
        warm = bench.median_of([in_folder(code) for _ in range(repeats)])
        size = sum(each.stat().st_size for each in (folder / "cache").rglob("*") if each.is_file())
        read_only = partial(run_with, code, home, path=copy)
        first, later = read_only(), bench.median_of([read_only() for _ in range(repeats)])
        nowhere = run_with(code, file / "home", cache=file / "cache", path=copy)
    cached = (
        f"first run {cold.seconds:.1f} s, next {warm}, of which imports {imports}; the cache takes "
        f"{size / 1e6:.1f} MB"
    )
    in_home = f"kernels cached in the user's home: first run {first.seconds:.1f} s, next {later}"
    what = "kernels and a small fit, less imports, once cached"
    apart = "the same, of a read-only installation"
    compiling = f"{cold.seconds - warm.seconds:.1f} s"
    return [
        bench.at_most(what, warm.seconds - imports.seconds, LIMIT, " s", cached),
        bench.at_most(apart, later.seconds - imports.seconds, LIMIT, " s", in_home),
        bench.for_information("compilation, in the first run only", compiling),
        bench.Outcome(
            "no folder for the cache can be written: works, compiling in every run",
            f"{nowhere.seconds:.1f} s",
            "the same points",
            nowhere.result["points"] == cold.result["points"],
            "an installation, a home and a NUMBA_CACHE_DIR in which nothing can be written",
        ),
    ]


if __name__ == "__main__":
    bench.run_script(measure)
