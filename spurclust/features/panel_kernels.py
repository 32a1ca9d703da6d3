"""The compiled kernels that make panels ready and sum over their parts, each panel by itself."""

import numpy as np
from numba import types

from spurclust.compilation import kernel

EXACT: frozenset[str] = frozenset()

TILE = 64
"""Panels that are summed together."""

TURNED = 16
"""Pixels of a panel that are turned into columns at a time: those of one line of the cache."""

REACH = 3
"""Neighbours on each side that smoothing weighs."""

HIGH_BITS, MIDDLE_BITS, LOW_BITS = 12, 10, 9
"""Bits of a positive number that are looked at in turn; the sign is left out."""


@kernel(
    *(
        types.void(real[:, :, ::1], types.boolean[:, :, ::1])
        for real in (types.float32, types.float64)
    )
)
def mark_flat(values, out):  # type: ignore[no-untyped-def]
    """Mark what lies in a square of 3 x 3 equal pixels; pixels outside count as their edge."""
    n, height, width = values.shape
    level = np.empty((height, width), dtype=np.bool_)
    square = np.empty((height, width), dtype=np.bool_)
    for i in range(n):
        panel = values[i]
        for y in range(height):
            row = panel[y]
            for x in range(1, width - 1):
                level[y, x] = (row[x - 1] == row[x]) & (row[x] == row[x + 1])
            level[y, 0] = row[0] == row[min(1, width - 1)]
            level[y, width - 1] = row[width - 1] == row[max(width - 2, 0)]
        for y in range(height):
            above, below = max(y - 1, 0), min(y + 1, height - 1)
            for x in range(width):
                square[y, x] = (
                    level[above, x]
                    & level[y, x]
                    & level[below, x]
                    & (panel[above, x] == panel[y, x])
                    & (panel[y, x] == panel[below, x])
                )
        for y in range(height):
            above, below = max(y - 1, 0), min(y + 1, height - 1)
            for x in range(width):
                level[y, x] = square[above, x] | square[y, x] | square[below, x]
            for x in range(1, width - 1):
                out[i, y, x] = level[y, x - 1] | level[y, x] | level[y, x + 1]
            out[i, y, 0] = level[y, 0] | level[y, min(1, width - 1)]
            out[i, y, width - 1] = level[y, width - 1] | level[y, max(width - 2, 0)]


@kernel("void(float32[:, ::1], boolean[:, ::1], boolean[:, ::1], float32[:, ::1], int64[::1])")
def mark_blank(levels, flat, blank, kept, n_kept):  # type: ignore[no-untyped-def]
    """Mark what is NaN, and what is flat and has the least level; keep the levels of the others."""
    for i in range(levels.shape[0]):
        row, is_flat, is_blank = levels[i], flat[i], blank[i]
        least = np.float32(np.inf)
        for k in range(row.shape[0]):
            least = min(least, np.float32(np.inf) if np.isnan(row[k]) else row[k])
        count = 0
        for k in range(row.shape[0]):
            is_blank[k] = np.isnan(row[k]) | (is_flat[k] & (row[k] == least))
            kept[i, k] = np.float32(np.inf) if is_blank[k] else row[k]
            count += not is_blank[k]
        n_kept[i] = count


@kernel("void(uint8[:, ::1], int64[::1], float32[:, ::1])")
def sort_bytes(values, n_kept, out):  # type: ignore[no-untyped-def]
    """Sort by counting; all but `n_kept` of the least are infinite."""
    n, size = values.shape
    # One pixel's count need not wait for that of an equal neighbour.
    counts = np.empty((4, 256), dtype=np.int32)
    whole = size - size % 4
    for i in range(n):
        row = values[i]
        counts[:] = 0
        for k in range(0, whole, 4):
            counts[0, row[k]] += 1
            counts[1, row[k + 1]] += 1
            counts[2, row[k + 2]] += 1
            counts[3, row[k + 3]] += 1
        for k in range(whole, size):
            counts[0, row[k]] += 1
        blank, place = size - n_kept[i], 0
        for value in range(256):
            count = counts[0, value] + counts[1, value] + counts[2, value] + counts[3, value]
            if count:
                out[i, place : place + count - blank] = value
                place += count - blank
                blank = 0
        out[i, place:] = np.inf


@kernel(
    "void(float32[:, ::1], boolean[:, ::1], float32[::1], float32[::1], float32[::1],"
    " float32[:, ::1])",
    fastmath=EXACT,
)
def scale_panels(levels, blank, low, high, median, out):  # type: ignore[no-untyped-def]
    """Scale levels so that `low` is 0 and `high` is 1, and clip them; the median where blank."""
    zero, one = np.float32(0), np.float32(1)
    for i in range(levels.shape[0]):
        span = high[i] - low[i]
        for k in range(levels.shape[1]):
            scaled = (levels[i, k] - low[i]) / span if span > 0 else zero
            scaled = min(max(scaled, zero), one)
            out[i, k] = median[i] if blank[i, k] else scaled


@kernel("void(float64[::1], int64, int64, float64[::1], float32[::1])", fastmath=EXACT)
def weigh_neighbours(values, step, count, weights, out):  # type: ignore[no-untyped-def]
    """Weigh what is up to three steps before and after each value, in scipy's order of sums."""
    before3, before2, before1 = values, values[step:], values[2 * step :]
    middle = values[3 * step :]
    after1, after2, after3 = values[4 * step :], values[5 * step :], values[6 * step :]
    weight0, weight1, weight2, weight3 = weights[0], weights[1], weights[2], weights[3]
    for k in range(count):
        total = middle[k] * weight0 + (before3[k] + after3[k]) * weight3
        total = total + (before2[k] + after2[k]) * weight2
        out[k] = total + (before1[k] + after1[k]) * weight1


@kernel(
    "void(float32[:, :, ::1], float64[::1], int64[::1], int64[::1], float32[:, :, ::1])",
    fastmath=EXACT,
)
def smooth_panels(panels, weights, down, along, out):  # type: ignore[no-untyped-def]
    """Weigh neighbours down and then along, where `down` and `along` reflect the edges."""
    n, height, width = panels.shape
    wide = along.shape[0]
    tall = np.empty((height + 2 * REACH, width), dtype=np.float64)
    half = np.empty((height, width), dtype=np.float32)
    # What lies between the end of a row and the start of the next is weighed and passed over.
    padded = np.zeros((height + 1, wide), dtype=np.float64)
    smooth = np.empty((height, wide), dtype=np.float32)
    for i in range(n):
        for y in range(height + 2 * REACH):
            for x in range(width):
                tall[y, x] = panels[i, down[y], x]
        weigh_neighbours(tall.ravel(), width, height * width, weights, half.ravel())
        for y in range(height):
            for x in range(REACH):
                padded[y, x] = half[y, along[x]]
                padded[y, REACH + width + x] = half[y, along[REACH + width + x]]
            for x in range(width):
                padded[y, REACH + x] = half[y, x]
        weigh_neighbours(padded.ravel(), 1, height * wide, weights, smooth.ravel())
        for y in range(height):
            for x in range(width):
                out[i, y, x] = smooth[y, x]


@kernel("void(float32[:, :, ::1], float32[::1])", fastmath=EXACT)
def middle_steps(panels, out):  # type: ignore[no-untyped-def]
    """Find the median difference of neighbours, by the bits of the differences from the highest."""
    n, height, width = panels.shape
    size = (height - 1) * width + height * (width - 1)
    steps = np.empty(size, dtype=np.float32)
    bits = steps.view(np.uint32)
    counts = np.empty(1 << HIGH_BITS, dtype=np.int32)
    for i in range(n):
        panel, place = panels[i], 0
        for y in range(height):
            if y:
                for x in range(width):
                    steps[place + x] = abs(panel[y, x] - panel[y - 1, x])
                place += width
            for x in range(width - 1):
                steps[place + x] = abs(panel[y, x + 1] - panel[y, x])
            place += width - 1
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
        out[i] = steps[0]


@kernel("void(float32[:, ::1], float32[:, ::1])")
def turn_rows(rows, tile):  # type: ignore[no-untyped-def]
    """Write the pixels of each panel into a column."""
    n_pixels = rows.shape[1]
    for low in range(0, n_pixels, TURNED):
        for c in range(rows.shape[0]):
            row = rows[c]
            for k in range(low, min(low + TURNED, n_pixels)):
                tile[k, c] = row[k]


@kernel(
    "void(float32[:, ::1], float32[::1], int64[::1], int64, int64, float32[::1])", fastmath=EXACT
)
def add_part(tile, weights, pixels, place, stop, total):  # type: ignore[no-untyped-def]
    """Add the weighted pixels of one part, four at a time."""
    while place + 4 <= stop:
        weight0, weight1 = weights[place], weights[place + 1]
        weight2, weight3 = weights[place + 2], weights[place + 3]
        pixel0, pixel1 = tile[pixels[place]], tile[pixels[place + 1]]
        pixel2, pixel3 = tile[pixels[place + 2]], tile[pixels[place + 3]]
        for c in range(TILE):
            two = (total[c] + weight0 * pixel0[c]) + weight1 * pixel1[c]
            total[c] = (two + weight2 * pixel2[c]) + weight3 * pixel3[c]
        place += 4
    for last in range(place, stop):
        weight, pixel = weights[last], tile[pixels[last]]
        for c in range(TILE):
            total[c] += weight * pixel[c]


@kernel(
    "void(float32[:, ::1], float32[::1], int64[::1], int64[::1], int64, float32[:, ::1])",
    fastmath=EXACT,
)
def sum_parts(rows, weights, pixels, starts, n_squared, out):  # type: ignore[no-untyped-def]
    """Sum the weighted pixels of each part, in their order, for many panels together.

    Behind the parts, the squares of the pixels of the first `n_squared` are summed.
    """
    n_parts = starts.shape[0] - 1
    tile = np.zeros((rows.shape[1], TILE), dtype=np.float32)
    total = np.empty(TILE, dtype=np.float32)
    for first in range(0, rows.shape[0], TILE):
        some = rows[first : first + TILE]
        turn_rows(some, tile)
        for sought in range(n_parts + n_squared):
            if sought == n_parts:
                for pixel in tile:
                    for c in range(TILE):
                        pixel[c] *= pixel[c]
            part = sought % n_parts
            total[:] = 0
            add_part(tile, weights, pixels, starts[part], starts[part + 1], total)
            for c in range(some.shape[0]):
                out[first + c, sought] = total[c]
