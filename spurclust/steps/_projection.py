"""The compiled kernel that projects rows of pixels on axes, each row in the same order of sums."""

from spurclust.steps._compile import kernel


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
