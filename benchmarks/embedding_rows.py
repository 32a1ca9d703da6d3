"""Rows for the benchmarks of the embedding: a reduced survey, given or drawn; and their judge."""

from typing import Any

N_FEATURES = 50
N_GROUPS = 40
PERPLEXITY = 50
MAX_ITER = 1500
EXAGGERATED = 250
RANDOM_STATE = 12
# Below, perplexity 50 has not its 150 neighbours.
LEAST_ROWS = 3 * PERPLEXITY + 1

N_NEIGHBORS = 15
N_JUDGED = 1_000


def draw_rows(n_rows: int) -> Any:
    """Draw rows like those of a reduced survey: groups in heavy noise, variance that decays."""
    import numpy as np

    rng = np.random.default_rng(0)
    features = np.arange(N_FEATURES)
    centres = rng.normal(size=(N_GROUPS, N_FEATURES)) * 2 / np.sqrt(1 + features)
    noise = rng.normal(size=(n_rows, N_FEATURES)) / np.sqrt(1 + features / 4)
    return (centres[rng.integers(0, N_GROUPS, n_rows)] + noise).astype(np.float32)


def reduced_rows(folder: str) -> Any:
    """Read cutouts and reduce them to the rows that the detector embeds."""
    import numpy as np
    from sklearn.decomposition import PCA

    from spurclust import ImageFlattener
    from spurclust.cutouts import read_cutouts

    pixels = ImageFlattener().fit_transform(read_cutouts(folder).images)
    rows = PCA(N_FEATURES, random_state=RANDOM_STATE).fit_transform(pixels)
    return np.unique(rows, axis=0)


def save_rows(path: str, n_rows: int | None = None, folder: str | None = None) -> dict[str, Any]:
    """Write drawn rows, or those of a folder of cutouts, to a file for all that are compared."""
    import numpy as np

    rows = reduced_rows(folder) if folder else draw_rows(n_rows or LEAST_ROWS)
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
    """Make openTSNE's, which counts its iterations without those of early exaggeration.

    Its start by PCA is its default, as it is the others'.
    """
    from openTSNE import TSNE

    return TSNE(
        perplexity=PERPLEXITY,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=MAX_ITER - EXAGGERATED,
        random_state=RANDOM_STATE,
        n_jobs=n_jobs,
    )


def neighbors_kept(rows: Any, points: Any, new_rows: Any = None, new_points: Any = None) -> float:
    """Measure the share of a row's 15 nearest rows that are among its point's 15 nearest points.

    Without new rows, a row is not its own neighbour. A thousand rows are judged.
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
