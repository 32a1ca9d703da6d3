import numpy as np
import pytest

from spurclust import InspectionRanker
from spurclust.inspection.learning import Explorer, Learner, LearnerBeside, Snapshot
from spurclust.ranking import outlyingness, suggest_sources


@pytest.fixture
def learner(blobs):
    ranker = InspectionRanker(20, random_state=0)
    return Learner(blobs.features, outlyingness(blobs.features), ranker)


def known(y, judged):
    labels = np.where(judged, y, -1).astype(np.int8)
    return Snapshot(labels, judged, np.where(judged, "queue", "").astype(object))


def test_before_anything_is_learned_the_most_isolated_come_first(learner, blobs):
    (order,) = learner.first_lesson().orders
    assert order.why == "unlike"
    assert order.rows.tolist() == np.argsort(-learner.isolation, kind="stable").tolist()


@pytest.mark.parametrize("word", ["spurious", "reliable"])
def test_nothing_is_learned_from_one_class(learner, blobs, word):
    judged = (blobs.y == (word == "spurious")) & (np.arange(len(blobs.y)) % 2 == 0)
    lesson = learner.learn(1, known(blobs.y, judged))
    assert (lesson.number, lesson.ranker) == (0, None)


def test_spurious_ones_come_first_when_both_classes_are_known(learner, blobs):
    judged = np.arange(len(blobs.y)) % 2 == 0
    lesson = learner.learn(7, known(blobs.y, judged))
    probable = lesson.orders[0].rows
    left = probable[~judged[probable]]
    assert blobs.y[left[:5]].all()
    assert lesson.number == 7
    assert lesson.outlook.n_uninspected == (~judged).sum()


def test_sources_unlike_all_inspected_are_those_that_suggestions_name(blobs):
    explorer = Explorer(blobs.features)
    for judged in (np.arange(200) % 3 == 0, np.arange(200) % 3 < 2):
        expected = suggest_sources(blobs.features, judged, np.zeros(200), 10, strategy="diverse")
        assert explorer.farthest(judged, 10).tolist() == expected.tolist()


def test_no_source_is_named_twice_or_again(blobs):
    explorer = Explorer(np.zeros((6, 2), dtype=np.float32))
    judged = np.arange(6) < 2
    assert sorted(explorer.farthest(judged, 40)) == [2, 3, 4, 5]
    assert explorer.farthest(judged | True, 40).tolist() == []


def test_a_process_of_its_own_learns_the_same_and_one_that_died_is_replaced(learner, blobs):
    snapshot = known(blobs.y, np.arange(200) % 4 == 0)
    beside = LearnerBeside(learner)
    there = beside.learn(1, snapshot)
    beside._process.kill()
    here, expected = (one.learn(1, snapshot) for one in (beside, learner))
    beside.close()
    for lesson in (there, here):
        for one, other in zip(lesson.orders, expected.orders, strict=True):
            assert (*one[:2], one.rows.tolist()) == (*other[:2], other.rows.tolist())
    assert there.outlook.n_expected == expected.outlook.n_expected
    assert there.ranker.inspection_rank_.tolist() == expected.ranker.inspection_rank_.tolist()
