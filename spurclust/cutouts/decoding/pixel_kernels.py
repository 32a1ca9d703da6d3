"""The compiled kernel of pixels."""

from numba import types

from spurclust.parallel import kernel


@kernel(types.boolean(types.Array(types.uint8, 1, "C", readonly=True), types.uint8[::1]))
def take_gray(values, gray):  # type: ignore[no-untyped-def]
    """Take the first of three channels, and return whether the others are equal to it."""
    n_different = 0
    for i in range(gray.shape[0]):
        first = values[3 * i]
        gray[i] = first
        n_different += (first != values[3 * i + 1]) | (first != values[3 * i + 2])
    return n_different == 0
