"""CutoutReader: the reading of cutouts as a step of a pipeline."""

import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags

from spurclust.cutouts import CutoutReader, gather, read_cutouts
from spurclust.embedding import ImageFlattener
from spurclust.errors import CatalogError

from .test_gather import RNG, as_rgb, gray, write


@pytest.fixture
def paths(tmp_path):
    return write(tmp_path, gray(12))


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


@pytest.mark.parametrize("colored", [False, True])
def test_fit_then_transform_equals_fit_transform(tmp_path, colored):
    images = gray(4)
    if colored:
        images[2] = RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    paths = write(tmp_path, images)
    one, two = CutoutReader(), CutoutReader()
    both = one.fit_transform(paths)
    np.testing.assert_array_equal(two.fit(paths).transform(paths), both)
    assert one.cutout_shape_ == two.cutout_shape_ == both.shape[1:]
    assert one.cutout_dtype_ == two.cutout_dtype_ == both.dtype
    alone = [two.transform([path])[0] for path in paths]
    np.testing.assert_array_equal(alone, both)


def test_each_file_is_read_once(paths, monkeypatch):
    read = []
    original = gather.read_source
    monkeypatch.setattr(
        gather,
        "read_source",
        lambda path, options: read.append(path) or original(path, options),
    )
    reader = CutoutReader()
    reader.fit_transform(paths)
    assert read == paths
    reader.fit(paths)
    assert read == paths * 2


def test_transparency_is_reported_where_the_user_called(tmp_path):
    paths = write(tmp_path, [np.dstack([as_rgb(image), image]) for image in gray(3)])
    reader = CutoutReader().fit(paths)
    with pytest.warns(UserWarning, match="3 cutouts are partly transparent") as caught:
        reader.fit_transform(paths)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(UserWarning, match="1 cutouts are partly transparent"):
        reader.transform(paths[:1])


def test_reader_refuses_what_it_cannot_use(paths, tmp_path):
    with pytest.raises(NotFittedError):
        CutoutReader().transform(paths)
    with pytest.raises(CatalogError, match="0 sample"):
        CutoutReader().fit([])
    large = write(tmp_path, gray(1, (12, 16)), name="large.png")
    colored = write(tmp_path, gray(1, (6, 8, 3)), name="c.png")
    with pytest.raises(
        CatalogError, match=r"large\.png: it is 12 x 16 .* are 6 x 8 .*like those of the fit"
    ):
        CutoutReader().fit(paths).transform(large)
    with pytest.raises(
        CatalogError, match=r"c\.png: it has 3 channels, but the fitted cutouts have 1 channel"
    ):
        CutoutReader().fit(paths).transform(colored)
    with pytest.raises(CatalogError, match="list of paths, not an array of shape"):
        CutoutReader().fit(str(tmp_path))
    with pytest.raises(CatalogError, match="list of paths"):
        CutoutReader().fit(np.array([["a", "b"]]))
    with pytest.raises(CatalogError, match=r"3\.0 is not a path"):
        CutoutReader().fit([3.0])
    with pytest.raises(CatalogError, match=r"absent\.png: no such file"):
        CutoutReader().fit([*paths, "absent.png"])
    for wrong in ({"size": "large"}, {"size": (1, 0)}, {"n_jobs": 1.5}, {"reduce": 0}):
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


def test_clone_and_pickle(paths):
    reader = CutoutReader(reduce=2).fit(paths)
    again = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(again.transform(paths), reader.transform(paths))
    assert clone(reader).reduce == 2


def test_gray_is_repeated_where_the_fitted_were_colored(tmp_path):
    plain, colored = write(tmp_path, [gray(1)[0], gray(1, (6, 8, 3))[0]])
    images = CutoutReader().fit([colored, plain]).transform([plain])
    np.testing.assert_array_equal(images[0], as_rgb(np.asarray(Image.open(plain))))
