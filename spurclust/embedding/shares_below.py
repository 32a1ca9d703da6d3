"""The compiled kernel that tells which share of the fitted values a value exceeds."""

from numba import types

from spurclust.compilation import kernel


@kernel(
    types.void(
        # A loaded model may be mapped from a file that is only read.
        types.Array(types.float32, 2, "C", readonly=True),
        types.Array(types.float64, 2, "C", readonly=True),
        types.Array(types.float64, 1, "C", readonly=True),
        types.float32,
        types.float32[:, ::1],
    ),
    fastmath=frozenset(),
)
def find_shares_below(rows, quantiles, references, margin, out):  # type: ignore[no-untyped-def]
    """Interpolate between the quantiles from both sides, which differ where some are equal."""
    last = references.shape[0] - 1
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            value, column = rows[i, k], quantiles[k]
            if value - margin < column[0]:
                out[i, k] = 0
            elif value + margin > column[last]:
                out[i, k] = 1
            else:
                low, high = 0, last  # column[low] <= value < column[high + 1]
                while low < high:
                    middle = (low + high + 1) // 2
                    if column[middle] <= value:
                        low = middle
                    else:
                        high = middle - 1
                if column[low] == value:
                    first = low
                    while first > 0 and column[first - 1] == value:
                        first -= 1
                    out[i, k] = 0.5 * (references[low] + references[first])
                else:
                    span = references[low + 1] - references[low]
                    slope = span / (column[low + 1] - column[low])
                    up = slope * (value - column[low]) + references[low]
                    down = slope * (column[low + 1] - value) - references[low + 1]
                    out[i, k] = 0.5 * (up - down)
