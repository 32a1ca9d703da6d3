"""Which groups of features help: how well sources are ordered without each group in turn.

Held-out labels of repeated 5-fold cross-validation, as in `quality.py`.
"""

import re
from collections.abc import Iterator
from typing import Any

import bench
import numpy as np
from quality import AREA, METHODS, METRICS, N_FOLDS, PRECISION, RANKER, WORKLOAD, held_out
from sklearn.model_selection import StratifiedKFold

from spurclust import CutoutFeatures

SHOWN = (AREA, PRECISION, "workload at 90 %", WORKLOAD)

GROUPS = {
    "gray levels": r"quantile_\d+|peak|noise|noise_share|level",
    "blank pixels": r"blank(_center|_border|_distance)?|flat|blank_in_\w+",
    "blank corners and sides": r"blank_(corner|side)\d",
    "rings": r"ring\d_(mean|scatter)",
    "center": r"center(_signal|_contrast)?",
    "light": r"light(_\w+)?|concentration_\d+",
    "neighbors": r"(outer|border)_peak(_signal)?|bright(_border)?|peak_distance|peak_over_center",
    "sides": r"side\d|quadrant_\w+|slope(_signal)?",
    "streaks": r"streak(_\w+)?|center_line_signal",
    "wedges": r"(inner|outer)_(wedge|axis)_\w+",
    "harmonics": r"(inner|outer)_harmonic\d",
    "source, light": r"source_(height|depth|balance|dipole|positive|negative|sharpness)",
    "source, shape": r"source_(symmetry|roundness|radial)",
    "panels, contrast": r"(contrast|signal)_\w+",
    "panels, similarity": r"similarity_\w+",
}
"""Each group: its features, without the number of the panel."""


def group_of(name: str) -> str:
    """Return the group of a feature."""
    own = re.sub(r"^panel\d+_", "", name)
    (group,) = [group for group, pattern in GROUPS.items() if re.fullmatch(pattern, own)]
    return group


def judge_groups(images: Any, y: Any, repeats: int) -> Iterator[tuple[str, int, list[float]]]:
    """Order held-out sources with all features, and without each group: its size, the metrics."""
    features = CutoutFeatures(n_jobs=-1).fit(images)
    rows = features.transform(images)
    groups = np.array([group_of(name) for name in features.get_feature_names_out()])
    for group in ("none", *GROUPS):
        kept = groups != group
        scores = []
        for seed in range(repeats):
            splits = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(y, y)
            scores.append(held_out(METHODS[RANKER][1], rows[:, kept], y, splits, seed)[0])
        means = [float(np.mean([METRICS[name](y, score) for score in scores])) for name in SHOWN]
        yield group, int((~kept).sum()), means


def compare(folder: str, labels: str, repeats: int = 3) -> None:
    """Print how well sources are ordered without each group of features."""
    images, y, _ = bench.load_survey(folder, labels)
    known = y >= 0
    print(f"{known.sum()} sources, {(y == 1).sum()} spurious, {repeats} x {N_FOLDS} folds, means\n")
    print(f"| without | features | {' | '.join(SHOWN)} |\n|{'---|' * (2 + len(SHOWN))}")
    for group, n_features, means in judge_groups(images[known], y[known], repeats):
        figures = " | ".join(f"{mean:.4f}" for mean in means)
        print(f"| {group} | {n_features} | {figures} |", flush=True)
    print(f"\n{bench.conditions()}")


if __name__ == "__main__":
    compare(**bench.parse_options(compare))
