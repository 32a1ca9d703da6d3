"""Choose the next sources for each inspector from several orders, and hold them meanwhile.

An order is a ranking of sources; the first open one is dealt. Held sources are only known in
memory: after a restart, all sources without a verdict are open again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.judging.tally import Tally
from spurclust.judging.words import Why
from spurclust.labels import UNINSPECTED

SECOND_SHARE = 0.5
"""Share of sources that another inspector has judged already, while there are any."""

_GOLDEN = (5**0.5 - 1) / 2
"""Any number of its multiples, modulo 1, are spread evenly."""


class Item(NamedTuple):
    """A source to look at.

    Returned by `Inspection.next`.

    Attributes
    ----------
    row : int
        Index among the sources of the inspection.
    source_id : str
        Id of the source.
    why : str
        Why it is shown: "probable" (probably spurious), "unlike" (unlike all inspected sources),
        "audit" (drawn at random), "second opinion", "adjudication" (inspectors disagree), "unsure"
        (nobody was sure) or "undone" (its verdict was taken back).

    Examples
    --------
    >>> from spurclust.inspection import Item
    >>> Item(0, "00123", "audit").why
    'audit'
    """

    row: int
    source_id: str
    why: Why


class Order(NamedTuple):
    """Sources in the order to show them, why, and their share of the shown sources."""

    why: Why
    share: float
    rows: NDArray[np.intp]


class Held(NamedTuple):
    """A source held for an inspector: why, the model that chose it, and until when."""

    row: int
    why: Why
    model: int
    until: float


def check_shares(opinions: float, audit_share: float) -> None:
    """Raise for impossible shares."""
    if opinions < 1:
        raise ValueError(f"opinions={opinions}: each source needs at least 1")
    if not 0 <= audit_share <= 1:
        raise ValueError(f"audit_share={audit_share}: it must be from 0 to 1")


def check_name(inspector: str) -> None:
    """Raise for the empty name, which means nobody."""
    if not inspector:
        raise ValueError("inspector is empty: give a name")


class Deck:
    """Deals the sources of an inspection to its inspectors."""

    def __init__(
        self,
        tally: Tally,
        n_wanted: NDArray[np.int16],
        permutation: NDArray[np.intp],
        *,
        audit_share: float,
        hold_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tally, self.n_wanted, self.clock = tally, n_wanted, clock
        self.hold_seconds = hold_seconds
        self._audit = Order("audit", audit_share, permutation)
        self.model = 0
        self.orders = [self._audit]
        self._held: dict[str, dict[int, Held]] = {}
        self._n_dealt = len(tally.verdicts)

    def set_orders(self, model: int, orders: Sequence[Order]) -> None:
        """Deal from new orders, and from that of the audit."""
        self.model = model
        rest = 1 - self._audit.share
        self.orders = [self._audit, *(one._replace(share=rest * one.share) for one in orders)]

    def deal(self, n: int, inspector: str) -> list[Held]:
        """Return up to n sources for an inspector: first held ones, then new ones."""
        now = self.clock()
        for name, held in self._held.items():
            if name != inspector:
                self._held[name] = {row: one for row, one in held.items() if one.until > now}
        until = now + self.hold_seconds
        mine = {row: one._replace(until=until) for row, one in self._of(inspector).items()}
        self._held[inspector] = mine
        open_ = _Open(self, inspector)
        while len(mine) < n and (found := self._choose(open_)) is not None:
            row, why = found
            mine[row] = Held(row, why, self.model, until)
            open_.close(row)
        return list(mine.values())[:n]

    def held_by(self, inspector: str, row: int) -> Held | None:
        """Return the held source of an inspector, if it is held."""
        return self._of(inspector).get(row)

    def release(self, inspector: str, row: int) -> None:
        """Release a source."""
        self._of(inspector).pop(row, None)

    def put_first(self, inspector: str, row: int) -> None:
        """Hold a source for an inspector before all others."""
        first = Held(row, "undone", self.model, self.clock() + self.hold_seconds)
        self._held[inspector] = {row: first, **self._of(inspector)}

    def count_held(self, *, but_for: str) -> NDArray[np.int16]:
        """Return the number of other inspectors for whom each source is held."""
        n_held = np.zeros(len(self.n_wanted), dtype=np.int16)
        for name, held in self._held.items():
            if name != but_for:
                n_held[list(held)] += 1
        return n_held

    def _of(self, inspector: str) -> dict[int, Held]:
        """Return the sources held for an inspector."""
        return self._held.setdefault(inspector, {})

    def _choose(self, open_: _Open) -> tuple[int, Why] | None:
        """Return the next source and why it is shown, or None."""
        if (row := open_.first_of(open_.to_adjudicate)) is not None:
            return row, "adjudication"
        dealt: dict[Why, tuple[float, int]] = {}
        for why, share, order in self.orders:
            if share > 0 and (row := open_.first_in(order)) is not None:
                dealt[why] = share, row
        if (row := open_.first_of(open_.second)) is not None:
            dealt["second opinion"] = (SECOND_SHARE / (1 - SECOND_SHARE), row)
        if not dealt:
            row = open_.first_of(open_.unsure)
            return None if row is None else (row, "unsure")
        self._n_dealt += 1
        shares = np.cumsum([share for share, _ in dealt.values()])
        turn = np.searchsorted(shares, self._n_dealt * _GOLDEN % 1 * shares[-1], side="right")
        why = list(dealt)[turn]
        return dealt[why][1], why


class _Open:
    """The sources that can be dealt to an inspector, and why."""

    def __init__(self, deck: Deck, inspector: str) -> None:
        tally = deck.tally
        self._judged_first = tally.verdicts
        held, mine = deck.count_held(but_for=inspector), list(deck._of(inspector))
        n_looks = tally.n_verdicts + held
        times = tally.times(inspector)
        self.fresh = ~tally.is_given & (n_looks == 0)
        begun = (tally.n_verdicts > 0) & (times == 0)
        unsure = (tally.labels == UNINSPECTED) & ~tally.disputed & (tally.n_verdicts > 0)
        self.second = begun & (n_looks < deck.n_wanted)
        self.to_adjudicate = np.zeros_like(begun)
        if not tally.adjudicators:
            self.second |= begun & tally.disputed & (held == 0)
        elif inspector in tally.adjudicators:
            self.to_adjudicate = begun & tally.disputed & (held == 0)
        # Once more for inspectors who were not sure, and for each of the others.
        self.unsure = unsure & (times < 2) & (held == 0)
        for row in mine:
            self.close(row)

    def close(self, row: int) -> None:
        """Stop dealing a source."""
        for mask in (self.fresh, self.second, self.to_adjudicate, self.unsure):
            mask[row] = False

    def first_in(self, order: NDArray[np.intp]) -> int | None:
        """Return the first source of an order that nobody has seen."""
        fresh = self.fresh[order]
        first = int(fresh.argmax()) if len(fresh) else 0
        return int(order[first]) if len(fresh) and fresh[first] else None

    def first_of(self, mask: NDArray[np.bool_]) -> int | None:
        """Return the source of a mask that was judged first."""
        if not mask.any():
            return None
        return next(row for row in self._judged_first if mask[row])
