import ast
import importlib
import inspect
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.base import BaseEstimator

import spurclust

PACKAGES = [
    "spurclust",
    "spurclust.analysis",
    "spurclust.catalog",
    "spurclust.cutouts",
    "spurclust.embedding",
    "spurclust.features",
    "spurclust.inspection",
    "spurclust.metrics",
    "spurclust.ranking",
    "spurclust.scale",
    "spurclust.simulate",
    "spurclust.tuning",
    "spurclust.plots",
    "spurclust.report",
]
# Modules at the top whose names are public.
MODULES = ["spurclust.region", "spurclust.cli.main", "spurclust.novelty"]
HEAVY = ["matplotlib", "dask", "astropy", "numba", "pandas", "PIL", "skops", "openTSNE", "tqdm"]
HEAVY += ["distributed", "pyarrow", "zarr"]
# Attributes that only some fits have.
# Mixtures have the last in newer versions of scikit-learn only.
SOMETIMES = {"feature_names_in_", "lower_bounds_"}


def public_objects():
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            if name != "__version__":
                value = getattr(module, name)
                found[f"{value.__module__}.{name}"] = value
    for name in MODULES:
        module = importlib.import_module(name)
        found |= {f"{name}.{attribute}": getattr(module, attribute) for attribute in module.__all__}
    return found


OBJECTS = public_objects()
CLASSES = {name: value for name, value in OBJECTS.items() if inspect.isclass(value)}
ESTIMATORS = {name: value for name, value in CLASSES.items() if issubclass(value, BaseEstimator)}


def public_callables():
    found = {name: value for name, value in OBJECTS.items() if not inspect.isclass(value)}
    for class_name, owner in CLASSES.items():
        for name, value in vars(owner).items():
            plain = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if inspect.isfunction(plain) and not name.startswith("_"):
                found[f"{class_name}.{name}"] = plain
    return found


CALLABLES = public_callables()


def parameters_of(function):
    given = inspect.signature(function).parameters.values()
    return {value.name: value for value in given if value.name not in ("self", "cls")}


def documented_parameters(doc):
    return {
        name.strip().lstrip("*"): entry.type
        for section in ("Parameters", "Other Parameters")
        for entry in doc[section]
        for name in entry.name.split(",")
    }


def check_defaults(documented, signature):
    for name, parameter in signature.items():
        _, said, default = documented[name].partition("default=")
        if parameter.default is inspect.Parameter.empty:
            assert not said, f"{name} has no default"
        elif said:
            shown = ast.literal_eval(default.strip())
            assert shown == parameter.default, f"{name}: the signature has {parameter.default!r}"
        else:
            optional = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            ignored = name == "y" and documented[name] == "None"
            assert optional or ignored, f"{name} has a default that is not documented"


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_exactly_what_is_public(package):
    module = importlib.import_module(package)
    public = {
        name
        for name in dir(module)
        if not name.startswith("_") and not isinstance(getattr(module, name), ModuleType)
    } - {"Any", "TYPE_CHECKING", "import_module"}
    dunder = {name for name in module.__all__ if name.startswith("__")}
    assert set(module.__all__) == public | dunder
    assert len(module.__all__) == len(set(module.__all__))
    assert dunder <= {"__version__"}


def test_submodules_are_found_without_an_import_of_their_own():
    code = "import spurclust; spurclust.metrics.workload([1]); spurclust.cutouts.CutoutReader()"
    subprocess.run([sys.executable, "-c", code], check=True)
    for module in (spurclust, spurclust.catalog):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            module.nothing  # noqa: B018


def test_there_is_something_to_check():
    steps = {"TSNE", "CutoutFeatures", "GuidedProjection", "ImageFlattener", "CutoutReader"}
    steps.add("GuidedMixture")
    detectors = {"InspectionRanker", "SpuriousRegionDetector", "SpuriousRegionDetectorCV"}
    assert steps | detectors == {value.__name__ for value in ESTIMATORS.values()}
    assert len(CALLABLES) > 40


def test_the_version_is_that_of_the_installed_package():
    assert spurclust.__version__ == version("spurclust")


@pytest.mark.parametrize("package", ["spurclust", "spurclust.plots", "spurclust.simulate"])
def test_importing_loads_no_heavy_module(package):
    heavy = [name for name in HEAVY if name != "PIL" or package == "spurclust"]
    # What scikit-learn itself loads (pandas, from 1.9 on) is not ours to leave out.
    code = (
        "import sys, sklearn.pipeline; before = set(sys.modules); "
        f"import {package}; print([name for name in {heavy} if name in set(sys.modules) - before])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", CALLABLES)
def test_functions_are_documented_as_they_are(name):
    function = CALLABLES[name]
    doc = FunctionDoc(function)
    assert " ".join(doc["Summary"]).endswith("."), "the summary is one sentence"
    assert len(doc["Summary"]) == 1, "the summary is one line"
    documented, signature = documented_parameters(doc), parameters_of(function)
    assert list(documented) == list(signature)
    check_defaults(documented, signature)
    annotation = inspect.signature(function).return_annotation
    assert annotation is not inspect.Signature.empty
    returns = annotation not in (None, "None")
    assert bool(doc["Returns"] or doc["Yields"]) == returns


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_documented_as_they_are(name):
    cls = CLASSES[name]
    doc = ClassDoc(cls)
    assert len(doc["Summary"]) == 1
    assert doc["Extended Summary"], "when to use it, and its main limit"
    if issubclass(cls, Exception) or getattr(cls, "_is_protocol", False):
        return
    documented, signature = documented_parameters(doc), parameters_of(cls)
    if documented or issubclass(cls, BaseEstimator):
        assert list(documented) == list(signature)
        check_defaults(documented, signature)
    else:
        # A result that users do not make themselves lists its fields as attributes.
        assert {entry.name for entry in doc["Attributes"]} >= set(signature)


@pytest.mark.parametrize("name", [name for name in OBJECTS if ".report." not in name])
def test_every_public_name_has_an_example(name):
    value = OBJECTS[name]
    if not callable(value) or name in NO_EXAMPLE:
        pytest.skip("a command, or made by a function that has one")
    doc = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
    assert any(line.startswith(">>>") for line in doc["Examples"])


def test_the_api_reference_has_each_public_name_once():
    page = Path(__file__).parents[1] / "docs" / "api" / "index.md"
    names = re.findall(r"^   ~(\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    listed = [getattr(importlib.import_module(home), name) for home, name in map(split, names)]
    assert len({id(value) for value in listed}) == len(listed)
    assert {id(value) for value in OBJECTS.values()} <= {id(value) for value in listed}


def split(name):
    return name.rsplit(".", 1)


NO_EXAMPLE = {
    "spurclust.cutouts.gather.Cutouts",
    "spurclust.errors.CatalogError",
    "spurclust.catalog.label_tables.Labels",
    "spurclust.catalog.label_matching.MatchedLabels",
    "spurclust.catalog.label_matching.MergedLabels",
    "spurclust.catalog.verdicts.MergedVerdicts",
    "spurclust.catalog.models.FittedModels",
    "spurclust.catalog.models.load_model",
    "spurclust.catalog.results.RunTables",
    "spurclust.simulate.survey.SimulatedSurvey",
    "spurclust.tuning.stability.Steadiness",
}


def fitted(cls, tmp_path):
    rng = np.random.default_rng(0)
    images = (255 * rng.random((40, 6, 6))).astype(np.uint8)
    if cls.__name__ == "CutoutReader":
        from PIL import Image

        Image.fromarray(images[0]).save(tmp_path / "1.png")
        return cls().fit([str(tmp_path / "1.png")])
    quick = {"perplexity": 5, "random_state": 0}
    estimator = cls()
    own = estimator.get_params()
    estimator.set_params(**{name: value for name, value in quick.items() if name in own})
    data = (
        images.reshape(40, -1)
        if cls.__name__ in ("TSNE", "GuidedProjection", "GuidedMixture")
        else images
    )
    return estimator.fit(data, np.arange(40) % 2)


@pytest.mark.filterwarnings("ignore:n_components=|.*of those tried|No setting:UserWarning")
@pytest.mark.filterwarnings("ignore:The region holds:UserWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_attributes_after_a_fit_are_those_documented(name, tmp_path):
    cls = ESTIMATORS[name]
    documented = {
        part.strip() for entry in ClassDoc(cls)["Attributes"] for part in entry.name.split(",")
    }
    documented = {entry for entry in documented if entry.endswith("_")}
    assert not [entry for entry in documented if hasattr(cls(), entry)]
    estimator = fitted(cls, tmp_path)
    present = {
        entry
        for entry in dir(estimator)
        if entry.endswith("_") and not entry.startswith("_") and hasattr(estimator, entry)
    }
    assert present - SOMETIMES == documented - SOMETIMES


def test_help_and_representations_are_short():
    # ArrayLike stays a name in help() where the module imports annotations from __future__.
    long = [name for name, call in CALLABLES.items() if "Union[" in str(inspect.signature(call))]
    assert long == []
    images = np.zeros((3, 4, 5), dtype=np.uint8)
    cutouts = spurclust.cutouts.open_cutouts(images).read()
    assert repr(cutouts) == (
        "Cutouts(images=<uint8 array of shape (3, 4, 5)>, source_ids=<list of 3>, "
        "paths=<list of 3>, image_format=<ImageFormat>)"
    )
