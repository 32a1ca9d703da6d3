"""Tables with a header of their own, and headers that claim what is not there."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from spurclust.catalog import read_labels
from spurclust.catalog.formats import binary_tables
from spurclust.errors import CatalogError

COLUMNS = {"Source_ID": [7, 8], "Reliable_Source": [1, 0], "mag": [27.5, 28.0]}


@pytest.mark.parametrize("suffix", [".parquet", ".pq"])
def test_parquet(tmp_path, suffix):
    pytest.importorskip("pyarrow")
    path = tmp_path / f"labels{suffix}"
    table = pd.DataFrame({**COLUMNS, "Source_ID": [10**18 + 1, 8]})
    table["Reliable_Source"] = pd.array([None, 0], dtype="Int8")
    table.to_parquet(path)
    found = read_labels(path).table
    assert found["source_id"].tolist() == [str(10**18 + 1), "8"]
    assert found["label"].tolist() == [-1, 1]
    assert found["mag"].tolist() == [27.5, 28]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CatalogError, match="cannot be read as a Parquet table"):
        read_labels(path)


def claim(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("NAXIS2", 10**9, "claims 18000000000 bytes"),
        ("NAXIS1", 0, "2 rows of 0 bytes"),
        ("TFIELDS", 10**6, "claims 1000000 dimensions or columns"),
        ("NAXIS", 2**31, "claims 2147483648 dimensions or columns"),
    ],
)
def test_fits_header_that_claims_too_much(tmp_path, key, value, message):
    path = tmp_path / "a.fits"
    table = Table({**COLUMNS, "Reliable_Source": np.array([1, 0], dtype="i2")})
    table.write(path)
    old = fits.Card(key, fits.getheader(path, 1)[key]).image[:30].encode()
    claim(path, old, fits.Card(key, value).image[:30].encode())
    with pytest.raises(CatalogError, match=message):
        read_labels(path)


def test_votable_that_claims_too_much(tmp_path):
    path = tmp_path / "a.vot"
    Table(COLUMNS).write(path, format="votable")
    claim(path, b"<TABLE", b'<TABLE nrows="99999999999"')
    assert len(read_labels(path)) == 2
    claim(path, b'datatype="double"', b'datatype="double" arraysize="99999999"')
    with pytest.raises(CatalogError, match=r"claims arrays of 1e\+08 values"):
        read_labels(path)


@pytest.mark.parametrize(
    "text", [b'<STREAM href="http://localhost/a"/>', b'<!DOCTYPE x [<!ENTITY a "b">]>']
)
def test_votable_that_refers_to_other_files(tmp_path, text):
    path = tmp_path / "a.vot"
    Table(COLUMNS).write(path, format="votable")
    claim(path, b"<VOTABLE", text + b"<VOTABLE")
    with pytest.raises(CatalogError, match="refers to other text or files"):
        read_labels(path)


def test_arrays_of_variable_length_that_share_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(binary_tables, "_HARMLESS", 100)
    cells = np.array([np.zeros(2)] * 2, dtype=object)
    columns = [fits.Column(name, "J", array=[1, 0]) for name in ("Source_ID", "Reliable_Source")]
    columns.append(fits.Column("v", "PD()", array=cells))
    path = tmp_path / "a.fits"
    fits.BinTableHDU.from_columns(columns).writeto(path)
    assert len(read_labels(path)) == 2
    claim(path, np.array([2, 0], ">i4").tobytes(), np.array([40_000, 0], ">i4").tobytes())
    with pytest.raises(CatalogError, match="column 'v' claims 40002 values in"):
        read_labels(path)


def test_votable_of_thousands_of_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(binary_tables, "_MAX_FIELDS", 2)
    Table(COLUMNS).write(tmp_path / "a.vot", format="votable")
    with pytest.raises(CatalogError, match="has 3 columns, more than 2"):
        read_labels(tmp_path / "a.vot")
