"""What the compilation of the kernels costs: the first run, the next, and without a cache."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measure import Finished, Outcome, at_most, report, run_process

CODE = """
import numpy as np
from spurclust import SpuriousRegionDetector
images = np.random.default_rng(0).integers(0, 255, (60, 9, 9), dtype=np.uint8)
detector = SpuriousRegionDetector(2, perplexity=5, random_state=0).fit(images, np.arange(60) < 6)
detector.predict(images[:2] // 2)
"""
LIMIT = 1.0


def run_with(cache: Path, code: str = CODE) -> Finished:
    """Fit a small detector in a process whose kernels are cached in a folder."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return run_process([sys.executable, "-c", code], env=environment)


def measure() -> list[Outcome]:
    """Compare a cold, a warm and an impossible cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        imports = run_with(folder / "x", "import spurclust.detector, numba, scipy.fft")
        cold = run_with(folder / "cache")
        warm = min((run_with(folder / "cache") for _ in range(3)), key=lambda run: run.seconds)
        size = sum(file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file())
    detail = (
        f"first run {cold.seconds:.1f} s, next {warm.seconds:.1f} s, of which imports "
        f"{imports.seconds:.1f} s; the cache takes {size / 1e6:.1f} MB"
    )
    extra = warm.seconds - imports.seconds
    return [at_most("kernels and a small fit, once they are cached", extra, LIMIT, " s", detail)]


def main() -> None:
    """Run from the command line."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    report(measure())


if __name__ == "__main__":
    main()
