import json
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from spurclust import InspectionRanker, SpuriousRegionDetector
from spurclust.catalog import (
    FittedModels,
    load_fitted,
    load_model,
    save_model,
)
from spurclust.catalog.models import (
    FORMAT_VERSION,
    STAMP,
    TRUSTED_TYPES,
    read_model_metadata,
)
from spurclust.embedding import ImageFlattener
from spurclust.errors import CatalogError
from spurclust.features import CutoutFeatures

# Whether a region is of use does not matter here, but that it is loaded as it was saved.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The region holds"),
    pytest.mark.filterwarnings("ignore:n_components=2 is ignored"),
]


class Halver(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X / 2


HALVER = f"{Halver.__module__}.Halver"


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return (255 * rng.random((60, 9, 11))).astype(np.uint8)


@pytest.fixture(scope="module")
def detector(images):
    y = np.arange(60) % 3 - 1
    return SpuriousRegionDetector(
        3, 0.3, perplexity=8, assignment="soft", unlabeled=-1, random_state=0
    ).fit(images[:50], y[:50])


@pytest.fixture(scope="module")
def ranker(images):
    return InspectionRanker(40, random_state=0).fit(images, np.arange(60) % 2)


@pytest.fixture
def path(detector, tmp_path):
    path = tmp_path / "model.skops"
    save_model(detector, path, metadata={"reading": {"size": (9, 11), "reduce": None}})
    return path


def rewrite(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def restamp(path, **values):
    def change(members):
        stamp = json.loads(members[STAMP])
        members[STAMP] = json.dumps({**stamp, **values}).encode()

    rewrite(path, change)


def test_a_loaded_detector_is_the_one_that_was_saved(detector, images, path):
    loaded = load_model(path)
    assert type(loaded) is SpuriousRegionDetector
    assert set(vars(loaded)) == set(vars(detector))
    assert loaded.components_.equals(detector.components_)
    assert loaded.get_params()["unlabeled"] == -1
    found, expected = (each.decision_function(images) for each in (loaded, detector))
    assert found.tobytes() == expected.tobytes()


def test_predictions_in_a_new_process_are_equal_to_the_bit(detector, images, path, tmp_path):
    np.save(tmp_path / "images.npy", images)
    code = (
        "import sys, numpy as np; from spurclust.catalog import load_model; "
        "model = load_model(sys.argv[1]); images = np.load(sys.argv[2]); "
        "np.savez(sys.argv[3], model.predict(images), model.spurious_probability(images), "
        "model.pipeline_[:-1].transform(images))"
    )
    files = [str(path), str(tmp_path / "images.npy"), str(tmp_path / "out.npz")]
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *files], check=True)
    expected = (
        detector.predict(images),
        detector.spurious_probability(images),
        detector.pipeline_[:-1].transform(images),
    )
    with np.load(tmp_path / "out.npz") as other:
        for name, values in zip(other.files, expected, strict=True):
            assert other[name].tobytes() == values.tobytes()
            assert other[name].dtype == values.dtype


def test_metadata_come_back_with_the_versions(path):
    metadata = read_model_metadata(path)
    assert metadata["reading"] == {"size": [9, 11], "reduce": None}
    assert metadata["versions"]["numpy"] == np.__version__
    assert "spurclust" in metadata["versions"]


def test_metadata_are_of_types_that_json_has(detector, tmp_path):
    path = tmp_path / "model.skops"
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(detector, path, metadata={"when": object()})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(detector, path, metadata={"flux": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_only_a_fitted_detector_is_saved(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(SpuriousRegionDetector(), tmp_path / "model.skops")
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_others_is_refused_by_name_until_it_is_trusted(images, tmp_path):
    path = tmp_path / "model.skops"
    detector = SpuriousRegionDetector(2, perplexity=8, reduce=Halver(), random_state=0)
    detector.fit(images, np.arange(60) % 2)
    save_model(detector, path)
    with pytest.raises(CatalogError, match=r"model\.skops.*not trusted.*Halver.*trusted=\["):
        load_model(path)
    loaded = load_model(path, trusted=[HALVER])
    assert loaded.predict(images).tobytes() == detector.predict(images).tobytes()
    assert "versions" in read_model_metadata(path)


def test_trusted_types_are_what_models_hold_and_no_more(images, tmp_path):
    from skops.io import get_untrusted_types

    y = np.arange(60) % 2
    quick = {"perplexity": 8, "random_state": 0}
    models = [
        SpuriousRegionDetector(2, **quick).fit(images, y),
        SpuriousRegionDetector(2, flatten=ImageFlattener(), **quick).fit(images, y),
        InspectionRanker(10, random_state=0).fit(images, y),
    ]
    held = set()
    for number, model in enumerate(models):
        path = tmp_path / f"{number}.skops"
        save_model(model, path)
        held |= set(get_untrusted_types(file=path))
        load_model(path)
    assert held == set(TRUSTED_TYPES)


def test_a_loaded_ranker_predicts_the_same(images, ranker, tmp_path):
    save_model(ranker, tmp_path / "ranker.skops")
    loaded = load_model(tmp_path / "ranker.skops")
    assert loaded.predict_proba(images).tobytes() == ranker.predict_proba(images).tobytes()
    nearest = loaded.nearest_spurious(images)[0]
    assert nearest.tobytes() == ranker.nearest_spurious(images)[0].tobytes()


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_named(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    for read in (load_model, read_model_metadata):
        with pytest.raises(CatalogError, match=r"model\.skops"):
            read(path)


def test_a_damaged_member_is_named(path):
    def damage(members):
        members[next(name for name in members if name.endswith(".npy"))] = b"no array"

    for change in (damage, lambda members: members.pop("schema.json")):
        rewrite(path, change)
        with pytest.raises(CatalogError, match=r"model\.skops.*cannot be read as a model"):
            load_model(path)


def test_pickles_and_archives_of_others_are_refused(path):
    rewrite(path, lambda members: members.update({STAMP: b"[]"}))
    with pytest.raises(CatalogError, match="not written by spurclust's save_model"):
        load_model(path)
    rewrite(path, lambda members: members.pop(STAMP))
    with pytest.raises(CatalogError, match="not written by spurclust's save_model"):
        load_model(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CatalogError, match="cannot be read as a model"):
        load_model(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "none.skops", tmp_path):
        with pytest.raises(CatalogError, match="there is no such model file"):
            load_model(path)


@pytest.mark.parametrize(("step", "mend"), [(1, "update spurclust"), (-1, "fit and save")])
def test_another_format_is_refused_before_its_types_are_read(path, step, mend):
    restamp(path, format_version=FORMAT_VERSION + step, versions={"spurclust": "9.0"})
    rewrite(path, lambda members: members.pop("schema.json"))
    for read in (load_model, read_model_metadata):
        with pytest.raises(CatalogError, match=rf"format \d, of spurclust 9\.0; .*{mend}"):
            read(path)


@pytest.mark.parametrize(
    "values", [{"format_version": "1"}, {"format_version": None}, {"versions": 3}, {"metadata": []}]
)
def test_an_odd_stamp_is_refused(path, values):
    restamp(path, **values)
    with pytest.raises(CatalogError, match="stamp is not complete"):
        load_model(path)


# What is loaded is as it was fitted, or refused by name


def set_in_trees(model, **values):
    forest = model.pipeline_["reduce"].forest_
    trees = [forest.trees[0]._replace(**values), *forest.trees[1:]]
    model.pipeline_["reduce"].forest_ = forest._replace(trees=trees)


def lead_upwards(model):
    children = model.pipeline_["reduce"].forest_.trees[0].children
    set_in_trees(model, children=np.zeros_like(children))


def ask_a_feature_there_is_none_of(model):
    features = model.pipeline_["reduce"].forest_.trees[0].features
    set_in_trees(model, features=np.where(features >= 0, 10_000, features).astype(np.int32))


def add_a_fold(model):
    forest = model.pipeline_["reduce"].forest_
    model.pipeline_["reduce"].forest_ = forest._replace(folds=forest.folds + np.int16(9))


def narrow_the_novelty(model):
    scale = model.novelty_scale_
    model.novelty_scale_ = scale._replace(landmarks=scale.landmarks[:, :1], center=scale.center[:1])


def move_the_panels(model):
    flatten = model.pipeline_["flatten"]
    rows = flatten._layout.rows._replace(starts=(10**6,))
    flatten._layout = flatten._layout._replace(rows=rows)


def shrink_the_field(model):
    model.pipeline_["embed"].field_ = model.pipeline_["embed"].field_[:3, :3]


def setter(step, **values):
    return lambda model: vars(model.pipeline_[step] if step else model).update(values)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lead_upwards, "forest_ trees trees do not lead downwards"),
        (ask_a_feature_there_is_none_of, "trees features holds numbers outside"),
        (add_a_fold, "forest_ folds and trees differ"),
        (narrow_the_novelty, "rows of .* and 1 numbers compared"),
        (move_the_panels, "panels lie outside"),
        (shrink_the_field, "the field is too small"),
        (setter("embed", field_lattice_=(0.0, 0.0, 1e-300)), "the field is too small"),
        (setter("embed", center_=np.full(11, np.nan)), "center_ holds numbers that are not finite"),
        (setter("embed", n_jobs=10**9), "n_jobs is 1000000000"),
        (setter("embed", tol="small"), "'tol' parameter of TSNE"),
        (setter("embed", transform=3), "TSNE has an unexpected transform"),
        (setter("mixture", means_=np.zeros((3, 1))), r"means_ has shape \(3, 1\)"),
        (setter("mixture", n_components=2), "weights_ has shape"),
        (setter("reduce", _components=3), "_components is a int, not a PCA"),
        (setter(None, component_=np.full(50, 9)), "component_ holds numbers outside 0 to 2"),
        (setter(None, component_=np.zeros(50, int)), "counts of the components"),
        (setter(None, image_shape_=(99, 1)[::-1] * 2), r"image_shape_ is \(1, 99, 1, 99\)"),
        (lambda model: vars(model).pop("region_"), "region_ is missing"),
    ],
)
def test_what_no_fit_leaves_is_one_error(detector, tmp_path, change, named):
    path = tmp_path / "model.skops"
    altered = pickle.loads(pickle.dumps(detector))
    change(altered)
    save_model(altered, path)
    with pytest.raises(CatalogError, match=rf"model\.skops: .*{named}"):
        load_model(path)


def test_a_state_of_a_generator_that_reads_beyond_it_is_refused(images, tmp_path):
    rng = np.random.RandomState(0)
    ranker = InspectionRanker(10, random_state=rng).fit(images, np.arange(60) % 2)
    state = rng.get_state(legacy=False)
    state["state"]["pos"] = 10**6
    try:
        rng.set_state(state)
    except ValueError:
        pytest.skip("this version of numpy makes no such state")
    save_model(ranker, tmp_path / "ranker.skops")
    with pytest.raises(CatalogError, match=r"ranker\.skops.*random_state is not the state"):
        load_model(tmp_path / "ranker.skops")


@pytest.mark.parametrize(
    ("reduce", "mixture"),
    [
        (PCA(3, whiten=True), GaussianMixture(covariance_type="tied")),
        (make_pipeline(StandardScaler(), PCA(3)), BayesianGaussianMixture(max_iter=1000)),
        (MinMaxScaler(), GaussianMixture(covariance_type="spherical")),
        (TruncatedSVD(3), MiniBatchKMeans(random_state=0)),
        (None, KMeans(random_state=0)),
    ],
)
def test_steps_of_scikit_learn_are_loaded(images, tmp_path, reduce, mixture):
    detector = SpuriousRegionDetector(
        2, perplexity=8, reduce=reduce, mixture=mixture, random_state=0, flatten=CutoutFeatures()
    )
    detector.set_params(flatten__n_jobs=1).note = "seen by two people"
    detector.fit(images, np.arange(60) % 2)
    save_model(detector, tmp_path / "model.skops")
    loaded = load_model(tmp_path / "model.skops")
    assert loaded.note == detector.note
    np.testing.assert_array_equal(loaded.predict(images), detector.predict(images))


# Detector and ranker together


def test_features_of_detector_and_ranker_are_computed_once(
    detector, images, ranker, tmp_path, monkeypatch
):
    save_model(detector, tmp_path / "model.skops", metadata={"reading": {"size": [5, 5]}})
    save_model(ranker, tmp_path / "ranker.skops")
    models = load_fitted(tmp_path / "model.skops").set_jobs(2)
    assert models.reading.pop("size") == [5, 5]
    assert set(models.reading.values()) == {None}
    assert models.ranker.n_jobs == models.detector.n_jobs == 2
    calls = []
    transform = CutoutFeatures.transform

    def counted(self, X):
        calls.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(CutoutFeatures, "transform", counted)
    new = images[:, ::-1]
    assignment, probability, _ = models.predict(new)
    assert calls == [60]
    monkeypatch.undo()
    np.testing.assert_array_equal(probability, ranker.predict_proba(new)[:, 1])
    np.testing.assert_array_equal(assignment.embedding, detector.assign(new).embedding)


@pytest.mark.parametrize("extractor", ["passthrough", ImageFlattener()])
def test_other_features_of_the_ranker_are_its_own(detector, images, extractor):
    ranker = InspectionRanker(40, extractor=extractor, random_state=0)
    ranker.fit(images, np.arange(60) % 2)
    _, probability, _ = FittedModels(detector, ranker, {}).set_jobs(2).predict(images)
    assert ranker.n_jobs == 2
    np.testing.assert_array_equal(probability, ranker.predict_proba(images)[:, 1])


def test_a_detector_on_pixels_with_and_without_a_ranker_on_features(images, ranker):
    on_pixels = SpuriousRegionDetector(3, perplexity=8, flatten=ImageFlattener(), random_state=0)
    on_pixels.fit(images, np.arange(60) % 2)
    _, probability, _ = FittedModels(on_pixels, ranker, {}).predict(images)
    np.testing.assert_array_equal(probability, ranker.predict_proba(images)[:, 1])
    assert FittedModels(on_pixels, None, {}).set_jobs(2).predict(images)[1] is None


def test_what_is_no_detector_or_no_ranker(path, images):
    assert load_fitted(path).ranker is None
    flattener = ImageFlattener().fit(images)
    save_model(flattener, path.with_name("ranker.skops"))
    with pytest.raises(CatalogError, match="holds a ImageFlattener, not a ranker"):
        load_fitted(path)
    save_model(flattener, path)
    with pytest.raises(CatalogError, match="holds a ImageFlattener, not a detector"):
        load_fitted(path)
