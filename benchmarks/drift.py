"""Which changes of the cutouts the novelty of new sources shows, and which it does not.

A detector is fitted on half of a survey; the other half is changed, all cutouts alike.
"""

from collections.abc import Callable
from typing import Any

import bench
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from spurclust import ImageFlattener, SpuriousRegionDetector
from spurclust.novelty import drift_message
from spurclust.simulate import simulate_survey

Images = NDArray[np.uint8]


def to_pixels(images: NDArray[np.floating[Any]]) -> Images:
    """Round to the pixels of a picture."""
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def lose_panel(images: Images) -> Images:
    """Blank the first fifth of each strip."""
    lost = images.copy()
    lost[:, :, : images.shape[2] // 5] = 0
    return lost


def enlarge_middle(images: Images) -> Images:
    """Show the middle with half the field of view, as pixels of half the size do."""
    height, width = images.shape[1:3]
    rows = height // 4 + np.arange(height) // 2
    columns = width // 4 + np.arange(width) // 2
    return images[:, rows[:, None], columns]


def blur(images: Images) -> Images:
    """Blur each cutout."""
    sigma = (0, 1.5, 1.5, *(0,) * (images.ndim - 3))
    return to_pixels(gaussian_filter(images.astype(np.float32), sigma))


def add_noise(images: Images) -> Images:
    """Add noise to each pixel."""
    return to_pixels(images + np.random.default_rng(0).normal(0, 10, images.shape))


CHANGES: dict[str, Callable[[Images], Images]] = {
    "none": lambda images: images,
    "all pixels halved": lambda images: to_pixels(images * 0.5),
    "all pixels doubled, cut at 255": lambda images: to_pixels(images * 2.0),
    "inverted": lambda images: 255 - images,
    "square root": lambda images: to_pixels(255 * np.sqrt(images / 255)),
    "square": lambda images: to_pixels(255 * np.square(images / 255)),
    "blurred, sigma 1.5 pixels": blur,
    "noise of 10 added": add_noise,
    "the middle twice as large": enlarge_middle,
    "a fifth of the strip lost": lose_panel,
}


def compare(
    sources: int = 1400, real: str | None = None, labels: str | None = None, jobs: int = -1
) -> None:
    """Count the novel sources after each change, on features and on pixels."""
    if real and labels:
        images, y, _ = bench.load_survey(real, labels)
    else:
        survey = simulate_survey(sources, sources // 30, random_state=3, n_jobs=jobs)
        images, y = survey.images, survey.y
    fitted, new = np.array_split(np.random.default_rng(0).permutation(len(images)), 2)
    settings = {"unlabeled": -1, "random_state": 12, "n_jobs": jobs}
    detectors = [
        SpuriousRegionDetector(6, flatten=flatten, **settings).fit(images[fitted], y[fitted])
        for flatten in (None, ImageFlattener())
    ]
    rows = []
    for name, change in CHANGES.items():
        changed = change(images[new])
        counts = [int((each.assign(changed).novelty > 1).sum()) for each in detectors]
        warnings = [" (warning)" * bool(drift_message(count, len(new))) for count in counts]
        shares = [f"{count / len(new):.3f}" for count in counts]
        rows.append([name, *(f"{a}{b}" for a, b in zip(shares, warnings, strict=True))])
    kind = "real" if real else "simulated"
    print(
        f"{len(images)} {kind} strips, half of them fitted; share of the others with a novelty "
        f"above 1\n\n{bench.markdown_table(['change', 'on features', 'on pixels'], rows)}\n\n"
        f"{bench.conditions()}"
    )


if __name__ == "__main__":
    compare(**bench.parse_options(compare))
