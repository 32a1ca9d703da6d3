import numpy as np
import pytest

from spurclust.inspection import Event, settle
from spurclust.judging.tally import Tally

S, R, U = "spurious", "reliable", "unsure"


@pytest.mark.parametrize(
    ("verdicts", "label", "disputed"),
    [
        ({}, -1, False),
        ({"a": S}, 1, False),
        ({"a": U}, -1, False),
        ({"a": U, "b": R}, 0, False),
        ({"a": S, "b": R}, -1, True),
        ({"a": S, "b": R, "c": U}, -1, True),
        ({"a": S, "b": R, "c": S}, 1, False),
    ],
)
def test_the_label_is_that_of_the_majority_of_those_who_are_sure(verdicts, label, disputed):
    assert settle(verdicts) == (label, disputed)


def test_the_verdict_of_an_adjudicator_decides_if_sure():
    assert settle({"a": S, "b": S, "judge": R}, ["judge"]) == (0, False)
    assert settle({"a": S, "b": R, "judge": U}, ["judge"]) == (-1, True)


def make_tally(*events):
    tally = Tally("wxyz", ())
    for event in events:
        tally.add(event)
    return tally


def state(tally):
    return (
        tally.labels.tolist(),
        tally.judged.tolist(),
        tally.disputed.tolist(),
        {row: dict(said) for row, said in tally.verdicts.items()},
        tally.inspectors(),
    )


def test_an_inspector_who_judges_again_changes_the_verdict():
    tally = make_tally(Event("x", "a", S), Event("x", "a", R))
    assert tally.labels.tolist() == [-1, 0, -1, -1]
    assert tally.inspectors() == {"a": 1}


def test_undo_is_the_inverse_of_a_verdict():
    rng = np.random.default_rng(0)
    choices = [
        [str(rng.choice(those)) for those in (list("wxyz"), ["a", "b"], [S, R, U])]
        for _ in range(60)
    ]
    events = [Event(*choice, note=str(k)) for k, choice in enumerate(choices)]
    for n in range(1, len(events)):
        before = make_tally(*events[:n])
        after = make_tally(*events[: n + 1], events[n]._replace(verdict="undo"))
        assert state(after) == state(before)


def test_a_label_from_before_counts_until_somebody_judges():
    given = Event("w", "", S)
    assert make_tally(given).labels[0] == 1
    assert make_tally(given, Event("w", "a", R)).labels[0] == 0
    assert make_tally(given, Event("w", "a", U)).labels[0] == 1
    undone = make_tally(given, Event("w", "a", R), Event("w", "a", "undo"))
    assert undone.labels[0] == 1
