"""Read tables with their own header: FITS, VOTable, ECSV and Parquet."""

import gzip
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spurclust.catalog.formats.sheets import MAX_COLUMNS, MAX_ROWS
from spurclust.errors import CatalogError, import_optional

# gzip makes a table at most this many times smaller; a larger file is not read at all.
_MAX_RATIO, _MAX_UNPACKED = 1100, 4_000_000_000
# Limits of the memory for a table: per byte of its file, and for any size.
_BYTES_PER_BYTE, _HARMLESS = 200, 50_000_000
_CARD, _BLOCK = 80, 2880 * 400
_MANY = re.compile(rb"(?:NAXIS   |TFIELDS )= *([1-9][0-9]{3,})")
_NROWS = re.compile(rb"""(<(?:\w+:)?TABLE\b[^>]*?)\snrows\s*=\s*(?:"[^"]*"|'[^']*')""")
_ARRAY_SIZE = re.compile(rb"""\sarraysize\s*=\s*["']([0-9x]+)""")
_FIELD = re.compile(rb"<(?:\w+:)?FIELD\b")
# astropy compares the name of each column with all others.
_MAX_FIELDS = 4000
_LINK = re.compile(rb"<(?:\w+:)?STREAM\b[^>]*\shref")


def read_fits(path: Path) -> tuple[pd.DataFrame, int]:
    """Read the first table of a FITS file, and count its tables."""
    fits = import_optional("astropy.io.fits", feature="Reading a FITS table")
    tables = import_optional("astropy.table", feature="Reading a FITS table")
    size = path.stat().st_size
    if path.name.lower().endswith(".gz"):
        size = min(_MAX_RATIO * size, _MAX_UNPACKED)
    _check_cards(path)
    kinds = (fits.BinTableHDU, fits.TableHDU)
    with fits.open(path, memmap=False) as parts:
        found = []
        for part in parts:
            _check_sizes(part.header, part.size, size, path)
            # A compressed image is stored as a table.
            if isinstance(part, kinds) and not part.is_image:
                found.append(part)
        if found and isinstance(found[0], fits.BinTableHDU):
            _check_arrays(found[0], path)
        return _first_table(path, found, tables.Table.read)


def _check_cards(path: Path) -> None:
    """Raise an error for a header with more dimensions or columns than FITS allows."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        while block := file.read(_BLOCK):
            for card in _MANY.finditer(block):
                if card.start() % _CARD == 0:
                    raise CatalogError(
                        f"{path}: its header claims {card[1].decode()} dimensions or columns: the "
                        "file is damaged; save it again"
                    )


def _check_sizes(header: Any, n_bytes: int, size: int, path: Path) -> None:
    """Raise an error for a part that claims more than a file of this size can hold."""
    if n_bytes > size:
        raise CatalogError(
            f"{path}: its header claims {n_bytes} bytes of data, but the file has less, or its end "
            "is missing: save it again"
        )
    if header.get("XTENSION") not in ("BINTABLE", "TABLE"):
        return
    width, n_rows = header.get("NAXIS1", 0), header.get("NAXIS2", 0)
    if n_rows > MAX_ROWS or (n_rows and not width):
        raise CatalogError(
            f"{path}: its header claims {n_rows} rows of {width} bytes: the file is damaged; save "
            "it again"
        )


def _check_arrays(part: Any, path: Path) -> None:
    """Raise an error for arrays of variable length that share bytes, which is damage."""
    rows = part.data.view(np.ndarray)
    for column in part.columns:
        if re.match("[0-9]*[PQ]", column.format) and len(rows):
            n_values = np.abs(rows[column.name][..., 0].astype(np.float64)).sum()
            if n_values > _HARMLESS + _BYTES_PER_BYTE * part.size:
                raise CatalogError(
                    f"{path}: its column {column.name!r} claims {n_values:g} values in "
                    f"{part.size} bytes: the file is damaged; save it again"
                )


def read_votable(path: Path) -> tuple[pd.DataFrame, int]:
    """Read the first table of a VOTable file, and count its tables."""
    votable = import_optional("astropy.io.votable", feature="Reading a VOTable")
    data = path.read_bytes()
    if b"<!ENTITY" in data or _LINK.search(data):
        raise CatalogError(
            f"{path} refers to other text or files, which are not read: save it with the data in it"
        )
    n_columns = len(_FIELD.findall(data))
    if n_columns > _MAX_FIELDS:
        raise CatalogError(
            f"{path} has {n_columns} columns, more than {_MAX_FIELDS}: leave out those that are "
            "not needed"
        )
    # The size of a row, times the number of rows.
    sizes = [np.prod([float(n or 1) for n in m[1].split(b"x")]) for m in _ARRAY_SIZE.finditer(data)]
    claimed = sum(sizes) * max(data.count(b"<TR"), 1)
    if claimed > _HARMLESS + _BYTES_PER_BYTE * len(data):
        raise CatalogError(
            f"{path} claims arrays of {max(sizes):g} values in a cell: the file is damaged; save "
            "it again"
        )
    # Memory is allocated for the claimed number of rows, so the claim is removed.
    data = _NROWS.sub(rb"\1", data)
    found = list(votable.parse(io.BytesIO(data), verify="ignore").iter_tables())
    return _first_table(path, found, lambda part: part.to_table(use_names_over_ids=True))


def read_ecsv(path: Path) -> tuple[pd.DataFrame, int]:
    """Read an ECSV file."""
    tables = import_optional("astropy.table", feature="Reading an ECSV table")
    return _first_table(path, [path], lambda part: tables.Table.read(part, format="ascii.ecsv"))


def _first_table(path: Path, found: Sequence[Any], read: Any) -> tuple[pd.DataFrame, int]:
    """Turn the first of astropy's tables into a DataFrame: integers stay, bytes become text."""
    if not found:
        raise CatalogError(
            f"{path} has no table in it, or its end is missing: give the file of a catalog"
        )
    table = read(found[0])
    table.convert_bytestring_to_unicode()
    for name in table.colnames:
        # Columns of a DataFrame have one dimension.
        if len(getattr(table[name], "shape", (0,))) > 1:
            table[name] = [str(cell) for cell in table[name]]
    return table.to_pandas(), len(found)


def read_parquet(path: Path) -> tuple[pd.DataFrame, int]:
    """Read a Parquet file; integers stay integers beside missing ones."""
    parquet = import_optional("pyarrow.parquet", feature="Reading a Parquet table", extra="scale")
    with parquet.ParquetFile(path) as file:
        n_rows, n_columns = file.metadata.num_rows, file.metadata.num_columns
        if n_rows > MAX_ROWS or n_columns > MAX_COLUMNS:
            raise CatalogError(
                f"{path} has {n_rows} rows and {n_columns} columns, more than {MAX_ROWS} or "
                f"{MAX_COLUMNS}: leave out those that are not needed"
            )
        frame: pd.DataFrame = file.read().to_pandas(types_mapper=_nullable, ignore_metadata=True)
    return frame, 1


def _nullable(kind: Any) -> Any:
    """Return the type of pandas for integers and truth values that may be missing."""
    name = str(kind)
    if name == "bool":
        return pd.BooleanDtype()
    if re.fullmatch("u?int(8|16|32|64)", name):
        return pd.api.types.pandas_dtype(name.replace("u", "U").replace("int", "Int"))
    return None
