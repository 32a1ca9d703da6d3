"""How a step of the detector gets its settings and is fitted."""

from inspect import signature
from typing import Any

from numpy.typing import NDArray


def fit_step(step: Any, X: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], Any]:
    """Fit one step and return its output and itself; this is what `memory` keeps."""
    return step.fit_transform(X, y), step


def set_missing(step: Any, **values: Any) -> Any:
    """Set values on a step that has these parameters and was not given others."""
    if step == "passthrough":
        return step
    own = step.get_params(deep=False)
    defaults = signature(type(step)).parameters
    unset = {
        name: value
        for name, value in values.items()
        if name in own and value is not None and own[name] == defaults[name].default
    }
    return step.set_params(**unset)
