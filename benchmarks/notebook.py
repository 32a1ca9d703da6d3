"""Compare the original steps in plain scikit-learn with spurclust, on the same cutouts.

Each side runs in a process of its own, one after the other, so that its peak memory is its own.
Both embeddings are then judged by the same functions on the same reference rows.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Only light imports here: a child starts with its parent's peak memory.

RANDOM_STATE = 12
N_COMPONENTS = 6
PERPLEXITY = 50
MAX_ITER = 1500
THRESHOLD = 0.05

KL_LIMIT = 1.02
TRUST_LIMIT = -0.005
TRUST_NEIGHBORS = 15

N_AXES = 50
GRAM_COLUMNS = 4096

PACKAGES = ("spurclust", "scikit-learn", "numpy", "scipy", "numba", "pillow")


class Stages:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, name: str) -> Any:
        """Time one stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", help="cutouts that Pillow can read")
    parser.add_argument("labels", metavar="LABELS", help="table of labels, see spurclust run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="default: %(default)s")
    parser.add_argument("--side", choices=("original", "spurclust"), help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def read_with_pillow(paths: list[str]) -> Any:
    """Read every cutout as it is and flatten it, as the original does."""
    import numpy as np
    from PIL import Image

    rows = []
    for path in paths:
        with Image.open(path) as image:
            rows.append(np.asarray(image).ravel())
    return np.stack(rows)


def plain_tsne(n_rows: int, n_jobs: int) -> Any:
    """Make scikit-learn's t-SNE with the settings of the original."""
    from sklearn.manifold import TSNE

    from spurclust.embedding.tsne import allowed_perplexity

    return TSNE(
        n_components=2,
        # Below 151 cutouts both sides need a smaller one.
        perplexity=allowed_perplexity(PERPLEXITY, n_rows),
        max_iter=MAX_ITER,
        random_state=RANDOM_STATE,
        n_jobs=n_jobs,
        verbose=2,
    )


def run_original(args: argparse.Namespace) -> dict[str, Any]:
    """Run the original steps: Pillow, TSNE of all raw pixels, GaussianMixture."""
    from sklearn.mixture import GaussianMixture

    from spurclust.cutouts import list_cutouts

    stages = Stages()
    paths = list_cutouts(args.folder)
    with stages("reading"):
        rows = read_with_pillow(paths)
    tsne = plain_tsne(len(rows), args.jobs)
    # Only its messages tell how long the search for neighbours took.
    messages = io.StringIO()
    with stages("embed"), contextlib.redirect_stdout(messages):
        embedding = tsne.fit_transform(rows)
    found = re.search(r"Computed neighbors for .* in ([\d.]+)s", messages.getvalue())
    if found:
        stages.seconds["neighbours"] = float(found[1])
        stages.seconds["embed"] -= stages.seconds["neighbours"]
    with stages("mixture"):
        component = GaussianMixture(N_COMPONENTS, random_state=RANDOM_STATE).fit_predict(embedding)
    stages.seconds["total"] = sum(stages.seconds.values())
    return {
        "seconds": stages.seconds,
        "embedding": embedding,
        "component": component,
        "kl_own": float(tsne.kl_divergence_),
        "n_iter": int(tsne.n_iter_),
    }


def run_spurclust(args: argparse.Namespace) -> dict[str, Any]:
    """Run the same job with spurclust."""
    from spurclust import ImageFlattener, SpuriousRegionDetector
    from spurclust.catalog import match_labels, read_labels
    from spurclust.cutouts import read_cutouts

    stages = Stages()
    with stages("reading"):
        cutouts = read_cutouts(args.folder, n_jobs=args.jobs)
    labels = match_labels(read_labels(args.labels), cutouts.source_ids)
    detector = SpuriousRegionDetector(
        N_COMPONENTS,
        THRESHOLD,
        perplexity=PERPLEXITY,
        flatten=ImageFlattener(),
        unlabeled=-1,
        random_state=RANDOM_STATE,
        n_jobs=args.jobs,
    )
    with stages("fit"):
        detector.fit(cutouts.images, labels.y)
    # What fit does besides its stages counts as well.
    stages.seconds["total"] = sum(stages.seconds.values())
    embed = detector.pipeline_.named_steps["embed"]
    return {
        "seconds": stages.seconds | detector.stage_seconds_,
        "embedding": detector.embedding_,
        "component": detector.component_,
        "kl_own": float(embed.kl_divergence_),
        "n_iter": int(embed.n_iter_),
    }


def run_side(args: argparse.Namespace) -> None:
    """Run one side and write its result; this is a child process."""
    result = run_original(args) if args.side == "original" else run_spurclust(args)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes, but bytes on macOS.
    result["memory"] = peak / (1e9 if sys.platform == "darwin" else 1e9 / 1024)
    result["embedding"] = result["embedding"].tolist()
    result["component"] = result["component"].tolist()
    args.result.write_text(json.dumps(result), encoding="utf-8")


def start_side(args: argparse.Namespace, side: str, folder: str) -> dict[str, Any]:
    """Run one side in a process of its own and return its result."""
    print(f"Running {side} ...", flush=True)
    path = Path(folder) / f"{side}.json"
    command = [sys.executable, __file__, args.folder, args.labels, "--jobs", str(args.jobs)]
    done = subprocess.run([*command, "--side", side, "--result", str(path)], check=False)
    if done.returncode:
        sys.exit(f"The side {side} failed; its message is above.")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def rotated_rows(images: Any) -> Any:
    """Rotate the pixels onto all their principal axes, which keeps every distance.

    The axes are in order, so that the first 50 columns are the exact PCA to 50 dimensions.
    """
    import numpy as np

    rows = images.reshape(len(images), -1)
    gram = np.zeros((len(rows), len(rows)))
    for low in range(0, rows.shape[1], GRAM_COLUMNS):
        part = rows[:, low : low + GRAM_COLUMNS].astype(np.float32)
        part -= part.mean(axis=0)
        gram += part @ part.T
    values, vectors = np.linalg.eigh(gram)
    rotated = vectors[:, ::-1] * np.sqrt(np.maximum(values[::-1], 0.0))
    return np.ascontiguousarray(rotated, dtype=np.float32)


def first_of_each(images: Any) -> Any:
    """Return the places of the distinct cutouts: equal ones have no affinities of their own."""
    import numpy as np

    places = {image.tobytes(): place for place, image in reversed(list(enumerate(images)))}
    return np.array(sorted(places.values()))


def judge(args: argparse.Namespace, sides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Measure both embeddings on the same rows, and both regions on the same labels."""
    import numpy as np

    from spurclust import TSNE
    from spurclust.catalog import match_labels, read_labels
    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(args.folder, n_jobs=args.jobs)
    y = match_labels(read_labels(args.labels), cutouts.source_ids).y
    distinct = first_of_each(cutouts.images)
    rows = rotated_rows(cutouts.images[distinct])
    reduced = np.ascontiguousarray(rows[:, :N_AXES])
    for result in sides.values():
        result["points"] = np.asarray(result["embedding"], dtype=np.float32)[distinct]
        result.update(judge_region(np.asarray(result["component"]), y))
    original, ours = (sides[side]["points"] for side in ("original", "spurclust"))
    print("Embedding the same rows with both ...", flush=True)
    with contextlib.redirect_stdout(io.StringIO()):
        original_reduced = plain_tsne(len(reduced), args.jobs).fit_transform(reduced)
    ours_pixels = TSNE(PERPLEXITY, random_state=RANDOM_STATE, n_jobs=args.jobs).fit_transform(rows)
    judgements = {
        "t-SNE alone, of the pixels": (rows, original, ours_pixels),
        f"t-SNE alone, of PCA {N_AXES}": (reduced, original_reduced, ours),
        "whole job, by the pixels": (rows, original, ours),
        f"whole job, by PCA {N_AXES}": (reduced, original, ours),
    }
    quality = {
        name: judge_embeddings(reference, [left, right], args.jobs)
        for name, (reference, left, right) in judgements.items()
    }
    return {
        "n_sources": len(y),
        "n_distinct": len(distinct),
        "shape": cutouts.images.shape[1:],
        "quality": quality,
        "variance": float((reduced**2).sum() / (rows**2).sum()),
    }


def judge_region(component: Any, y: Any) -> dict[str, Any]:
    """Apply the region rule to the components of either side."""
    import numpy as np

    n_inspected = np.bincount(component[y >= 0], minlength=component.max() + 1)
    n_spurious = np.bincount(component[y == 1], minlength=component.max() + 1)
    region = n_spurious / np.maximum(n_inspected, 1) >= THRESHOLD
    flagged = region[component]
    return {
        "components": f"{int(region.sum())} of {len(region)}",
        "flagged": f"{int(flagged.sum())} of {len(y)}",
        "held": f"{int((flagged & (y == 1)).sum())} of {int((y == 1).sum())}",
    }


def judge_embeddings(rows: Any, points: list[Any], n_jobs: int) -> dict[str, list[float]]:
    """Measure KL divergence and trustworthiness of embeddings on the same rows."""
    from sklearn.manifold import trustworthiness

    from spurclust.embedding.descent import kl_divergence
    from spurclust.embedding.neighbors import joint_affinities
    from spurclust.embedding.tsne import allowed_perplexity

    affinities = joint_affinities(rows, allowed_perplexity(PERPLEXITY, len(rows)), n_jobs)
    n_neighbors = min(TRUST_NEIGHBORS, (len(rows) - 1) // 2)
    return {
        "kl": [float(kl_divergence(each, affinities, n_jobs)) for each in points],
        "trust": [float(trustworthiness(rows, each, n_neighbors=n_neighbors)) for each in points],
    }


def cell(value: Any, decimals: int) -> str:
    """Render a number, or what is not one."""
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def print_table(sides: dict[str, dict[str, Any]]) -> None:
    """Print both sides, and by how much spurclust is smaller."""
    original, ours = sides["original"], sides["spurclust"]
    lines: list[tuple[str, Any, Any, int]] = [
        (f"{name}, s", original["seconds"].get(name, "-"), ours["seconds"].get(name, "-"), 2)
        for name in ("reading", "neighbours", "flatten", "reduce", "embed", "mixture", "total")
    ]
    lines.append(("peak memory, GB", original["memory"], ours["memory"], 2))
    lines.append(("KL as each reports it", original["kl_own"], ours["kl_own"], 4))
    others = ("n_iter", "components", "flagged", "held")
    labels = ("iterations", "components in the region", "flagged", "spurious held")
    lines += [
        (label, original[name], ours[name], 0) for name, label in zip(others, labels, strict=True)
    ]
    print(f"\n{'':<26}{'scikit-learn':>14}{'spurclust':>14}{'ratio':>10}")
    for label, left, right, decimals in lines:
        numbers = isinstance(left, float) and isinstance(right, float) and right > 0
        ratio = f"{left / right:.3g}" if numbers else ""
        print(f"{label:<26}{cell(left, decimals):>14}{cell(right, decimals):>14}{ratio:>10}")


def print_quality(quality: dict[str, dict[str, list[float]]]) -> None:
    """Print how good the embeddings are, and whether ours keeps within the limits."""
    print(f"\n{'':<28}{'KL divergence':^26}{'trustworthiness':^28}")
    print(f"{'':<28}{'sklearn':>8}{'ours':>8}{'ratio':>8}  {'sklearn':>8}{'ours':>8}{'diff':>9}")
    for name, measured in quality.items():
        kl, trust = measured["kl"], measured["trust"]
        ratio, difference = kl[1] / kl[0], trust[1] - trust[0]
        holds = [ratio <= KL_LIMIT, difference >= TRUST_LIMIT]
        verdict = ", ".join(
            f"{what} {'holds' if held else 'FAILS'}"
            for what, held in zip(("KL", "trust"), holds, strict=True)
        )
        print(
            f"{name:<28}{kl[0]:8.4f}{kl[1]:8.4f}{ratio:8.4f}  "
            f"{trust[0]:8.4f}{trust[1]:8.4f}{difference:+9.4f}  {verdict}"
        )
    print(
        f"Limits: KL ratio at most {KL_LIMIT}, trustworthiness difference at least {TRUST_LIMIT}."
    )


def print_notes(facts: dict[str, Any], jobs: int) -> None:
    """Print what was compared, and with what."""
    shape = " x ".join(map(str, facts["shape"]))
    print(f"\n{facts['n_sources']} sources ({facts['n_distinct']} distinct) of {shape} pixels")
    print(
        "scikit-learn embeds all raw pixels, spurclust their streamed PCA. KL and trustworthiness "
        "are computed by\none function for both: by the pixels (rotated, which keeps distances) or "
        f"by their exact PCA to {N_AXES} axes,\nwhich holds {facts['variance']:.0%} of their "
        f"variance; trustworthiness with {TRUST_NEIGHBORS} neighbours. The embed stage\nof "
        "scikit-learn holds its start by PCA, that of spurclust its neighbours. A ratio is "
        "scikit-learn : spurclust."
    )
    print(", ".join(f"{package} {version(package)}" for package in PACKAGES))
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {jobs} jobs")


def main() -> int:
    """Run both sides and print the comparison."""
    args = parse_arguments()
    if args.side:
        run_side(args)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        sides = {side: start_side(args, side, folder) for side in ("spurclust", "original")}
    facts = judge(args, sides)
    print_table(sides)
    print_quality(facts["quality"])
    print_notes(facts, args.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
