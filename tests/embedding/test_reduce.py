"""PixelPCA against an exact decomposition, on each of its routes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from spurclust.embedding import PixelPCA
from spurclust.embedding import axes as _axes
from spurclust.embedding.groups import merge_equal_columns, plan_sums, take_distinct
from spurclust.embedding.pixels import column_means, tile_bounds


def pictures(n, n_features, dtype=np.uint8, seed=0):
    """Rows with a decaying spectrum and noise."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(12, n_features)) * np.linspace(30, 6, 12)[:, None]
    rows = rng.normal(size=(n, 12)) @ basis / 3 + rng.normal(size=(n, n_features)) + 120
    return np.clip(rows, 0, 255).astype(dtype)


ROUTES = {"gram": (120, 900, 3000), "covariance": (400, 90, 3000), "krylov": (150, 600, 10)}


@pytest.fixture(params=ROUTES)
def route(request, monkeypatch):
    n, n_features, limit = ROUTES[request.param]
    monkeypatch.setattr(_axes, "EXACT_LIMIT", limit)
    return pictures(n, n_features)


def neighbours(rows, k=15):
    return NearestNeighbors(n_neighbors=k + 1).fit(rows).kneighbors(rows)[1][:, 1:]


def test_close_to_an_exact_decomposition(route):
    exact = PCA(10, svd_solver="full").fit(route.astype(float))
    pca = PixelPCA(10, random_state=0).fit(route)
    assert_allclose(pca.explained_variance_, exact.explained_variance_, rtol=1e-4)
    assert_allclose(pca.components_ @ pca.components_.T, np.eye(10), atol=1e-4)
    cosines = np.linalg.svd(pca.components_ @ exact.components_.T)[1]
    assert cosines.min() > 0.9999
    pairs = zip(
        neighbours(pca.transform(route)),
        neighbours(exact.transform(route.astype(float))),
        strict=True,
    )
    assert np.mean([len(set(a) & set(b)) / 15 for a, b in pairs]) > 0.99


def test_threads_change_no_bit(route):
    one, three = (PixelPCA(10, random_state=0, n_jobs=n).fit(route) for n in (1, 3))
    assert_array_equal(one.components_, three.components_)
    assert_array_equal(one.transform(route), three.transform(route))


def test_few_dimensions_leave_the_other_axes_without_variance(route):
    flat = route[np.arange(len(route)) % 6]
    pca = PixelPCA(20, random_state=0).fit(flat)
    share = pca.explained_variance_ / pca.explained_variance_[0]
    assert (share[:5] > 1e-3).all()
    assert_allclose(share[5:], 0, atol=1e-6)
    assert_allclose(
        np.linalg.norm(pca.transform(flat), axis=1),
        np.linalg.norm(flat - flat.mean(axis=0), axis=1),
        rtol=1e-3,
    )


@pytest.mark.parametrize("exponent", [-66, 66])
def test_the_unit_of_the_pixels_does_not_matter(route, exponent):
    # Fluxes in cgs units are about 2^-66, whose squares float32 cannot hold.
    rows, unit = route.astype(float), 2.0**exponent
    one, other = (PixelPCA(5, random_state=0).fit(X) for X in (rows, rows * unit))
    assert_array_equal(one.components_, other.components_)
    assert_array_equal(one.explained_variance_ * unit**2, other.explained_variance_)
    assert_array_equal(one.transform(rows) * np.float32(unit), other.transform(rows * unit))


def test_two_levels_of_pixels():
    rows = pictures(60, 200) > 120
    expected = PixelPCA(5).fit_transform(rows.astype(np.uint8))
    assert_array_equal(PixelPCA(5).fit_transform(rows), expected)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_row_projects_to_the_same_bits_in_any_company(data):
    rows = pictures(150, 300)
    pca = PixelPCA(7).fit(rows)
    chosen = data.draw(st.lists(st.integers(0, 149), min_size=1, max_size=150))
    n_jobs = data.draw(st.sampled_from([1, 2, 3]))
    assert_array_equal(
        pca.set_params(n_jobs=n_jobs).transform(rows[chosen]), pca.transform(rows)[chosen]
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_any_dtype(dtype):
    rows = pictures(60, 200)
    expected = PixelPCA(5).fit(rows).transform(rows)
    assert_allclose(PixelPCA(5).fit(rows.astype(dtype)).transform(rows), expected, atol=1e-2)
    assert expected.dtype == np.float32


def test_equal_columns_are_merged_without_a_trace():
    rows = pictures(80, 150)
    enlarged = np.repeat(rows, 4, axis=1)
    assert_allclose(
        PixelPCA(6).fit_transform(enlarged), 2 * PixelPCA(6).fit_transform(rows), atol=2e-2
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_fitted_rows_have_the_bits_of_new_ones(dtype, n_jobs):
    rng = np.random.default_rng(4)
    # Groups of 1 to 9 equal columns, in no order.
    rows = np.repeat(pictures(90, 130), rng.integers(1, 10, 130), axis=1)
    rows = rows[:, rng.permutation(rows.shape[1])].astype(dtype)
    if np.dtype(dtype).kind == "f":
        rows = rows * dtype(np.pi * 1e-21) - dtype(1e-19)
    pca = PixelPCA(7, n_jobs=n_jobs)
    together = pca.fit_transform(rows)
    assert len(pca.group_mean_) == 130
    assert_array_equal(pca.transform(rows), together)
    assert_array_equal(pca.transform(rows[40:41]), together[40:41])
    assert_array_equal(PixelPCA(7, n_jobs=n_jobs).fit(rows).transform(rows), together)


@settings(deadline=None, max_examples=40)
@given(
    factor=st.integers(1, 4),
    height=st.integers(1, 5),
    n_channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.uint16, np.int64, np.float32, np.float64]),
    seed=st.integers(0, 99),
)
def test_new_rows_need_not_be_equal_where_fitted_ones_were(factor, height, n_channels, dtype, seed):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (6, height, 12, n_channels))
    enlarged = pictures.repeat(factor, axis=1).repeat(factor, axis=2).reshape(6, -1).astype(dtype)
    pca = PixelPCA(4).fit(enlarged)
    new = rng.integers(0, 256, (5, enlarged.shape[1])).astype(dtype)
    exact = (new.astype(float) - pca.mean_) @ pca.components_.T.astype(float)
    assert_allclose(pca.transform(new), exact, atol=0.02)


def test_lines_that_are_drawn_repeatedly_are_summed_first():
    pixels = np.arange(40 * 60).reshape(40, 60)
    enlarged = pixels.repeat(3, axis=0).repeat(3, axis=1)
    enlarged[:9] = 0  # a border, of one group
    group = np.unique(enlarged, return_inverse=True)[1].ravel()
    plan = plan_sums(group)
    assert plan.width == 180
    assert_array_equal(plan.lines, [0, *range(9, 121, 3)])
    assert_array_equal(plan.sizes[:2], [9 * 180, 9])


def test_no_more_lines_are_summed_than_fit():
    rows = np.full((2, 1000, 40), 255, dtype=np.uint8)
    rows[1] = 0
    plan = plan_sums(np.repeat([[0] * 20 + [1] * 20], 1000, axis=0).ravel())
    assert_array_equal(plan.lines, [0, 256, 512, 768, 1000])
    pca = PixelPCA(1).fit(rows.reshape(2, -1))
    assert_allclose(np.abs(pca.transform(rows.reshape(2, -1))), 127.5 * 200, rtol=1e-6)


@settings(deadline=None, max_examples=50)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 32), st.integers(1, 12)), elements=st.integers(0, 1))
)
def test_merging_finds_exactly_the_equal_columns(rows):
    first, group = merge_equal_columns(rows)
    assert_array_equal(rows[:, first[group]], rows)
    assert len({column.tobytes() for column in rows.T}) == len(first)


def test_columns_that_differ_in_one_unsampled_row_are_kept_apart():
    rows = np.tile(np.arange(200, dtype=np.uint8)[:, None], (1, 2))
    rows[7, 1] = 99
    assert len(merge_equal_columns(rows)[0]) == 2


@settings(deadline=None, max_examples=60)
@given(
    row=st.integers(0, 69),
    pixel=st.integers(0, 12 * 3 * 40 * 3 - 1),
    dtype=st.sampled_from([np.uint8, np.int16, np.float32, np.float64]),
    n_jobs=st.sampled_from([1, 2]),
)
def test_one_pixel_that_differs_in_one_row_is_kept_apart(row, pixel, dtype, n_jobs):
    # Enlarged pictures, whose lines are compared as wholes, in more rows than one thread takes.
    pictures = np.random.default_rng(5).integers(0, 256, (70, 12, 40))
    rows = pictures.repeat(3, axis=1).repeat(3, axis=2).reshape(70, -1).astype(dtype)
    assert len(merge_equal_columns(rows, n_jobs)[0]) == 480
    rows[row, pixel] += 1
    distinct, group = take_distinct(rows, n_jobs)
    assert_array_equal(distinct[:, group], rows)
    assert distinct.shape[1] == len(np.unique(rows, axis=1).T)


@pytest.mark.parametrize("shape", [(2, 500), (3, 1), (30, 8), (30, 500)])
def test_few_rows_or_pixels_keep_all(shape):
    rows = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    pca = PixelPCA(50).fit(rows)
    assert pca.n_components_ == min(shape)
    assert_allclose(
        np.linalg.norm(pca.transform(rows), axis=1),
        np.linalg.norm(rows - rows.mean(axis=0), axis=1),
        rtol=1e-4,
        atol=1e-2,
    )


def test_constant_rows_become_zero():
    assert_array_equal(PixelPCA(3).fit_transform(np.full((9, 40), 7, np.uint8)), np.zeros((9, 3)))


def test_a_memory_map_and_any_layout(tmp_path):
    rows = pictures(70, 300)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    expected = PixelPCA(5).fit(rows).transform(rows)
    assert_array_equal(PixelPCA(5).fit(mapped).transform(mapped), expected)
    assert_array_equal(PixelPCA(5).fit(rows).transform(np.asfortranarray(rows)), expected)


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float64])
def test_means_are_exact(dtype):
    rows = pictures(999, 70).astype(dtype)
    assert_allclose(column_means(rows, 2), rows.mean(axis=0), rtol=1e-6)


@given(st.integers(1, 500_000))
def test_tiles_cover_every_pixel_once(n_features):
    tiles = tile_bounds(n_features)
    assert tiles[0][0] == 0
    assert tiles[-1][1] == n_features
    assert all(a[1] == b[0] for a, b in pairwise(tiles))


def test_set_output_and_names():
    pd = pytest.importorskip("pandas")
    table = PixelPCA(3).set_output(transform="pandas").fit_transform(pictures(20, 50))
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["pixelpca0", "pixelpca1", "pixelpca2"]


def test_the_krylov_route_is_close_where_noise_hides_the_last_axes(monkeypatch):
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(400, 700)) * 20 + rng.normal(size=(400, 1)) * 90 + 128
    exact = PixelPCA(30).fit_transform(rows)
    monkeypatch.setattr(_axes, "EXACT_LIMIT", 10)
    krylov = PixelPCA(30, random_state=0).fit_transform(rows)
    pairs = zip(neighbours(krylov), neighbours(exact), strict=True)
    assert np.mean([len(set(a) & set(b)) / 15 for a, b in pairs]) > 0.99
