"""The repulsion of many points as the slope of one field on a lattice.

t-SNE needs the sum of 1 / (1 + distance^2) at each point, and the slope of that sum. Quintic
B-splines lay the points on a lattice, and an FFT convolves it with the kernel (zero-padded, so that
it does not wrap around). The same splines then read off the sum and its slope, as in the smooth
particle-mesh Ewald method (Essmann et al., J. Chem. Phys. 103, 1995). One field gives all three
sums; the interpolation of Linderman et al. needs four.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from spurclust.embedding.neighbors import Float32, neighbor_affinities
from spurclust.parallel import ThreadTeam

SPACING = 0.4
"""Distance between two nodes, where the kernel has width 1. The final divergence is within 0.1 %
(measured for 6000 rows: 0.05 % at 0.4, 0.3 % at 0.5)."""

MOST_NODES = 4096
"""Maximum along one axis. A wider embedding gets a coarser lattice, not more memory."""

LEAST_NODES = 32
"""Minimum along one axis: smaller transforms are not faster."""

ROOM = 1.1
"""Factor by which a new lattice is larger than needed, because an embedding grows."""

TOO_LARGE = 1.5
"""A lattice that is this many times larger than needed is replaced."""

BORDER = 4
"""Nodes beyond the outermost points, which their splines reach."""

LINES = 64
"""Number of lines transformed at once: fixed, so that bits do not depend on the threads."""

FIELD_MARGIN = 12.0
"""Margin of the kept field around the fitted points. Points beyond read it at the edge."""

N_START_NEIGHBORS = 25
"""A new point starts at the median of this many nearest fitted points (Policar et al. 2023)."""

NEW_PERPLEXITY = 5.0
"""Perplexity of new rows; three times as many neighbors attract them (Policar et al. 2023)."""

SHARE_ROWS = 16
"""Number of new rows that one thread places at a time."""


class Lattice(NamedTuple):
    """Nodes of equal spacing on both axes; the first lies at (left, bottom)."""

    left: float
    bottom: float
    spacing: float
    columns: int
    rows: int

    def origin(self) -> tuple[np.float32, np.float32, np.float32]:
        """Return left and bottom of the first node, and the number of nodes per unit length."""
        return np.float32(self.left), np.float32(self.bottom), np.float32(1 / self.spacing)

    def suits(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> bool:
        """Return whether points within these bounds lie inside, and fill enough of the lattice."""
        first = np.array([self.left, self.bottom])
        nodes = np.array([self.columns, self.rows])
        inside = np.all((low - first) / self.spacing >= BORDER) and np.all(
            (high - first) / self.spacing <= nodes - 1 - BORDER
        )
        return bool(inside and np.all(nodes <= TOO_LARGE * _nodes_needed(high - low, self.spacing)))


def _nodes_needed(span: NDArray[np.float32], spacing: float) -> NDArray[np.float64]:
    """Count the nodes for points of a span, with the border."""
    return np.maximum(span.astype(np.float64) / spacing + 2 * BORDER + 2, LEAST_NODES)


def lattice_around(
    low: NDArray[np.float32], high: NDArray[np.float32], margin: float = 0.0
) -> Lattice:
    """Choose a lattice around points within some bounds, and a margin more on each side."""
    span = high - low + 2 * margin
    spacing = max(SPACING, float(span.max()) / (MOST_NODES / ROOM - 3 * BORDER))
    wanted = np.ceil(ROOM * _nodes_needed(span, spacing)).astype(int)
    columns, rows = (fft.next_fast_len(2 * int(n), real=True) // 2 for n in wanted)
    # Nodes lie on multiples of the spacing, so that a new lattice does not shake the points.
    first = np.floor((low + high) / 2 / spacing) - (np.array([columns, rows]) // 2)
    left, bottom = (first * spacing).tolist()
    return Lattice(left, bottom, spacing, columns, rows)


def _kernel_spectrum(lattice: Lattice) -> Float32:
    """Transform 1 / (1 + distance^2) between nodes, and undo both splines."""
    # The spectrum of the zero-padded lattice is even, so a quarter of it is enough.
    along_y = (np.arange(lattice.rows + 1) * lattice.spacing) ** 2
    along_x = (np.arange(lattice.columns + 1) * lattice.spacing) ** 2
    spectrum = fft.dctn(1 / (1 + along_y[:, None] + along_x), type=1, overwrite_x=True)
    spectrum /= _spline_spectrum(lattice.rows)[:, None] ** 2
    spectrum /= _spline_spectrum(lattice.columns) ** 2
    return np.asarray(spectrum, dtype=np.float32)


def _spline_spectrum(n_nodes: int) -> NDArray[np.float64]:
    """Transform the values of a quintic B-spline at its nodes."""
    angle = np.pi * np.arange(n_nodes + 1) / n_nodes
    return np.asarray((66 + 52 * np.cos(angle) + 2 * np.cos(2 * angle)) / 120)


class FieldMaker:
    """Makes the field of points, and a margin around them, on a lattice that follows them."""

    def __init__(self, team: ThreadTeam, margin: float = 0.0) -> None:
        self.team = team
        self.margin = margin
        self.lattice: Lattice | None = None

    def prepare(self, x: Float32, y: Float32) -> Lattice:
        """Choose the lattice for the points; keep the last one while it suits."""
        low, high = np.array([x.min(), y.min()]), np.array([x.max(), y.max()])
        if self.lattice is None or not self.lattice.suits(low, high):
            self.lattice = lattice_around(low, high, self.margin)
            self._spectrum = _kernel_spectrum(self.lattice)
            shape = self.lattice.rows, self.lattice.columns
            self.grid = np.empty(shape, dtype=np.float32)
            self._half = np.empty((shape[0], shape[1] + 1), dtype=np.complex64)
        return self.lattice

    def spread(self, x: Float32, y: Float32) -> None:
        """Lay the points on the lattice, in one thread."""
        from spurclust.embedding.kernels import spread

        assert self.lattice is not None
        spread(x, y, *self.lattice.origin(), self.grid)

    def convolve(self) -> None:
        """Turn the points on the lattice into their field.

        The transforms leave out zeros, and lines that the result does not keep.
        """
        rows, columns = self.grid.shape
        grid, half, spectrum = self.grid, self._half, self._spectrum

        def forward(start: int) -> None:
            lines = slice(start, start + LINES)
            half[lines] = fft.rfft(grid[lines], n=2 * columns, axis=1)

        def multiply(start: int) -> None:
            lines = slice(start, start + LINES)
            whole = fft.fft(half[:, lines], n=2 * rows, axis=0)
            whole[: rows + 1] *= spectrum[:, lines]
            whole[rows + 1 :] *= spectrum[rows - 1 : 0 : -1, lines]
            half[:, lines] = fft.ifft(whole, axis=0, overwrite_x=True)[:rows]

        def backward(start: int) -> None:
            lines = slice(start, start + LINES)
            grid[lines] = fft.irfft(half[lines], n=2 * columns, axis=1)[:, :columns]

        self.team.run(forward, range(0, rows, LINES))
        self.team.run(multiply, range(0, columns + 1, LINES))
        self.team.run(backward, range(0, rows, LINES))


def make_field(embedding: Float32, n_jobs: int | None = None) -> tuple[Lattice, Float32]:
    """Return the field with which fitted points repel new ones, as weights of splines."""
    x, y = np.require(embedding.T, np.float32, ["C", "W"])
    with ThreadTeam(n_jobs) as team:
        maker = FieldMaker(team, FIELD_MARGIN)
        lattice = maker.prepare(x, y)
        maker.spread(x, y)
        maker.convolve()
    return lattice, maker.grid


def place_new_rows(
    distances: Float32,
    indices: NDArray[np.int32],
    embedding: Float32,
    lattice: Lattice,
    field: Float32,
    n_jobs: int | None = None,
) -> Float32:
    """Place each new point by itself among the fitted ones, given its nearest fitted points."""
    from spurclust.embedding.kernels import place_rows

    x, y = np.require(embedding.T, np.float32, ["C", "W"])
    placed = np.median(embedding[indices], axis=1).astype(np.float32)
    n_attracting = min(indices.shape[1], int(3 * NEW_PERPLEXITY))
    perplexity = min(NEW_PERPLEXITY, max(1.0, n_attracting / 3))
    near = np.ascontiguousarray(indices[:, :n_attracting])
    affinities = neighbor_affinities(
        np.ascontiguousarray(distances[:, :n_attracting]), perplexity, n_jobs
    )
    field = np.require(field, requirements=["C", "W"])
    fixed = x, y, near, affinities, *lattice.origin(), field

    def place(start: int) -> None:
        place_rows(*fixed, start, min(start + SHARE_ROWS, len(placed)), placed)

    with ThreadTeam(n_jobs) as team:
        team.run(place, range(0, len(placed), SHARE_ROWS))
    return placed
