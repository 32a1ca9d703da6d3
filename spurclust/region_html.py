"""The spurious region of a fitted detector as a piece of HTML, for notebooks."""

from collections.abc import Hashable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Colours are the notebook's own, light or dark; rows of the region differ in weight and by a word.
_STYLE = """<style>
.spurclust-region {font-family: sans-serif; font-size: 0.9em; margin: 0.5em 0;}
.spurclust-region p {margin: 0.3em 0;}
.spurclust-region div {max-height: 24em; overflow: auto;}
.spurclust-region table {border-collapse: collapse; font-variant-numeric: tabular-nums;}
.spurclust-region th, .spurclust-region td {text-align: right; padding: 0.1em 0.7em;}
.spurclust-region thead {border-bottom: 1px solid;}
.spurclust-region tr.in-region {font-weight: bold;}
</style>"""
_HEADER = ("component", "size", "inspected", "spurious", "fraction", "95 % interval", "region")


def region_html(components: "pd.DataFrame", *, threshold: float, flagged: Any) -> str:
    """Draw the region's counts and the table of components.

    Parameters
    ----------
    components : DataFrame
        `components_` of the detector.
    threshold : float
        Its threshold.
    flagged : ndarray of bool of shape (n_samples,)
        Its `flagged_`.

    Returns
    -------
    str
        A `div` that needs nothing from elsewhere.
    """
    inside = components[components["in_region"]]
    n_flagged, n_sources = int(flagged.sum()), len(flagged)
    sentences = (
        f"Spurious region: {len(inside)} of {len(components)} components, those with a spurious "
        f"fraction of at least {threshold:g}.",
        f"Flagged: {n_flagged} of {n_sources} sources (workload {n_flagged / n_sources:.3f}).",
        f"The region holds {inside['n_spurious'].sum()} of {components['n_spurious'].sum()} known "
        "spurious, in-sample: the same labels chose it.",
    )
    rows = "".join(_row(record) for record in components.reset_index().to_dict("records"))
    head = _cells("th", _HEADER, ' scope="col"')
    return (
        f'<div class="spurclust-region">{_STYLE}'
        + "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        + f"<div><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _row(record: Mapping[Hashable, Any]) -> str:
    """Draw the row of a component; one without an inspected source has no fraction."""
    known = record["n_inspected"] > 0
    low, high = record["fraction_low"], record["fraction_high"]
    texts = (
        record["component"],
        record["size"],
        record["n_inspected"],
        record["n_spurious"],
        f"{record['fraction']:.3f}" if known else "",
        f"{low:.3f} to {high:.3f}" if known else "",
        "yes" if record["in_region"] else "",
    )
    mark = ' class="in-region"' if record["in_region"] else ""
    return f"<tr{mark}>{_cells('td', texts)}</tr>"


def _cells(tag: str, texts: Iterable[object], attributes: str = "") -> str:
    """Draw the cells of a row."""
    return "".join(f"<{tag}{attributes}>{escape(str(text))}</{tag}>" for text in texts)
