"""What a run has fitted, loaded together: the detector, its ranker, how its cutouts were read."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.models import load_model, read_model_metadata
from spurclust.catalog.results import RANKER
from spurclust.detector import Assignment, SpuriousRegionDetector
from spurclust.errors import CatalogError
from spurclust.features import CutoutFeatures
from spurclust.ranking import InspectionRanker

READING = ("size", "reduce", "id_pattern", "dtype")


class FittedModels(NamedTuple):
    """A fitted detector and all that goes with it.

    What `load_fitted` returns: enough to read more cutouts as those of the fit were read, and to
    say all of them that a run says.

    Attributes
    ----------
    detector : SpuriousRegionDetector
        The detector.
    ranker : InspectionRanker or None
        The ranker of the same run; None where there is none.
    reading : dict
        How the cutouts were read: size, reduce, id_pattern, and dtype of their pixels, each None
        where it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.catalog import FittedModels
    >>> rows = np.random.default_rng(0).normal(size=(40, 5))
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> models = FittedModels(detector.fit(rows, np.arange(40) % 2), None, {})
    >>> assignment, probability = models.predict(rows[:3])
    >>> assignment.novelty.tolist(), probability
    ([0.0, 0.0, 0.0], None)
    """

    detector: SpuriousRegionDetector
    ranker: InspectionRanker | None
    reading: dict[str, Any]

    def set_jobs(self, n_jobs: int | None) -> "FittedModels":
        """Set the number of threads of all steps.

        Parameters
        ----------
        n_jobs : int or None
            As in joblib: None is 1, -1 is all cores.

        Returns
        -------
        FittedModels
            Itself.
        """
        _set_jobs(self.detector.pipeline_, n_jobs)
        self.detector.set_params(n_jobs=n_jobs)
        if self.ranker is not None:
            _set_jobs(self.ranker.extractor_, n_jobs)
            self.ranker.set_params(n_jobs=n_jobs)
        return self

    def predict(self, images: NDArray[Any]) -> tuple[Assignment, NDArray[np.float64] | None]:
        """Tell all that is known of cutouts, measuring them once.

        Parameters
        ----------
        images : ndarray of shape (n_samples, height, width) or \
(n_samples, height, width, n_channels)
            Cutouts of the fitted shape.

        Returns
        -------
        assignment : Assignment
            What the detector tells.
        inspection_probability : ndarray of shape (n_samples,) or None
            What the ranker tells; None without one.
        """
        assignment = self.detector.assign(images)
        if self.ranker is None:
            return assignment, None
        own = _state(self.detector.pipeline_.named_steps["flatten"])
        if own is not None and own == _state(self.ranker.extractor_):
            probability = self.ranker.predict_proba(images, features=assignment.features)
        else:
            probability = self.ranker.predict_proba(images)
        return assignment, probability[:, 1]


def _set_jobs(step: Any, n_jobs: int | None) -> None:
    """Set the threads of a step and of all in it that have some; "passthrough" has none."""
    if isinstance(step, str):
        return
    names = [name for name in step.get_params() if name.split("__")[-1] == "n_jobs"]
    step.set_params(**dict.fromkeys(names, n_jobs))


def _state(features: Any) -> str | None:
    """Condense what decides how cutouts are measured; None where they are not."""
    if not isinstance(features, CutoutFeatures):
        return None
    return str(joblib.hash({**vars(features), "n_jobs": None}))


def load_fitted(path: str | os.PathLike[str]) -> FittedModels:
    """Load the detector of a run, and the ranker that lies beside it.

    Parameters
    ----------
    path : str or path
        The model.skops of a run.

    Returns
    -------
    FittedModels
        Detector, ranker, and how their cutouts were read.

    Raises
    ------
    CatalogError
        When a file is missing, damaged, or holds something else.
    ImportError
        When skops is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from spurclust import SpuriousRegionDetector
    >>> from spurclust.catalog import load_fitted, save_model
    >>> rows = np.random.default_rng(0).normal(size=(40, 5))
    >>> detector = SpuriousRegionDetector(2, perplexity=5, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(detector.fit(rows, np.arange(40) % 2), f"{folder}/model.skops")
    ...     models = load_fitted(f"{folder}/model.skops")
    >>> models.ranker is None, models.reading["size"] is None
    (True, True)
    """
    detector = load_model(path)
    if not isinstance(detector, SpuriousRegionDetector):
        raise CatalogError(
            f"{path} holds a {type(detector).__name__}, not a detector: give the model.skops of a "
            "run"
        )
    saved = read_model_metadata(path).get("reading", {})
    if not isinstance(saved, dict):
        raise CatalogError(f"{path}: how its cutouts were read is not known")
    return FittedModels(detector, _load_ranker(path), {name: saved.get(name) for name in READING})


def _load_ranker(path: str | os.PathLike[str]) -> InspectionRanker | None:
    """Load the ranker beside a detector; None where there is none."""
    beside = Path(path).with_name(RANKER)
    if not beside.exists():
        return None
    ranker = load_model(beside)
    if not isinstance(ranker, InspectionRanker):
        raise CatalogError(
            f"{beside} holds a {type(ranker).__name__}, not a ranker: move it away, or run anew"
        )
    return ranker
