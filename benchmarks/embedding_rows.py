"""Rows for the benchmarks of the embedding, three t-SNEs, and the quality of their points."""

from collections.abc import Sequence
from typing import Any

N_FEATURES = 50
N_GROUPS = 40
PERPLEXITY = 50
MAX_ITER = 1500
EXAGGERATED = 250
RANDOM_STATE = 12
LEAST_ROWS = 3 * PERPLEXITY + 1
"""Perplexity 50 needs 150 neighbors."""

N_NEIGHBORS = 15
N_JUDGED = 1_000
GRAM_COLUMNS = 4096


def draw_rows(n_rows: int) -> Any:
    """Draw rows like those of a reduced survey: groups in heavy noise, variance that decays."""
    import numpy as np

    rng = np.random.default_rng(0)
    features = np.arange(N_FEATURES)
    centers = rng.normal(size=(N_GROUPS, N_FEATURES)) * 2 / np.sqrt(1 + features)
    noise = rng.normal(size=(n_rows, N_FEATURES)) / np.sqrt(1 + features / 4)
    return (centers[rng.integers(0, N_GROUPS, n_rows)] + noise).astype(np.float32)


def reduced_rows(folder: str) -> Any:
    """Read cutouts and reduce their pixels to 50 principal components."""
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


def spurclust_tsne(jobs: int) -> Any:
    """Make ours, after its kernels are loaded, or compiled if they are not yet cached."""
    from spurclust import TSNE

    TSNE(5).fit(draw_rows(60)).transform(draw_rows(70)[60:])
    return TSNE(PERPLEXITY, max_iter=MAX_ITER, random_state=RANDOM_STATE, n_jobs=jobs)


def sklearn_tsne(jobs: int) -> Any:
    """Make scikit-learn's."""
    from sklearn.manifold import TSNE

    return TSNE(perplexity=PERPLEXITY, max_iter=MAX_ITER, random_state=RANDOM_STATE, n_jobs=jobs)


def opentsne_tsne(jobs: int) -> Any:
    """Make openTSNE's, which counts its iterations without those of early exaggeration.

    Its start by PCA is its default, as it is the others'.
    """
    from openTSNE import TSNE

    return TSNE(
        perplexity=PERPLEXITY,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=MAX_ITER - EXAGGERATED,
        random_state=RANDOM_STATE,
        n_jobs=jobs,
    )


def neighbors_kept(rows: Any, points: Any, new_rows: Any = None, new_points: Any = None) -> float:
    """Return the share of a row's 15 nearest rows that are among its point's 15 nearest points.

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


def rotated_pixels(images: Any) -> Any:
    """Rotate the pixels onto their principal axes, in order, which keeps every distance."""
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


def judge_by_pixels(images: Any, embeddings: Sequence[Any]) -> dict[str, dict[str, list[float]]]:
    """Return KL divergence and trustworthiness of embeddings of the same cutouts.

    By all pixels, and by their exact PCA to 50 axes. Equal cutouts, which have no affinities of
    their own, count once.
    """
    import numpy as np
    from sklearn.manifold import trustworthiness

    from spurclust.embedding.descent import kl_divergence
    from spurclust.embedding.neighbors import joint_affinities
    from spurclust.embedding.tsne import allowed_perplexity

    first = {image.tobytes(): index for index, image in reversed(list(enumerate(images)))}
    distinct = np.array(sorted(first.values()))
    points = [np.asarray(each, dtype=np.float32)[distinct] for each in embeddings]
    pixels = rotated_pixels(images[distinct])
    perplexity = allowed_perplexity(PERPLEXITY, len(pixels))
    n_neighbors = min(N_NEIGHBORS, (len(pixels) - 1) // 2)
    found = {}
    for name, columns in (("all pixels", len(pixels)), (f"{N_FEATURES} axes", N_FEATURES)):
        rows = np.ascontiguousarray(pixels[:, :columns])
        affinities = joint_affinities(rows, perplexity, -1)
        found[name] = {
            "kl": [float(kl_divergence(each, affinities, -1)) for each in points],
            "trust": [
                float(trustworthiness(rows, each, n_neighbors=n_neighbors)) for each in points
            ],
        }
    return found
