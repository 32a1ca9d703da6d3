"""What fitted attributes hold: declared beside each class, and checked when a model is loaded.

Compiled kernels do not check indices and shapes, so a model from a file is checked before it is
used. An estimator declares what its fitted attributes hold in `_fitted_attributes`, and a named
tuple in its annotations. `_fitted_problem` returns what is wrong between attributes. A size given
by name is the attribute of that name. If there is none, it is the same wherever it is named.
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
        """Raise ValueError if it holds anything else; the message follows the attribute's name."""


@dataclass(frozen=True)
class Values:
    """An array: its types (such as `f4`, or the kind `i`), its shape and its range."""

    dtypes: str
    shape: tuple[int | str, ...]
    low: float = -np.inf
    high: float | str = np.inf  # a name is that of a size, and values are below it
    missing: bool = False  # NaN is allowed
    empty: bool = False

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        if not isinstance(value, np.ndarray) or not value.dtype.isnative:
            raise ValueError("is not an array in the byte order of this machine")
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
            raise ValueError("holds things other than text")
        if value.dtype.kind in "iuf":
            self._check_range(value, sizes)

    def _check_range(self, value: Any, sizes: Sizes) -> None:
        """Raise ValueError if numbers are not finite or out of range."""
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
    """An instance of a class that declares what it holds, with the values of its named sizes."""

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
    """A tuple or list of at least one."""

    each: Spec
    kind: type[list[Any]] | type[tuple[Any, ...]] = tuple

    def check(self, value: Any, sizes: Sizes) -> None:  # noqa: D102
        if not isinstance(value, self.kind) or not value:
            raise ValueError(f"is not a {self.kind.__name__} of at least one")
        for item in value:
            self.each.check(item, sizes)


class ImageShape:
    """The shape of a source, whose product is the number of features."""

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
                f"holds a {type(value).__name__}, which only loads where it is trusted"
            )


COUNT = Number(1, whole=True)

TINY = float(np.finfo(np.float32).smallest_subnormal)
"""Divisors are larger."""

POSITIVE = Number(TINY)

INPUT: Mapping[str, Spec] = {
    "n_features_in_": COUNT,
    "feature_names_in_": Maybe(Values("O", ("n_features_in_",))),
    "_sklearn_output_config": Maybe(Plain()),  # the argument of set_output
}
"""Attributes of every estimator that describe its input."""

IMAGES: Mapping[str, Spec] = {**INPUT, "image_shape_": ImageShape()}
"""The same of an estimator of images: `validate_images` stores them."""

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
"""Attributes that scikit-learn's classes need; the others differ between versions."""


def check_attributes(value: Any, sizes: Mapping[str, int] | None = None) -> None:
    """Raise ValueError that names the attribute, if no fit can have made it."""
    held, specs = _held_and_declared(value)
    kind, others = type(value), set(held) - set(specs)
    if isinstance(value, BaseEstimator):
        check_parameters(value)
        others -= set(value.get_params(deep=False))
    for name in others:
        if hasattr(kind, name):  # it would hide a method
            raise ValueError(f"{kind.__name__} has an unexpected {name}")
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
    """Return the attributes of an object, and what its class declares."""
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
    """Raise ValueError if an estimator, or one in its parameters, cannot have such parameters."""
    estimator._validate_params()
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, BaseEstimator):
            unfitted = vars(value).keys() <= {*value.get_params(deep=False), *INPUT}
            (check_parameters if unfitted else check_attributes)(value)
        elif name == "n_jobs" and value is not None and abs(value) > LARGEST_JOBS:
            raise ValueError(f"n_jobs is {value}")
        elif isinstance(value, np.random.RandomState):
            state = value.get_state(legacy=False)
            # The generator reads its next number at this position.
            if not 0 <= state["state"].get("pos", 0) <= 624:
                raise ValueError(f"{name} is not the state of a generator")
