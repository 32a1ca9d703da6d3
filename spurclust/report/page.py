"""From a result and its cutouts to one page that needs nothing else."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from spurclust.errors import import_optional
from spurclust.report import overview, sending
from spurclust.report.charts import FEATURE, SPURIOUS_SCALE, curve_plot, dot_size, embedding_plot
from spurclust.report.colors import NO_REASON, colourings
from spurclust.report.order import InspectionOrder, inspection_order
from spurclust.report.pictures import Pictures
from spurclust.report.run_results import Results

_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPTS = (
    *("page.js", "cards.js", "embedding.js", "selection.js"),
    *("verdicts.js", "judge.js", "start.js"),
)
# A script element ends at the first "</script", whatever the JSON around it.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_DIGITS = 5


def to_script_json(value: Any) -> str:
    r"""Write a value as JSON that is safe inside a script element.

    Parameters
    ----------
    value : object
        Plain values.

    Returns
    -------
    str
        ASCII, without any letter that ends an element or begins another.

    Examples
    --------
    >>> to_script_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: _UNSAFE[found.group()], text)


def page_data(results: Results, order: InspectionOrder, pictures: Pictures) -> dict[str, Any]:
    """Collect what the page's script works with, in plain values.

    Parameters
    ----------
    results : Results
        The tables.
    order : InspectionOrder
        The order of inspection.
    pictures : Pictures
        The cutouts.

    Returns
    -------
    dict
        Lists with one entry per source, and what is known of all.
    """
    sources = results.sources
    reasons = [
        reason.strip() or (NO_REASON if label == 1 else "")
        for reason, label in zip(sources["reason"], results.label, strict=True)
    ]
    names = sorted(set(reasons))
    code = {name: place for place, name in enumerate(names)}
    return {
        "name": results.name,
        "identity": results.identity,
        "ids": sources["source_id"].tolist(),
        "label": results.label.tolist(),
        "reasons": names,
        "reason": [code[reason] for reason in reasons],
        "component": sources["component"].astype(int).tolist(),
        "flagged": results.flagged.astype(int).tolist(),
        "fraction": _rounded(results.column("spurious_probability")),
        "stability": _rounded(results.column("stability")),
        "rank": order.rank.tolist(),
        "probability": _rounded(order.probability),
        "calibrated": order.calibrated,
        "ranked": order.ranked,
        "nearest": _nearest(results),
        "sky": _sky_links(results),
        "colourings": [
            way.as_dict()
            for way in colourings(results, order.probability if order.calibrated else None)
        ],
        "cutouts": pictures.encoded,
        "reason_keys": list((results.summary.get("labels") or {}).get("reasons") or {}),
        "no_reason": NO_REASON,
        "columns": sending.label_columns(results.summary),
        "judged_file": sending.judged_name(results.summary),
        "dot_size": dot_size(len(results)),
        "spurious_scale": SPURIOUS_SCALE,
    }


def _rounded(values: Any) -> list[float | None] | None:
    """Write numbers short, None where there is none."""
    if values is None:
        return None
    return [None if np.isnan(value) else round(float(value), _DIGITS) for value in values]


def _nearest(results: Results) -> list[list[int]] | None:
    """List the rows of the known spurious that are most alike, as far as they are found."""
    if "nearest_spurious" not in results.sources:
        return None
    row_of = {name: row for row, name in enumerate(results.sources["source_id"])}
    return [
        [row_of[name] for name in cell.split(", ") if name in row_of] if cell else []
        for cell in results.sources["nearest_spurious"]
    ]


def _sky_links(results: Results) -> dict[str, Any] | None:
    """List the addresses in a viewer of the sky, their common start once."""
    if "sky_viewer" not in results.sources:
        return None
    # Whatever a table of a stranger has there, a link must not run a script.
    links = [link if link.startswith("https://") else "" for link in results.sources["sky_viewer"]]
    known = sorted(filter(None, links))
    # What the first and the last in order share, all share.
    pairs = zip(known[0], known[-1], strict=False) if known else ()
    start = "".join(letter for letter, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return {"start": start, "ends": [link[len(start) :] if link else None for link in links]}


def render_page(results: Results, pictures: Pictures) -> str:
    """Make the page of a result.

    One HTML file: its data, pictures and scripts are inside, and its own policy forbids it to fetch
    anything. Ids, reasons and settings are shown as text, whatever they hold.

    Parameters
    ----------
    results : Results
        What `read_results` returned.
    pictures : Pictures
        What `encode_cutouts` returned for its sources.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ImportError
        When Bokeh or Jinja is not installed; the message has the command.
    """
    environment = _environment()
    order = inspection_order(results)
    curve = curve_plot(results)
    data = {
        "data": page_data(results, order, pictures),
        "embedding": embedding_plot(results),
        "curve": curve,
    }
    scripts = {"bokeh": _bokeh(), "page": "\n".join(_read(name) for name in _SCRIPTS)}
    markup = import_optional("markupsafe", feature=FEATURE, extra="report").Markup
    page: str = environment.get_template("report.html.jinja").render(
        **page_text(results, order, pictures),
        has_curve=curve is not None,
        policy=content_policy(scripts.values()),
        scripts={name: markup(script) for name, script in scripts.items()},
        style=markup(_read("report.css")),
        json={name: markup(to_script_json(value)) for name, value in data.items()},
    )
    return page


def page_text(results: Results, order: InspectionOrder, pictures: Pictures) -> dict[str, Any]:
    """Collect what the page says in figures, tables and sentences.

    Parameters
    ----------
    results : Results
        The tables.
    order : InspectionOrder
        The order of inspection.
    pictures : Pictures
        The cutouts.

    Returns
    -------
    dict
        Plain values and figures, for the template.
    """
    summary = results.summary
    how, by_reason = overview.reason_figures(summary)
    return {
        "name": results.name,
        "statement": overview.statement(results),
        "counts": overview.count_figures(results),
        "measured": overview.measured_figures(summary),
        "by_reason": by_reason,
        "by_reason_how": how,
        "looks": overview.expected_looks(summary),
        "components": overview.component_rows(results),
        "order": order.explanation,
        "caveats": overview.caveats(results, order),
        "left_out": left_out(results, pictures),
        "settings": overview.pairs(summary.get("settings") or {}),
        "versions": overview.pairs(summary.get("versions") or {}),
        "seconds": overview.pairs(summary.get("seconds") or {}),
        "embedding": overview.pairs(summary.get("embedding") or {}),
        "region": overview.pairs(summary.get("region") or {}),
        "chosen": overview.pairs(overview.choice(summary)),
        "skipped": overview.pairs(summary.get("skipped") or {}),
        "command": sending.next_command(summary),
        "identity": results.identity,
        "between": overview.between,
    }


def left_out(results: Results, pictures: Pictures) -> list[str]:
    """Say which cutouts the page lacks, and what to do about it.

    Parameters
    ----------
    results : Results
        The tables.
    pictures : Pictures
        The cutouts.

    Returns
    -------
    list of str
        Sentences; the first says what is shown.
    """
    n, n_shown, n_missing = len(results), len(pictures.encoded), len(pictures.missing)
    found = [
        f"The page holds the cutouts of {overview.grouped(n_shown)} of {overview.grouped(n)} "
        f"sources, at most {pictures.side} pixels wide or high."
    ]
    if n_missing:
        example = results.sources["path"].iloc[pictures.missing[0]] or "without a path"
        what = overview.counted(n_missing, "cutout was", "cutouts were")
        found.append(
            f"{what} not found or not readable, {example} for one: spurclust report --cutouts "
            "FOLDER looks for them elsewhere."
        )
    n_rest = n - n_shown - n_missing
    if n_rest:
        what = overview.counted(n_rest, "was", "were")
        found.append(
            f"{what} left out to keep the page small; it has the known spurious and the flagged "
            "first. --max-cutouts and --max-size raise the limits."
        )
    return found


def content_policy(scripts: Iterable[str]) -> str:
    """Write a policy under which only these scripts run and nothing is fetched.

    Parameters
    ----------
    scripts : iterable of str
        The texts of the script elements.

    Returns
    -------
    str
        For a Content-Security-Policy.
    """
    digests = (
        base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        for script in scripts
    )
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    # Bokeh compiles its drawing for the graphics card, hence 'unsafe-eval'.
    return (
        f"default-src 'none'; script-src 'unsafe-eval' {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _environment() -> Any:
    """Open the templates, with autoescape."""
    jinja2 = import_optional("jinja2", feature=FEATURE, extra="report")
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _bokeh() -> str:
    """Return Bokeh's own script, whole, so that nothing is fetched."""
    resources = import_optional("bokeh.resources", feature=FEATURE, extra="report")
    inline = resources.Resources("inline", components=["bokeh", "bokeh-gl"], log_level="warn")
    # A browser reads any line end as this one, and the policy has a digest of what it reads.
    return "\n".join(inline.js_raw).replace("\r\n", "\n").replace("\r", "\n")


def _read(name: str) -> str:
    """Read a file of the page."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")
