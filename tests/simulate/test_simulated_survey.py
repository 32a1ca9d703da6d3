"""A survey is what was asked for, and the same whenever it is asked for."""

import hashlib
import subprocess
import sys
from collections import Counter

import joblib
import numpy as np
import pytest

from spurclust.simulate import simulate_survey
from spurclust.simulate.defects import count_defects


@pytest.fixture(scope="module")
def survey():
    return simulate_survey(40, 16, random_state=5)


def digest(survey):
    return hashlib.sha256(survey.cubes.tobytes()).hexdigest()


def assert_equal(one, two):
    np.testing.assert_array_equal(one.cubes, two.cubes)
    np.testing.assert_array_equal(one.y, two.y)
    assert one.source_ids == two.source_ids
    assert one.reasons == two.reasons
    assert one.truth.equals(two.truth)


def test_shapes_and_types(survey):
    assert len(survey) == 40
    assert (survey.cubes.shape, survey.cubes.dtype) == ((40, 51, 51, 6), np.float32)
    assert (survey.images.shape, survey.images.dtype) == ((40, 170, 950), np.uint8)
    assert (survey.y.shape, survey.y.dtype) == ((40,), np.int8)
    assert survey.images is survey.images


def test_as_many_spurious_as_asked_for_in_their_proportions(survey):
    assert survey.y.sum() == 16
    counts = Counter(reason for reason in survey.reasons if reason)
    assert counts == count_defects(16)
    assert [reason != "" for reason in survey.reasons] == survey.y.astype(bool).tolist()


def test_ids_are_different_and_rise(survey):
    ids = [int(source_id) for source_id in survey.source_ids]
    assert (np.diff(ids) > 0).all()
    assert survey.truth["source_id"].tolist() == survey.source_ids


def test_truth_is_known_of_reliable_sources_only(survey):
    spurious = survey.y == 1
    for column in ("redshift", "magnitude", "effective_radius"):
        np.testing.assert_array_equal(survey.truth[column].isna(), spurious)
    assert survey.truth["ra"].between(214, 216).all()
    assert survey.truth["dec"].between(52, 54).all()


def test_data_are_missing_at_edges_only(survey):
    missing = np.isnan(survey.cubes).any(axis=(1, 2, 3))
    for reason, is_missing in zip(survey.reasons, missing, strict=True):
        if reason == "edge data":
            assert is_missing
        elif reason:
            assert not is_missing


def test_reliable_sources_drop_out_of_the_bluest_filter():
    survey = simulate_survey(120, 0, random_state=1, n_jobs=2)
    middle = np.nanmean(survey.cubes[:, 23:28, 23:28], axis=(1, 2))
    beyond = (survey.truth["redshift"] > 7.3).to_numpy()
    medians = np.median(middle[beyond], axis=0)
    assert abs(medians[0]) < 0.3
    assert (medians[1:] > 0.6).all()


def test_same_seed_same_bits_on_any_number_of_threads(survey):
    assert_equal(survey, simulate_survey(40, 16, random_state=5, n_jobs=2))
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_equal(survey, simulate_survey(40, 16, random_state=5))


def test_same_seed_same_bits_in_another_process():
    code = (
        "import hashlib; from spurclust.simulate import simulate_survey; "
        "survey = simulate_survey(4, 3, random_state=9); "
        "print(hashlib.sha256(survey.cubes.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(simulate_survey(4, 3, random_state=9))


def test_another_seed_is_another_survey(survey):
    assert digest(survey) != digest(simulate_survey(40, 16, random_state=6))


def test_no_seed_is_another_survey_every_time():
    one, two = (simulate_survey(2, 1, random_state=None) for _ in range(2))
    assert digest(one) != digest(two)


@pytest.mark.parametrize("n_spurious", [0, 1])
def test_a_source_does_not_depend_on_how_many_follow(n_spurious):
    few, many = (simulate_survey(n, n * n_spurious, random_state=2) for n in (5, 17))
    same = [k for k in range(5) if few.reasons[k] == many.reasons[k]]
    assert same
    assert few.source_ids == many.source_ids[:5]
    np.testing.assert_array_equal(few.cubes[same], many.cubes[same])
    assert few.truth.loc[same].equals(many.truth.loc[same])


def test_numbers_of_numpy_are_numbers():
    survey = simulate_survey(np.int64(2), np.int32(1), random_state=np.uint8(3))
    assert_equal(survey, simulate_survey(2, 1, random_state=3))


@pytest.mark.parametrize("n_spurious", [0, 1])
def test_one_source(n_spurious):
    survey = simulate_survey(1, n_spurious)
    assert survey.y.tolist() == [n_spurious]
    assert survey.images.shape == (1, 170, 950)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "n_sources is 0: give a whole number of at least 1"),
        ((-3, 0), "n_sources is -3"),
        ((2.0, 0), r"n_sources is 2\.0"),
        ((True, 0), "n_sources is True"),
        ((5, 6), "n_spurious is 6: give a whole number from 0 to n_sources, 5"),
        ((5, -1), "n_spurious is -1"),
        ((5, "1"), "n_spurious is '1'"),
    ],
)
def test_impossible_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate_survey(*arguments)


@pytest.mark.parametrize("random_state", [-1, 0.5, "12"])
def test_impossible_seeds(random_state):
    with pytest.raises(ValueError, match=r"random_state is .*: give None or a whole number"):
        simulate_survey(2, 1, random_state=random_state)
