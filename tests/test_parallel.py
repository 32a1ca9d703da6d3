"""Blocks of one shape on one BLAS thread each, in the order of the rows."""

import threading

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_info

from spurclust.parallel import (
    ThreadTeam,
    iterate_threads,
    map_row_blocks,
    map_threads,
    single_threaded_blas,
)

THREADS = st.sampled_from([None, 1, 2, 3])


def pool_sizes(*apis):
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] in apis]


@given(n=st.integers(1, 70), block_rows=st.integers(1, 20), n_jobs=THREADS)
def test_every_block_has_the_same_rows_and_every_row_its_own_result(n, block_rows, n_jobs):
    X = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    shapes = set()

    def work(block):
        shapes.add((block.shape, block.dtype))
        return np.stack([block.sum(axis=1), block.max(axis=1)], axis=1)

    assert_array_equal(
        map_row_blocks(work, X, block_rows, n_jobs), np.stack([X.sum(axis=1), X.max(axis=1)], 1)
    )
    assert shapes == {((block_rows, 3), X.dtype)}


@given(items=st.lists(st.integers()), n_jobs=THREADS)
def test_results_come_in_the_order_of_the_items(items, n_jobs):
    doubled = [2 * item for item in items]
    assert map_threads(lambda item: item * 2, iter(items), n_jobs) == doubled
    assert list(iterate_threads(lambda item: item * 2, iter(items), n_jobs)) == doubled


def test_few_results_wait_to_be_taken():
    begun = []
    results = iterate_threads(begun.append, range(100), 2)
    next(results)
    assert len(begun) <= 5
    results.close()
    assert len(begun) <= 5


def test_so_many_threads_as_jobs_work_at_once():
    together = threading.Barrier(3, timeout=20)
    # Each waits for the other two, so one after another would never end.
    assert len(map_threads(lambda _: together.wait(), range(3), 3)) == 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_blas_has_one_thread_inside_and_its_own_after(n_jobs):
    before = pool_sizes("blas", "openmp")
    for sizes in map_threads(lambda _: pool_sizes("blas"), range(4), n_jobs):
        assert set(sizes) == {1}
    assert pool_sizes("blas", "openmp") == before
    with single_threaded_blas():
        assert set(pool_sizes("blas", "openmp")) == {1}
    assert pool_sizes("blas", "openmp") == before


def test_blas_has_one_thread_in_another_thread_after_it_had_in_this_one():
    def work():
        with single_threaded_blas():
            found.update(pool_sizes("blas"))

    found = set()
    with single_threaded_blas():
        pass
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == {1}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_passes_and_leaves_the_pools_as_they_were(n_jobs):
    before = pool_sizes("blas", "openmp")
    with pytest.raises(ZeroDivisionError):
        map_threads(lambda item: 1 / item, [1, 0, 2], n_jobs)
    assert pool_sizes("blas", "openmp") == before


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 5])
def test_a_team_does_every_item_once(n_jobs):
    done = []
    with ThreadTeam(n_jobs) as team:
        for _ in range(3):
            team.run(done.append, range(50))
    assert sorted(done) == sorted([*range(50)] * 3)


def test_a_team_passes_errors_on():
    def fail(item):
        if item == 7:
            raise ValueError("seven")

    with ThreadTeam(2) as team, pytest.raises(ValueError, match="seven"):
        team.run(fail, range(20))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_team_leaves_blas_one_thread(n_jobs):
    def threads(_):
        found.update(pool_sizes("blas"))

    found = set()
    with ThreadTeam(n_jobs) as team:
        team.run(threads, range(4))
    assert found == {1}


def test_none_is_one_thread_and_what_joblib_says_within_it():
    assert ThreadTeam(None).n_threads == 1
    with joblib.parallel_config(n_jobs=3):
        assert ThreadTeam(None).n_threads == 3


def test_the_limit_stays_until_the_last_thread_leaves():
    before = pool_sizes("blas")
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with single_threaded_blas():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    with single_threaded_blas():
        thread.start()
        assert entered.wait(10)
    assert set(pool_sizes("blas")) == {1}
    leave.set()
    thread.join()
    assert pool_sizes("blas") == before
