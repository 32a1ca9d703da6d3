"""The original steps in plain scikit-learn, stage by stage, with the pixel route of spurclust.

Each side runs in a process of its own, so that its peak memory is its own. Both embeddings are then
judged by the same functions on the same pixels.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import bench
from embedding_rows import KL_LIMIT, MAX_ITER, PERPLEXITY, RANDOM_STATE, divergences, pixel_rows

N_COMPONENTS = 6
THRESHOLD = 0.05
TRUST_LIMIT = -0.005
TRUST_NEIGHBORS = 15
MOST_SECONDS, MOST_MEMORY, LEAST_RATE = 4.0, 0.6, 500.0
"""Of a fit of 1816 strips on two cores, in s and GB, and of `transform`, in rows a second."""


def original(folder: str, points: str, jobs: int) -> dict[str, Any]:
    """Run the original steps: Pillow, t-SNE of all raw pixels, a Gaussian mixture."""
    import numpy as np
    from PIL import Image
    from sklearn.manifold import TSNE
    from sklearn.mixture import GaussianMixture

    from spurclust.cutouts import list_cutouts
    from spurclust.embedding.tsne import allowed_perplexity

    marks = [time.perf_counter()]
    rows = np.stack([np.asarray(Image.open(path)).ravel() for path in list_cutouts(folder)])
    marks.append(time.perf_counter())
    # Below 151 cutouts both sides need a smaller one.
    perplexity = allowed_perplexity(PERPLEXITY, len(rows))
    tsne = TSNE(perplexity=perplexity, max_iter=MAX_ITER, random_state=RANDOM_STATE, n_jobs=jobs)
    embedding = tsne.fit_transform(rows)
    marks.append(time.perf_counter())
    mixture = GaussianMixture(N_COMPONENTS, random_state=RANDOM_STATE)
    component = mixture.fit_predict(embedding)
    marks.append(time.perf_counter())
    memory = bench.peak_memory()
    np.save(points, embedding)
    seconds = dict(zip(("reading", "embed", "mixture"), np.diff(marks).tolist(), strict=True))
    return {"stages": seconds, "memory": memory, "component": component.tolist()}


def spurclust(folder: str, labels: str, points: str, jobs: int) -> dict[str, Any]:
    """Run the same with spurclust, and place all sources again as if they were new."""
    import numpy as np

    from spurclust import ImageFlattener, SpuriousRegionDetector

    start = time.perf_counter()
    images, y, _ = bench.load_survey(folder, labels)
    seconds = {"reading": time.perf_counter() - start}
    detector = SpuriousRegionDetector(
        N_COMPONENTS,
        THRESHOLD,
        flatten=ImageFlattener(),
        unlabeled=-1,
        random_state=RANDOM_STATE,
        n_jobs=jobs,
    )
    before = bench.peak_memory()
    detector.fit(images, y)
    memory = bench.peak_memory()
    np.save(points, detector.embedding_)
    steps = detector.pipeline_.named_steps
    new = steps["flatten"].transform(images).astype(np.float32)
    new += np.random.default_rng(0).random(new.shape, dtype=np.float32)
    start = time.perf_counter()
    steps["embed"].transform(new)
    rate = len(new) / (time.perf_counter() - start)
    return {
        "stages": seconds | detector.stage_seconds_,
        "memory": memory,
        "memory_of_fit": memory - before,
        "rate": rate,
        "component": detector.component_.tolist(),
    }


def judge(
    folder: str, labels: str, points: list[str], components: list[str], jobs: int
) -> dict[str, Any]:
    """Judge both embeddings on the same pixels, and both regions on the same labels."""
    import numpy as np
    from sklearn.manifold import trustworthiness

    images, y, _ = bench.load_survey(folder, labels)
    rows, distinct = pixel_rows(images)
    embeddings = [np.load(path)[distinct].astype(np.float32) for path in points]
    n_neighbors = min(TRUST_NEIGHBORS, (len(rows) - 1) // 2)
    held = []
    for path in components:
        component = np.load(path)
        n_inspected, n_spurious = (np.bincount(component[y >= least]) for least in (0, 1))
        n_spurious = np.pad(n_spurious, (0, len(n_inspected) - len(n_spurious)))
        flagged = (n_spurious / np.maximum(n_inspected, 1) >= THRESHOLD)[component]
        held.append(f"{(flagged & (y == 1)).sum()} of {(y == 1).sum()} with {flagged.sum()}")
    return {
        "kl": divergences(rows, embeddings, jobs),
        "trust": [float(trustworthiness(rows, e, n_neighbors=n_neighbors)) for e in embeddings],
        "held": held,
    }


def measure(folder: str, labels: str, jobs: int = bench.CORES) -> list[bench.Outcome]:
    """Compare stages, memory, embeddings and regions."""
    import numpy as np

    with tempfile.TemporaryDirectory() as name:
        points = [str(Path(name) / f"{side}.npy") for side in ("original", "spurclust")]
        components = [path.replace(".npy", "-components.npy") for path in points]
        run = partial(bench.run_child, __file__, folder=folder, jobs=jobs)
        ours = run("spurclust", labels=labels, points=points[1]).result
        theirs = run("original", points=points[0]).result
        for path, side in zip(components, (theirs, ours), strict=True):
            np.save(path, side["component"])
        seen = run("judge", labels=labels, points=points, components=components).result
    outcomes = [
        bench.for_information(
            f"stage {stage}", f"{ours['stages'].get(stage, 0):.2f} s", f"{theirs_s:.2f} s"
        )
        for stage, theirs_s in theirs["stages"].items()
    ]
    fit = sum(seconds for stage, seconds in ours["stages"].items() if stage != "reading")
    (kl, our_kl), (trust, our_trust) = seen["kl"], seen["trust"]
    memory = f"peak {theirs['memory']:.2f} GB : {ours['memory']:.2f} GB"
    return [
        *outcomes,
        bench.at_most("fit on the pixels", fit, MOST_SECONDS, " s", str(ours["stages"])),
        bench.at_most(
            "its memory above the cutouts", ours["memory_of_fit"], MOST_MEMORY, " GB", memory
        ),
        bench.at_least("transform of new rows", ours["rate"], LEAST_RATE, unit=" rows/s"),
        bench.at_most("KL by all pixels", our_kl / kl, KL_LIMIT, "x", f"{kl:.4f} : {our_kl:.4f}"),
        bench.at_least(
            "trustworthiness less the original's",
            our_trust - trust,
            TRUST_LIMIT,
            f"{trust:.4f} : {our_trust:.4f}",
            unit="",
        ),
        bench.for_information("spurious held with flagged", "", " : ".join(seen["held"])),
    ]


if __name__ == "__main__":
    bench.run_script(measure, original, spurclust, judge)
