"""`spurclust.TSNE.fit_transform` against `sklearn.manifold.TSNE` and `openTSNE.TSNE`."""

import argparse
import os
import time
from functools import partial
from typing import Any

from measure import Outcome, at_least, at_most, interleaved, report, run_child, serve_child

N_FEATURES = 50
PERPLEXITY = 50
MAX_ITER = 1500
KL_LIMIT = 1.01
TARGETS = {"sklearn": 8, "opentsne": 5}
LARGE, VERY_LARGE = 20_000, 200_000
LARGE_TARGET = 3


def make_rows(n_rows: int, n_new: int = 0) -> Any:
    """Draw rows like those of a reduced survey: some groups, noise, variance that decays."""
    import numpy as np

    rng = np.random.default_rng(0)
    features = np.arange(N_FEATURES)
    centres = rng.normal(size=(40, N_FEATURES)) * 2 / np.sqrt(1 + features)
    noise = rng.normal(size=(n_rows + n_new, N_FEATURES)) / np.sqrt(1 + features / 4)
    return (centres[rng.integers(0, 40, n_rows + n_new)] + noise).astype(np.float32)


def _divergence(rows: Any, points: Any, n_jobs: int) -> float:
    """Judge any embedding by the same exact divergence."""
    from spurclust.steps._affinities import joint_affinities
    from spurclust.steps._descent import kl_divergence

    return kl_divergence(points, joint_affinities(rows, PERPLEXITY, n_jobs), n_jobs)


def _result(rows: Any, estimator: Any, n_jobs: int, judge: bool) -> dict[str, Any]:
    """Time one fit; the judging is not part of the time."""
    start = time.perf_counter()
    points = estimator(rows)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "kl": _divergence(rows, points, n_jobs) if judge else None}


def spurclust(n_rows: int, n_jobs: int, judge: bool) -> dict[str, Any]:
    """Fit ours; the kernels are compiled and cached before."""
    from spurclust import TSNE

    TSNE(5).fit(make_rows(60)).transform(make_rows(70)[60:])
    tsne = TSNE(PERPLEXITY, max_iter=MAX_ITER, random_state=12, n_jobs=n_jobs)
    result = _result(make_rows(n_rows), tsne.fit_transform, n_jobs, judge)
    return {**result, "n_iter": tsne.n_iter_}


def sklearn(n_rows: int, n_jobs: int, judge: bool) -> dict[str, Any]:
    """Fit scikit-learn's."""
    from sklearn.manifold import TSNE

    tsne = TSNE(perplexity=PERPLEXITY, max_iter=MAX_ITER, random_state=12, n_jobs=n_jobs)
    result = _result(make_rows(n_rows), tsne.fit_transform, n_jobs, judge)
    return {**result, "n_iter": int(tsne.n_iter_)}


def opentsne(n_rows: int, n_jobs: int, judge: bool) -> dict[str, Any]:
    """Fit openTSNE's, which counts its iterations without early exaggeration."""
    from openTSNE import TSNE

    tsne = TSNE(
        perplexity=PERPLEXITY, n_iter=MAX_ITER - 250, random_state=12, n_jobs=n_jobs, verbose=False
    )
    rows = make_rows(n_rows)
    result = _result(rows, lambda given: tsne.fit(given), n_jobs, judge)
    return {**result, "n_iter": MAX_ITER}


def compare(n_rows: int, n_repeats: int, n_jobs: int, peers: tuple[str, ...]) -> list[Outcome]:
    """Compare with the peers, each in processes of its own."""
    names = ("spurclust", *peers)
    works = [
        partial(run_child, __file__, name, n_rows=n_rows, n_jobs=n_jobs, judge=True)
        for name in names
    ]
    found = dict(zip(names, interleaved(n_repeats, *works), strict=True))
    ours = found["spurclust"]
    what = f"t-SNE, {n_rows} rows"
    outcomes = []
    for name in peers:
        peer = found[name]
        ratio = peer.seconds / ours.seconds
        target: float = TARGETS[name]
        if n_rows >= LARGE:
            fastest = min(found[other].seconds for other in peers)
            target = 1 if n_rows >= VERY_LARGE else LARGE_TARGET if peer.seconds == fastest else 1
        detail = (
            f"{peer.seconds:.2f} s : {ours.seconds:.2f} s; {peer.result['n_iter']} : "
            f"{ours.result['n_iter']} iterations"
        )
        outcomes.append(at_least(f"{what}, time against {name}", ratio, target, detail))
    best = min(peers, key=lambda name: found[name].result["kl"])
    theirs = found[best].result["kl"]
    detail = ", ".join(f"{name} {found[name].result['kl']:.4f}" for name in names)
    kl = ours.result["kl"] / theirs
    outcomes.append(at_most(f"{what}, KL against the better", kl, KL_LIMIT, "x", detail))
    memory = ", ".join(f"{name} {found[name].memory:.2f} GB" for name in names)
    if n_rows >= VERY_LARGE:
        share = ours.memory / min(found[name].memory for name in peers)
        outcomes.append(at_most(f"{what}, peak memory (with judging)", share, 1, "x", memory))
    else:
        outcomes.append(Outcome(f"{what}, peak memory (with judging)", "", "", None, memory))
    return outcomes


def measure(sizes: list[int], n_repeats: int, n_jobs: int) -> list[Outcome]:
    """Compare at some sizes; above 100 000 rows with openTSNE alone, once."""
    outcomes = []
    for n_rows in sizes:
        many = n_rows > 100_000
        peers = ("opentsne",) if many else ("sklearn", "opentsne")
        repeats = 1 if n_rows >= LARGE else n_repeats
        outcomes += compare(n_rows, repeats, n_jobs, peers)
    return outcomes


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1816, LARGE])
    parser.add_argument("--repeats", type=int, default=3, help=f"below {LARGE} rows; else 1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    report(measure(args.rows, args.repeats, args.jobs))


if __name__ == "__main__" and not serve_child(
    {"spurclust": spurclust, "sklearn": sklearn, "opentsne": opentsne}
):
    main()
