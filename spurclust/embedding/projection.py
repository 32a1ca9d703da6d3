"""The compiled kernels that project rows of pixels on axes, each row in the same order of sums."""

import numpy as np
from numba import types

from spurclust.compilation import kernel

EXACT: frozenset[str] = frozenset()
WIDER = (
    (types.uint8, types.uint16),
    (types.uint16, types.uint32),
    (types.float32, types.float64),
)
"""Types of pixels, and of sums of up to 256 that lose nothing."""

PRODUCT_FEATURES = 64
"""Pixels whose columns stay in the first cache while all rows pass."""


@kernel("void(float32[:, ::1], float32[:, ::1], float32[:, ::1])", fastmath={"contract"})
def add_products(rows, columns, out):  # type: ignore[no-untyped-def]
    """Add rows @ columns to `out`, pixel after pixel: BLAS sums by a row's place in its block.

    Four rows share what is read of the columns. Where fewer are left, the last is computed again
    and thrown away, so that every row is the work of one loop.
    """
    n_features, n_columns = columns.shape
    last = rows.shape[0] - 1
    spare = np.zeros((3, n_columns), dtype=np.float32)
    for low in range(0, n_features, PRODUCT_FEATURES):
        high = min(low + PRODUCT_FEATURES, n_features)
        whole = high - (high - low) % 2
        for i in range(0, rows.shape[0], 4):
            row0, total0 = rows[i], out[i]
            row1, total1 = rows[min(i + 1, last)], (out[i + 1] if i + 1 <= last else spare[0])
            row2, total2 = rows[min(i + 2, last)], (out[i + 2] if i + 2 <= last else spare[1])
            row3, total3 = rows[min(i + 3, last)], (out[i + 3] if i + 3 <= last else spare[2])
            for k in range(low, whole, 2):
                here, next0 = row0[k], row0[k + 1]
                here1, next1 = row1[k], row1[k + 1]
                here2, next2 = row2[k], row2[k + 1]
                here3, next3 = row3[k], row3[k + 1]
                column, following = columns[k], columns[k + 1]
                for c in range(n_columns):
                    value, after = column[c], following[c]
                    total0[c] = total0[c] + here * value + next0 * after
                    total1[c] = total1[c] + here1 * value + next1 * after
                    total2[c] = total2[c] + here2 * value + next2 * after
                    total3[c] = total3[c] + here3 * value + next3 * after
            for k in range(whole, high):
                for c in range(n_columns):
                    total0[c] += row0[k] * columns[k, c]
                    total1[c] += row1[k] * columns[k, c]
                    total2[c] += row2[k] * columns[k, c]
                    total3[c] += row3[k] * columns[k, c]


@kernel(
    *(
        # Rows may be mapped from a file that is only read.
        types.void(
            types.Array(pixel, 2, "C", readonly=True),
            types.float32[::1],
            types.int64,
            types.int64[::1],
            types.uint32[::1],
            types.uint32[::1],
            types.int64[::1],
            wider[::1],
            types.float32[:, ::1],
        )
        for pixel, wider in WIDER
    ),
    fastmath=EXACT,
)
def sum_groups(rows, mean, width, lines, members, starts, sizes, sums, out):  # type: ignore[no-untyped-def]
    """Sum the pixels of each group, less their number times their mean.

    First lines of `width` pixels, from each start to the next, where they are drawn repeatedly;
    then, in these `sums`, what belongs to each group. Equal pixels are summed without rounding, so
    that the order plays no part.
    """
    for i in range(rows.shape[0]):
        row = rows[i]
        for k in range(lines.shape[0] - 1):
            total = sums[k * width : (k + 1) * width]
            first = lines[k] * width
            line = row[first : first + width]
            for x in range(width):
                total[x] = line[x]
            for y in range(lines[k] + 1, lines[k + 1]):
                line = row[y * width : (y + 1) * width]
                for x in range(width):
                    total[x] += line[x]
        for g in range(starts.shape[0] - 1):
            value = sums[members[starts[g]]] + 0  # whole numbers are added as such
            for place in range(starts[g] + 1, starts[g + 1]):
                value += sums[members[place]]
            out[i, g] = np.float32(np.float64(value) - sizes[g] * np.float64(mean[g]))


@kernel(
    types.boolean(
        types.Array(types.uint8, 2, "C", readonly=True),
        types.int64,
        types.int64[::1],
        types.int64[::1],
        types.int64[::1],
    )
)
def are_repeated(rows, width, lines, columns, others):  # type: ignore[no-untyped-def]
    """Tell whether lines of bytes equal the first of theirs, and columns others, in every row."""
    for i in range(rows.shape[0]):
        row = rows[i]
        different = np.uint8(0)
        for k in range(lines.shape[0] - 1):
            first = row[lines[k] * width : (lines[k] + 1) * width]
            for y in range(lines[k] + 1, lines[k + 1]):
                line = row[y * width : (y + 1) * width]
                for x in range(width):
                    different |= first[x] ^ line[x]
        for place in range(columns.shape[0]):
            different |= row[columns[place]] ^ row[others[place]]
        if different:
            return False
    return True


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
