"""Cohen's and Fleiss' kappa, against scikit-learn, the jackknife and simulated inspectors."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from spurclust.metrics import agreement_table, binomial_interval, cohen_kappa, fleiss_kappa


def inspect(n, rng, n_inspectors=3, fraction=0.1, sensitivity=0.85, false=0.02):
    """Simulate inspectors who miss some spurious sources, and call some others so."""
    truth = rng.random((n, 1)) < fraction
    chance = np.where(truth, sensitivity, false)
    return (rng.random((n, n_inspectors)) < chance).astype(int)


VERDICTS = st.tuples(st.integers(0, 30), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.integers(0, 1))
)


@given(VERDICTS)
@example(np.array([[0, 1, 1], [0, 1, 1]], dtype=np.int8))
def test_kappas_are_those_of_scikit_learn(verdicts):
    kappa = cohen_kappa(verdicts[:, 0], verdicts[:, 1])
    fleiss = fleiss_kappa(verdicts)
    assert kappa.n_sources == fleiss.n_sources == len(verdicts)
    if len(np.unique(verdicts[:, :2])) < 2:
        assert np.isnan(kappa.value)
        assert np.isnan([kappa.low, kappa.high]).all()
    else:
        assert kappa.value == pytest.approx(cohen_kappa_score(*verdicts[:, :2].T))
    if len(np.unique(verdicts)) < 2:
        assert np.isnan(fleiss.value)
    else:
        # Fleiss' kappa is that of all ordered pairs of verdicts on one source.
        pairs = [verdicts[:, list(pair)] for pair in permutations(range(verdicts.shape[1]), 2)]
        assert fleiss.value == pytest.approx(cohen_kappa_score(*np.concatenate(pairs).T))
    for one in (kappa, fleiss):
        if one.n_sources > 1 and not np.isnan(one.value):
            assert -1 <= one.low <= one.value <= one.high <= 1


@given(VERDICTS, st.randoms())
def test_uninspected_sources_and_the_order_do_not_count(verdicts, random):
    order = list(range(len(verdicts)))
    random.shuffle(order)
    more = np.vstack([verdicts[order], np.full((3, verdicts.shape[1]), -1)])
    more[-1, 0] = 1
    for marked, unlabeled in ((more, -1), (np.where(more < 0, np.nan, more), np.nan)):
        again = fleiss_kappa(marked, unlabeled=unlabeled)
        assert again == pytest.approx(fleiss_kappa(verdicts), nan_ok=True)
        again = cohen_kappa(marked[:, 0], marked[:, 1], unlabeled=unlabeled)
        assert again == pytest.approx(cohen_kappa(*verdicts[:, :2].T), nan_ok=True)


@pytest.mark.parametrize("n_inspectors", [2, 3])
def test_intervals_have_the_standard_error_of_the_jackknife(n_inspectors):
    verdicts = inspect(400, np.random.default_rng(0), n_inspectors)
    verdicts[::7, -1] = -1

    def kappa(rows):
        if n_inspectors == 2:
            return cohen_kappa(*rows.T, unlabeled=-1, confidence=0.6827)
        return fleiss_kappa(rows, unlabeled=-1, confidence=0.6827)

    several = verdicts[(verdicts >= 0).sum(axis=1) > 1]
    n = len(several)
    left_out = [kappa(np.delete(several, k, axis=0)).value for k in range(n)]
    error = np.std(left_out) * (n - 1) / np.sqrt(n)
    whole = kappa(verdicts)
    assert whole.n_sources == n
    on_log_scale = np.log((1 - whole.low) / (1 - whole.high)) / 2 * (1 - whole.value)
    assert on_log_scale == pytest.approx(error, rel=0.03)


def test_intervals_hold_the_kappa_of_very_many_sources():
    rng = np.random.default_rng(0)
    many = inspect(400_000, rng)
    truths = cohen_kappa(*many[:, :2].T).value, fleiss_kappa(many).value
    held = np.zeros(2)
    for _ in range(300):
        verdicts = inspect(400, rng)
        kappas = cohen_kappa(*verdicts[:, :2].T), fleiss_kappa(verdicts)
        held += [one.low <= true <= one.high for one, true in zip(kappas, truths, strict=True)]
    assert (held / 300 > 0.9).all()
    assert (held / 300 < 0.99).all()


@pytest.mark.parametrize("kappa_of", [fleiss_kappa, lambda rows: cohen_kappa(*rows.T)])
def test_agreement_on_all_proves_no_more_than_its_number_of_sources(kappa_of):
    few, many = (kappa_of(np.repeat([[1, 1], [0, 0]], [n // 10, n], axis=0)) for n in (50, 500))
    assert few.value == many.value == few.high == few.agreement == 1
    assert 0 < few.low < many.low < 1
    by_chance = (1 / 11) ** 2 + (10 / 11) ** 2
    assert few.low == pytest.approx((binomial_interval(55, 55)[0] - by_chance) / (1 - by_chance))


def test_chance_and_the_opposite():
    rng = np.random.default_rng(0)
    lots = (rng.random((50_000, 3)) < 0.03).astype(int)
    kappa = fleiss_kappa(lots)
    assert kappa.low < 0 < kappa.high
    assert kappa.agreement == pytest.approx(0.94, abs=0.005)
    opposite = cohen_kappa([0, 1] * 50, [1, 0] * 50)
    assert (opposite.value, opposite.agreement) == (-1, 0)


def test_a_table_of_all_pairs_and_reasons():
    verdicts = {
        "ann": [1, 1, 0, 0, -1, 1],
        "bob": [1, 0, 0, 0, 1, 1],
        "cy": [1, 1, 0, 1, 1, -1],
    }
    reasons = {
        "ann": ["edge", "edge", "", "", "", "spike"],
        "bob": ["edge", "edge", "", "", "edge", "edge"],
        "cy": ["edge", "", "", "spike", "edge", ""],
    }
    table = agreement_table(verdicts, reasons, unlabeled=-1)
    pairs = ["all", "ann and bob", "ann and cy", "bob and cy"]
    assert table["inspectors"].tolist() == [*pairs, "all", "all", "all"]
    assert table["about"].tolist() == ["spurious"] * 4 + ["edge", "spike", "no reason given"]
    assert table["n_sources"].tolist() == [6, 5, 4, 5, 6, 6, 6]
    cells = np.transpose(list(verdicts.values()))
    assert table["kappa"][0] == fleiss_kappa(cells, unlabeled=-1).value
    assert table["kappa"][1] == cohen_kappa(cells[:, 0], cells[:, 1], unlabeled=-1).value
    # Whether each names the edge, of those who have judged the source.
    edge = [[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0], [-1, 1, 1], [0, 1, -1]]
    assert table["kappa"][4] == fleiss_kappa(edge, unlabeled=-1).value
    two = agreement_table({name: verdicts[name] for name in ("ann", "bob")}, unlabeled=-1)
    assert two["inspectors"].tolist() == ["ann and bob"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([0, 1], [1]), r"one shape, \(n_sources,\), got \[\(2,\), \(1,\)\]"),
        (lambda: cohen_kappa([0, -1], [1, 0]), r"0 or 1, got \[-1\]. If one of them means unins"),
        (lambda: cohen_kappa([0, 1], [1, 0], confidence=1), "confidence must be between 0 and 1"),
        (lambda: fleiss_kappa([0, 1]), r"shape \(n_sources, n_inspectors\), got \(2,\)"),
    ],
)
def test_verdicts_that_cannot_be_compared(call, message):
    with pytest.raises(ValueError, match=message):
        call()
