"""Render a result and its cutouts as one self-contained page."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.ids import split_ids
from spurclust.errors import import_optional
from spurclust.labels import NO_REASON, ORIGIN_COLUMN, UNINSPECTED, frequent_reasons
from spurclust.report import overview
from spurclust.report.charts import (
    MAX_COLUMNS,
    SPURIOUS_SCALE,
    colorings,
    curve_plot,
    dot_size,
    embedding_plot,
    import_bokeh,
)
from spurclust.report.pictures import Load, Pictures, choose_rows, encode_cutouts
from spurclust.report.summary import Results

_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPTS = (
    *("basics.js", "page.js", "panels.js", "pictures.js", "filters.js", "cards.js"),
    *("embedding.js", "selection.js", "keys.js", "verdicts.js", "judge.js", "similar.js"),
    "start.js",
)
_STYLES = ("basics.css", "judging.css", "report.css")
_DIGITS, _DIGITS_OF_POSITIONS = 5, 6


def render_report(
    results: Results,
    load: Load,
    *,
    panel_names: Sequence[str] = (),
    max_cutouts: int = 12_000,
    max_side: int | None = None,
    max_bytes: int = 40_000_000,
    n_threads: int = 1,
) -> tuple[Iterator[str], list[str]]:
    """Render the page of a result.

    The page is one HTML file with its data, pictures and scripts. Its policy forbids it to fetch
    anything. Ids, reasons and settings are always shown as text. Cutouts shrink until all fit.
    Those of known spurious and flagged sources come first.

    Parameters
    ----------
    results : Results
        The tables and the summary.
    load : callable
        A function of a row that returns the pixels of the source, ``cutout[y, x]`` with the top row
        first, or None without a cutout. Several threads call it.
    panel_names : sequence of str, default=()
        Names of the panels of a cutout, such as filters. Without names, panels have numbers.
    max_cutouts : int, default=12_000
        Maximum number of cutouts in the page.
    max_side : int, default=None
        Pixels of their longer side, whatever their size in bytes. None is all pixels, if they fit.
    max_bytes : int, default=40_000_000
        Maximum size of all cutouts in bytes.
    n_threads : int, default=1
        Number of threads that load and shrink cutouts.

    Returns
    -------
    page : iterator of str
        The HTML, piece by piece: with its cutouts it is large.
    sentences : list of str
        Sentences on the cutouts in the page, and on those left out.

    Raises
    ------
    ImportError
        When Bokeh or Jinja is not installed; the message has the command.
    """
    import_bokeh("models")
    environment = _environment()
    order = overview.inspection_order(results)
    pictures = encode_cutouts(
        choose_rows(
            results.label,
            results.flagged,
            order.rank,
            max_cutouts,
            [*_audited(results), *_suggested(results), *_doubtful(results)],
        ),
        load,
        n_panels=len(panel_names) or None,
        max_side=max_side,
        max_bytes=max_bytes,
        n_threads=n_threads,
    )
    sentences = describe_cutouts(results, pictures)
    scripts = {"bokeh": _bokeh_script(), "page": read_templates(_SCRIPTS)}
    page = environment.get_template("report.html.jinja").generate(
        **_overview(results, order),
        name=results.name,
        left_out=sentences,
        is_new=bool(results.predictions),
        identity=results.identity,
        data=page_data(results, order, pictures, panel_names),
        cutouts=pictures.encoded,
        embedding=embedding_plot(results),
        curve=curve_plot(results),
        policy=content_policy(scripts.values()),
        scripts=scripts,
        style=read_templates(_STYLES),
    )
    return page, sentences


def _overview(results: Results, order: overview.InspectionOrder) -> dict[str, Any]:
    """Return the texts and numbers of the run for the page."""
    summary, components = results.summary, results.components
    how, by_reason = overview.reason_metrics(summary)
    return {
        "statement": overview.statement(results),
        "counts": overview.count_metrics(results),
        "quality": overview.quality_metrics(summary),
        "by_reason": by_reason,
        "by_reason_how": how,
        "effort": overview.known_effort(summary),
        "components": components.sort_values(["in_region", "fraction"], ascending=False),
        "order": order.explanation,
        "caveats": overview.caveats(results, order),
        "listings": overview.listings(summary),
        "command": overview.next_command(summary),
        "audit_command": overview.audit_command(results),
    }


def page_data(
    results: Results,
    order: overview.InspectionOrder,
    pictures: Pictures,
    panel_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the data of the page's script: plain values, lists with one entry per source."""
    names, reason = np.unique(results.reasons.astype(str), return_inverse=True)
    by_reason = (results.summary.get("labels") or {}).get("reasons") or {}
    probability = order.probability if order.calibrated else None
    return {
        "identity": results.identity,
        "ids": results.sources["source_id"].tolist(),
        "label": results.label.tolist(),
        "reasons": names.tolist(),
        "reason": reason.tolist(),
        "component": results.component.tolist(),
        "flagged": results.flagged.astype(int).tolist(),
        "fraction": _rounded(results.column("spurious_probability")),
        "novelty": _rounded(results.column("novelty")),
        "stability": _rounded(results.column("stability")),
        "rank": order.rank.tolist(),
        "probability": _rounded(order.probability),
        "expected_scale": _expected_scale(results, order),
        "calibrated": order.calibrated,
        "inspect_next": _suggested(results),
        "audit": _audited(results),
        "suspicion": _rounded(results.column("label_suspicion")),
        "nearest": _named_rows(results, "nearest_spurious", pictures.encoded),
        "similar": _named_rows(results, "most_similar", pictures.encoded),
        "ra": _rounded(results.column("ra"), _DIGITS_OF_POSITIONS),
        "dec": _rounded(results.column("dec"), _DIGITS_OF_POSITIONS),
        "sky": _sky_links(results),
        "columns": _other_columns(results),
        "colorings": [way.as_dict() for way in colorings(results, probability)],
        "n_panels": pictures.n_panels,
        "panel": pictures.panel,
        "panel_names": _name_panels(pictures.n_panels, panel_names),
        "whole": pictures.whole,
        "reason_keys": frequent_reasons(by_reason)[0],
        "no_reason": NO_REASON,
        "origin_column": ORIGIN_COLUMN,
        "label_options": overview.label_options(results.summary),
        "judged_file": overview.judged_name(results.summary),
        "dot_size": dot_size(len(results)),
        "spurious_scale": SPURIOUS_SCALE,
    }


def _name_panels(n_panels: int, names: Sequence[str]) -> list[str]:
    """Return the names of the panels, or all filters if the panels were not found."""
    if n_panels in (1, len(names)):
        return list(names)
    return [str(number) for number in range(1, n_panels + 1)]


def _rounded(values: Any, digits: int = _DIGITS) -> list[float | None] | None:
    """Return short numbers, None if missing."""
    if values is None:
        return None
    return [None if np.isnan(value) else round(float(value), digits) for value in values]


def _other_columns(results: Results) -> list[dict[str, Any]]:
    """Return the columns of the team's tables: numbers, or codes of text."""
    columns: list[dict[str, Any]] = []
    for name in results.other_columns[:MAX_COLUMNS]:
        cells = results.sources[name]
        if cells.dtype == object:
            texts, codes = np.unique(cells.to_numpy(dtype=str), return_inverse=True)
            columns.append({"name": name, "names": texts.tolist(), "codes": codes.tolist()})
        else:
            numbers = [_shortened(cell) for cell in cells.tolist()]
            columns.append({"name": name, "numbers": numbers})
    return columns


def _shortened(number: float) -> float | None:
    """Return a number with seven digits, or all digits if it is whole (maybe an id)."""
    if not np.isfinite(number):
        return None
    return number if number.is_integer() else float(f"{number:.7g}")


def _expected_scale(results: Results, order: overview.InspectionOrder) -> float:
    """Return the factor that scales the probabilities to the expected number."""
    n_expected = (results.summary.get("ranking") or {}).get("n_expected")
    total = float(order.probability[results.label == UNINSPECTED].sum())
    return 1.0 if n_expected is None or not total else round(n_expected / total, _DIGITS)


def _suggested(results: Results) -> list[int]:
    """Return the rows that the run suggests to inspect next, in order."""
    number = results.column("inspect_next")
    if number is None:
        return []
    order = np.argsort(number, kind="stable")
    return [int(row) for row in order[: np.isfinite(number).sum()]]


def _audited(results: Results) -> list[int]:
    """Return the rows of the sample of an audit, in the order drawn."""
    row_of = {name: row for row, name in enumerate(results.sources["source_id"])}
    return [row_of[name] for name in results.audit]


def _doubtful(results: Results) -> NDArray[np.intp]:
    """Return the rows with labels that are more probably wrong than right."""
    suspicion = results.column("label_suspicion")
    return np.flatnonzero([] if suspicion is None else suspicion > 0.5)


def _named_rows(
    results: Results, column: str, wanted: Iterable[int]
) -> dict[int, list[int]] | None:
    """Return the rows of the sources that a column names, if they are found."""
    if column not in results.sources:
        return None
    row_of = {name: row for row, name in enumerate(results.sources["source_id"])}
    named = results.sources[column].tolist()
    return {
        row: [row_of[name] for name in split_ids(named[row]) if name in row_of] for row in wanted
    }


def _sky_links(results: Results) -> dict[str, Any] | None:
    """Return the addresses in a viewer of the sky, and their common start."""
    if "sky_viewer" not in results.sources:
        return None
    # A link from someone else's table must not run a script.
    links = [link if link.startswith("https://") else "" for link in results.sources["sky_viewer"]]
    known = sorted(filter(None, links))
    # The common start of the first and the last in order is common to all.
    pairs = zip(known[0], known[-1], strict=False) if known else ()
    start = "".join(letter for letter, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return {"start": start, "ends": [link[len(start) :] if link else None for link in links]}


def describe_cutouts(results: Results, pictures: Pictures) -> list[str]:
    """Return sentences on the cutouts in the page, the missing ones, and how to change that."""
    n, n_shown, n_missing = len(results), len(pictures.encoded), len(pictures.missing)
    size = ", with all their pixels" if n_shown else ""
    reading = results.summary.get("reading") or {}
    # Files are read again for the page; cutouts in memory stay as the run has read them.
    in_memory = (results.sources["path"].iloc[list(pictures.encoded)] == "").any()
    if in_memory and (reading.get("size") or reading.get("reduce")):
        size = ", shrunk by --size or --reduce"
    if n_shown and pictures.is_shrunk:
        size = f", shrunk to {pictures.side} pixels on their longer side (see --max-size)"
    sentences = [
        f"The page holds the cutouts of {overview.grouped(n_shown)} of {overview.grouped(n)} "
        f"sources{size}."
    ]
    if n_missing:
        example = results.sources["path"].iloc[pictures.missing[0]] or "without a path"
        what = overview.counted(n_missing, "cutout was", "cutouts were")
        sentences.append(
            f"{what} not found or not readable, such as {example}. spurclust report --cutouts "
            "FOLDER looks for them in another folder."
        )
    n_rest = n - n_shown - n_missing
    if n_rest:
        what = overview.counted(n_rest, "was", "were")
        sentences.append(
            f"{what} left out to keep the page small. The known spurious, the flagged and those to "
            "inspect next come first. --max-cutouts and --max-size raise the limits."
        )
    n_columns = len(results.other_columns)
    if n_columns > MAX_COLUMNS:
        sentences.append(
            f"The page shows {MAX_COLUMNS} of the {n_columns} other columns of your tables; "
            "sources.csv has all of them."
        )
    return sentences


def content_policy(scripts: Iterable[str]) -> str:
    """Return a Content-Security-Policy that allows these scripts only, and no requests."""
    digests = (
        base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        for script in scripts
    )
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    # 'unsafe-eval' is for Bokeh, which compiles its drawing for the graphics card.
    return (
        f"default-src 'none'; script-src 'unsafe-eval' {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _environment() -> Any:
    """Open the templates, with autoescape."""
    jinja2 = import_optional("jinja2", feature="The report", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    formats = (overview.percent, overview.between, overview.grouped)
    environment.filters.update({function.__name__: function for function in formats})
    # The filter "tojson" escapes all that could end a script element.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment


def _bokeh_script() -> str:
    """Return the whole script of Bokeh, so that nothing is fetched."""
    resources = import_bokeh("resources")
    inline = resources.Resources("inline", components=["bokeh", "bokeh-gl"], log_level="warn")
    # A browser normalizes line ends, and the policy has a digest of the result.
    return "\n".join(inline.js_raw).replace("\r\n", "\n").replace("\r", "\n")


def read_templates(names: Iterable[str]) -> str:
    """Read files of the page, one after the other."""
    return "\n".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names)
