"""Write a table as csv, tsv, ECSV, VOTable, FITS or xlsx."""

import json
import os
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from spurclust.catalog.formats.sheets import is_missing
from spurclust.catalog.formats.text_tables import mark_text
from spurclust.catalog.output import atomic_write
from spurclust.errors import CatalogError, import_optional

_MAX_WORKBOOK_ROWS = 1_048_576
# A spreadsheet keeps 15 digits of a number.
_MAX_WORKBOOK_INTEGER = 10**15
# Characters that a format cannot hold: text must be UTF-8, XML 1.0, or the printable ASCII of FITS.
# Python's csv writer does not always quote a carriage return.
_NOT_CSV = re.compile("[\0\r\ud800-\udfff]")
# astropy splits lines of ECSV as str.splitlines does.
_NOT_ECSV = re.compile("[\0\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029\ud800-\udfff]")
_NOT_XML = re.compile("[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_FITS = re.compile(r"[^ -~]")
# Meanings of the columns of `sources_table` and of the table of components.
_DESCRIPTIONS = {
    "source_id": "Identifier of the source",
    "path": "File of the cutout",
    "label": "1 spurious, 0 reliable, missing if uninspected",
    "reason": "Why the source is spurious",
    "tsne_x": "First coordinate of the t-SNE embedding",
    "tsne_y": "Second coordinate of the t-SNE embedding",
    "component": "Component of the Gaussian mixture, counted from 0",
    "spurious_probability": "Spurious fraction at the source's position in the embedding",
    "flagged": "Whether the source lies in the spurious region",
    "novelty": "Distance from the fitted sources; of sources like them, 5 % are above 1",
    "stability": "Share of runs with other random states in which the source is flagged",
    "inspection_rank": "Rank in the order of inspection, from 1",
    "inspection_probability": "Probability that the source is spurious, without its own label",
    "label_suspicion": "Probability that the label is wrong, missing if uninspected",
    "inspect_next": "Position among the sources to inspect next, from 1, missing for all others",
    "nearest_spurious": "The known spurious sources that are most similar",
    "most_similar": "The sources that are most similar, whatever their labels",
    "ra": "Right ascension in the label table, taken as ICRS",
    "dec": "Declination in the label table, taken as ICRS",
    "sky_viewer": "Address of the position in a viewer of the sky",
    "size": "Number of sources in the component",
    "n_inspected": "Number of inspected sources in the component",
    "n_spurious": "Number of inspected sources in the component that are spurious",
    "fraction": "Spurious fraction: n_spurious / n_inspected",
    "fraction_low": "Lower end of the exact 95 % interval of the fraction",
    "fraction_high": "Upper end of the exact 95 % interval of the fraction",
    "in_region": "Whether the component belongs to the spurious region",
}
_UNITS = {"ra": "deg", "dec": "deg"}
# Programs of the Virtual Observatory identify columns by these.
_UCDS = {
    "source_id": "meta.id;meta.main",
    "path": "meta.ref",
    "label": "meta.code.class",
    "reason": "meta.note",
    "tsne_x": "pos.cartesian.x",
    "tsne_y": "pos.cartesian.y",
    "component": "meta.code",
    "spurious_probability": "stat.probability",
    "flagged": "meta.code.qual",
    "novelty": "stat.param",
    "stability": "stat.value",
    "inspection_rank": "meta.number",
    "inspection_probability": "stat.probability",
    "label_suspicion": "stat.probability",
    "nearest_spurious": "meta.id.assoc",
    "most_similar": "meta.id.assoc",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "sky_viewer": "meta.ref.url",
    "size": "meta.number",
    "n_inspected": "meta.number",
    "n_spurious": "meta.number",
    "fraction": "stat.value",
    "fraction_low": "stat.value;stat.min",
    "fraction_high": "stat.value;stat.max",
    "in_region": "meta.code.qual",
}


class _Meaning(NamedTuple):
    """What some formats keep beside the cells: name, settings, descriptions and units."""

    name: str = ""
    settings: Mapping[str, Any] = {}
    descriptions: Mapping[str, str] = {}
    units: Mapping[str, str] = {}

    def texts(self, forbidden: re.Pattern[str]) -> dict[str, str]:
        """Return the settings as text that a format can hold."""
        plain = {
            name: value if isinstance(value, str) else json.dumps(value, default=str)
            for name, value in self.settings.items()
            if value is not None
        }
        return {
            forbidden.sub(_escape, name): forbidden.sub(_escape, text)
            for name, text in plain.items()
        }


def write_table(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    descriptions: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    r"""Write a table to a file, whole or not at all.

    The table may hold numbers, truth values and text. Numbers keep every bit, or 16 digits in xlsx.
    Text that a spreadsheet program would run is marked as text: in csv by an apostrophe before it,
    as in ``'=1+1``, which `read_labels` removes. In csv, a missing value and empty text are both
    blank.

    Parameters
    ----------
    table : DataFrame
        The table. Its index becomes the first column if it has a name.
    path : str or path
        The file. The suffix selects the format: .csv, .tsv, .ecsv, .vot, .votable, .xml (VOTable),
        .fits, .fit, .xlsx. An existing file is replaced.
    descriptions : mapping of str to str, default=None
        Descriptions of columns, in addition to those of `sources_table` and of the table of
        components. ECSV, VOTable and FITS keep them.
    units : mapping of str to str, default=None
        Units of columns of numbers, as astropy writes them, in addition to degrees for ra and dec.
        The same formats keep them.
    settings : mapping, default=None
        Settings with which the table was made, as plain values. The same formats keep them, FITS as
        history.

    Raises
    ------
    CatalogError
        When the suffix is not known, the folder is missing or not writable, or the disk is full.
        Then no new file is left, and an existing one is unchanged.
    ImportError
        When the format needs a package that is not installed; the message has the command.

    Warns
    -----
    UserWarning
        When the format cannot hold a character. It is written as an escape, such as \xe9 in FITS,
        which only has ASCII.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(pd.DataFrame({"source_id": ["00123"]}), f"{folder}/sources.csv")
    ...     Path(f"{folder}/sources.csv").read_text(encoding="utf-8")
    'source_id\n00123\n'
    """
    _check_suffix(path)
    frame = table if table.index.name is None else table.reset_index()
    if not frame.columns.is_unique:
        repeated = frame.columns[frame.columns.duplicated()].unique().tolist()
        raise CatalogError(f"{path}: several columns are named {repeated}: rename them")
    meaning = _Meaning(
        Path(path).stem,
        settings or {},
        {**_DESCRIPTIONS, **(descriptions or {})},
        {**_UNITS, **(units or {})},
    )
    with atomic_write(path) as part:
        escaped = _write_frame(frame, part, meaning)
    if escaped:
        warnings.warn(
            f"{Path(path).name}: this format cannot hold some characters in {', '.join(escaped)}; "
            "they are written as escapes. csv and ecsv keep them",
            stacklevel=2,
        )


def check_table_path(path: str | os.PathLike[str]) -> None:
    """Raise an error before the work, if no table can be written to a file."""
    _check_suffix(path)
    with atomic_write(path, dry_run=True) as part:
        _write_frame(pd.DataFrame({"source_id": ["1"]}), part, _Meaning())


def _check_suffix(path: str | os.PathLike[str]) -> None:
    """Raise an error for an unknown suffix."""
    known = writable_suffixes()
    if Path(path).suffix.lower() not in known:
        raise CatalogError(f"{path}: the name of a table must end in one of {', '.join(known)}")


def writable_suffixes() -> list[str]:
    """Return the suffixes of the formats that can be written."""
    return list(_WRITERS)


def _write_frame(frame: pd.DataFrame, path: Path, meaning: _Meaning) -> list[str]:
    """Write a table by the file's suffix; return the columns in which characters were escaped."""
    writer, forbidden = _WRITERS[path.suffix.lower()]
    columns: dict[str, pd.Series[Any]] = {}
    escaped = []
    for name in map(str, frame.columns):
        cells = frame[name]
        if _is_text(cells):
            texts = ["" if is_missing(cell) else str(cell) for cell in cells]
            clean = [forbidden.sub(_escape, text) for text in texts]
            cells = pd.Series(clean, index=frame.index, dtype=object)
            if clean != texts:
                escaped.append(name)
        columns[name] = cells
    names = [forbidden.sub(_escape, name) for name in columns]
    escaped += ["the names of columns"] * (names != list(columns))
    writer(pd.DataFrame(columns, index=frame.index).set_axis(names, axis=1), path, meaning)
    return escaped


def _is_text(cells: "pd.Series[Any]") -> bool:
    """Return whether a column is written as text, such as truth values with missing ones."""
    if pd.api.types.is_bool_dtype(cells):
        return bool(cells.isna().any())
    return not pd.api.types.is_numeric_dtype(cells)


def _escape(match: re.Match[str]) -> str:
    """Write a character as in a Python string."""
    return match[0].encode("unicode_escape").decode("ascii")


def _write_csv(frame: pd.DataFrame, path: Path, _: _Meaning) -> None:
    """Write comma- or tab-separated text in UTF-8; numbers so that reading gives the same."""
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    marked = mark_table(frame)
    marked.to_csv(path, sep=separator, index=False, lineterminator="\n", encoding="utf-8")


def mark_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with text that no spreadsheet runs and no reader skips as a comment."""
    texts = frame.select_dtypes(exclude=["number", "bool"]).columns
    marked = frame.assign(
        **{
            name: frame[name].map(lambda cell: mark_text(cell) if isinstance(cell, str) else cell)
            for name in texts
        }
    )
    return marked.rename(columns=mark_text)


def _write_workbook(frame: pd.DataFrame, path: Path, _: _Meaning) -> None:
    """Write an Excel workbook with one sheet; text stays text even if it looks like a formula."""
    import_optional("openpyxl", feature="Writing an Excel workbook")
    if len(frame) >= _MAX_WORKBOOK_ROWS:
        raise CatalogError(
            f"{len(frame)} rows are more than an Excel workbook holds: choose csv or FITS"
        )
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        cells = frame.astype(object).map(_workbook_cell)
        cells.to_excel(book, sheet_name="table", index=False, freeze_panes=(1, 0), inf_rep="inf")
        for row in book.sheets["table"].iter_rows():
            for cell in row:
                if cell.data_type in ("f", "e"):
                    cell.data_type = "s"
                # The cell stays text when somebody edits it.
                if cell.data_type == "s" and mark_text(cell.value) != cell.value:
                    cell.quotePrefix = True


def _workbook_cell(value: Any) -> Any:
    """Write an integer with more digits than a spreadsheet keeps as text."""
    return str(value) if isinstance(value, int) and abs(value) >= _MAX_WORKBOOK_INTEGER else value


def _astropy_table(frame: pd.DataFrame, meaning: _Meaning) -> Any:
    """Make a table of types that FITS and VOTable have."""
    tables = import_optional("astropy.table", feature="Writing FITS, VOTable and ECSV")
    table = tables.Table()
    for name in frame.columns:
        table[name] = _astropy_column(frame[name], tables)
        table[name].description = meaning.descriptions.get(name)
        if table[name].dtype.kind in "if":
            table[name].unit = meaning.units.get(name)
        if name in _UCDS:
            table[name].meta["ucd"] = _UCDS[name]
    return table


def _write_ecsv(frame: pd.DataFrame, path: Path, meaning: _Meaning) -> None:
    """Write ECSV with commas, which any reader of csv with comments can read."""
    table = _astropy_table(frame, meaning)
    table.meta |= {"name": meaning.name, "settings": meaning.texts(_NOT_XML)}
    table.write(path, format="ascii.ecsv", delimiter=",", overwrite=True)


def _write_votable(frame: pd.DataFrame, path: Path, meaning: _Meaning) -> None:
    """Write a VOTable with a reference system for positions, and settings as infos."""
    tree = import_optional("astropy.io.votable.tree", feature="Writing VOTable")
    file = tree.VOTableFile.from_table(_astropy_table(frame, meaning))
    resource, table = file.resources[0], file.get_first_table()
    table.name = meaning.name
    if {"ra", "dec"} <= set(frame):
        resource.coordinate_systems.append(tree.CooSys(ID="ICRS", system="ICRS"))
        for field in table.fields:
            if field.name in ("ra", "dec"):
                field.ref = "ICRS"
    for name, value in meaning.texts(_NOT_XML).items():
        resource.infos.append(tree.Info(name=name, value=value))
    file.to_xml(str(path))


def _write_fits(frame: pd.DataFrame, path: Path, meaning: _Meaning) -> None:
    """Write a FITS table; its header describes the columns."""
    fits = import_optional("astropy.io.fits", feature="Writing FITS")
    _astropy_table(frame, meaning).write(path, format="fits", overwrite=True)
    with fits.open(path, mode="update", memmap=False) as parts:
        header = parts[1].header
        header["EXTNAME"] = _NOT_FITS.sub(_escape, meaning.name)
        if {"ra", "dec"} <= set(frame):
            header["RADESYS"] = "ICRS"
        for number, name in enumerate(frame.columns, start=1):
            if name in meaning.descriptions:
                text = _NOT_FITS.sub(_escape, meaning.descriptions[name])
                header.set(f"TCOMM{number}", text, after=f"TTYPE{number}")
            if name in _UCDS:
                header.set(f"TUCD{number}", _UCDS[name], after=f"TTYPE{number}")
        for name, text in meaning.texts(_NOT_FITS).items():
            header.add_history(f"{name} = {text}")


def _astropy_column(cells: "pd.Series[Any]", tables: Any) -> Any:
    """Make an astropy column; a missing integer is masked."""
    if pd.api.types.is_bool_dtype(cells):
        return tables.Column(cells.to_numpy(dtype=bool))
    if pd.api.types.is_integer_dtype(cells):
        # Neither format has a signed byte, and VOTable has no unsigned integers.
        small = cells.dtype.name.lower() in ("int8", "uint8", "int16")
        kind = np.int16 if small else np.int64
        missing = cells.isna().to_numpy(dtype=bool)
        if not missing.any():
            return tables.Column(cells.to_numpy(dtype=kind))
        values = cells.fillna(0).to_numpy(dtype=kind)
        return tables.MaskedColumn(values, mask=missing, fill_value=np.iinfo(kind).min)
    if pd.api.types.is_numeric_dtype(cells):
        return tables.Column(cells.to_numpy(dtype=np.float64, na_value=np.nan))
    return tables.Column(np.array(cells.tolist(), dtype=str))


_Writer = Callable[[pd.DataFrame, Path, _Meaning], None]
# Suffix: its writer, and the characters that it cannot hold.
_WRITERS: dict[str, tuple[_Writer, re.Pattern[str]]] = {
    ".csv": (_write_csv, _NOT_CSV),
    ".tsv": (_write_csv, _NOT_CSV),
    ".ecsv": (_write_ecsv, _NOT_ECSV),
    ".vot": (_write_votable, _NOT_XML),
    ".votable": (_write_votable, _NOT_XML),
    ".xml": (_write_votable, _NOT_XML),
    ".fits": (_write_fits, _NOT_FITS),
    ".fit": (_write_fits, _NOT_FITS),
    ".xlsx": (_write_workbook, _NOT_XML),
}
