"""Many files into one array: threads, memory, colours, odd sizes; and as a step of a search."""

import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import tifffile
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags

from spurclust.cutouts import CutoutReader, read_cutouts
from spurclust.cutouts import gather as _gather
from spurclust.cutouts.gather import Layout, Reading, gather_fitting
from spurclust.embedding import ImageFlattener
from spurclust.errors import CatalogError

RNG = np.random.default_rng(3)


def grey(n, shape=(6, 8), dtype=np.uint8):
    return [RNG.integers(0, 256, shape).astype(dtype) for _ in range(n)]


def as_rgb(image):
    return np.dstack([image] * 3)


def write(folder, images, *, name="z6_{}_F606W_crop.png", first=1):
    paths = []
    for k, image in enumerate(images, first):
        paths.append(str(folder / name.format(k)))
        Image.fromarray(image).save(paths[-1])
    return paths


@pytest.fixture
def paths(tmp_path):
    return write(tmp_path, grey(12))


# Threads and memory


@pytest.mark.parametrize("n_jobs", [None, 1, 2, 7, -1])
def test_threads_change_nothing(tmp_path, n_jobs):
    images = grey(60)
    write(tmp_path, images)
    np.testing.assert_array_equal(read_cutouts(tmp_path, n_jobs=n_jobs).images, images)


def test_threads_are_used_and_few_images_wait(tmp_path, monkeypatch):
    write(tmp_path, grey(80))
    threads, started, stored, waiting = set(), [], [], []
    read, add = _gather.read_image, _gather._Stack.add

    def watched_read(path):
        threads.add(threading.get_ident())
        started.append(path)
        waiting.append(len(started) - len(stored))
        return read(path)

    def watched_add(self, path, image):
        stored.append(path)
        return add(self, path, image)

    monkeypatch.setattr(_gather, "read_image", watched_read)
    monkeypatch.setattr(_gather._Stack, "add", watched_add)
    with joblib.parallel_config(n_jobs=2, backend="threading"):
        read_cutouts(tmp_path)
    assert len(started) == len(stored) == 80
    assert threading.get_ident() not in threads
    assert max(waiting) <= 2 * (_gather._AHEAD + 1) * _gather._BATCH


def test_an_error_stops_the_threads(tmp_path, monkeypatch):
    paths = write(tmp_path, grey(200))
    Path(paths[0]).write_bytes(b"")
    started = []
    read = _gather.read_image
    monkeypatch.setattr(_gather, "read_image", lambda path: started.append(path) or read(path))
    with pytest.raises(CatalogError, match=r"z6_1_.*it is empty .*on_error=.skip"):
        read_cutouts(tmp_path, n_jobs=2)
    assert len(started) <= 2 * (_gather._AHEAD + 1) * _gather._BATCH


# Colours and types


@pytest.mark.parametrize("position", [0, 2, 4])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_coloured_cutout_makes_the_set_coloured(tmp_path, position, n_jobs):
    images = grey(5)
    expected = [as_rgb(image) for image in images]
    expected[position][-1, -1, 2] ^= 1  # by the least possible amount
    images[position] = expected[position]
    write(tmp_path, images)
    np.testing.assert_array_equal(read_cutouts(tmp_path, n_jobs=n_jobs).images, expected)


def test_no_data_in_equal_channels_is_equal(tmp_path):
    band = RNG.normal(size=(5, 5)).astype(np.float32)
    band[0] = np.nan
    fits.PrimaryHDU(np.stack([band, band])).writeto(tmp_path / "1.fits")
    np.testing.assert_array_equal(read_cutouts(tmp_path).images, band[None])


def test_cubes_have_their_filters_last(tmp_path):
    cubes = RNG.normal(size=(3, 5, 6, 7)).astype(np.float32)
    for k, cube in enumerate(cubes):
        fits.PrimaryHDU(cube).writeto(tmp_path / f"{k}.fits")
    images = read_cutouts(tmp_path, n_jobs=2).images
    np.testing.assert_array_equal(images, np.moveaxis(cubes, 1, -1))
    assert images.dtype == np.float32
    assert images.dtype.isnative


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_different_channels_or_types_are_an_error_even_when_skipping(tmp_path, on_error):
    cube = RNG.integers(0, 99, (5, 6, 8)).astype(np.uint8)
    for name, image in (("1", cube[0]), ("2", cube), ("3", cube[:4])):
        tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="minisblack")
    with pytest.raises(CatalogError, match=r"3\.tif: it has 4 channels, and .*2\.tif has 5"):
        read_cutouts(tmp_path, on_error=on_error)
    write(tmp_path, grey(1, dtype=np.uint16), name="1b.png")
    with pytest.raises(CatalogError, match=r"1b\.png: .*uint16, and .*1\.tif of type uint8"):
        read_cutouts(tmp_path, on_error=on_error)


def test_lost_transparency_is_reported_once_where_the_user_called(tmp_path):
    paths = write(tmp_path, [np.dstack([as_rgb(image), image]) for image in grey(3)])
    for call in (lambda: read_cutouts(tmp_path), lambda: CutoutReader().fit_transform(paths)):
        with pytest.warns(UserWarning, match=r"3 cutouts are partly transparent, .*_1_") as caught:
            call()
        assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="1 cutouts are partly transparent"):
        CutoutReader().fit(paths).transform(paths[:1])


# Odd sizes and bad files


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_two_sizes_are_counted(tmp_path, on_error):
    write(tmp_path, [*grey(1, (5, 5)), *grey(3, (6, 8))])
    expected = (
        r"2 sizes: 3 of 6 x 8 pixels \(height x width\), as .*_2_F606W_crop\.png; 1 of 5 x 5 .*_1_"
        r".*size=\(height, width\)"
    )
    with pytest.raises(CatalogError, match=expected):
        read_cutouts(tmp_path, on_error=on_error)
    write(tmp_path, [image for k in range(5) for image in grey(1, (9, 10 + k))], first=5)
    with pytest.raises(CatalogError, match="7 sizes.*and 2 more sizes"):
        read_cutouts(tmp_path, on_error=on_error)


@pytest.mark.parametrize("odd", [0, 7, 19])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_skip_passes_over_an_odd_size_when_the_majority_is_clear(tmp_path, odd, n_jobs):
    images = grey(20)
    # Coloured, so that it would change the set if it took part.
    written = [*images]
    written[odd] = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)
    paths = write(tmp_path, written)
    (tmp_path / "z6_4_F606W_a.png").touch()
    Path(paths[3]).unlink()
    with pytest.warns(UserWarning, match="2 of 20 cutouts were skipped") as caught:
        cutouts = read_cutouts(tmp_path, on_error="skip", n_jobs=n_jobs)
    assert len(caught) == 1
    np.testing.assert_array_equal(cutouts.images, np.delete(images, [3, odd], axis=0))
    assert [path for path, _ in cutouts.skipped] == [
        path if Path(path).exists() else str(tmp_path / "z6_4_F606W_a.png")
        for path in (paths[k] for k in sorted([3, odd]))
    ]
    reason = dict(cutouts.skipped)[paths[odd]]
    assert "6 x 9 pixels" in reason
    assert "18 others are 6 x 8" in reason


@settings(deadline=None, max_examples=30)
@given(
    kinds=st.lists(st.sampled_from(["grey", "colour", "damaged"]), min_size=1, max_size=30),
    n_jobs=st.integers(1, 3),
)
def test_images_stay_in_order_whatever_is_passed_over_or_coloured(kinds, n_jobs):
    images = grey(len(kinds))
    with tempfile.TemporaryDirectory() as folder:
        colours = [
            np.dstack([image, image, image + (kind == "colour")])
            for image, kind in zip(images, kinds, strict=True)
        ]
        paths = write(Path(folder), colours)
        for path, kind in zip(paths, kinds, strict=True):
            if kind == "damaged":
                Path(path).write_bytes(Path(path).read_bytes()[:-20])
        kept = [k for k, kind in enumerate(kinds) if kind != "damaged"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if not kept:
                with pytest.raises(CatalogError, match="none of"):
                    read_cutouts(folder, on_error="skip", n_jobs=n_jobs)
                return
            cutouts = read_cutouts(folder, on_error="skip", n_jobs=n_jobs)
    chosen = colours if "colour" in kinds else images
    np.testing.assert_array_equal(cutouts.images, [chosen[k] for k in kept])
    assert cutouts.paths == [paths[k] for k in kept]


def test_a_cutout_smaller_than_size_can_be_skipped(tmp_path):
    write(tmp_path, [*grey(2, (6, 8)), *grey(1, (3, 8))])
    with pytest.raises(CatalogError, match=r"_3_.*3 x 8 pixels"):
        read_cutouts(tmp_path, size=6)
    with pytest.warns(UserWarning, match="1 of 3 cutouts were skipped"):
        assert len(read_cutouts(tmp_path, size=6, on_error="skip")) == 2


def test_nothing_readable_is_an_error_even_when_skipping(tmp_path):
    (tmp_path / "1.png").touch()
    with pytest.raises(CatalogError, match=r"none of 1 cutouts could be read\..*1\.png: it is emp"):
        read_cutouts(tmp_path, on_error="skip")


def test_a_long_list_of_skipped_files_is_cut_in_the_warning_only(tmp_path):
    write(tmp_path, grey(1), first=99)
    for k in range(30):
        (tmp_path / f"{k}.png").touch()
    with pytest.warns(UserWarning, match=r"30 of 31[\s\S]*and more, all of them in Cutouts\.skipp"):
        cutouts = read_cutouts(tmp_path, on_error="skip")
    assert len(cutouts.skipped) == 30


def test_a_progress_bar_on_a_terminal_with_tqdm(paths, capsys, monkeypatch):
    read_cutouts(paths, progress=True)
    assert not capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    read_cutouts(paths, progress=True)
    output = capsys.readouterr()
    assert "Reading cutouts: 100%" in output.err
    assert not output.out
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert len(read_cutouts(paths, progress=True)) == 12
    assert not capsys.readouterr().err


# CutoutReader


def test_reader_takes_lists_arrays_columns_and_tables(paths):
    expected = read_cutouts(paths).images
    column = np.array(paths)[:, None]
    for X in (
        paths, [Path(p) for p in paths], np.array(paths), np.array(paths, dtype=object), column,
        column.tolist(), pd.Series(paths), pd.DataFrame({"path": paths}),
    ):  # fmt: skip
        np.testing.assert_array_equal(CutoutReader().fit_transform(X), expected)
    twice = CutoutReader(n_jobs=2).fit([paths[0], paths[0]]).transform(paths * 2)
    np.testing.assert_array_equal(twice, np.tile(expected, (2, 1, 1)))


@pytest.mark.parametrize("coloured", [False, True])
def test_fit_then_transform_equals_fit_transform(tmp_path, coloured):
    images = grey(4)
    if coloured:
        images[2] = RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    paths = write(tmp_path, images)
    one, two = CutoutReader(), CutoutReader()
    both = one.fit_transform(paths)
    np.testing.assert_array_equal(two.fit(paths).transform(paths), both)
    assert one.cutout_shape_ == two.cutout_shape_ == both.shape[1:]
    assert one.cutout_dtype_ == two.cutout_dtype_ == both.dtype
    alone = [two.transform([path])[0] for path in paths]
    np.testing.assert_array_equal(alone, both)


def test_each_file_is_read_once_and_fit_holds_none(paths, monkeypatch):
    read = []
    original = _gather.read_image
    monkeypatch.setattr(_gather, "read_image", lambda path: read.append(path) or original(path))

    def refuse(*_):
        raise AssertionError("fit holds images")

    CutoutReader().fit_transform(paths)
    assert read == paths
    read.clear()
    monkeypatch.setattr(_gather._Stack, "_allocate", refuse)
    CutoutReader().fit(paths)
    assert read == paths


def test_reader_refuses_what_it_cannot_use(paths, tmp_path):
    with pytest.raises(NotFittedError):
        CutoutReader().transform(paths)
    with pytest.raises(CatalogError, match="0 sample"):
        CutoutReader().fit([])
    large = write(tmp_path, grey(1, (7, 8)), name="large.png")
    coloured = write(tmp_path, grey(1, (6, 8, 3)), name="c.png")
    with pytest.raises(CatalogError, match=r"large\.png: it is 7 x 8 .* are 6 x 8 .*size="):
        CutoutReader().fit(paths).transform(large)
    with pytest.raises(CatalogError, match=r"c\.png: it has 3 channels, and the fitted set has 1"):
        CutoutReader().fit(paths).transform(coloured)
    for wrong in ({"size": 2, "reduce": 2}, {"reduce": 1.5}, {"on_error": "ignore"}):
        with pytest.raises(ValueError, match=r"size and reduce|reduce=1\.5|on_error"):
            read_cutouts(paths, **wrong)
    with pytest.raises(CatalogError, match="list of paths, not an array of shape"):
        CutoutReader().fit(str(tmp_path))
    with pytest.raises(CatalogError, match=r"3\.0 is not a path"):
        CutoutReader().fit([3.0])
    with pytest.raises(CatalogError, match=r"absent\.png: there is no such file"):
        CutoutReader().fit([*paths, "absent.png"])
    [deep] = write(tmp_path, grey(1, dtype=np.uint16), name="deep.png")
    with pytest.raises(CatalogError, match=r"deep\.png: it has .*uint16, and the fitted set"):
        CutoutReader().fit(paths).transform([deep])
    for wrong in ({"size": "large"}, {"size": (1, 0)}, {"n_jobs": 1.5}, {"size": True},
                  {"reduce": True}):  # fmt: skip
        with pytest.raises(ValueError, match=r"size|reduce|n_jobs"):
            CutoutReader(**wrong).fit(paths)


def test_bare_check_estimator_raises_nothing():
    # Its checks feed numbers, so scikit-learn has none for estimators that read text, and says so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        estimator_checks.check_estimator(CutoutReader())


@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_mixin_order,
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_valid_tag_types,
    ],
)
def test_the_checks_of_scikit_learn_that_need_no_numbers(check):
    check("CutoutReader", CutoutReader())


def test_reader_declares_its_input_and_parameters():
    tags = get_tags(CutoutReader()).input_tags
    assert (tags.string, tags.one_d_array, tags.two_d_array) == (True, True, False)
    assert set(CutoutReader._parameter_constraints) == set(CutoutReader().get_params())


class DarkCutouts(ClassifierMixin, BaseEstimator):
    """Calls a cutout spurious if its mean is below a level."""

    def __init__(self, level=0):
        self.level = level

    def fit(self, X, y):
        assert X.ndim == 3
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return (X.mean(axis=(1, 2)) < self.level).astype(int)


def test_grid_search_on_file_names(tmp_path):
    paths = write(tmp_path, [np.full((6, 8), 20 * k, np.uint8) for k in range(12)])
    y = np.repeat([1, 0], 6)
    grid = {"cutoutreader__reduce": [None, 2], "darkcutouts__level": [60, 115]}
    search = GridSearchCV(make_pipeline(CutoutReader(), DarkCutouts()), grid, cv=3)
    for X in (paths, np.array(paths), np.array(paths)[:, None]):
        search.fit(X, y)
        assert search.best_params_["darkcutouts__level"] == 115
        assert search.best_score_ == 1
        np.testing.assert_array_equal(search.predict(X), y)


def test_a_pipeline_set_to_tables_leaves_images_alone(paths):
    pipeline = make_pipeline(CutoutReader(), ImageFlattener())
    pipeline.set_output(transform="pandas")
    assert isinstance(pipeline[0].fit_transform(paths), np.ndarray)
    assert isinstance(pipeline.fit_transform(paths), pd.DataFrame)


def test_importing_loads_no_reader_of_files():
    heavy = "{'PIL', 'astropy', 'imagecodecs', 'tifffile', 'tqdm', 'matplotlib'}"
    code = f"import sys, spurclust.cutouts.read; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_with_a_layout_what_does_not_fit_can_be_passed_over(tmp_path):
    good = write(tmp_path, grey(1, (6, 8)), name="good.png")
    large = write(tmp_path, grey(1, (7, 8)), name="large.png")
    deep = write(tmp_path, grey(1, (6, 8), dtype=np.uint16), name="deep.png")
    layout = Layout((6, 8), 1, np.dtype(np.uint8))
    paths = [str(path[0]) for path in (large, good, deep)]
    gathered = gather_fitting(paths, Reading(), layout)
    assert gathered.paths == [paths[1]]
    assert len(gathered.images) == 1
    assert list(gathered.skipped) == [paths[0], paths[2]]
    assert "7 x 8" in gathered.skipped[paths[0]]
    assert "uint16" in gathered.skipped[paths[2]]
    nothing = gather_fitting([paths[0]], Reading(), layout)
    assert nothing.images.shape == (0, 6, 8)
    assert nothing.images.dtype == np.uint8
