"""`spurclust labels merge`: what is written, and what is printed of the agreement."""

import numpy as np
import pandas as pd
import pytest

from spurclust.catalog import read_labels
from spurclust.cli.main import main
from spurclust.metrics import agreement_table

N_SOURCES = 90


@pytest.fixture
def verdicts(tmp_path, monkeypatch):
    """Write a table for each of three inspectors, of whom the last differs on every third."""
    monkeypatch.chdir(tmp_path)
    ids = np.arange(N_SOURCES)
    said = {"ann": ids % 9 == 0, "bob": ids % 9 == 0, "cy": ids % 3 == 0}
    for name, spurious in said.items():
        why = np.where(spurious, "edge", "")
        table = {"Source_ID": ids, "Reliable_Source": 1 - spurious.astype(int), "Reason": why}
        pd.DataFrame(table).to_csv(f"{name}.csv", index=False)
    return {name: spurious.astype(int) for name, spurious in said.items()}


def test_merge_writes_a_label_table_and_prints_the_agreement(verdicts, capsys):
    assert main(["labels", "merge", "ann.csv", "bob.csv", "cy.csv", "--out", "merged.csv"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == f"merged.csv: {N_SOURCES} sources, inspected by ann, bob, cy"
    assert "those on 20 differ, on 0 of them without a majority" in lines[1]
    kappas = agreement_table(verdicts)
    for row in kappas.itertuples():
        cells = f"{row.inspectors} {row.about} {row.n_sources} {row.agreement:.3f} {row.kappa:.3f}"
        interval = f"{row.kappa_low:.3f} to {row.kappa_high:.3f}"
        assert f"{cells} {interval}" in [" ".join(line.split()) for line in lines]
    assert "3: ann reliable, bob reliable, cy spurious" in lines
    labels = read_labels("merged.csv").table
    np.testing.assert_array_equal(labels["label"], verdicts["ann"])


def test_columns_words_and_rows_of_inspectors_can_be_named(verdicts, capsys):
    rows = [
        pd.read_csv(f"{name}.csv", dtype=str).assign(Judge=name).rename(columns={"Source_ID": "id"})
        for name in verdicts
    ]
    long = pd.concat(rows).replace({"Reliable_Source": {"0": "art", "1": "gal"}})
    long.to_csv("long.csv", index=False)
    words = ["--label-map", "art=spurious,gal=reliable", "--id-column", "id"]
    command = ["labels", "merge", "long.csv", "--out", "merged.csv", "--inspector-column", "Judge"]
    assert main([*command, *words, "--verdicts", "any"]) == 0
    assert "inspected by ann, bob, cy" in capsys.readouterr().out
    np.testing.assert_array_equal(read_labels("merged.csv").table["label"], verdicts["cy"])


def test_many_disagreements_are_counted(verdicts, capsys):
    assert main(["labels", "merge", "ann.csv", "cy.csv", "--out", "merged.csv"]) == 0
    assert "those on 20 differ, on 20 of them without a majority" in capsys.readouterr().out
    table = pd.read_csv("ann.csv")
    table.assign(Reliable_Source=1 - table["Reliable_Source"]).to_csv("dan.csv", index=False)
    assert main(["labels", "merge", "ann.csv", "dan.csv", "--out", "merged.csv"]) == 0
    assert "and 70 more: Agreement below 1 in merged.csv" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ann.csv", "bob.csv", "--out", "bob.csv"], "--out bob.csv is one of the tables"),
        (["ann.csv", "--out", "merged.csv"], "the only inspector is ann"),
        (["ann.csv", "bob.csv", "--sheet", "x", "--out", "m.csv"], "--sheet is for workbooks"),
        (["ann.csv", "bob.csv", "--out", "m.doc"], "m.doc"),
    ],
)
def test_what_cannot_be_merged(verdicts, capsys, words, message):
    assert main(["labels", "merge", *words]) == 1
    assert message in capsys.readouterr().err
