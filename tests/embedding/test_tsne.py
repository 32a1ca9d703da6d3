"""TSNE: its parts against plain numpy, the whole against scikit-learn, and its edges."""

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import manifold
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from spurclust.embedding import TSNE
from spurclust.embedding import descent as _descent
from spurclust.embedding import tsne as embed
from spurclust.embedding.descent import kl_divergence
from spurclust.embedding.field import make_field, place_new_rows
from spurclust.embedding.kernels import attract, repel_by_all
from spurclust.embedding.neighbors import joint_affinities, nearest_neighbors, neighbor_affinities


def blobs(n=300, n_features=8, seed=0):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(5, n_features)) * 4
    return (centers[np.arange(n) % 5] + rng.normal(size=(n, n_features))).astype(np.float32)


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(2, 1100),
    n_features=st.sampled_from([1, 5, 400]),
    k=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_neighbors_are_those_of_a_full_comparison(n, n_features, k, seed):
    rows = np.random.default_rng(seed).normal(size=(n, n_features)).astype(np.float32)
    k = min(k, n - 1)
    distances, indices = nearest_neighbors(rows, rows, k, exclude_self=True, n_jobs=2)
    expected, _ = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows).kneighbors()
    assert_allclose(np.sqrt(distances), expected, rtol=1e-3, atol=1e-3)
    assert (indices != np.arange(n)[:, None]).all()
    assert_allclose(((rows[indices] - rows[:, None]) ** 2).sum(axis=2), distances, rtol=1e-4)


def test_equal_distances_go_to_the_lower_index():
    rows = np.zeros((40, 2), np.float32)
    assert_array_equal(nearest_neighbors(rows[:1], rows, 7)[1], [np.arange(7)])
    assert_array_equal(nearest_neighbors(rows, rows, 3, exclude_self=True)[1][1], [0, 2, 3])


@pytest.mark.parametrize("perplexity", [1.5, 5, 25])
def test_affinities_have_the_perplexity(perplexity):
    distances, _ = nearest_neighbors(blobs(), blobs(), 90)
    p = neighbor_affinities(distances, perplexity).astype(float)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    assert_allclose(np.exp(entropy), perplexity, rtol=1e-3)


def exact_q(points):
    squared = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    q = 1 / (1 + squared)
    np.fill_diagonal(q, 0)
    return q


def test_forces_and_divergence_are_those_of_the_definition():
    p = joint_affinities(blobs(60), 8)
    dense = p.toarray().astype(float)
    assert_allclose(dense, dense.T)
    assert_allclose(dense.sum(), 1, rtol=1e-5)
    points = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32) * 3
    q = exact_q(points.astype(float))
    offsets = points[:, None] - points[None]
    x, y = np.ascontiguousarray(points.T)
    attraction, repulsion = np.empty((2, 2, 60), np.float32)
    sums = np.empty(60)
    index = (p.indptr.astype(np.int64), p.indices.astype(np.int32), p.data)
    attract(x, y, *index, np.float32(1), 0, 60, attraction)
    repel_by_all(x, y, 0, 60, repulsion, sums)
    assert_allclose(sums - 1, q.sum(axis=1), rtol=1e-5)
    gradient = 4 * ((dense - q / q.sum()) * q)[..., None] * offsets
    measured = 4 * (attraction - repulsion / (sums.sum() - 60)).T
    assert_allclose(measured, gradient.sum(axis=1), rtol=1e-3, atol=1e-6)
    known = dense > 0
    divergence = (dense[known] * np.log(dense[known] / (q / q.sum())[known])).sum()
    assert_allclose(kl_divergence(points, p, 2), divergence, rtol=1e-4)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_as_good_as_scikit_learn(init):
    settings_ = {"perplexity": 20, "max_iter": 750, "random_state": 0, "init": init}
    divergences, trusts = [], []
    for seed in range(4):  # one alone differs by 2 % with what rounding makes of the start
        rows = blobs(seed=seed)
        p = joint_affinities(rows - rows.mean(axis=0), 20)
        ours = TSNE(n_jobs=2, **settings_).fit(rows)
        with threadpool_limits(1):  # threads that wait for each other take most of the time
            points = manifold.TSNE(**settings_).fit_transform(rows)
        assert_allclose(ours.kl_divergence_, kl_divergence(ours.embedding_, p), rtol=1e-3)
        embeddings = ours.embedding_, points
        divergences.append([kl_divergence(each, p) for each in embeddings])
        trusts.append([manifold.trustworthiness(rows, e, n_neighbors=15) for e in embeddings])
    ours_divergence, theirs_divergence = np.mean(divergences, axis=0)
    assert ours_divergence < 1.02 * theirs_divergence
    ours_trust, theirs_trust = np.mean(trusts, axis=0)
    assert ours_trust > theirs_trust - 0.005


def test_new_rows_land_among_their_like():
    tsne = TSNE(perplexity=20, max_iter=500, random_state=0).fit(blobs())
    placed = tsne.transform(blobs(seed=0) + np.float32(0.01))
    assert np.median(np.linalg.norm(placed - tsne.embedding_, axis=1)) < 2
    far = tsne.transform(np.full((1, 8), 1e3, np.float32))
    assert np.isfinite(far).all()


def test_a_new_row_lands_in_the_group_it_belongs_to():
    tsne = TSNE(perplexity=20, max_iter=500, random_state=0).fit(blobs())
    groups = [tsne.embedding_[k::5] for k in range(5)]
    rng = np.random.default_rng(1)
    centers = np.array([blobs()[k::5].mean(axis=0) for k in range(5)])
    for k, center in enumerate(centers):
        new = tsne.transform(center + rng.normal(size=(6, 8)) / 2)
        for point in new:
            nearest = [np.linalg.norm(group - point, axis=1).min() for group in groups]
            assert np.argmin(nearest) == k


@settings(deadline=None, max_examples=20)
@given(rows=st.lists(st.integers(0, 79), min_size=1, max_size=80), n_jobs=st.integers(1, 3))
def test_a_row_is_placed_with_the_same_bits_in_any_company(rows, n_jobs):
    tsne, new = placing()
    assert_array_equal(
        tsne.set_params(n_jobs=n_jobs).transform(new[rows]), tsne.transform(new)[rows]
    )


@cache
def placing():
    new = np.concatenate([blobs(40), blobs(40, seed=2)])
    return TSNE(perplexity=8, max_iter=250).fit(blobs(60)), new


@pytest.mark.parametrize("exponent", [-66, 66])
def test_the_unit_of_the_rows_does_not_matter(exponent):
    rows, unit = blobs(60), np.float32(2.0**exponent)
    one, other = (
        TSNE(perplexity=8, max_iter=250, random_state=0).fit(X) for X in (rows, rows * unit)
    )
    assert_array_equal(one.embedding_, other.embedding_)
    assert_array_equal(one.transform(blobs(9, seed=2)), other.transform(unit * blobs(9, seed=2)))


def test_pixels_are_embedded_as_they_are():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 255, (60, 3000), dtype=np.uint8)
    rows[40:] = rows[:20]
    one, other = (
        TSNE(perplexity=8, max_iter=250, random_state=0, n_jobs=n).fit(X)
        for n, X in ((1, rows), (2, rows.astype(np.float64)))
    )
    assert len(one.reference_rows_) == 40
    assert_array_equal(one.embedding_, other.embedding_)
    assert_array_equal(one.transform(rows), one.embedding_)
    new = rng.integers(0, 255, (9, 3000), dtype=np.uint8)
    assert_array_equal(one.transform(new[4:5]), other.transform(new)[4:5])


def test_set_output():
    table = TSNE(8, max_iter=250).set_output(transform="pandas").fit_transform(blobs(40))
    assert list(table.columns) == ["tsne0", "tsne1"]
    assert table.shape == (40, 2)


def test_rows_equal_to_rounding_are_fitted_rows():
    rows = blobs(60)
    tsne = TSNE(perplexity=10, max_iter=250).fit(rows)
    assert_array_equal(tsne.transform(rows * np.float32(1 + 2e-7)), tsne.embedding_)
    assert (tsne.transform(rows + np.float32(0.3)) != tsne.embedding_).any()


def test_a_large_offset_costs_no_precision():
    rows = blobs(60).astype(float)
    near, far = (
        TSNE(perplexity=10, max_iter=250, init="random", random_state=0).fit(X)
        for X in (rows, rows + 2.0**20)
    )
    assert_allclose(near.kl_divergence_, far.kl_divergence_, rtol=0.05)


def test_equal_rows_share_a_place():
    rows = np.concatenate([blobs(40), blobs(40)[:15]])
    tsne = TSNE(perplexity=8, max_iter=250).fit(rows)
    assert_array_equal(tsne.embedding_[40:], tsne.embedding_[:15])
    assert_array_equal(tsne.transform(rows), tsne.embedding_)
    assert len(tsne.reference_rows_) == 40


@pytest.mark.filterwarnings("ignore:perplexity=50")
def test_rows_that_are_all_equal_share_one_point():
    tsne = TSNE().fit(np.ones((5, 3)))
    assert_array_equal(tsne.embedding_, np.zeros((5, 2)))
    assert_array_equal(tsne.transform(np.ones((2, 3))), np.zeros((2, 2)))


def test_the_perplexity_shrinks_with_a_warning():
    with pytest.warns(UserWarning, match="perplexity=50.0 is too large for 31 .*: 10 is used"):
        assert TSNE(max_iter=250).fit(blobs(31)).perplexity_ == 10


def test_two_dimensions_are_all_there_are():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    with pytest.raises(ValueError, match=r"n_components=3: .* 2 dimensions only"):
        TSNE(5, n_components=3).fit(rows)
    with pytest.warns(UserWarning, match="n_components=1 is ignored"):
        TSNE(5, n_components=1, max_iter=250).fit(rows)
    assert TSNE(5, n_components=2, max_iter=250).fit_transform(rows).shape == (30, 2)


def test_parameters():
    rows = blobs(40)
    with pytest.raises(ValueError, match=r"init has shape \(3, 2\), but 40 rows need \(40, 2\)"):
        TSNE(perplexity=5, init=np.zeros((3, 2))).fit(rows)
    start = np.random.default_rng(0).normal(size=(40, 2))
    tsne = TSNE(perplexity=5, init=start, learning_rate=10.0, max_iter=250).fit(rows)
    assert tsne.learning_rate_ == 10
    assert TSNE(perplexity=5, max_iter=250).fit(rows).learning_rate_ == 50
    for wrong in ({"perplexity": 0}, {"max_iter": 10}, {"method": "barnes_hut"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TSNE(**wrong).fit(rows)


@pytest.mark.parametrize("learning_rate", [1e9, 1e300])
def test_steps_that_are_too_long(learning_rate):
    with pytest.raises(ValueError, match=r"lower learning_rate \(1e\+"):
        TSNE(5, method="exact", learning_rate=learning_rate).fit(blobs(40))


def test_it_stops_when_nothing_moves():
    tsne = TSNE(perplexity=5, max_iter=3000, min_grad_norm=1e-3, n_jobs=2).fit(blobs(40))
    assert tsne.n_iter_ < 3000


def test_verbose(capsys):
    TSNE(perplexity=5, max_iter=250, verbose=1).fit(blobs(40))
    assert capsys.readouterr().out.count("KL divergence") == 5


def test_a_small_tolerance_goes_on_longer():
    loose, tight = (TSNE(perplexity=20, tol=tol).fit(blobs()) for tol in (1e-2, 0))
    assert loose.n_iter_ < tight.n_iter_
    assert tight.kl_divergence_ < loose.kl_divergence_


class TestManyRows:
    def test_a_field_above_the_limit(self, monkeypatch):
        monkeypatch.setattr(embed, "EXACT_ROWS", 100)
        one, two = (TSNE(perplexity=20, max_iter=500, n_jobs=n).fit(blobs()) for n in (1, 2))
        assert one.method_ == "fft"
        assert_array_equal(one.embedding_, two.embedding_)
        exact = TSNE(perplexity=20, max_iter=500, method="exact").fit(blobs())
        assert one.kl_divergence_ < 1.05 * exact.kl_divergence_

    def test_their_order_in_memory_does_not_show(self, monkeypatch):
        monkeypatch.setattr(_descent, "SORTED_ROWS", 100)
        rows = blobs()
        tsne = TSNE(perplexity=20, max_iter=500, method="fft").fit(rows)
        p = joint_affinities(tsne.reference_rows_, 20)
        assert_allclose(tsne.kl_divergence_, kl_divergence(tsne.embedding_, p), rtol=1e-5)
        exact = TSNE(perplexity=20, max_iter=500, method="exact").fit(rows)
        assert tsne.kl_divergence_ < 1.05 * exact.kl_divergence_


def test_a_new_point_alone_goes_where_its_divergence_is_least():
    points = np.array([[-5, 0], [5, 0]], np.float32)
    near = np.array([[1, 0]], np.int32)
    distances = np.array([[0, 1e6]], np.float32)
    placed = place_new_rows(distances, near, points, *make_field(points))
    assert_allclose(placed, [[5, 0]], atol=0.3)


@pytest.mark.slow
def test_works_where_no_cache_can_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = (
        "import numba.core.caching as caching\n"
        "for name in ('CacheImpl', '_CacheImpl'):\n"
        "    if hasattr(caching, name):\n"
        "        getattr(caching, name)._locator_classes = []\n"
        "import numpy as np\n"
        "from spurclust.embedding import TSNE\n"
        "print(TSNE(perplexity=3, max_iter=250).fit(np.eye(20)).embedding_.shape)\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(blocked / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "(20, 2)" in done.stdout
