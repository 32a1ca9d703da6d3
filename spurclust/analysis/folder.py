"""Write an analysis to a folder, whole or not at all."""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurclust.analysis.reread import cutout_loader
from spurclust.analysis.stages import Log, Stages
from spurclust.errors import CatalogError, check_installed
from spurclust.progress import track

if TYPE_CHECKING:
    import pandas as pd

TABLE_SUFFIXES = {"ecsv": ".ecsv", "votable": ".vot", "fits": ".fits", "xlsx": ".xlsx"}
"""Formats of the table of sources beside the csv, and their suffixes."""

PLOTS = ("embedding", "cutouts", "components", "region", "spurious", "flagged")
"""Pictures of every analysis."""

PLOT_FORMATS = ("png", "svg", "pdf")
"""Formats of the pictures; the first is the default."""

TUNING_PLOTS = ("completeness", "tuning")
GALLERIES = ("spurious", "flagged")

SAMPLE = "audit.csv"
"""File of the sample of an audit."""

SAMPLE_ORDER = "Audit_Order"
"""Its column of the order in which the sources were drawn."""

MODEL, REGIONS, REPORT = "model.skops", "flagged.reg", "report.html"


def save_analysis(
    analysis: Any,
    folder: str | os.PathLike[str],
    *,
    table_format: str,
    plot_formats: Sequence[str],
    report: bool,
    executor: Executor | None,
    log: Log | None,
) -> None:
    """Write an analysis; see `Analysis.save`."""
    from spurclust.catalog.output import write_results

    if analysis.detector is None:
        raise ValueError("the analysis was loaded without its models: load it with models=True")
    check_folder(
        folder,
        table_format=table_format,
        plot_formats=plot_formats,
        report=report,
        ranking=analysis.ranker is not None,
        tune=analysis.tuning is not None,
        stability="stability" in analysis.sources,
    )
    # The seconds of saving belong to the saved summary, not to the one in memory.
    seconds = dict(analysis.summary["seconds"])
    analysis = replace(analysis, summary={**analysis.summary, "seconds": seconds})
    stages = Stages(log, seconds)
    with write_results(folder) as staging:
        pictures = _begin_pictures(analysis, staging, plot_formats, executor)
        try:
            with stages("writing"):
                _write_tables(analysis, staging, table_format)
            if report:
                with stages("report"):
                    analysis.write_report(staging / REPORT)
        finally:
            wait([pictures])
        taken, messages = pictures.result()
        for name, each in taken.items():
            stages.add(name, each)
        for message in messages:
            warnings.warn(message, stacklevel=3)
        text = json.dumps(analysis.summary, indent=2, allow_nan=False)
        (staging / "summary.json").write_text(text + "\n", encoding="utf-8")


Pictures = tuple[dict[str, float], list[Warning | str]]
"""Seconds of the work, and its warnings."""


def _begin_pictures(
    analysis: Any, folder: Path, formats: Sequence[str], executor: Executor | None
) -> Future[Pictures]:
    """Write pictures and models in another process, or here if that cannot read the cutouts."""
    if executor is not None and all(analysis.sources["path"]):
        light = replace(analysis, cutouts=None, features=None)
        return executor.submit(write_pictures, light, folder, formats)
    done = Future[Pictures]()
    done.set_result(write_pictures(analysis, folder, formats))
    return done


def write_pictures(analysis: Any, folder: Path, formats: Sequence[str]) -> Pictures:
    """Write the pictures and the models."""
    stages = Stages()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if formats:
            with stages("plots"):
                _write_plots(analysis, folder / "plots", formats)
        with stages("models"):
            _write_models(analysis, folder)
    return stages.seconds, [one.message for one in caught]


@contextmanager
def picture_process(n_jobs: int) -> Iterator[Executor | None]:
    """Yield a second process that draws and saves, and starts at once; None for one job."""
    from spurclust.parallel import count_threads

    executor = _start_process() if count_threads(n_jobs) > 1 else None
    try:
        yield executor
    finally:
        if executor is not None:
            executor.shutdown(kill_workers=True)


def _start_process() -> Any:
    """Start the process; return None if the system has no semaphores."""
    # Unlike a process of the standard library, it does not run the calling script again.
    from joblib.externals.loky import ProcessPoolExecutor

    try:
        executor = ProcessPoolExecutor(1, initializer=_get_ready)
        executor.submit(int)
    except (ImportError, OSError):
        return None
    return executor


def _get_ready() -> None:
    """Import the slow packages for drawing and saving; missing ones raise where they are used."""
    for name in ("spurclust.analysis.outcome", "spurclust.plots", "matplotlib.pyplot", "skops.io"):
        with suppress(ImportError):
            import_module(name)


def _write_plots(analysis: Any, folder: Path, formats: Sequence[str]) -> None:
    """Write the pictures, without galleries that have no sources."""
    from spurclust.labels import SPURIOUS
    from spurclust.plots import save_figure

    folder.mkdir()
    shown = {
        "spurious": (analysis.y == SPURIOUS).any(),
        "flagged": analysis.sources["flagged"].any(),
    }
    names = [name for name in PLOTS if shown.get(name, True)]
    names += TUNING_PLOTS if analysis.search is not None else ()
    names += ["stability"] * ("stability" in analysis.sources)
    for name in track(names, len(names), "Plots", "plot"):
        if name in GALLERIES:
            display = analysis.plot_gallery(which=name)
        else:
            display = getattr(analysis, f"plot_{name}")()
        for suffix in formats:
            save_figure(display, folder / f"{name}.{suffix}", close=suffix == formats[-1])


def _write_tables(analysis: Any, folder: Path, table_format: str) -> None:
    """Write the sources in two formats, their regions, the components and the tried settings."""
    from spurclust.catalog import write_ds9_regions, write_table

    write_table(analysis.sources, folder / "sources.csv")
    made_with = {"spurclust": analysis.summary["versions"]["spurclust"]}
    made_with |= analysis.summary["settings"]
    path = folder / f"sources{TABLE_SUFFIXES[table_format]}"
    write_table(analysis.sources, path, settings=made_with)
    if "ra" in analysis.sources:
        write_ds9_regions(analysis.sources, folder / REGIONS)
    write_table(analysis.components, folder / "components.csv")
    if analysis.tuning is not None:
        write_table(analysis.tuning, folder / "tuning.csv")


def _write_models(analysis: Any, folder: Path) -> None:
    """Write the detector, and the ranker if there is one."""
    from spurclust import catalog
    from spurclust.catalog.results import RANKER

    metadata = {"reading": analysis.summary["reading"]}
    catalog.save_model(analysis.detector, folder / MODEL, metadata=metadata)
    if analysis.ranker is not None:
        catalog.save_model(analysis.ranker, folder / RANKER, metadata=metadata)


def check_folder(
    folder: str | os.PathLike[str],
    *,
    table_format: str = "ecsv",
    plot_formats: Sequence[str] = ("png",),
    report: bool = True,
    ranking: bool = True,
    tune: bool = False,
    stability: bool = False,
) -> None:
    """Check whether an analysis can be saved to a folder, before the work.

    Parameters
    ----------
    folder : str or path-like
        Folder of the results.
    table_format : {"ecsv", "votable", "fits", "xlsx"}, default="ecsv"
        Format of the sources' table beside the csv.
    plot_formats : sequence of {"png", "svg", "pdf"}, default=("png",)
        Formats of the pictures. An empty sequence is for no pictures.
    report : bool, default=True
        Whether the page will be written.
    ranking : bool, default=True
        Whether the sources will be ranked.
    tune : bool, default=False
        Whether a search will choose the settings.
    stability : bool, default=False
        Whether the stability will be measured.

    Raises
    ------
    CatalogError
        When the folder cannot be written to, holds predictions, or has files of others by these
        names.
    ValueError
        When a format is not known.
    ImportError
        When a package for saving is not installed.

    Examples
    --------
    >>> from spurclust.analysis import check_folder
    >>> check_folder(".")
    """
    from spurclust.catalog.output import check_output_folder
    from spurclust.catalog.results import RANKER
    from spurclust.cutouts.files import holds_predictions

    if holds_predictions(folder):
        raise CatalogError(f"{folder} holds predictions of spurclust: choose another folder")
    if table_format not in TABLE_SUFFIXES:
        raise ValueError(f"table_format={table_format!r}: it must be one of {[*TABLE_SUFFIXES]}")
    if isinstance(plot_formats, str) or not set(plot_formats) <= set(PLOT_FORMATS):
        raise ValueError(f"plot_formats={plot_formats!r}: it must be a list of {[*PLOT_FORMATS]}")
    names = ["sources.csv", f"sources{TABLE_SUFFIXES[table_format]}", "components.csv"]
    names += ["summary.json", MODEL, REGIONS, *["tuning.csv"] * tune]
    names += [REPORT] * report + [RANKER] * ranking
    pictures = [*PLOTS, *TUNING_PLOTS * tune, *["stability"] * stability]
    names += [f"plots/{name}.{suffix}" for name in pictures for suffix in plot_formats]
    check_output_folder(folder, names)
    check_installed("skops", feature="Saving the model")
    writer = "openpyxl" if table_format == "xlsx" else "astropy"
    check_installed(writer, feature="Writing tables")
    if plot_formats:
        check_installed("matplotlib", feature="Drawing pictures (or leave them out: --no-plots)")
    if report:
        check_report()


def save_report(analysis: Any, folder: str | os.PathLike[str], **options: Any) -> list[str]:
    """Write the page beside the files of a saved analysis, and list it among them.

    Parameters
    ----------
    analysis : Analysis
        The analysis that was loaded from the folder.
    folder : str or path-like
        The folder.
    **options : dict
        As for `Analysis.write_report`.

    Returns
    -------
    list of str
        Sentences about what the page leaves out.

    Raises
    ------
    CatalogError
        When there is a report.html that is not an earlier report, or the cutouts are not files.

    Examples
    --------
    >>> from spurclust.analysis import load_analysis, save_report
    >>> save_report(load_analysis("results"), "results")  # doctest: +SKIP
    """
    from spurclust.catalog.output import atomic_write

    path, files = Path(folder, REPORT), analysis.summary.get("files", [])
    if path.exists() and REPORT not in files:
        raise CatalogError(
            f"{path} is not from an earlier report: move it away, or choose another file with --out"
        )
    if not analysis.sources["path"].any():
        raise CatalogError(
            f"{path} is kept: the cutouts are not files, so a new page would lack them. The page "
            "of the run has them"
        )
    notes: list[str] = analysis.write_report(path, audit=find_sample(folder, analysis), **options)
    if REPORT not in files:
        # The next analysis may then replace it.
        summary = {**analysis.summary, "files": sorted([*files, REPORT])}
        with atomic_write(Path(folder, "summary.json")) as part:
            text = json.dumps(summary, indent=2, ensure_ascii=False)
            part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    return notes


def audit_pool(analysis: Any) -> "pd.DataFrame":
    """Return the sources that are neither flagged nor inspected."""
    from spurclust.labels import UNINSPECTED

    sources = analysis.sources
    pool: pd.DataFrame = sources[~sources["flagged"].to_numpy() & (analysis.y == UNINSPECTED)]
    return pool


def read_sample(path: Path, pool: "pd.DataFrame") -> "pd.DataFrame":
    """Read the sample of an audit in the order drawn; raise if it is not of this pool."""
    from spurclust.catalog.table_readers import read_sheet

    try:
        table = read_sheet(path, sheet=None, wanted=["Source_ID", SAMPLE_ORDER]).frame
        drawn = table.astype({SAMPLE_ORDER: int}).sort_values(SAMPLE_ORDER, ignore_index=True)
        ids = drawn["Source_ID"].tolist()
    except (ValueError, KeyError) as error:
        raise CatalogError(
            f"{path} is not the sample of an audit: move it away, and draw a new one"
        ) from error
    strangers = sorted(set(ids) - set(pool["source_id"]))
    if strangers:
        raise CatalogError(
            f"{path} was drawn from other results: {strangers[0]} is now flagged, inspected or "
            "unknown. Move the file away, and draw a new sample"
        )
    if drawn[SAMPLE_ORDER].tolist() != list(range(1, len(drawn) + 1)):
        raise CatalogError(
            f"{path} lacks or repeats rows of the sample, by its column {SAMPLE_ORDER}: keep the "
            "rows of uninspected sources, with blank labels"
        )
    return drawn


def find_sample(folder: str | os.PathLike[str], analysis: Any) -> Path | None:
    """Return the table of an audit's sample in a folder, if it belongs to this analysis."""
    path = Path(folder, SAMPLE)
    if not path.is_file():
        return None
    try:
        read_sample(path, audit_pool(analysis))
    except CatalogError as error:
        warnings.warn(f"the report leaves out the audit: {error}", stacklevel=3)
        return None
    return path


def check_report() -> None:
    """Raise an ImportError unless the packages of the report are installed."""
    for module in ("bokeh", "jinja2"):
        check_installed(module, feature="The report (of a run, or --no-report)", extra="report")


def render_analysis(
    analysis: Any,
    *,
    cutouts: str | os.PathLike[str] | None = None,
    audit: str | os.PathLike[str] | None = None,
    max_cutouts: int = 12_000,
    max_size: float = 40.0,
    cutout_size: int | None = None,
    n_jobs: int = -1,
) -> tuple[Iterator[str], list[str]]:
    """Return the page in pieces, and sentences on what it leaves out."""
    from spurclust.cutouts.filters import filter_names
    from spurclust.parallel import count_threads
    from spurclust.report import Results, render_report

    drawn = None if audit is None else read_sample(Path(audit), audit_pool(analysis))
    sample = () if drawn is None else drawn["Source_ID"].tolist()
    tables = (analysis.name, analysis.sources, analysis.components)
    return render_report(
        Results(*tables, analysis.summary, analysis.tuning, audit=sample),
        cutout_loader(analysis, cutouts),
        panel_names=(analysis.summary.get("reading") or {}).get("filters")
        or filter_names(analysis.sources["path"].tolist()),
        max_cutouts=max_cutouts,
        max_side=cutout_size,
        max_bytes=round(1e6 * max_size),
        n_threads=count_threads(n_jobs),
    )
