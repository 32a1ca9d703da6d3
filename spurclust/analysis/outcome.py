"""The result of an analysis: tables, pictures, the report and the fitted models."""

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spurclust.analysis.folder import render_analysis, save_analysis
from spurclust.analysis.reread import cutouts_to_draw, find_similar
from spurclust.analysis.stages import Log
from spurclust.labels import UNINSPECTED

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.cutouts import Cutouts
    from spurclust.detector import SpuriousRegionDetector
    from spurclust.ranking import InspectionRanker
    from spurclust.tuning import SpuriousRegionDetectorCV


@dataclass(frozen=True, eq=False, repr=False)
class Analysis:
    """The result of an analysis: tables, models, pictures and the report of a survey.

    `analyze` returns it, and `load_analysis` reads a saved one. Each ``plot_*`` method returns a
    display of ``spurclust.plots``. It draws on `ax`, or on a new figure. All other arguments go to
    the ``from_estimator`` of the display.

    Attributes
    ----------
    name : str
        Name of the survey, for titles.
    sources : pandas.DataFrame
        One row per source: source_id, path, label, reason, position in the embedding, component,
        spurious_probability, flagged, the order of inspection, and positions on the sky if known.
    components : pandas.DataFrame
        One row per component: size, inspected, spurious, fraction with its 95 % interval, and
        whether it belongs to the spurious region.
    summary : dict
        Counts, settings, versions, seconds, completeness, purity and workload, as plain values.
    tuning : pandas.DataFrame or None
        The settings that a search tried, with their held-out metrics.
    detector : SpuriousRegionDetector or None
        The fitted detector; None when an analysis was loaded without its models.
    ranker : InspectionRanker or None
        The fitted ranker; None when sources were not ranked.
    search : SpuriousRegionDetectorCV or None
        The search that chose the detector's settings. It is not saved.
    cutouts : Cutouts or None
        The cutouts, in memory up to 1 GiB, else read again; None when an analysis was loaded.
    features : ndarray or None
        The features of the ranker, one row per source; None when an analysis was loaded.

    Examples
    --------
    >>> import numpy as np
    >>> from spurclust import SpuriousRegionDetector, analyze
    >>> images = np.random.default_rng(0).normal(size=(60, 8, 8))
    >>> images[:10, :4] += 4
    >>> y = np.repeat([1, 0], [10, 50])
    >>> detector = SpuriousRegionDetector(2, perplexity=10, random_state=0)
    >>> analysis = analyze(images, y, detector=detector)
    >>> int(analysis.sources["flagged"].sum()), analysis.reasons["n_spurious"].tolist()
    (10, [10])
    """

    name: str
    sources: "pd.DataFrame"
    components: "pd.DataFrame"
    summary: dict[str, Any]
    tuning: "pd.DataFrame | None" = None
    detector: "SpuriousRegionDetector | None" = None
    ranker: "InspectionRanker | None" = None
    search: "SpuriousRegionDetectorCV | None" = None
    cutouts: "Cutouts | None" = None
    features: NDArray[np.float32] | None = None

    @property
    def y(self) -> NDArray[np.int8]:
        """Labels of all sources: 1 spurious, 0 reliable, -1 uninspected."""
        return self.sources["label"].fillna(UNINSPECTED).to_numpy(dtype=np.int8)

    @property
    def reasons(self) -> "pd.DataFrame":
        """Completeness for each reason: held out if a search measured it, else in-sample."""
        import pandas as pd

        held_out = self.summary.get("held_out")
        by_reason = (held_out or self._recorded("in_sample"))["completeness_by_reason"]
        rows = [
            (reason, metric["n"], metric["fraction"], *metric["interval"])
            for reason, metric in by_reason.items()
        ]
        names = ["reason", "n_spurious", "completeness", "completeness_low", "completeness_high"]
        return pd.DataFrame(rows, columns=names).assign(held_out=bool(held_out))

    @property
    def expected_effort(self) -> "pd.DataFrame | None":
        """Expected number of inspections, in the order of the ranking, per completeness.

        Intervals are NaN unless all labels are a random sample. `inspections_left` are those still
        to be made. ``summary["ranking"]`` has the number of spurious sources still to be found.
        """
        import pandas as pd

        ranking = self.summary.get("ranking")
        if ranking is None:
            return None
        rows = [
            (
                row["completeness"],
                row["inspections"],
                *(row["interval"] or [None, None]),
                row.get("inspections_left"),
            )
            for row in ranking["expected_effort"]
        ]
        names = ["inspections", "inspections_low", "inspections_high", "inspections_left"]
        return pd.DataFrame(rows, columns=["completeness", *names]).astype(float)

    def similar(self, source_id: object, n: int = 8) -> "pd.DataFrame":
        """Find the sources most similar to one, whatever their labels.

        Parameters
        ----------
        source_id : str or int
            The source.
        n : int, default=8
            Number of sources to find.

        Returns
        -------
        DataFrame
            The most similar first: source_id, label, reason, distance (1 for two random sources).
        """
        return find_similar(self, source_id, n)

    def plot_embedding(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the embedding with its labels and components.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `EmbeddingDisplay.from_estimator`.

        Returns
        -------
        EmbeddingDisplay
            The display, with `ax_` and `figure_`.
        """
        from spurclust.plots import EmbeddingDisplay

        kwargs.setdefault("reasons", self.sources["reason"].tolist())
        return EmbeddingDisplay.from_estimator(self._fitted(), self.y, ax=ax, **kwargs)

    def plot_cutouts(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the embedding with the cutouts of some sources.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `CutoutEmbeddingDisplay.from_estimator`.

        Returns
        -------
        CutoutEmbeddingDisplay
            The display, with `ax_` and `figure_`.
        """
        from spurclust.plots import CutoutEmbeddingDisplay

        images, origin = cutouts_to_draw(self)
        return CutoutEmbeddingDisplay.from_estimator(
            self._fitted(), self.y, images, origin=origin, ax=ax, **kwargs
        )

    def plot_components(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the spurious fraction of each component with its interval.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `ComponentsDisplay.from_estimator`.

        Returns
        -------
        ComponentsDisplay
            The display, with `ax_` and `figure_`.
        """
        from spurclust.plots import ComponentsDisplay

        return ComponentsDisplay.from_estimator(self._fitted(), ax=ax, **kwargs)

    def plot_region(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the spurious region in the plane of the embedding.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `RegionDisplay.from_estimator`.

        Returns
        -------
        RegionDisplay
            The display, with `ax_` and `figure_`.
        """
        from spurclust.plots import RegionDisplay

        return RegionDisplay.from_estimator(self._fitted(), self.y, ax=ax, **kwargs)

    def plot_gallery(
        self, ax: Any = None, *, which: Literal["spurious", "flagged"] = "flagged", **kwargs: Any
    ) -> Any:
        """Draw the cutouts of the known spurious sources, or of the flagged ones.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        which : {"spurious", "flagged"}, default="flagged"
            Which sources to show.
        **kwargs : dict
            Further arguments of `GalleryDisplay.from_estimator`.

        Returns
        -------
        GalleryDisplay
            The display, with `ax_` and `figure_`.
        """
        from spurclust.plots import GalleryDisplay

        images, origin = cutouts_to_draw(self)
        return GalleryDisplay.from_estimator(
            self._fitted(),
            self.y,
            images,
            source_ids=self.sources["source_id"].tolist(),
            reasons=self.sources["reason"].tolist(),
            origin=origin,
            which=which,
            ax=ax,
            **kwargs,
        )

    def plot_completeness(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw held-out completeness against workload, after a search.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `CompletenessDisplay.from_estimator`.

        Returns
        -------
        CompletenessDisplay
            The display, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            When no search chose the settings.
        """
        from spurclust.plots import CompletenessDisplay

        return CompletenessDisplay.from_estimator(self._searched(), self.y, ax=ax, **kwargs)

    def plot_tuning(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw the held-out metrics of all settings, after a search.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `TuningDisplay.from_estimator`.

        Returns
        -------
        TuningDisplay
            The display, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            When no search chose the settings.
        """
        from spurclust.plots import TuningDisplay

        return TuningDisplay.from_estimator(self._searched(), ax=ax, **kwargs)

    def plot_stability(self, ax: Any = None, **kwargs: Any) -> Any:
        """Draw how often each source is flagged with other random states, if that was measured.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.
        **kwargs : dict
            Further arguments of `StabilityDisplay.plot`.

        Returns
        -------
        StabilityDisplay
            The display, with `ax_` and `figure_`.

        Raises
        ------
        ValueError
            When the stability was not measured.
        """
        from spurclust.plots import StabilityDisplay

        if "stability" not in self.sources:
            raise ValueError("the stability was not measured: analyze with stability=5")
        embedding = self.sources[["tsne_x", "tsne_y"]].to_numpy()
        display = StabilityDisplay(embedding, self.sources["stability"].to_numpy(), self.y)
        return display.plot(ax=ax, **kwargs)

    def report(self, **options: Any) -> str:
        """Return the page to look at and to judge in, as one HTML document.

        Parameters
        ----------
        **options : dict
            As for `write_report`.

        Returns
        -------
        str
            The page. It opens in any browser and fetches nothing.
        """
        return "".join(render_analysis(self, **options)[0])

    def write_report(self, path: str | os.PathLike[str], **options: Any) -> list[str]:
        """Write the page to a file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file.
        **options : dict
            `cutouts`: their new folder, if they were moved. `audit`: the table of an audit's
            sample, which becomes a queue. `max_cutouts` in the page (12 000). `max_size`: megabytes
            of all of them (40). `cutout_size`: pixels of a longer side. `n_jobs`: threads.

        Returns
        -------
        list of str
            Sentences about what the page leaves out.
        """
        from spurclust.catalog.output import atomic_write

        page, notes = render_analysis(self, **options)
        with atomic_write(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(page)
        return notes

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        table_format: str = "ecsv",
        plots: bool = True,
        plot_formats: Sequence[str] = ("png",),
        report: bool = True,
        executor: Executor | None = None,
        log: Log | None = None,
    ) -> None:
        """Write tables, summary, models, pictures and the report: all or none.

        Files of an earlier analysis are replaced, others not touched. `check_folder` checks first.

        Parameters
        ----------
        folder : str or path-like
            Folder of the results; it is made if needed.
        table_format : {"ecsv", "votable", "fits", "xlsx"}, default="ecsv"
            Format of the sources' table beside the csv.
        plots : bool, default=True
            Whether to draw pictures.
        plot_formats : sequence of {"png", "svg", "pdf"}, default=("png",)
            Formats of the pictures.
        report : bool, default=True
            Whether to write the page to look at and to judge in.
        executor : concurrent.futures.Executor, default=None
            Another process, which draws pictures and saves models at the same time if cutouts are
            files.
        log : callable, default=None
            Called with each line of progress; ``print`` shows them.

        Raises
        ------
        CatalogError
            When the folder cannot be written to, or holds files of others by these names.
        """
        how: dict[str, Any] = {"plot_formats": plot_formats if plots else (), "report": report}
        save_analysis(self, folder, table_format=table_format, **how, executor=executor, log=log)

    def _fitted(self) -> "SpuriousRegionDetector":
        """Return the detector, or raise an error."""
        if self.detector is None:
            raise ValueError("the analysis was loaded without its models: load it with models=True")
        return self.detector

    def _searched(self) -> "SpuriousRegionDetectorCV":
        """Return the search, or raise an error."""
        if self.search is None:
            raise ValueError(
                "there is no search to draw: analyze with tune=True. Searches are not saved"
            )
        return self.search

    def _recorded(self, name: str) -> Any:
        """Return an entry of the summary, or raise an error."""
        if name not in self.summary:
            raise ValueError(
                f"the summary of {self.name} has no {name!r}: another version of spurclust wrote "
                "it. Run it again"
            )
        return self.summary[name]

    def __repr__(self) -> str:
        flagged = self.sources["flagged"]
        return f"<Analysis {self.name}: {flagged.sum()} of {len(flagged)} sources flagged>"

    def _repr_html_(self) -> str:
        """Draw the summary and the components, for notebooks."""
        from spurclust.report import format_summary

        for name in ("flagged", "in_sample", "region"):
            self._recorded(name)
        return (
            f"<h4>{escape(self.name)}</h4><pre>{escape(format_summary(self.summary))}</pre>"
            + self.components.to_html(float_format="{:.3f}".format)
        )
