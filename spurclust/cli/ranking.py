"""The order of inspection, as a run writes and says it."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class Ranking(NamedTuple):
    """In which order to look at the sources of a run, and how soon most spurious are found."""

    ranker: Any
    columns: dict[str, Any]
    effort: "pd.DataFrame"


def rank_sources(
    args: argparse.Namespace,
    images: NDArray[Any],
    y: NDArray[Any],
    source_ids: Sequence[str],
    measuring: tuple[Any, NDArray[Any]],
) -> Ranking | None:
    """Rank the sources of a run; None where no spurious source is known.

    `measuring` is the first step of the detector and what it made of the sources.
    """
    from spurclust.features import CutoutFeatures
    from spurclust.ranking import InspectionRanker, expected_effort

    if not (y == 1).any():
        return None
    features, measured = measuring
    if not isinstance(features, CutoutFeatures):
        features = CutoutFeatures(n_jobs=args.jobs).fit(images)
        measured = features.transform(images)
    ranker = InspectionRanker(
        extractor=features, unlabeled=-1, random_state=args.random_state, n_jobs=args.jobs
    ).fit(images, y, features=measured)
    effort = expected_effort(y, ranker.inspection_probability_, unlabeled=-1)
    indices, _ = ranker.nearest_spurious(images, features=measured)
    names = np.append(np.asarray(source_ids, dtype=object), "")[indices]
    columns = {
        "inspection_rank": ranker.inspection_rank_,
        "inspection_probability": ranker.inspection_probability_,
        "nearest_spurious": [", ".join(name for name in row if name) for row in names.tolist()],
    }
    return Ranking(ranker, columns, effort)
