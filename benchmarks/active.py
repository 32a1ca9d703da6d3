"""How soon the spurious are found from 20 random labels, by what is looked at next."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from measure import conditions

from spurclust import CutoutFeatures, InspectionRanker
from spurclust.ranking import replay_inspection
from spurclust.simulate import simulate_survey

STRATEGIES = ("mixed", "probable", "uncertain", "diverse", "random")
SHOWN = (20, 60, 100, 140, 180, 240, 300)


def surveys(folder: str | None, labels: str | None, n_sources: int) -> dict[str, tuple[Any, Any]]:
    """Measure the cutouts of a simulated survey, and of a real one where it is given."""
    drawn = simulate_survey(n_sources, max(n_sources * 57 // 1816, 2), random_state=1, n_jobs=-1)
    found = {"simulated": (CutoutFeatures(n_jobs=-1).fit_transform(drawn.images), drawn.y)}
    if folder:
        from spurclust.catalog import match_labels, read_labels
        from spurclust.cutouts import read_cutouts

        cutouts = read_cutouts(folder)
        y = match_labels(read_labels(labels), cutouts.source_ids).y
        rows = CutoutFeatures(n_jobs=-1).fit_transform(cutouts.images[y >= 0])
        found[f"{Path(folder).resolve().parent.name} (real)"] = rows, y[y >= 0]
    return found


def replay(rows: Any, y: Any, strategy: str, n_looks: int, n_repeats: int) -> Any:
    """Play a strategy from several starts; completeness after each batch, one row a start."""
    ranker = InspectionRanker(200, random_state=0, n_jobs=-1)
    return np.array(
        [
            replay_inspection(
                rows, y, strategy=strategy, n_looks=n_looks, ranker=ranker, random_state=seed
            )["completeness"]
            for seed in range(n_repeats)
        ]
    )


def draw(curves: dict[str, dict[str, Any]], n_looks: int, path: Path) -> None:
    """Draw the completeness against the looks, one panel a survey."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1,
        len(curves),
        figsize=(4.2 * len(curves), 3.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    styles = ("-", "--", "-.", ":", (0, (1, 3)))
    for ax, (name, by_strategy) in zip(axes[0], curves.items(), strict=True):
        for style, (strategy, runs) in zip(styles, by_strategy.items(), strict=True):
            looks = np.linspace(20, n_looks, runs.shape[1])
            ax.plot(looks, runs.mean(axis=0), linestyle=style, label=strategy)
        ax.set(title=name, xlabel="sources looked at", ylim=(0, 1.02))
    axes[0, 0].set_ylabel("completeness")
    lines, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside upper center", ncols=len(names), frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Play all strategies and print one table a survey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", metavar="FOLDER", help="folder of real cutouts")
    parser.add_argument("--labels", help="their labels")
    parser.add_argument("--n-sources", type=int, default=1816, help="of the simulated survey")
    parser.add_argument("--n-looks", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--picture", type=Path, metavar="PNG")
    args = parser.parse_args()
    curves: dict[str, dict[str, Any]] = {}
    shown = [n for n in SHOWN if n <= args.n_looks]
    for name, (rows, y) in surveys(args.real, args.labels, args.n_sources).items():
        print(f"{name}: {len(y)} sources, {y.sum()} spurious; completeness after so many looks\n")
        print("| strategy | " + " | ".join(map(str, shown)) + " |")
        print("|---" * (len(shown) + 1) + "|")
        for strategy in STRATEGIES:
            runs = replay(rows, y, strategy, args.n_looks, args.repeats)
            curves.setdefault(name, {})[strategy] = runs
            means = runs.mean(axis=0)[[(n - 20) // 20 for n in shown]]
            print(f"| {strategy} | " + " | ".join(f"{m:.2f}" for m in means) + " |", flush=True)
        print()
    if args.picture:
        draw(curves, args.n_looks, args.picture)
    print(f"Means of {args.repeats} random starts. {conditions()}")


if __name__ == "__main__":
    main()
