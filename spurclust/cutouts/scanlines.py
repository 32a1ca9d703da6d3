"""The compiled kernels that undo the filters of a PNG, scanline after scanline.

See the PNG specification (third edition), section 9: a byte is predicted from those `step` bytes
before, above, and `step` before above, which beyond the edges are 0.
"""

import numpy as np

from spurclust.compilation import kernel

EXACT: frozenset[str] = frozenset()
ON_A_ROW = "void(uint8[::1], uint8[::1], int64, uint8[::1])"
SUB, UP, AVERAGE, PAETH = 1, 2, 3, 4


@kernel("boolean(uint8[:, ::1], uint8[:, ::1])", fastmath=EXACT)
def take_first_of_equal(scanlines, grey):  # type: ignore[no-untyped-def]
    """Copy one of three channels; False, and nothing of use, where they are not equal.

    The filters treat channels alike, so that they are equal before where they are equal after.
    """
    different = np.uint8(0)
    for y in range(grey.shape[0]):
        three, one = scanlines[y], grey[y]
        one[0] = three[0]
        for x in range(1, grey.shape[1]):
            red = three[3 * x - 2]
            different |= (red ^ three[3 * x - 1]) | (red ^ three[3 * x])
            one[x] = red
        if different:
            return False
    return True


@kernel(ON_A_ROW, fastmath=EXACT)
def undo_sub(filtered, above, step, row):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Add what is before."""
    for x in range(min(step, len(row))):
        row[x] = filtered[x]
    for x in range(step, len(row)):
        row[x] = filtered[x] + row[x - step]


@kernel(ON_A_ROW, fastmath=EXACT)
def undo_up(filtered, above, step, row):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Add what is above."""
    for x in range(len(row)):
        row[x] = filtered[x] + above[x]


@kernel(ON_A_ROW, fastmath=EXACT)
def undo_average(filtered, above, step, row):  # type: ignore[no-untyped-def]
    """Add the mean of what is before and above."""
    for x in range(min(step, len(row))):
        row[x] = filtered[x] + (above[x] >> 1)
    for x in range(step, len(row)):
        row[x] = filtered[x] + np.uint8((np.int32(row[x - step]) + np.int32(above[x])) >> 1)


@kernel(ON_A_ROW, fastmath=EXACT)
def undo_paeth(filtered, above, step, row):  # type: ignore[no-untyped-def]
    """Add that neighbour which is nearest to before + above - corner."""
    for channel in range(min(step, len(row))):
        left, corner = np.int32(0), np.int32(0)
        for x in range(channel, len(row), step):
            up = np.int32(above[x])
            to_left, to_up = up - corner, left - corner
            nearest, least = left, abs(to_left)
            if least > 0:  # else, as within a pixel that is drawn enlarged, nothing is nearer
                to_corner = abs(to_left + to_up)
                if abs(to_up) < least:
                    nearest, least = up, abs(to_up)
                if to_corner < least:
                    nearest = corner
            left, corner = (np.int32(filtered[x]) + nearest) & 255, up
            row[x] = left


@kernel("boolean(uint8[:, ::1], int64, uint8[:, ::1])", fastmath=EXACT)
def undo_filters(scanlines, step, out):  # type: ignore[no-untyped-def]
    """Undo the filter that each scanline names in its first byte; False where there is none."""
    above = np.zeros(out.shape[1], dtype=np.uint8)
    for y in range(out.shape[0]):
        filtered, row, kind = scanlines[y, 1:], out[y], scanlines[y, 0]
        if kind == 0:
            row[:] = filtered
        elif kind == SUB:
            undo_sub(filtered, above, step, row)
        elif kind == UP:
            undo_up(filtered, above, step, row)
        elif kind == AVERAGE:
            undo_average(filtered, above, step, row)
        elif kind == PAETH:
            undo_paeth(filtered, above, step, row)
        else:
            return False
        above = row
    return True
