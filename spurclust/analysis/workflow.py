"""The workflow: cutouts -> features -> embedding -> region -> ranking -> `Analysis`."""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spurclust.analysis.choosing import Draw
from spurclust.analysis.outcome import Analysis
from spurclust.analysis.reading import Survey, label_origins, label_tables, read_survey
from spurclust.analysis.stages import Log, Stages
from spurclust.analysis.steadiness import measure_stability, measure_steadiness
from spurclust.labels import SPURIOUS, UNINSPECTED
from spurclust.progress import showing_progress

if TYPE_CHECKING:
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.ranking import InspectionRanker
    from spurclust.tuning import SpuriousRegionDetectorCV

DEFAULT_COMPONENTS = {"features": 20, "pixels": 6}
"""Default number of components on features. More than the original 6 flag fewer reliable sources;
on pixels, each would have too few labels. See benchmarks/quality.py."""


KEPT_BYTES = 2**30
"""If the pixels of all files take more memory, they are read again for the features, the pictures
and the report."""

N_SUGGESTED = 100
"""Number of suggestions for the next inspection, probable and diverse ones in turn."""

DETECTOR_SETTINGS = ("n_components", "threshold", "perplexity", "assignment", "random_state")
"""Settings of the detector in the summary."""


def analyze(
    cutouts: Any,
    labels: Any = None,
    *,
    catalogue: Any = None,
    detector: "SpuriousRegionDetector | SpuriousRegionDetectorCV | None" = None,
    ranker: "InspectionRanker | None" = None,
    tune: bool = False,
    ranking: bool = True,
    stability: int = 0,
    reference_size: int | None = None,
    reference: Literal["random", "diverse"] = "random",
    source_ids: Sequence[object] | None = None,
    id_pattern: str | None = None,
    filters: Sequence[str] | None = None,
    id_column: str = "source_id",
    path_column: str = "path",
    size: int | tuple[int, int] | None = None,
    reduce: int | None = None,
    hdu: str | int | Sequence[str | int] | None = None,
    pad: Literal["center", "start", "end", "never"] = "center",
    on_error: Literal["raise", "skip"] = "raise",
    random_state: int | None = 12,
    n_jobs: int | None = -1,
    name: str | None = None,
    settings: Mapping[str, Any] | None = None,
    log: Log | None = None,
) -> Analysis:
    """Find the spurious sources of a survey: read, embed, choose the region, rank.

    Parameters
    ----------
    cutouts : path, glob, sequence of paths, array-like, zarr array or CutoutSource
        A folder, a glob, files, a Parquet table of paths, a zarr store, or images in memory; see
        `spurclust.cutouts.open_cutouts`.
    labels : path, DataFrame, Labels, sequence of these, or array-like of shape (n_sources,), \
default=None
        Label tables or folders of live inspections, matched by source_id; later labels replace
        earlier ones. Or one label per source, in the order of the cutouts: 1 spurious, 0 reliable,
        -1 uninspected. Without labels, the region is empty, and the most unusual sources come
        first.
    catalogue : path, DataFrame or Labels, default=None
        A table of sources with ids, positions and other columns, such as magnitudes, for the result
        and the report. `spurclust.catalog.read_catalogue` reads a table with other names of
        columns. A label table can also have such columns.
    detector : SpuriousRegionDetector or SpuriousRegionDetectorCV, default=None
        The unfitted detector; a clone of it is fitted. A SpuriousRegionDetectorCV searches for
        settings, as with `tune`.
    ranker : InspectionRanker, default=None
        Unfitted; a clone of it is fitted.
    tune : bool, default=False
        Whether to choose the components and the threshold on held-out labels. Give no detector
        then.
    ranking : bool, default=True
        Whether to order the sources for inspection.
    stability : int, default=0
        Number of random states, each with three perplexities, with which to measure how often each
        source is flagged.
    reference_size : int, default=None
        Number of sources to fit on, chosen by `spurclust.choose_reference`. The cutouts of the
        others are not read. None fits all sources.
    reference : {"random", "diverse"}, default="random"
        How uninspected sources are drawn for the reference. For "diverse", the cutouts of a pool
        five times as large are read.
    source_ids : sequence, default=None
        Ids of the sources; by default they come from file names, columns or positions.
    id_pattern : str, default=None
        Regular expression with a group ``(?P<source_id>...)`` for ids in file names. If a source
        has one file per band, also with ``(?P<filter>...)``.
    filters : sequence of str, default=None
        Filters of such files, in the order of the channels; None is all, by wavelength.
    id_column : str, default="source_id"
        Column of ids in a table of paths.
    path_column : str, default="path"
        Column of paths in a table of paths.
    size : int or (int, int), default=None
        Shrink each cutout to this height and width, in pixels.
    reduce : int, default=None
        Shrink each cutout by this factor.
    hdu : str, int or sequence of these, default=None
        Extensions of FITS files to read, see `spurclust.cutouts.read_cutouts`.
    pad : {"center", "start", "end", "never"}, default="center"
        Position of a cutout that was trimmed at an edge, see `spurclust.cutouts.read_cutouts`.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a cutout that cannot be read. Skipped ones are named in a warning.
    random_state : int or None, default=12
        Seeds the default detector and ranker, and the draw of a reference.
    n_jobs : int or None, default=-1
        Number of threads, for reading and for the default detector and ranker; -1 is all cores.
    name : str, default=None
        Name of the survey, for titles; None is the name of the cutouts' folder or file.
    settings : mapping, default=None
        Plain values for the summary and the report.
    log : callable, default=None
        Called with each line of progress; ``print`` shows them.

    Returns
    -------
    Analysis
        The tables, the fitted models and the summary.

    Raises
    ------
    CatalogError
        When cutouts or labels cannot be used; the message names the file, row or value.
    ValueError
        When options exclude each other, or need labels that are missing.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector, analyze
    >>> images = np.random.default_rng(0).normal(size=(60, 8, 8))
    >>> images[:10, :4] += 4
    >>> y = np.repeat([1, 0], [10, 50])
    >>> detector = SpuriousRegionDetector(2, perplexity=10, random_state=0)
    >>> int(analyze(images, y, detector=detector, ranking=False).sources["flagged"].sum())
    10
    """
    from spurclust.cutouts import ReadOptions, open_cutouts
    from spurclust.ranking import InspectionRanker

    _check_options(detector, ranker, tune, reference_size, reference)
    detector = detector or default_detector(tune=tune, random_state=random_state, n_jobs=n_jobs)
    ranker = ranker or InspectionRanker(random_state=random_state, n_jobs=n_jobs)
    options = ReadOptions(size, reduce, on_error=on_error, n_jobs=n_jobs, hdu=hdu, pad=pad)
    if _reads_in_parts(detector, ranker):
        options = replace(options, kept_bytes=KEPT_BYTES)
    draw = None if reference_size is None else Draw(reference_size, reference, random_state)
    labels = label_tables(labels) or labels  # before listing a large folder
    columns = {"id_column": id_column, "path_column": path_column}
    source = open_cutouts(
        cutouts, source_ids=source_ids, id_pattern=id_pattern, filters=filters, **columns
    )
    stages = Stages(log)
    survey = read_survey(source, labels, catalogue, options, draw, stages)
    survey = survey._replace(reading={"id_pattern": id_pattern, **survey.reading})
    found = _find_spurious(survey, detector, ranker if ranking else None, stability, stages)
    return _collect(found, name or survey.name, settings or {})


def _check_options(
    detector: Any, ranker: Any, tune: bool, reference_size: int | None, reference: str
) -> None:
    """Raise for options that exclude each other or have a wrong type."""
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.ranking import InspectionRanker
    from spurclust.tuning import SpuriousRegionDetectorCV

    for name, given, kinds in (
        ("detector", detector, (SpuriousRegionDetector, SpuriousRegionDetectorCV)),
        ("ranker", ranker, (InspectionRanker,)),
    ):
        if given is not None and not isinstance(given, kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{name}={given!r:.60}: give an unfitted {expected}, or leave it out")
    if reference_size is None and reference != "random":
        raise ValueError(f"reference={reference!r} needs a reference_size: give one")
    if tune and detector is not None:
        raise ValueError(
            "a detector and tune=True are given: give a SpuriousRegionDetectorCV as the detector, "
            "or leave one of the two out"
        )


def _reads_in_parts(detector: Any, ranker: "InspectionRanker") -> bool:
    """Return whether the cutouts are needed only for their features, and not all at once."""
    from spurclust.features import CutoutFeatures

    steps = detector.flatten, ranker.extractor
    return all(step is None or isinstance(step, CutoutFeatures) for step in steps)


def default_detector(
    *, tune: bool, random_state: int | None, n_jobs: int | None
) -> "SpuriousRegionDetector | SpuriousRegionDetectorCV":
    """Return the default detector or search."""
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.tuning import InspectedStratifiedKFold, SpuriousRegionDetectorCV

    if tune:
        folds = InspectedStratifiedKFold(5, n_repeats=5, random_state=random_state)
        return SpuriousRegionDetectorCV(cv=folds, random_state=random_state, n_jobs=n_jobs)
    return SpuriousRegionDetector(
        DEFAULT_COMPONENTS["features"], random_state=random_state, n_jobs=n_jobs
    )


class _Findings(NamedTuple):
    """All results of a survey, and the seconds of the stages."""

    survey: Survey
    fitted: "_Fitted"
    steadiness: Any
    stability: NDArray[np.float64] | None
    ranks: "_RankedSources"
    seconds: dict[str, float]


def _find_spurious(
    survey: Survey, detector: Any, ranker: Any, n_states: int, stages: Stages
) -> _Findings:
    """Choose the region, measure its stability, and rank the sources with a ranker, if given."""
    images, y = survey.cutouts.images, survey.labels.y
    fitted = _fit(detector, images, y, stages)
    steadiness = measure_steadiness(fitted.detector, fitted.features, y, stages)
    shares = measure_stability(fitted.detector, images, y, n_states, stages)
    ranks = _RankedSources()
    if ranker is not None and (y == SPURIOUS).any():
        with stages("ranking"):
            ranks = _rank_sources(ranker, fitted, survey)
    elif ranker is not None and (y == UNINSPECTED).all():
        with stages("ranking"):
            ranks = _rank_unusual(fitted.features, ranker.n_jobs)
    return _Findings(survey, fitted, steadiness, shares, ranks, stages.seconds)


class _Fitted(NamedTuple):
    """A fitted detector, the search that chose its settings, and its features."""

    detector: Any
    search: Any
    features: NDArray[Any]


def _fit(detector: Any, images: NDArray[Any], y: NDArray[np.int8], stages: Stages) -> _Fitted:
    """Fit a clone of a detector or of a search."""
    from sklearn.base import clone

    from spurclust.detector import SpuriousRegionDetector
    from spurclust.region import describe_excess

    detector = clone(detector).set_params(unlabeled=UNINSPECTED)
    if isinstance(detector, SpuriousRegionDetector):
        with showing_progress(stages.log is not None):
            known = y if (y != UNINSPECTED).any() else None
            features = detector.fit_assign(images, known).features
        for name, seconds in detector.stage_seconds_.items():
            stages.add(name, seconds)
        excess = describe_excess(detector.components_, detector.threshold, detector.flagged_)
        if excess:
            warnings.warn(excess, stacklevel=4)
        return _Fitted(detector, None, features)
    with stages("tuning"):
        features = detector.fit_assign(images, y).features
    return _Fitted(detector.best_estimator_, detector, features)


class _RankedSources(NamedTuple):
    """The fitted ranker, its columns of the table of sources, the outlook, and the features."""

    ranker: Any = None
    columns: dict[str, Any] = {}  # noqa: RUF012 (immutable by use)
    outlook: Any = None
    features: Any = None


def _rank_sources(ranker: Any, fitted: _Fitted, survey: Survey) -> _RankedSources:
    """Order the sources for inspection, on the features and the forest of the detector."""
    from sklearn.base import clone

    from spurclust.embedding import GuidedProjection
    from spurclust.features import CutoutFeatures
    from spurclust.ranking import inspection_outlook, label_suspicion

    images, y = survey.cutouts.images, survey.labels.y
    steps = fitted.detector.pipeline_.named_steps
    shared: dict[str, Any] = {}
    ranker = clone(ranker).set_params(unlabeled=UNINSPECTED)
    if isinstance(steps["flatten"], CutoutFeatures) and ranker.extractor is None:
        ranker.set_params(extractor=steps["flatten"])
        shared["features"] = fitted.features
        reduce = steps["reduce"]
        # If only spurious sources have labels, the projection has one class.
        if isinstance(reduce, GuidedProjection) and len(reduce.classes_) == 2:
            shared["forest"] = reduce.forest_
    ranker.fit(images, y, **shared)
    features = shared["features"] if "features" in shared else ranker.extract_features(images)
    columns = {
        "inspection_rank": ranker.inspection_rank_,
        "inspection_probability": ranker.inspection_probability_,
        "label_suspicion": label_suspicion(
            y, ranker.inspection_probability_, unlabeled=UNINSPECTED
        ),
        "inspect_next": ranker.suggest(images, N_SUGGESTED, features=features),
        **_alike(ranker, images, features, survey.cutouts.source_ids),
    }
    outlook = inspection_outlook(
        ranker, images, y, origins=label_origins(survey.labels), features=features
    )
    return _RankedSources(ranker, columns, outlook, features)


def _rank_unusual(rows: NDArray[Any], n_jobs: int | None) -> _RankedSources:
    """Order sources without any label: the most isolated first."""
    from spurclust.embedding.neighbors import row_keys
    from spurclust.ranking import inspection_rank, outlyingness, suggest_sources

    isolation = outlyingness(rows, n_jobs=n_jobs)
    suggested = suggest_sources(rows, np.zeros(len(rows), dtype=bool), isolation, N_SUGGESTED)
    rank = inspection_rank(isolation, row_keys(rows))
    return _RankedSources(columns={"inspection_rank": rank, "inspect_next": suggested})


def _alike(
    ranker: Any, images: NDArray[Any], features: NDArray[Any], source_ids: Sequence[object]
) -> dict[str, list[str]]:
    """Return the ids of the most similar known spurious and of the most similar sources."""
    from spurclust.catalog.ids import join_ids
    from spurclust.ranking import similar_sources

    spurious, _ = ranker.nearest_spurious(images, features=features)
    similar, _ = similar_sources(
        features, importances=ranker.feature_importances_, n_jobs=ranker.n_jobs
    )
    names = np.append(np.asarray(source_ids, dtype=object), "")
    return {
        name: [join_ids(filter(None, row)) for row in names[indices].tolist()]
        for name, indices in (("nearest_spurious", spurious), ("most_similar", similar))
    }


def _all_settings(settings: Mapping[str, Any], detector: Any) -> dict[str, Any]:
    """Return the settings, and those of the detector where none were given."""
    used = {name: getattr(detector, name) for name in DETECTOR_SETTINGS}
    plain = {name: value for name, value in used.items() if isinstance(value, int | float | str)}
    given = {name: _plain_value(name, value) for name, value in settings.items()}
    return {**plain, **{name: value for name, value in given.items() if value is not None}}


def _plain_value(name: str, value: Any) -> Any:
    """Return a setting in types of JSON; numbers of numpy and paths become plain."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    value = os.fspath(value) if isinstance(value, os.PathLike) else value
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"settings[{name!r}] is a {type(value).__name__}: give numbers, texts, or lists of them"
        ) from None
    return value


def _summarize(found: _Findings, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary as plain values."""
    from spurclust.catalog.label_matching import count_labels
    from spurclust.report import summarize_run

    survey, labels, detector = found.survey, found.survey.labels, found.fitted.detector
    summary = summarize_run(
        detector,
        labels.y,
        reasons=labels.reasons,
        counts=count_labels(labels.y, labels.reasons),
        settings=_all_settings({**survey.settings, **settings}, detector),
        seconds=found.seconds,
        search=found.fitted.search,
        stability=found.stability,
        steadiness=found.steadiness,
        outlook=found.ranks.outlook,
    )
    summary["skipped"] = {one.path or one.source_id: one.reason for one in survey.cutouts.skipped}
    summary["reading"] = survey.reading
    return summary


def _collect(found: _Findings, name: str, settings: Mapping[str, Any]) -> Analysis:
    """Put all results into tables and a summary."""
    import pandas as pd

    from spurclust.catalog import sources_table

    cutouts, labels, fitted = found.survey.cutouts, found.survey.labels, found.fitted
    detector, ranks = fitted.detector, found.ranks
    sources = sources_table(
        cutouts.source_ids,
        paths=cutouts.paths,
        y=labels.y,
        reasons=labels.reasons,
        embedding=detector.embedding_,
        component=detector.component_,
        spurious_probability=detector.spurious_probability_,
        flagged=detector.flagged_,
        stability=found.stability,
        positions=labels.positions,
        columns=labels.columns,
        **ranks.columns,
    )
    tuning = None
    if fitted.search is not None:
        results = fitted.search.cv_results_.items()
        tuning = pd.DataFrame({name: list(values) for name, values in results if name != "params"})
    return Analysis(
        name=name,
        sources=sources,
        components=detector.components_,
        summary=_summarize(found, settings),
        tuning=tuning,
        detector=detector,
        ranker=ranks.ranker,
        search=fitted.search,
        cutouts=cutouts,
        features=ranks.features,
    )
