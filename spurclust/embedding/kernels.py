"""The compiled kernels of the embedding."""

import numpy as np
from numba import types

from spurclust.compilation import kernel


@kernel(
    types.void(
        *(
            # A loaded forest may be mapped from a file that is only read.
            types.Array(dtype, ndim, "C", readonly=True)
            for dtype, ndim in (
                (types.float32, 2),
                (types.int64, 1),
                (types.int32, 1),
                (types.float64, 1),
                (types.int32, 2),
                (types.boolean, 1),
                (types.float64, 2),
            )
        ),
        types.float64[:, ::1],
    ),
    fastmath=frozenset(),
)
def add_shares(  # type: ignore[no-untyped-def]
    rows, roots, features, thresholds, children, missing_left, shares, out
):
    """Add the shares of the classes in the leaf of each row, tree after tree."""
    for tree in range(roots.shape[0]):
        for i in range(rows.shape[0]):
            node = roots[tree]
            while features[node] >= 0:
                value = rows[i, features[node]]
                left = missing_left[node] if np.isnan(value) else value <= thresholds[node]
                node = children[node, 0] if left else children[node, 1]
            for k in range(out.shape[1]):
                out[i, k] += shares[node, k]
