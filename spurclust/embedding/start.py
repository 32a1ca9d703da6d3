"""Where the points of t-SNE start."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.embedding.axes import principal_axes
from spurclust.embedding.groups import take_distinct
from spurclust.embedding.neighbors import Float32
from spurclust.embedding.pixels import project_rows
from spurclust.parallel import single_threaded_blas

START_SCALE = 1e-4
"""Standard deviation of the starting points (Kobak & Berens 2019)."""


def initial_points(
    rows: Float32, init: str | NDArray[Any], random_state: np.random.RandomState
) -> Float32:
    """Choose where the points start.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The rows to embed.
    init : {"pca", "random"} or ndarray of shape (n_samples, 2)
        How.
    random_state : RandomState
        Draws random points.

    Returns
    -------
    ndarray of shape (n_samples, 2), float32
        The starting points.

    References
    ----------
    D. Kobak and P. Berens, "The art of using t-SNE for single-cell transcriptomics", Nature
    Communications 10, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.start import initial_points
    >>> rows = np.array([[-1.0], [1.0]], dtype=np.float32)
    >>> abs(1e4 * initial_points(rows, "pca", np.random.RandomState(0))).round(3)
    array([[1., 0.],
           [1., 0.]], dtype=float32)
    """
    if not isinstance(init, str):
        return np.ascontiguousarray(init, dtype=np.float32)
    if init == "random":
        return (START_SCALE * random_state.standard_normal((len(rows), 2))).astype(np.float32)
    n_axes = min(2, *rows.shape)
    with single_threaded_blas():
        distinct, group = take_distinct(rows)
        axes = principal_axes(distinct, group, n_axes, random_state=random_state)
    points = project_rows(distinct, group, axes.mean, axes.axes)
    points = np.pad(points, ((0, 0), (0, 2 - n_axes)))
    spread = points[:, 0].std()
    return (points * (START_SCALE / spread if spread > 0 else 1.0)).astype(np.float32)
