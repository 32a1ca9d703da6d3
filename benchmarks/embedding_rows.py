"""Rows for the benchmarks of the embedding, drawn or of a survey; t-SNE of all; and their judge."""

from typing import Any

N_FEATURES = 50
N_GROUPS = 40
PERPLEXITY = 50
MAX_ITER = 1500
EXAGGERATED = 250
RANDOM_STATE = 12
# Below, perplexity 50 has not its 150 neighbors.
LEAST_ROWS = 3 * PERPLEXITY + 1

KL_LIMIT = 1.02
N_NEIGHBORS = 15
N_JUDGED = 1_000


def draw_rows(n_rows: int) -> Any:
    """Draw rows like those of a reduced survey: groups in heavy noise, variance that decays."""
    import numpy as np

    rng = np.random.default_rng(0)
    features = np.arange(N_FEATURES)
    centers = rng.normal(size=(N_GROUPS, N_FEATURES)) * 2 / np.sqrt(1 + features)
    noise = rng.normal(size=(n_rows, N_FEATURES)) / np.sqrt(1 + features / 4)
    return (centers[rng.integers(0, N_GROUPS, n_rows)] + noise).astype(np.float32)


def pixel_rows(images: Any) -> tuple[Any, Any]:
    """Flatten cutouts to rows; return the distinct ones, about their mean, and their indices."""
    import numpy as np

    from spurclust import ImageFlattener
    from spurclust.embedding.neighbors import distinct_rows

    rows = ImageFlattener().fit_transform(images)
    first, _ = distinct_rows(rows)
    rows = rows[first].astype(np.float32)
    return rows - rows.mean(axis=0), first


def save_rows(path: str, n_rows: int | None = None, folder: str | None = None) -> dict[str, Any]:
    """Write drawn rows, or the pixels of a folder of cutouts, for all that are compared."""
    import numpy as np

    from spurclust.cutouts import read_cutouts

    rows = pixel_rows(read_cutouts(folder).images)[0] if folder else draw_rows(n_rows or LEAST_ROWS)
    np.save(path, rows)
    return {"n_rows": len(rows)}


def spurclust_tsne(n_jobs: int) -> Any:
    """Make ours; its kernels are loaded, and compiled if they are not yet cached, before."""
    from spurclust import TSNE

    TSNE(5).fit(draw_rows(60)).transform(draw_rows(70)[60:])
    return TSNE(PERPLEXITY, max_iter=MAX_ITER, random_state=RANDOM_STATE, n_jobs=n_jobs)


def sklearn_tsne(n_jobs: int) -> Any:
    """Make scikit-learn's."""
    from sklearn.manifold import TSNE

    return TSNE(perplexity=PERPLEXITY, max_iter=MAX_ITER, random_state=RANDOM_STATE, n_jobs=n_jobs)


def opentsne_tsne(n_jobs: int) -> Any:
    """Make openTSNE's, which counts its iterations without those of early exaggeration."""
    from openTSNE import TSNE

    return TSNE(
        perplexity=PERPLEXITY,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=MAX_ITER - EXAGGERATED,
        random_state=RANDOM_STATE,
        n_jobs=n_jobs,
    )


def divergences(rows: Any, embeddings: list[Any], n_jobs: int) -> list[float]:
    """Compute the KL divergence of embeddings of the same rows by the same affinities."""
    from spurclust.embedding.descent import kl_divergence
    from spurclust.embedding.neighbors import joint_affinities
    from spurclust.embedding.tsne import allowed_perplexity

    affinities = joint_affinities(rows, allowed_perplexity(PERPLEXITY, len(rows)), n_jobs)
    return [float(kl_divergence(each, affinities, n_jobs)) for each in embeddings]


def neighbors_kept(rows: Any, points: Any, new_rows: Any = None, new_points: Any = None) -> float:
    """Measure the share of a row's 15 nearest rows that are among its point's 15 nearest points.

    Without new rows, a row is not its own neighbor. A thousand rows are judged.
    """
    import numpy as np
    from sklearn.neighbors import NearestNeighbors

    chosen = np.linspace(0, len(rows if new_rows is None else new_rows) - 1, N_JUDGED).astype(int)
    chosen = np.unique(chosen)
    nearest = []
    for references, new in ((rows, new_rows), (points, new_points)):
        queries = (references if new is None else new)[chosen]
        search = NearestNeighbors(n_neighbors=N_NEIGHBORS + (new is None)).fit(references)
        found = search.kneighbors(queries, return_distance=False)
        if new is None:
            found = [own[own != row][:N_NEIGHBORS] for own, row in zip(found, chosen, strict=True)]
        nearest.append(found)
    pairs = zip(*nearest, strict=True)
    return float(np.mean([len(np.intersect1d(*pair)) / N_NEIGHBORS for pair in pairs]))
