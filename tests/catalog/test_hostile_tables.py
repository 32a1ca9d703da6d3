"""Altered tables of every format: each is read, or refused by one error that names the file."""

import gzip
import io
import re
import warnings
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from astropy.table import Table

from spurclust.catalog import match_labels, read_labels
from spurclust.errors import CatalogError

N_ROWS = 12
COLUMNS = {
    "Source_ID": [str(1000 + k) for k in range(N_ROWS)],
    "Reliable_Source": [k % 2 for k in range(N_ROWS)],
    "Reason": ["spike" * (k % 2 == 0) for k in range(N_ROWS)],
    "RA": np.linspace(150, 151, N_ROWS),
    "Dec": np.linspace(2, 3, N_ROWS),
}
SUFFIXES = [".csv", ".tsv", ".txt", ".xlsx", ".fits", ".fits.gz", ".vot", ".ecsv", ".parquet"]
BOMBS = [b"0", b"-1", b"99", b"1048577", b"2147483648", b"99999999999", b"1e308", b"NaN"]
WORDS = [b'"', b"'", b",", b";", b"\t", b"\r", b"\n", b"\0", b"#", b"<", b"&x;", b"%n", b"\xff\xfe"]


@pytest.fixture(scope="module", params=SUFFIXES)
def sample(request, tmp_path_factory):
    """Return a whole table of a format, and the suffix."""
    suffix = request.param
    path = tmp_path_factory.mktemp("table") / f"labels{suffix}"
    frame = pd.DataFrame(COLUMNS)
    if suffix in (".csv", ".tsv", ".txt"):
        frame.to_csv(path, sep={".csv": ",", ".tsv": "\t", ".txt": " "}[suffix], index=False)
    elif suffix == ".xlsx":
        book = openpyxl.Workbook()
        for row in [list(frame), *frame.to_numpy().tolist()]:
            book.active.append(row)
        book.active.merge_cells("C2:C3")
        book.active.row_dimensions[5].hidden = True
        book.save(path)
    elif suffix == ".parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        form = {".vot": "votable", ".ecsv": "ascii.ecsv"}.get(suffix, "fits")
        Table(COLUMNS).write(path, format=form)
    return path.read_bytes(), suffix


def alter(data, random):
    """Return bytes with one to three changes, of the kinds that damage and malice make."""
    for _ in range(random.integers(1, 4)):
        start, length = (int(random.integers(len(data))) for _ in range(2))
        stop = start + length % 64 + 1
        numbers = [match.span() for match in re.finditer(rb"[0-9]+", data)]
        word = WORDS[random.integers(len(WORDS))]
        kind = random.integers(6)
        if kind == 0 and numbers:
            start, stop = numbers[random.integers(len(numbers))]
            data = data[:start] + BOMBS[random.integers(len(BOMBS))] + data[stop:]
        elif kind == 1:
            data = data[:start] + bytes([random.integers(256)]) + data[start + 1 :]
        elif kind == 2:
            data = data[:start] + data[stop:]
        elif kind == 3:
            data = data[:start] + data[start:stop] * int(random.integers(2, 200)) + data[stop:]
        elif kind == 4:
            data = data[:start] + word * int(random.integers(1, 5)) + data[start:]
        else:
            data = data[:start]
        data = data or b" "
    return data


def alter_part(data, random):
    """Return a workbook of which one part is altered, packed again."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    name = list(parts)[random.integers(len(parts))]
    parts[name] = alter(parts[name], random)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        for part, content in parts.items():
            book.writestr(part, content)
    return packed.getvalue()


def alter_table(data, suffix, random):
    """Return an altered file; of a FITS table, numbers keep the length of the card."""
    if suffix == ".xlsx" and random.integers(3):
        return alter_part(data, random)
    if suffix == ".fits.gz" and random.integers(3):
        return gzip.compress(alter_table(gzip.decompress(data), ".fits", random), 1, mtime=0)
    if suffix == ".fits" and random.integers(2):
        cards = [match.span(1) for match in re.finditer(rb"= +([0-9]+) /", data)]
        start, stop = cards[random.integers(len(cards))]
        bomb = BOMBS[random.integers(len(BOMBS))].rjust(stop - start)
        return data[: stop - len(bomb)] + bomb + data[stop:]
    return alter(data, random)


def read(path):
    """Read labels, and join them as a run does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = read_labels(path)
        if "1000" in set(labels.table["source_id"]):
            match_labels(labels, COLUMNS["Source_ID"])
    return labels


@pytest.mark.parametrize("seed", range(3))
def test_altered_tables_are_read_or_refused(sample, tmp_path, seed):
    data, suffix = sample
    path = tmp_path / f"labels{suffix}"
    path.write_bytes(data)
    assert len(read(path)) == N_ROWS
    random = np.random.default_rng([seed, SUFFIXES.index(suffix)])
    for _ in range(25):
        path.write_bytes(alter_table(data, suffix, random))
        try:
            labels = read(path)
        except CatalogError as error:
            assert str(path) in str(error)  # noqa: PT017
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert labels.table["label"].isin((-1, 0, 1)).all()
