"""How soon the spurious are found from 20 random labels, by what is inspected next."""

from pathlib import Path
from typing import Any

import bench
import numpy as np

from spurclust import CutoutFeatures, InspectionRanker
from spurclust.ranking import replay_inspection
from spurclust.simulate import simulate_survey

STRATEGIES = ("mixed", "probable", "uncertain", "diverse", "random")
SHOWN = (20, 60, 100, 140, 180, 240, 300)
BATCH = 20


def surveys(real: str | None, labels: str | None, n_sources: int) -> dict[str, tuple[Any, Any]]:
    """Compute features of a simulated survey, and of a real one where it is given."""
    drawn = simulate_survey(n_sources, max(n_sources * 57 // 1816, 2), random_state=1, n_jobs=-1)
    found = {"simulated": (drawn.images, drawn.y)}
    if real and labels:
        images, y, _ = bench.load_survey(real, labels)
        found[f"{Path(real).resolve().parent.name} (real)"] = images[y >= 0], y[y >= 0]
    extractor = CutoutFeatures(n_jobs=-1)
    return {name: (extractor.fit_transform(images), y) for name, (images, y) in found.items()}


def replay(rows: Any, y: Any, strategy: str, n_inspections: int, repeats: int) -> Any:
    """Replay a strategy from several starts; completeness after each batch, one row per start."""
    runs = [
        replay_inspection(
            rows,
            y,
            strategy=strategy,
            n_start=BATCH,
            n_batch=BATCH,
            n_inspections=n_inspections,
            ranker=InspectionRanker(200, random_state=0, n_jobs=-1),
            random_state=seed,
        )
        for seed in range(repeats)
    ]
    return np.array([run["completeness"] for run in runs])


def draw(curves: dict[str, dict[str, Any]], n_inspections: int, path: str) -> None:
    """Draw the completeness against the inspections, one panel per survey."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    size = 4.2 * len(curves), 3.6
    figure, axes = plt.subplots(
        1, len(curves), figsize=size, sharey=True, squeeze=False, layout="constrained"
    )
    styles = ("-", "--", "-.", ":", (0, (1, 3)))
    for ax, (name, by_strategy) in zip(axes[0], curves.items(), strict=True):
        for style, (strategy, runs) in zip(styles, by_strategy.items(), strict=True):
            inspections = np.linspace(BATCH, n_inspections, runs.shape[1])
            ax.plot(inspections, runs.mean(axis=0), linestyle=style, label=strategy)
        ax.set(title=name, xlabel="inspections", ylim=(0, 1.02))
    axes[0, 0].set_ylabel("completeness")
    lines, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(names), frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def compare(
    real: str | None = None,
    labels: str | None = None,
    n_sources: int = 1816,
    n_inspections: int = 300,
    repeats: int = 3,
    picture: str | None = None,
) -> None:
    """Replay all strategies and print one table per survey."""
    curves: dict[str, dict[str, Any]] = {}
    shown = [n for n in SHOWN if n <= n_inspections]
    for name, (rows, y) in surveys(real, labels, n_sources).items():
        print(f"{name}: {len(y)} sources, {y.sum()} spurious; completeness after inspections\n")
        lines = []
        for strategy in STRATEGIES:
            runs = replay(rows, y, strategy, n_inspections, repeats)
            curves.setdefault(name, {})[strategy] = runs
            means = runs.mean(axis=0)[[n // BATCH - 1 for n in shown]]
            lines.append([strategy, *(f"{mean:.2f}" for mean in means)])
        print(bench.markdown_table(["strategy", *map(str, shown)], lines), end="\n\n", flush=True)
    if picture:
        draw(curves, n_inspections, picture)
    print(f"Means of {repeats} random starts. {bench.conditions()}")


if __name__ == "__main__":
    compare(**bench.parse_options(compare))
