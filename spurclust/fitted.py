"""What fitted attributes hold: declared beside each class, and checked when a model is loaded.

Compiled kernels trust indices and shapes, so that a model from a file is checked before it is used.
An estimator declares in `_fitted_attributes` what each of its fitted attributes holds, and a named
tuple in its annotations; `_fitted_problem` returns what is wrong between them. A size that is given
by its name is the attribute of that name, or else the same wherever it is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from numbers import Real
from typing import Any, Protocol, get_type_hints

import numpy as np
from sklearn.base import BaseEstimator

LARGEST_JOBS = 4096
"""More threads than any machine has."""

Sizes = dict[str, int]


class Spec(Protocol):
    """What an attribute holds."""

    def check(self, value: Any, sizes: Sizes) -> None:
        """Raise ValueError, which goes on after the attribute's name, where it holds other."""


@dataclass(frozen=True)
class Values:
    """An array of some types, as `f4` or the kind `i`, a shape, and a range of finite values."""

    dtypes: str
    shape: tuple[int | str, ...]
    low: float = -np.inf
    high: float | str = np.inf  # a name is a size, and the values are indices below it
    missing: bool = False  # NaN is what is not known
    empty: bool = False

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        if not isinstance(value, np.ndarray) or not value.dtype.isnative:
            raise ValueError("is no array of this machine")
        if not {value.dtype.kind, value.dtype.str[1:]} & set(self.dtypes.split()):
            raise ValueError(f"is an array of {value.dtype}")
        expected: list[int] = [
            sizes.setdefault(size, length) if isinstance(size, str) else size
            for size, length in zip(self.shape, value.shape, strict=False)
        ]
        if [*value.shape] != expected or len(expected) != len(self.shape):
            raise ValueError(f"has shape {value.shape}")
        if not (value.size or self.empty):
            raise ValueError("is empty")
        if value.dtype.kind == "O" and not all(isinstance(each, str) for each in value.flat):
            raise ValueError("holds other things than text")
        if value.dtype.kind in "iuf":
            self._check_range(value, sizes)

    def _check_range(self, value: Any, sizes: Sizes) -> None:
        """Raise ValueError where numbers are not finite or out of range."""
        if self.missing:
            value = value[~np.isnan(value)]
        if not np.isfinite(value).all():
            raise ValueError("holds numbers that are not finite")
        high = sizes[self.high] - 1 if isinstance(self.high, str) else self.high
        if value.size and not self.low <= value.min() <= value.max() <= high:
            raise ValueError(f"holds numbers outside {self.low:g} to {high:g}")


@dataclass(frozen=True)
class Number:
    """A finite number in a range."""

    low: float = -np.inf
    high: float = np.inf
    whole: bool = False

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: ARG002, D102
        of_type = type(value) is int if self.whole else isinstance(value, Real)
        if not of_type or not self.low <= value <= self.high or abs(value) == np.inf:
            raise ValueError(f"is {value!r:.60}")


@dataclass(frozen=True)
class Part:
    """An instance of a class that declares what it holds; sizes that it has, and what they are."""

    kind: type
    sizes: Mapping[str, str | int] = field(default_factory=dict)

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        if type(value) is not self.kind:
            raise ValueError(f"is a {type(value).__name__}, not a {self.kind.__name__}")
        known = {
            name: sizes[size] if isinstance(size, str) else size
            for name, size in self.sizes.items()
        }
        check_attributes(value, known)


@dataclass(frozen=True)
class Several:
    """A tuple, or list, of one or more."""

    each: Spec
    kind: type[list[Any]] | type[tuple[Any, ...]] = tuple

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        if not isinstance(value, self.kind) or not value:
            raise ValueError(f"is no {self.kind.__name__} of one or more")
        for item in value:
            self.each.check(item, sizes)


class ImageShape:
    """The shape of a source, of as many values as an estimator has features."""

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        Several(COUNT).check(value, sizes)
        if len(value) > 3 or prod(value) != sizes["n_features_in_"]:
            raise ValueError(f"is {value!r:.60}")


@dataclass(frozen=True)
class Maybe:
    """An attribute that may be absent."""

    spec: Spec

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        self.spec.check(value, sizes)


class Step:
    """A fitted estimator, or "passthrough"."""

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: ARG002, D102
        if isinstance(value, BaseEstimator):
            check_attributes(value)
        elif not (isinstance(value, str) and value == "passthrough"):
            raise ValueError(f"is a {type(value).__name__}, not an estimator")


class NamedStep:
    """A step of a pipeline: its name and itself."""

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        name, step = value
        Plain().check(name, sizes)
        Step().check(step, sizes)


class Plain:
    """Numbers, texts, arrays of these, and lists, tuples and dicts of all."""

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "O":
                self.check(value.ravel().tolist(), sizes)
        elif isinstance(value, Mapping):
            self.check([*value.keys(), *value.values()], sizes)
        elif isinstance(value, list | tuple):
            for item in value:
                self.check(item, sizes)
        elif not (value is None or isinstance(value, str | np.bool_ | Real)):
            raise ValueError(
                f"holds a {type(value).__name__}, which only those can load who trust it"
            )


COUNT = Number(1, whole=True)

TINY = float(np.finfo(np.float32).smallest_subnormal)
"""What is divided by is larger."""

POSITIVE = Number(TINY)

INPUT: Mapping[str, Spec] = {
    "n_features_in_": COUNT,
    "feature_names_in_": Maybe(Values("O", ("n_features_in_",))),
    "_sklearn_output_config": Maybe(Plain()),  # what set_output was called with
}
"""What every estimator knows of its input."""

IMAGES: Mapping[str, Spec] = {**INPUT, "image_shape_": ImageShape()}
"""What an estimator of images knows: `validate_images` stores it."""

_MIXTURE = {
    "weights_": Values("f8", ("n_components",), 0),
    "means_": Values("f4 f8", ("n_components", "n_features_in_")),
}
_CENTERS = {"cluster_centers_": Values("f4 f8", ("n_clusters", "n_features_in_"))}
_COLUMNS = Values("f4 f8", ("n_features_in_",))
SCIKIT_LEARN: Mapping[str, Mapping[str, Spec]] = {
    "Pipeline": {"steps": Several(NamedStep(), list)},
    "GaussianMixture": _MIXTURE,
    "BayesianGaussianMixture": _MIXTURE,
    "GuidedMixture": _MIXTURE,
    "KMeans": _CENTERS,
    "MiniBatchKMeans": _CENTERS,
    "PCA": {
        "n_components_": COUNT,
        "mean_": _COLUMNS,
        "components_": Values("f4 f8", ("n_components_", "n_features_in_")),
        "explained_variance_": Values("f4 f8", ("n_components_",), 0),
    },
    "QuantileTransformer": {
        "n_quantiles_": COUNT,
        "references_": Values("f8", ("n_quantiles_",), 0, 1),
        "quantiles_": Values("f8", ("n_quantiles_", "n_features_in_"), missing=True),
    },
    "MinMaxScaler": {"scale_": _COLUMNS, "min_": _COLUMNS},
}
"""What scikit-learn's classes need to be sound; what else they hold differs between versions."""


def check_attributes(value: Any, sizes: Mapping[str, int] | None = None) -> None:
    """Raise ValueError, which names the attribute, where an object cannot have been fitted so."""
    held, specs = _held_and_declared(value)
    kind, others = type(value), set(held) - set(specs)
    if isinstance(value, BaseEstimator):
        check_parameters(value)
        others -= set(value.get_params(deep=False))
    for name in others:
        if hasattr(kind, name):  # it would stand before a method
            raise ValueError(f"{kind.__name__} has a strange {name}")
    known = {name: size for name, size in held.items() if type(size) is int} | dict(sizes or {})
    for name in [*specs, *others]:
        spec = specs.get(name, Plain())
        try:
            if name in held:
                spec.check(held[name], known)
            elif not isinstance(spec, Maybe):
                raise ValueError("is missing")
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    problem = value._fitted_problem() if hasattr(kind, "_fitted_problem") else None
    if problem is not None:
        raise ValueError(problem)


def _held_and_declared(value: Any) -> tuple[dict[str, Any], Mapping[str, Spec]]:
    """Return the attributes of an object, and what its class says of them."""
    kind = type(value)
    if isinstance(value, tuple):
        hints = get_type_hints(kind, include_extras=True)
        fields = getattr(kind, "_fields", ())
        return dict(zip(fields, value, strict=True)), {
            name: hint.__metadata__[0] for name, hint in hints.items()
        }
    own = getattr(kind, "_fitted_attributes", None)
    return vars(value), SCIKIT_LEARN.get(kind.__name__, {}) if own is None else own


def check_parameters(estimator: BaseEstimator) -> None:
    """Raise ValueError where parameters are none of an estimator, or those of an inner one."""
    estimator._validate_params()
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, BaseEstimator):
            unfitted = vars(value).keys() <= {*value.get_params(deep=False), *INPUT}
            (check_parameters if unfitted else check_attributes)(value)
        elif name == "n_jobs" and value is not None and abs(value) > LARGEST_JOBS:
            raise ValueError(f"n_jobs is {value}")
        elif isinstance(value, np.random.RandomState):
            state = value.get_state(legacy=False)
            # The next number is read where it says.
            if not 0 <= state["state"].get("pos", 0) <= 624:
                raise ValueError(f"{name} is no state of a generator")
