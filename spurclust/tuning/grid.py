"""Which settings a search tries."""

from inspect import signature
from typing import Any

import numpy as np
from sklearn.utils._param_validation import validate_parameter_constraints

from spurclust.detector import SpuriousRegionDetector

SEARCHED = ("n_components", "perplexity", "threshold")
"""The parameters that are searched, in the order in which `ParameterGrid` varies them."""

N_COMPONENTS = (2, 3, 4, 6, 8, 10, 15, 20, 30, 40)
"""Numbers of components about as far apart as their effects."""

THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
"""Spurious fractions from a part of that of a survey to one half."""


def list_settings(estimator: Any) -> dict[str, list[Any]]:
    """Check the searched parameters of an estimator, numbers or sequences, and list their values.

    Parameters
    ----------
    estimator : SpuriousRegionDetectorCV
        Its parameters.

    Returns
    -------
    dict of str to list
        The values of each of `SEARCHED`.

    Raises
    ------
    ValueError
        When a sequence is empty, a value out of range, or its step could not take it.
    """
    caller = type(estimator).__name__
    constraints = SpuriousRegionDetector._parameter_constraints
    settings = {}
    for name in SEARCHED:
        settings[name] = np.ravel(getattr(estimator, name)).tolist()
        if not settings[name]:
            raise ValueError(f"{name} is empty: give at least one value to try.")
        for value in settings[name]:
            validate_parameter_constraints({name: constraints[name]}, {name: value}, caller)
    if len(settings["n_components"]) > 1:
        _check_settable("mixture", estimator.mixture, "n_components")
    if len(settings["perplexity"]) > 1:
        _check_settable("embed", estimator.embed, "perplexity")
        _check_unset("embed", estimator.embed, "perplexity")
    return settings


def _check_settable(name: str, step: Any, parameter: str) -> None:
    """Raise when a step, given in place of the default, takes no such parameter."""
    if step is None:
        return
    if step == "passthrough" or parameter not in step.get_params(deep=False):
        raise ValueError(
            f"{name}={step!r} takes no {parameter}, so that it cannot be tuned: give one "
            f"{parameter}."
        )


def _check_unset(name: str, step: Any, parameter: str) -> None:
    """Raise when a step was given a value of its own, which the detector does not touch."""
    if step is None:
        return
    own = step.get_params(deep=False)[parameter]
    if own != signature(type(step)).parameters[parameter].default:
        raise ValueError(
            f"{name} was given {parameter}={own!r}, which is kept, so that it cannot be tuned: "
            f"give one {parameter}, or leave that of {name} at its default."
        )
