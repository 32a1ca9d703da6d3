"""Steadiness and stability of the region, as stages of a run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.analysis.stages import Stages


def measure_steadiness(
    detector: Any, features: NDArray[Any], y: NDArray[np.int8], stages: Stages
) -> Any:
    """Make the region again with other random draws, and compare; None if nothing is flagged."""
    if not detector.flagged_.any():
        return None
    from spurclust.tuning import region_steadiness

    with stages("steadiness"):
        return region_steadiness(detector, features, y, n_jobs=detector.n_jobs)


def measure_stability(
    detector: Any, images: NDArray[Any], y: NDArray[np.int8], n_states: int, stages: Stages
) -> NDArray[np.float64] | None:
    """Return the share of runs with other random states in which each source is flagged."""
    if not n_states:
        return None
    from spurclust.tuning import flag_stability

    first = detector.random_state if isinstance(detector.random_state, int) else 0
    with stages("stability"):
        return flag_stability(
            images,
            y,
            detector,
            random_states=range(first, first + n_states),
            n_jobs=detector.n_jobs,
        )
