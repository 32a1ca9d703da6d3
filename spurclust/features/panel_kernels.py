"""The compiled kernels of panels: each panel by itself, sums in a fixed order."""

import numpy as np

from spurclust.parallel import kernel

EXACT: frozenset[str] = frozenset()

REACH = 3
"""Number of neighbors on each side for smoothing."""

HIGH_BITS, MIDDLE_BITS, LOW_BITS = 12, 10, 9
"""Number of bits of a positive number to count, without the sign."""

TILE = 64
"""Number of panels that are summed together."""

TRANSPOSED = 16
"""Number of pixels of a panel that are transposed at a time: one line of the cache."""


@kernel(
    "void(float32[:, :, ::1], float64[::1], int64[::1], int64[::1], float32[:, :, ::1])",
    fastmath=EXACT,
)
def smooth_panels(panels, weights, down, along, out):  # type: ignore[no-untyped-def]
    """Weigh neighbors down and then along, in scipy's order; `down`, `along` reflect the edges."""
    n, height, width = panels.shape
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    row = np.empty(width + 2 * REACH, dtype=np.float64)
    for i in range(n):
        panel = panels[i]
        for y in range(height):
            above3, above2, above1 = panel[down[y]], panel[down[y + 1]], panel[down[y + 2]]
            below1, below2, below3 = panel[down[y + 4]], panel[down[y + 5]], panel[down[y + 6]]
            for x in range(width):
                total = panel[y, x] * w0 + (np.float64(above3[x]) + below3[x]) * w3
                total = total + (np.float64(above2[x]) + below2[x]) * w2
                total = total + (np.float64(above1[x]) + below1[x]) * w1
                row[REACH + x] = np.float32(total)
            for k in range(REACH):
                row[k] = row[REACH + along[k]]
                row[REACH + width + k] = row[REACH + along[REACH + width + k]]
            for x in range(width):
                total = row[x + 3] * w0 + (row[x] + row[x + 6]) * w3
                total = total + (row[x + 1] + row[x + 5]) * w2
                out[i, y, x] = total + (row[x + 2] + row[x + 4]) * w1


@kernel("void(float32[:, :, ::1], float32[::1])", fastmath=EXACT)
def median_difference(panels, out):  # type: ignore[no-untyped-def]
    """Find the median absolute difference of neighbors bit by bit, from the highest."""
    n, height, width = panels.shape
    size = (height - 1) * width + height * (width - 1)
    differences = np.empty(size, dtype=np.float32)
    bits = differences.view(np.uint32)
    counts = np.empty(1 << HIGH_BITS, dtype=np.int32)
    for i in range(n):
        panel, start = panels[i], 0
        for y in range(height):
            if y:
                for x in range(width):
                    differences[start + x] = abs(panel[y, x] - panel[y - 1, x])
                start += width
            for x in range(width - 1):
                differences[start + x] = abs(panel[y, x + 1] - panel[y, x])
            start += width - 1
        rank, left, shift = size // 2, size, MIDDLE_BITS + LOW_BITS
        for length in (HIGH_BITS, MIDDLE_BITS, LOW_BITS):
            mask = np.uint32((1 << length) - 1)
            counts[: 1 << length] = 0
            for k in range(left):
                counts[(bits[k] >> np.uint32(shift)) & mask] += 1
            digit = 0
            while rank >= counts[digit]:
                rank -= counts[digit]
                digit += 1
            kept = 0
            for k in range(left):
                bits[kept] = bits[k]
                kept += ((bits[k] >> np.uint32(shift)) & mask) == np.uint32(digit)
            left = kept
            shift -= MIDDLE_BITS if length == HIGH_BITS else LOW_BITS
        out[i] = differences[0]


@kernel(
    "void(float32[:, ::1], float32[::1], int64[::1], int64[::1], int64, float32[:, ::1])",
    fastmath=EXACT,
)
def sum_parts(rows, weights, pixels, starts, n_squared, out):  # type: ignore[no-untyped-def]
    """Sum the weighted pixels of each part; then the squared pixels of the first `n_squared`."""
    n_parts, n_pixels = starts.shape[0] - 1, rows.shape[1]
    tile = np.empty((n_pixels, TILE), dtype=np.float32)
    tile[:] = 0
    total = np.empty(TILE, dtype=np.float32)
    for first in range(0, rows.shape[0], TILE):
        n_panels = min(TILE, rows.shape[0] - first)
        for low in range(0, n_pixels, TRANSPOSED):
            for c in range(n_panels):
                for k in range(low, min(low + TRANSPOSED, n_pixels)):
                    tile[k, c] = rows[first + c, k]
        for part in range(n_parts + n_squared):
            if part == n_parts:
                np.multiply(tile, tile, tile)
            total[:] = 0
            for k in range(starts[part % n_parts], starts[part % n_parts + 1]):
                weight, pixel = weights[k], tile[pixels[k]]
                for c in range(TILE):
                    total[c] += weight * pixel[c]
            for c in range(n_panels):
                out[first + c, part] = total[c]
