"""The compiled kernels that project rows of pixels on axes, each row in the same order of sums."""

import numpy as np
from numba import types

from spurclust._compile import kernel


@kernel("void(float32[:, ::1], float32[:, ::1], float32[:, ::1])", fastmath={"contract"})
def add_products(rows, columns, out):  # type: ignore[no-untyped-def]
    """Add rows @ columns to `out`, pixel after pixel: BLAS sums by a row's place in its block."""
    n_features, n_columns = columns.shape
    whole = n_features - n_features % 4
    for low in range(0, n_features, 256):
        high = min(low + 256, n_features)
        for i in range(rows.shape[0]):
            total = out[i]
            for k in range(low, min(high, whole), 4):
                x0 = rows[i, k]
                x1 = rows[i, k + 1]
                x2 = rows[i, k + 2]
                x3 = rows[i, k + 3]
                for c in range(n_columns):
                    value = total[c] + x0 * columns[k, c]
                    value += x1 * columns[k + 1, c]
                    value += x2 * columns[k + 2, c]
                    total[c] = value + x3 * columns[k + 3, c]
            for k in range(max(low, whole), high):
                for c in range(n_columns):
                    total[c] += rows[i, k] * columns[k, c]


@kernel(
    *(
        # Rows may be mapped from a file that is only read.
        types.void(
            types.Array(pixel, 2, "C", readonly=True),
            types.float32[::1],
            types.int32[::1],
            types.int32[::1],
            types.float32[:, ::1],
        )
        for pixel in (types.uint8, types.uint16, types.float32)
    ),
    fastmath={"contract"},
)
def sum_groups(rows, mean, members, starts, out):  # type: ignore[no-untyped-def]
    """Sum the pixels of each group about their mean; two sums at once hide the waiting.

    Equal pixels are summed in float64 without rounding, so that the order plays no part.
    """
    for i in range(rows.shape[0]):
        row = rows[i]
        for g in range(starts.shape[0] - 1):
            stop = starts[g + 1]
            size = stop - starts[g]
            whole = stop - size % 2
            one = 0.0
            two = 0.0
            for place in range(starts[g], whole, 2):
                one += row[members[place]]
                two += row[members[place + 1]]
            for place in range(whole, stop):
                one += row[members[place]]
            out[i, g] = np.float32(one + two - size * np.float64(mean[g]))


@kernel(
    *(
        # Rows may be mapped from a file that is only read.
        types.void(
            types.Array(bits, 2, "C", readonly=True),
            types.int64[::1],
            types.int64[::1],
            types.boolean[::1],
        )
        for bits in (types.uint8, types.uint16, types.uint32, types.uint64)
    )
)
def mark_different(rows, columns, others, marks):  # type: ignore[no-untyped-def]
    """Mark the columns that differ from another one in any row."""
    for i in range(rows.shape[0]):
        row = rows[i]
        for place in range(columns.shape[0]):
            marks[place] |= row[columns[place]] != row[others[place]]
