"""Free room in an embedding for cutouts that find none at their places."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Places tried across the axes, each way.
_SLOTS = 60
# Free at the edge of the axes, as a part of their longer side.
_BORDER = 0.005
# A leader is at most as long as this part of a thumbnail's width.
_REACH = 0.6
# Of the free places near a source so many are tried, the nearest first.
_TRIED = 40
# Of so many sources the first that find room are drawn.
_MOST_TRIED = 300
_Pairs = NDArray[np.float64]


class Aside(NamedTuple):
    """Cutouts beside the places of their sources.

    Attributes
    ----------
    source : ndarray of int of shape (n_aside,)
        Positions of the sources.
    middle : ndarray of shape (n_aside, 2)
        Where their thumbnails have their middles.
    """

    source: NDArray[np.intp]
    middle: _Pairs


def place_aside(
    embedding: _Pairs,
    candidates: NDArray[np.intp],
    taken: _Pairs,
    *,
    size: tuple[float, float],
    limits: _Pairs,
    max_aside: int,
) -> Aside:
    """Find room for thumbnails near their sources, where they cover no source and no other one.

    Parameters
    ----------
    embedding : ndarray of shape (n_sources, 2)
        Places of all sources.
    candidates : ndarray of int
        Positions of the sources whose cutouts shall be drawn, the most wanted first.
    taken : ndarray of shape (n_taken, 2)
        Middles of the thumbnails that there are.
    size : (float, float)
        Width and height that a thumbnail takes.
    limits : ndarray of shape (2, 2)
        Lowest and highest x, lowest and highest y.
    max_aside : int
        Most thumbnails to place.

    Returns
    -------
    Aside
        Those that found room. No leader, the straight line from a source to its thumbnail, crosses
        another leader or a thumbnail.
    """
    room = np.array(size)
    slots = _free_slots(embedding, taken, room, limits)
    middles = taken
    sources: list[int] = []
    leaders = np.empty((0, 2, 2))
    for source in _uncovered(embedding, candidates, taken, room)[:_MOST_TRIED].tolist():
        if len(sources) == max_aside or not len(slots):
            break
        place = embedding[source]
        for slot in _nearest_slots(slots, place, room):
            leader = np.stack([place, slot])
            if _is_clear(leader, slot, middles, leaders, room):
                sources.append(source)
                middles = np.vstack([middles, slot])
                leaders = np.concatenate([leaders, leader[None]])
                slots = slots[(np.abs(slots - slot) >= room).any(axis=1)]
                break
    return Aside(np.array(sources, dtype=np.intp), middles[len(taken) :])


def _free_slots(embedding: _Pairs, taken: _Pairs, room: _Pairs, limits: _Pairs) -> _Pairs:
    """List the middles of thumbnails that lie inside and cover no source and no thumbnail."""
    from scipy.spatial import cKDTree

    # Frames are drawn outside the pixels, and must not touch those of the axes.
    border = _BORDER * np.ptp(limits, axis=1).max()
    low, high = limits[:, 0] + room / 2 + border, limits[:, 1] - room / 2 - border
    if (low > high).any():
        return np.empty((0, 2))
    x, y = (np.linspace(*ends, _SLOTS) for ends in zip(low, high, strict=True))
    slots: _Pairs = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    # In units of a thumbnail: a source at less than a half, each way, would be covered.
    apart, _ = cKDTree(embedding / room).query(slots / room, p=np.inf)
    slots = slots[apart > 0.5]
    for middle in taken:
        slots = slots[(np.abs(slots - middle) >= room).any(axis=1)]
    return slots


def _uncovered(
    embedding: _Pairs, candidates: NDArray[np.intp], taken: _Pairs, room: _Pairs
) -> NDArray[np.intp]:
    """List the candidates that lie under no thumbnail, whose leaders are seen."""
    for middle in taken:
        apart = np.abs(embedding[candidates] - middle)
        candidates = candidates[(apart >= room / 2).any(axis=1)]
    return candidates


def _nearest_slots(slots: _Pairs, place: _Pairs, room: _Pairs) -> _Pairs:
    """List the slots near a place, those of the shortest leaders first."""
    gap = np.maximum(np.abs(slots - place) - room / 2, 0)
    length = np.hypot(*gap.T)
    order = np.argsort(length, kind="stable")[:_TRIED]
    found: _Pairs = slots[order[length[order] <= _REACH * room[0]]]
    return found


def _is_clear(leader: _Pairs, slot: _Pairs, middles: _Pairs, leaders: _Pairs, room: _Pairs) -> bool:
    """Tell whether a leader meets no thumbnail and no leader, and its thumbnail no leader."""
    return not (
        _meet(leader[None], middles, room).any()
        or _meet(leaders, slot[None], room).any()
        or any(_cross(leader, other) for other in leaders)
    )


def _meet(lines: _Pairs, middles: _Pairs, room: _Pairs) -> NDArray[np.bool_]:
    """Tell which straight lines meet which thumbnails; one of both, or as many of one as of other.

    A line lies in a thumbnail where it lies in its columns and in its rows.
    """
    start, step = lines[:, 0] - middles, lines[:, 1] - lines[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        one, other = (-room / 2 - start) / step, (room / 2 - start) / step
    # A line along an axis is in all of its strip or in nothing of it.
    along, inside = step == 0, np.abs(start) < room / 2
    first = np.where(along, np.where(inside, -np.inf, np.inf), np.minimum(one, other)).max(axis=1)
    last = np.where(along, np.inf, np.maximum(one, other)).min(axis=1)
    return np.asarray(np.maximum(first, 0) < np.minimum(last, 1))


def _cross(one: _Pairs, other: _Pairs) -> bool:
    """Tell whether two straight lines cross."""

    def side(line: _Pairs, place: _Pairs) -> float:
        (along, up), (right, above) = line[1] - line[0], place - line[0]
        return float(np.sign(along * above - up * right))

    return (
        side(one, other[0]) * side(one, other[1]) <= 0
        and side(other, one[0]) * side(other, one[1]) <= 0
    )
