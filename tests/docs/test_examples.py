"""Each script of the gallery runs, and warns of nothing."""

import runpy
import warnings
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[2] / "docs" / "examples").glob("*.py"))


def test_the_gallery_takes_every_script():
    assert len(SCRIPTS) >= 10
    assert all(path.name.startswith("plot_") for path in SCRIPTS)


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs(script, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    if "import umap" in script.read_text(encoding="utf-8"):
        # It warns on import that tensorflow is missing.
        with warnings.catch_warnings(action="ignore"):
            pytest.importorskip("umap")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        pyplot.close("all")
