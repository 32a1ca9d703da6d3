"""The repulsion of many points as the fall of one field on a lattice, made by two transforms.

All that t-SNE needs of the pairs is the sum of 1 / (1 + distance^2) at each point and the slope of
that sum. The points are laid on a lattice by quintic B-splines, convolved with the kernel by FFT
(zero-padded, so that the plane has no other side), and the sum and its slope read off by the same
splines, as in the smooth particle-mesh Ewald method. One field does for all three sums; the
interpolation of Linderman et al. transforms four.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.embedding.neighbors import Float32
from spurclust.parallel import Crew

SPACING = 0.4
"""Distance of two nodes. The kernel has width 1; the final divergence is within 0.1 % (measured:
0.05 % at 0.4, 0.3 % at 0.5 for 6000 rows)."""

MOST_NODES = 4096
"""Along one axis: a wider embedding gets a coarser lattice, not more memory."""

LEAST_NODES = 32
"""Along one axis: smaller transforms take no less time."""

ROOM = 1.1
"""How much larger than needed a new lattice is made, since an embedding grows."""

TOO_LARGE = 1.5
"""A lattice so many times larger than needed is replaced."""

BORDER = 4
"""Nodes beyond the outermost points, which their splines reach."""

LINES = 64
"""Lines transformed at once: a fixed number, so that bits do not depend on the threads."""


class Lattice(NamedTuple):
    """Nodes of equal spacing on both axes; the first lies at (left, bottom)."""

    left: float
    bottom: float
    spacing: float
    columns: int
    rows: int

    def place(self) -> tuple[np.float32, np.float32, np.float32]:
        """Return what the kernels need: the first node, and nodes per unit length."""
        return np.float32(self.left), np.float32(self.bottom), np.float32(1 / self.spacing)

    def suits(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> bool:
        """Tell whether points within these bounds lie inside and fill enough of it."""
        first = np.array([self.left, self.bottom])
        nodes = np.array([self.columns, self.rows])
        inside = np.all((low - first) / self.spacing >= BORDER) and np.all(
            (high - first) / self.spacing <= nodes - 1 - BORDER
        )
        return bool(inside and np.all(nodes <= TOO_LARGE * _nodes_needed(high - low, self.spacing)))


def _nodes_needed(span: NDArray[np.float32], spacing: float) -> NDArray[np.float64]:
    """Count the nodes that points of a span need, with the border."""
    return np.maximum(span.astype(np.float64) / spacing + 2 * BORDER + 2, LEAST_NODES)


def lattice_around(
    low: NDArray[np.float32], high: NDArray[np.float32], margin: float = 0.0
) -> Lattice:
    """Choose a lattice around points.

    Parameters
    ----------
    low, high : ndarray of shape (2,)
        Least and largest coordinates of the points.
    margin : float, default=0.0
        Distance by which the lattice goes beyond what the points need.

    Returns
    -------
    Lattice
        Its nodes lie on whole multiples of the spacing, so that a new lattice does not shake
        the points.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust.embedding.field import lattice_around
    >>> low, high = np.array([-20, -10], np.float32), np.array([20, 10], np.float32)
    >>> lattice = lattice_around(low, high)
    >>> lattice.columns, lattice.rows, round(lattice.left, 1)
    (125, 67, -24.8)
    """
    from scipy.fft import next_fast_len

    span = high - low + 2 * margin
    spacing = max(SPACING, float(span.max()) / (MOST_NODES / ROOM - 3 * BORDER))
    wanted = np.ceil(ROOM * _nodes_needed(span, spacing)).astype(int)
    columns, rows = (next_fast_len(2 * int(n), real=True) // 2 for n in wanted)
    first = np.floor((low + high) / 2 / spacing) - (np.array([columns, rows]) // 2)
    left, bottom = (first * spacing).tolist()
    return Lattice(left, bottom, spacing, columns, rows)


def kernel_spectrum(lattice: Lattice) -> Float32:
    """Transform 1 / (1 + distance^2) between nodes, and undo both splines.

    Parameters
    ----------
    lattice : Lattice
        The nodes.

    Returns
    -------
    ndarray of shape (rows + 1, columns + 1), float32
        The spectrum of the zero-padded lattice; it is even, so a quarter tells all.

    References
    ----------
    U. Essmann et al., "A smooth particle mesh Ewald method", Journal of Chemical Physics 103, 1995.
    """
    from scipy.fft import dctn

    along_y = (np.arange(lattice.rows + 1) * lattice.spacing) ** 2
    along_x = (np.arange(lattice.columns + 1) * lattice.spacing) ** 2
    spectrum = dctn(1 / (1 + along_y[:, None] + along_x), type=1, overwrite_x=True)
    spectrum /= _spline_spectrum(lattice.rows)[:, None] ** 2
    spectrum /= _spline_spectrum(lattice.columns) ** 2
    return np.asarray(spectrum, dtype=np.float32)


def _spline_spectrum(n_nodes: int) -> NDArray[np.float64]:
    """Transform the values of a quintic B-spline at its nodes."""
    angle = np.pi * np.arange(n_nodes + 1) / n_nodes
    return np.asarray((66 + 52 * np.cos(angle) + 2 * np.cos(2 * angle)) / 120)


class FieldMaker:
    """Makes the field of points again and again, on a lattice that follows them.

    Parameters
    ----------
    crew : Crew
        Threads to work with.
    margin : float, default=0.0
        How far beyond the points the field is wanted.
    """

    def __init__(self, crew: Crew, margin: float = 0.0) -> None:
        self.crew = crew
        self.margin = margin
        self.lattice: Lattice | None = None

    def prepare(self, x: Float32, y: Float32) -> Lattice:
        """Choose the lattice for the points; the one in use stays while it suits."""
        low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
        if self.lattice is None or not self.lattice.suits(low, high):
            self.lattice = lattice_around(low, high, self.margin)
            self._spectrum = kernel_spectrum(self.lattice)
            shape = self.lattice.rows, self.lattice.columns
            self.grid = np.empty(shape, dtype=np.float32)
            self._half = np.empty((shape[0], shape[1] + 1), dtype=np.complex64)
        return self.lattice

    def spread(self, x: Float32, y: Float32) -> None:
        """Lay the points on the lattice, in one thread."""
        from spurclust.embedding.field_kernels import spread

        assert self.lattice is not None
        spread(x, y, *self.lattice.place(), self.grid)

    def convolve(self) -> None:
        """Turn the points on the lattice into their field.

        What is zero, and what the result would not keep, is left out of the transforms.
        """
        from scipy.fft import fft, ifft, irfft, rfft

        rows, columns = self.grid.shape
        grid, half, spectrum = self.grid, self._half, self._spectrum

        def forward(start: int) -> None:
            lines = slice(start, start + LINES)
            half[lines] = rfft(grid[lines], n=2 * columns, axis=1)

        def multiply(start: int) -> None:
            lines = slice(start, start + LINES)
            whole = fft(half[:, lines], n=2 * rows, axis=0)
            whole[: rows + 1] *= spectrum[:, lines]
            whole[rows + 1 :] *= spectrum[rows - 1 : 0 : -1, lines]
            half[:, lines] = ifft(whole, axis=0, overwrite_x=True)[:rows]

        def backward(start: int) -> None:
            lines = slice(start, start + LINES)
            grid[lines] = irfft(half[lines], n=2 * columns, axis=1)[:, :columns]

        self.crew.run(forward, range(0, rows, LINES))
        self.crew.run(multiply, range(0, columns + 1, LINES))
        self.crew.run(backward, range(0, rows, LINES))
