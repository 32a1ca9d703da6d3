"""Which changes of the cutouts the novelty of new sources shows, and which it does not.

A detector is fitted on half of a survey; the other half is changed, all cutouts alike.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from measure import conditions
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from spurclust import ImageFlattener, SpuriousRegionDetector
from spurclust.catalog import match_labels, read_labels
from spurclust.cutouts import read_cutouts
from spurclust.novelty import drift_message
from spurclust.simulate import simulate_survey

Images = NDArray[np.uint8]


def _rounded(images: NDArray[np.floating[Any]]) -> Images:
    """Return to the pixels of a picture."""
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def _panel_lost(images: Images) -> Images:
    """Blank the first fifth of each strip."""
    lost = images.copy()
    lost[:, :, : images.shape[2] // 5] = 0
    return lost


def _twice_as_large(images: Images) -> Images:
    """Show the middle with half the field of view, as pixels of half the size do."""
    height, width = images.shape[1:3]
    rows = height // 4 + np.arange(height) // 2
    columns = width // 4 + np.arange(width) // 2
    return images[:, rows[:, None], columns]


CHANGES: dict[str, Callable[[Images], Images]] = {
    "none": lambda images: images,
    "all pixels halved": lambda images: _rounded(images * 0.5),
    "all pixels doubled, cut at 255": lambda images: _rounded(images * 2.0),
    "inverted": lambda images: 255 - images,
    "square root": lambda images: _rounded(255 * np.sqrt(images / 255)),
    "square": lambda images: _rounded(255 * np.square(images / 255)),
    "blurred, sigma 1.5 pixels": lambda images: _rounded(
        gaussian_filter(images.astype(np.float32), (0, 1.5, 1.5, *(0,) * (images.ndim - 3)))
    ),
    "noise of 10 added": lambda images: _rounded(
        images + np.random.default_rng(0).normal(0, 10, images.shape)
    ),
    "the middle twice as large": _twice_as_large,
    "a fifth of the strip lost": _panel_lost,
}


def shares(images: Images, y: NDArray[Any], n_jobs: int) -> dict[str, list[int]]:
    """Count the novel sources after each change, on features and on pixels."""
    order = np.random.default_rng(0).permutation(len(images))
    fitted, new = np.array_split(order, 2)
    detectors = [
        SpuriousRegionDetector(
            6, flatten=flatten, unlabeled=-1, random_state=12, n_jobs=n_jobs
        ).fit(images[fitted], y[fitted])
        for flatten in (None, ImageFlattener())
    ]
    return {
        name: [
            int((detector.assign(change(images[new])).novelty > 1).sum()) for detector in detectors
        ]
        for name, change in CHANGES.items()
    }


def read_survey(args: argparse.Namespace) -> tuple[Images, NDArray[Any], str]:
    """Read real cutouts, or simulate some."""
    if args.real is None:
        survey = simulate_survey(args.sources, args.sources // 30, random_state=3, n_jobs=args.jobs)
        return survey.images, survey.y, f"{args.sources} simulated strips"
    cutouts = read_cutouts(args.real, n_jobs=args.jobs)
    matched = match_labels(read_labels(args.labels), cutouts.source_ids)
    return cutouts.images, matched.y, f"{len(cutouts)} real strips"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=1400, help="default: %(default)s")
    parser.add_argument("--real", help="a folder of cutouts instead")
    parser.add_argument("--labels", help="their labels")
    parser.add_argument("--jobs", type=int, default=-1, help="threads (default: %(default)s)")
    args = parser.parse_args()
    images, y, name = read_survey(args)
    n_new = len(images) // 2
    print(f"{name}, half of them fitted; share of the others with a novelty above 1\n")
    print("| change | on features | on pixels |\n|---|---|---|")
    for change, counts in shares(images, y, args.jobs).items():
        cells = [
            f"{count / n_new:.3f}{' (warning)' * bool(drift_message(count, n_new))}"
            for count in counts
        ]
        print(f"| {change} | {' | '.join(cells)} |")
    print(f"\n{conditions()}")


if __name__ == "__main__":
    main()
