"""The detector's contract, as laws, and its edges."""

import pickle
import subprocess
import sys
from functools import cache

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image
from sklearn.base import clone
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from spurclust import (
    TSNE,
    CutoutFeatures,
    GuidedProjection,
    ImageFlattener,
    SpuriousRegionDetector,
)
from spurclust.cutouts import CutoutReader

# So few sources with so little noise that a component or two hold nearly all.
pytestmark = pytest.mark.filterwarnings("ignore:The region holds:UserWarning")

QUICK = {"embed": TSNE(max_iter=250), "reduce": GuidedProjection(n_estimators=15)}


def survey(n=90, shape=(6, 7), seed=0, dtype=np.uint8):
    """Images of which the first sixth are bright and spurious."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) < n // 6).astype(int)
    images = rng.integers(0, 60, (n, *shape)) + 150 * y.reshape(-1, *[1] * len(shape))
    order = rng.permutation(n)
    return images.astype(dtype)[order], y[order]


def detector(**parameters):
    return SpuriousRegionDetector(
        **{"n_components": 4, "perplexity": 10, "random_state": 0, **QUICK, **parameters}
    )


def by_pixels(**parameters):
    return detector(flatten=ImageFlattener(), reduce="passthrough", **parameters)


@pytest.fixture(scope="module")
def fitted():
    return detector().fit(*survey())


def blank_images():
    images, y = survey(dtype=np.float32)
    images[3, :2] = np.nan
    return images, y


def equal_sources():
    images, y = survey()
    return np.concatenate([images, images[:20]]), np.concatenate([y, y[:20]])


SETS = {
    "uint8 images": survey,
    "rows": lambda: survey(shape=(20,), dtype=np.float64),
    "color": lambda: survey(shape=(4, 5, 3), dtype=np.uint16),
    "blank": blank_images,
    "equal sources": equal_sources,
}


@pytest.mark.parametrize("steps", [{}, {"assignment": "soft"}, {"reduce": "passthrough"}], ids=str)
@pytest.mark.parametrize("name", SETS)
def test_fitted_sources_keep_their_results(name, steps):
    X, y = SETS[name]()
    model = detector(**steps)
    fitted, again = model.fit_assign(X, y), detector(**steps).fit(X, y).assign(X)
    for field, value, other in zip(fitted._fields, fitted, again, strict=True):
        assert_array_equal(value, other, err_msg=field)
    assert_array_equal(fitted.embedding, model.embedding_)
    assert_array_equal(fitted.component, model.component_)
    assert_array_equal(fitted.spurious_probability, model.spurious_probability_)
    assert_array_equal(model.predict(X), model.flagged_.astype(int))
    assert model.flagged_.any()


@cache
def fitted_and_new(assignment):
    X, y = survey()
    new = survey(seed=1)[0]
    return detector(assignment=assignment).fit(X, y), np.concatenate([X[:40], new[:40]])


def test_without_labels_all_is_fitted_but_a_region():
    X, y = survey()
    model = detector()
    found = model.fit_assign(X, None)
    assert not model.flagged_.any()
    assert not model.region_.any()
    assert model.components_["n_inspected"].tolist() == [0] * model.n_components_
    assert_array_equal(model.assign(X).embedding, found.embedding)
    assert_array_equal(model.predict(X), np.zeros(len(X)))
    # What is spurious is brighter than the rest, which pixels show without labels.
    model = by_pixels()
    model.fit_assign(X, None)
    by_component = [y[model.component_ == k].mean() for k in range(model.n_components_)]
    assert max(by_component) > 0.9
    for refused in (None, np.full(len(X), -1)):
        with pytest.raises(ValueError, match="requires y|label at least one"):
            detector(unlabeled=-1).fit(X, refused)


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_threads_change_no_bit(n_jobs):
    one, new = fitted_and_new("soft")
    many = detector(assignment="soft", n_jobs=n_jobs).fit(*survey())
    assert_array_equal(one.embedding_, many.embedding_)
    assert_array_equal(one.spurious_probability_, many.spurious_probability_)
    assert_array_equal(one.assign(new).embedding, many.assign(new).embedding)


@pytest.mark.parametrize("assignment", ["hard", "soft"])
@settings(max_examples=15)
@given(data=st.data())
def test_any_rows_in_any_batch_get_the_same_bits(assignment, data):
    model, X = fitted_and_new(assignment)
    rows = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=1, max_size=80))
    for whole, part in zip(model.assign(X), model.assign(X[rows]), strict=True):
        assert_array_equal(part, whole[rows], strict=True)
    for method in ("predict", "decision_function", "spurious_probability"):
        whole = getattr(model, method)(X)
        assert_array_equal(getattr(model, method)(X[rows]), whole[rows], strict=True)


@pytest.mark.parametrize("exponent", [-66, -40, 66])
def test_the_unit_of_the_pixels_does_not_matter(exponent):
    # Fluxes in cgs units are about 2^-66, whose squares float32 cannot hold.
    X, y = survey(dtype=np.float64)
    one = detector().fit(X, y)
    other = detector().fit(X * 2.0**exponent, y)
    assert_array_equal(other.embedding_, one.embedding_)
    new = survey(seed=1, dtype=np.float64)[0]
    assert_array_equal(other.predict(new * 2.0**exponent), one.predict(new))


def test_steps_that_were_not_given():
    X, y = survey()
    images, features, rows, pixels = (
        detector(reduce=None, flatten=flatten).fit(sources, y)
        for sources, flatten in (
            (X, None),
            (X, CutoutFeatures()),
            (X.reshape(len(X), -1), None),
            (X, ImageFlattener()),
        )
    )
    for model, names in (
        (images, ["CutoutFeatures", "GuidedProjection", "TSNE", "GuidedMixture"]),
        (rows, ["ImageFlattener", "str", "TSNE", "GaussianMixture"]),
    ):
        assert [type(step).__name__ for step in model.pipeline_.named_steps.values()] == names
    assert_array_equal(images.embedding_, features.embedding_)
    assert_array_equal(rows.embedding_, pixels.embedding_)


def test_labels_teach_the_steps_as_codes(fitted):
    X, y = survey()
    words = np.where(y == 1, "spurious", "fine").astype(object)
    words[::3] = "?"
    codes = np.where(words == "?", -1, y)
    named = detector(unlabeled="?").fit(X, words)
    assert_array_equal(named.embedding_, detector(unlabeled=-1).fit(X, codes).embedding_)
    assert (named.embedding_ != fitted.embedding_).any()


def test_predict_changes_nothing_fitted(fitted):
    before = joblib.hash(fitted)
    fitted.predict(survey(seed=2)[0])
    fitted.decision_function(survey(seed=3)[0])
    assert joblib.hash(fitted) == before


def test_the_same_in_a_new_process(fitted):
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import numpy as np\n"
        "from test_detector import detector, survey\n"
        "model = detector().fit(*survey())\n"
        "print(model.embedding_.tobytes().hex())\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == fitted.embedding_.tobytes().hex()


def test_decision_function_is_positive_exactly_where_flagged(fitted):
    X = np.concatenate([survey()[0], survey(seed=4)[0]])
    assert_array_equal(fitted.decision_function(X) > 0, fitted.predict(X) == 1)
    exact = clone(fitted).set_params(threshold=fitted.components_["fraction"].max())
    exact.fit(*survey())
    assert exact.flagged_.any()
    assert_array_equal(exact.decision_function(X) > 0, exact.predict(X) == 1)


def test_fitted_attributes_agree(fitted):
    X, y = survey()
    table = fitted.components_
    assert table["size"].sum() == len(X)
    assert table["n_inspected"].sum() == len(y)
    assert table["n_spurious"].sum() == y.sum()
    assert_array_equal(table["in_region"], fitted.region_)
    assert_array_equal(fitted.region_[fitted.component_], fitted.flagged_)
    assert fitted.n_features_in_ == 42
    assert fitted.image_shape_ == (6, 7)
    assert list(fitted.pipeline_.named_steps) == ["flatten", "reduce", "embed", "mixture"]
    assert_array_equal(fitted.pipeline_.predict(X), fitted.component_)
    assert list(fitted.stage_seconds_) == ["flatten", "reduce", "embed", "mixture"]
    with pytest.raises(AttributeError, match="after fit"):
        _ = detector().components_


@pytest.mark.parametrize(
    ("values", "unlabeled"),
    [
        ([0.0, 1.0, np.nan], np.nan),
        (["fine", "spurious", "?"], "?"),
        ([0, 1, 9], np.int64(9)),
        ([False, True, None], None),
    ],
)
def test_any_two_values_and_any_mark(values, unlabeled):
    X, y = survey()
    marked = unlabeled is not None
    names = np.array([values[k] for k in y], dtype=object if isinstance(values[0], str) else None)
    if marked:
        names[:10] = unlabeled
    model = detector(unlabeled=unlabeled).fit(X, names)
    assert_array_equal(model.classes_, values[:2])
    assert_array_equal(model.predict(X), np.asarray(values[:2])[model.flagged_.astype(int)])
    assert model.components_["n_inspected"].sum() == len(X) - 10 * marked


class CountingPCA(PCA):
    """Counts its fits in a file, which survives clones."""

    def __init__(self, n_components=2, *, log=None):
        super().__init__(n_components)
        self.log = log

    def fit_transform(self, X, y=None):
        with open(self.log, "a") as file:  # noqa: PTH123 - the name may be any path
            file.write("x")
        return super().fit_transform(X, y)


@pytest.mark.parametrize("kind", ["images", "paths"])
def test_memory_keeps_the_embedding(kind, tmp_path):
    X, y = survey()
    log = tmp_path / "log"
    model, prefix = by_pixels(embed=CountingPCA(log=str(log))), ""
    if kind == "paths":
        paths = [str(tmp_path / f"{number}.png") for number in range(len(X))]
        for path, image in zip(paths, X, strict=True):
            Image.fromarray(image).save(path)
        X, prefix, model = paths, "spuriousregiondetector__", make_pipeline(CutoutReader(), model)
    grid = {f"{prefix}n_components": [2, 3, 4], f"{prefix}threshold": [0.05, 0.3]}
    scores = []
    for memory in (str(tmp_path / "cache"), None):
        model.set_params(**{f"{prefix}memory": memory})
        search = GridSearchCV(model, grid, scoring="recall", cv=2, error_score="raise").fit(X, y)
        scores.append(search.cv_results_["mean_test_score"])
        if memory:
            assert log.read_text() == "xxx"  # two splits and the final fit
    assert_array_equal(*scores)
    assert search.best_score_ > 0.8
    assert log.read_text() == "x" * (3 + 2 * 6 + 1)


def test_steps_can_be_searched():
    X, y = survey()
    grid = {"embed__perplexity": [5, 12], "reduce__n_components": [3, 5]}
    model = detector(perplexity=50, flatten=ImageFlattener(), reduce=PCA())
    search = GridSearchCV(model, grid, scoring="recall", cv=2, error_score="raise").fit(X, y)
    steps = search.best_estimator_.pipeline_.named_steps
    assert steps["embed"].perplexity_ == search.best_params_["embed__perplexity"]
    assert steps["reduce"].n_components_ == search.best_params_["reduce__n_components"]


def test_cross_validation_clone_and_pickle(fitted):
    X, y = survey()
    assert cross_val_score(by_pixels(), X, y, cv=3, scoring="recall").mean() > 0.8
    again = pickle.loads(pickle.dumps(fitted))
    new = survey(seed=5)[0]
    assert_array_equal(again.decision_function(new), fitted.decision_function(new))
    assert clone(fitted).get_params()["n_components"] == 4


@pytest.mark.parametrize(
    "steps",
    [
        {"embed": PCA(2)},
        {"embed": "passthrough", "reduce": PCA(3)},
        {"reduce": "passthrough"},
        {"mixture": BayesianGaussianMixture(max_iter=300)},
        {"flatten": "passthrough"},
    ],
    ids=str,
)
def test_any_step_can_be_replaced(steps):
    rows = "flatten" in steps
    X, y = survey(shape=(20,)) if rows else survey()
    before = joblib.hash(steps)
    model = detector(**steps).fit(X, y)
    assert_array_equal(model.predict(X), model.flagged_.astype(int))
    assert model.pipeline_.named_steps["mixture"].n_components == 4
    assert joblib.hash(steps) == before


def test_a_user_s_own_reduction_keeps_fitted_points():
    # scikit-learn's fit_transform and transform differ in their last bits.
    X, y = survey()
    model = detector(reduce=PCA(5)).fit(X, y)
    assert_array_equal(model.assign(X).embedding, model.embedding_)


def test_soft_assignment_needs_probabilities():
    with pytest.raises(ValueError, match=r'predict_proba: KMeans has none.*"hard"'):
        detector(mixture=KMeans(4), assignment="soft").fit(*survey())
    assert detector(mixture=KMeans(4, n_init=1)).fit(*survey()).n_components_ == 4


class Noisy(KMeans):
    def predict(self, X):
        return super().predict(X) - 1


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        (HDBSCAN(copy=True), r"mixture=HDBSCAN.* has no predict.*give GaussianMixture\(\), KMeans"),
        (3, "mixture=3 has no predict"),
        (Noisy(3, n_init=1), r"mixture=Noisy.* predicts the component -1: components are numbered"),
    ],
)
def test_a_mixture_that_cannot_assign_is_refused_with_the_mend(mixture, message):
    with pytest.raises(ValueError, match=message):
        detector(mixture=mixture).fit(*survey())


def test_a_number_of_components_that_the_mixture_does_not_take_is_ignored_in_words():
    with pytest.warns(UserWarning, match=r"n_components=5 is ignored.*takes no .*, and has 3"):
        detector(n_components=5, mixture=KMeans(3, n_init=1)).fit(*survey())


@pytest.mark.parametrize("dtype", [float, np.float32, np.uint16])
def test_predict_takes_another_dtype(fitted, dtype):
    new = survey(seed=1)[0]
    assert_array_equal(fitted.assign(new.astype(dtype)).embedding, fitted.assign(new).embedding)


def test_a_step_keeps_what_it_was_given():
    embed = TSNE(perplexity=7, random_state=3, max_iter=250)
    model = detector(embed=embed, mixture=GaussianMixture(random_state=5)).fit(*survey())
    steps = model.pipeline_.named_steps
    assert steps["embed"].get_params()["perplexity"] == 7
    assert steps["embed"].random_state == 3
    assert steps["mixture"].random_state == 5
    assert steps["reduce"].random_state == 0


class TestEdges:
    def fit(self, X, y, **parameters):
        return SpuriousRegionDetector(random_state=0, **parameters).fit(X, y)

    @pytest.mark.parametrize("n", [2, 3])
    def test_few_sources(self, n):
        with (
            pytest.warns(UserWarning, match=rf"perplexity=50 is too large for {n} .*: 1 is used"),
            pytest.warns(UserWarning, match=rf"n_components=6 is too large for {n} .* 1 are used"),
        ):
            model = self.fit(survey(n)[0], np.arange(n) == 0)
        assert (model.n_components_, model.perplexity_) == (1, 1.0)
        assert model.flagged_.all()

    def test_all_spurious(self):
        message = "90 of the 90 inspected sources are spurious, more than half: are the labels"
        with pytest.warns(UserWarning, match=message) as warned:
            model = by_pixels().fit(survey()[0], np.ones(90, int))
        assert warned[0].filename == __file__
        assert model.flagged_.all()
        assert_array_equal(model.classes_, [0, 1])

    def test_none_spurious(self):
        message = "None of the 90 inspected sources is spurious"
        with pytest.warns(UserWarning, match=message) as warned:
            model = by_pixels().fit(survey()[0], np.zeros(90, int))
        assert warned[0].filename == __file__
        assert not model.flagged_.any()
        assert not model.region_.any()

    @pytest.mark.parametrize("shape", [(4, 5), (1, 1)])
    def test_constant_images(self, shape):
        X = np.full((20, *shape), 7, dtype=np.uint8)
        with (
            pytest.warns(UserWarning, match="perplexity=50"),
            pytest.warns(UserWarning, match="n_components=6 is too large for 20 sources.* 1 are"),
        ):
            model = self.fit(X, np.arange(20) < 2)
        assert_array_equal(model.embedding_, np.zeros((20, 2)))
        assert model.flagged_.all()
        assert_array_equal(model.predict(X), np.ones(20))
        assert np.isfinite(model.assign(np.arange(20).reshape(-1, 1, 1) + X).embedding).all()

    def test_one_distinct_image(self):
        X = np.zeros((20, 4, 5), np.uint8)
        X[3] = 200
        with (
            pytest.warns(UserWarning, match="perplexity=50"),
            pytest.warns(UserWarning, match="n_components=6 is too large for 20 sources.* 1 are"),
        ):
            model = self.fit(X, np.arange(20) == 3, flatten=ImageFlattener())
        assert model.flagged_.all()  # 1 of 20 in the only component

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.zeros((1, 4, 5)), "1 sample"),
            (np.zeros((4, 2, 2, 2, 2)), "shape"),
            (np.full((4, 3), np.inf), "infinity"),
            (np.zeros((4, 0, 3)), "none of them 0"),
            (np.array([["a"], ["b"], ["c"], ["d"]]), "numeric|convert|string"),
        ],
    )
    def test_bad_images(self, X, message):
        with pytest.raises(ValueError, match=message):
            self.fit(X, [0, 1, 0, 1][: len(X)])

    @pytest.mark.parametrize(
        "parameters", [{"threshold": 0}, {"threshold": 1.1}, {"n_components": 0}]
    )
    def test_bad_parameters(self, parameters):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            detector(**parameters).fit(*survey())

    def test_bad_labels(self):
        X, y = survey()
        with pytest.raises(ValueError, match="90 sources in X, 89 labels"):
            detector().fit(X, y[:-1])
        with pytest.raises(ValueError, match="y is None"):
            detector().fit(X, None)

    def test_another_shape_than_in_fit(self, fitted):
        with pytest.raises(ValueError, match=r"\(7, 6\).*fitted on sources of shape \(6, 7\)"):
            fitted.predict(np.zeros((3, 7, 6), np.uint8))


def test_a_threshold_exactly_reached_is_in_the_region():
    X = np.zeros((20, 2, 2), np.uint8)
    with pytest.warns(UserWarning, match="perplexity=50"):
        model = SpuriousRegionDetector(1, 0.05).fit(X, np.arange(20) == 0)
    assert model.flagged_.all()


@pytest.mark.parametrize(("n", "n_used"), [(10, 2), (29, 2), (30, 3), (60, 6), (90, 9)])
def test_fewer_components_for_few_sources(n, n_used):
    X, y = np.random.default_rng(0).normal(size=(n, 2)), np.arange(n) < 2
    steps = dict.fromkeys(("flatten", "reduce", "embed"), "passthrough")
    message = f"n_components=20 is too large for {n} sources: .* {n_used} are used"
    with pytest.warns(UserWarning, match=message) as warned:
        model = SpuriousRegionDetector(20, random_state=0, **steps).fit(X, y)
    assert model.n_components_ == len(model.components_) == n_used
    assert warned[0].filename == __file__


def test_labels_the_wrong_way_round_are_named():
    X, y = survey()
    with pytest.warns(UserWarning, match="75 of the 90 inspected sources are spurious") as warned:
        by_pixels().fit(X, 1 - y)
    assert [one.filename for one in warned] == [__file__]


def test_a_region_of_nearly_all_is_named():
    X, y = survey()
    with pytest.warns(UserWarning, match="The region holds 90 of 90 .* n_components=1") as warned:
        by_pixels(n_components=1, threshold=0.1).fit(X, y)
    assert [one.filename for one in warned] == [__file__]


def test_a_component_nobody_inspected_is_not_in_the_region():
    X, y = survey()
    first = by_pixels().fit(X, y)
    flagged = int(np.flatnonzero(first.region_)[0])
    hidden = np.where(first.component_ == flagged, -1, y)
    hidden[np.flatnonzero(hidden == 0)[0]] = 1
    model = by_pixels(unlabeled=-1).fit(X, hidden)
    assert model.components_.loc[flagged, "n_inspected"] == 0
    assert not model.region_[flagged]
    assert_array_equal(model.spurious_probability_[model.component_ == flagged], 0)


def test_verbose_names_the_stages(capsys):
    detector(verbose=1).fit(*survey())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["flatten:", "reduce:", "embed:", "mixture:"]


# The order of the sources


@pytest.mark.parametrize("make", [detector, by_pixels])
@pytest.mark.parametrize("n", [90, 300])  # of more than 256 sources, the layout is that of some
def test_the_order_of_the_sources_does_not_matter(make, n):
    images, y = survey(n)
    images[1], images[2] = images[3], images[4]  # of which one can be labeled otherwise
    order = np.random.default_rng(1).permutation(n)
    one, other = make(assignment="soft"), make(assignment="soft")
    found = one.fit_assign(images, y)
    shuffled = other.fit_assign(images[order], y[order])
    for name, expected, values in zip(found._fields, found, shuffled, strict=True):
        assert_array_equal(expected[order], values, err_msg=name)
    assert_array_equal(one.flagged_[order], other.flagged_)
    assert one.components_.equals(other.components_)


def test_an_embedding_starts_where_it_was_told():
    images, y = survey()
    start = np.random.default_rng(0).normal(size=(len(y), 2)).astype(np.float32)
    embed = TSNE(10, max_iter=250, init=start, random_state=0)
    rows = ImageFlattener().fit_transform(images)
    assert_array_equal(by_pixels(embed=embed).fit(images, y).embedding_, embed.fit_transform(rows))
