"""Say once, not in every fit, that there are too few sources for a setting."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np


@contextmanager
def quiet_about_few_sources() -> Iterator[None]:
    """Keep each step from saying it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(perplexity|n_components)=.* is too large for")
        yield


def warn_about_few_sources(
    name: str, wanted: Sequence[float], used: Sequence[Sequence[float]]
) -> None:
    """Name the values that shrank in some fit, each a row of `used`, and the largest that stayed.

    To be called by what the user calls by way of one function.
    """
    least = np.min(used, axis=0)
    large = [value for value, got in zip(wanted, least, strict=True) if got < value]
    if large:
        values = ", ".join(map(str, large))
        warnings.warn(
            f"{name}={values} is too large for the sources that were embedded together: "
            f"{least.max():.4g} is used.",
            stacklevel=4,
        )
