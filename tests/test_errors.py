import re
import subprocess
import sys

import pytest

from spurclust.errors import check_installed, import_optional


def test_a_module_that_is_there_is_returned():
    import json.decoder

    assert import_optional("json.decoder", feature="Reading") is json.decoder


@pytest.mark.parametrize(("extra", "named"), [({"extra": "scale"}, "scale"), ({}, "survey")])
def test_the_error_names_feature_package_and_command(extra, named):
    message = "Reading FITS cutouts needs the package no_such_package, which is not installed: "
    message += f"pip install 'spurclust[{named}]'"
    with pytest.raises(ImportError, match=re.escape(message)) as caught:
        import_optional("no_such_package.io.fits", feature="Reading FITS cutouts", **extra)
    assert caught.value.name == "no_such_package"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_what_is_not_installed_is_known_without_an_import(tmp_path, monkeypatch):
    (tmp_path / "heavy_package.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    check_installed("heavy_package", feature="Drawing")
    message = "Drawing needs the package no_such_package, which is not installed: "
    with pytest.raises(ImportError, match=f"{message}pip install 'spurclust\\[report\\]'"):
        check_installed("no_such_package", feature="Drawing", extra="report")


@pytest.mark.parametrize(
    ("code", "message"),
    [("import no_such_dependency", "no_such_dependency"), ("raise ImportError('odd')", "^odd$")],
)
def test_what_fails_inside_a_package_is_not_hidden(tmp_path, monkeypatch, code, message):
    (tmp_path / "failing_package.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("failing_package", None)
    with pytest.raises(ImportError, match=message) as caught:
        import_optional("failing_package", feature="Drawing")
    assert "pip install" not in str(caught.value)


def test_without_an_extra_the_command_that_installs_it_is_named(tmp_path):
    code = """
import sys
sys.modules.update(skops=None, astropy=None, openpyxl=None)
from spurclust import catalog
for use in (
    lambda: catalog.load_model("model.skops"),
    lambda: catalog.save_model(None, "model.skops"),
    lambda: catalog.table_writers.check_table_path("table.fits"),
    lambda: catalog.table_writers.check_table_path("table.xlsx"),
):
    try:
        use()
    except ImportError as error:
        print(error)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    messages = done.stdout.splitlines()
    assert [re.search("needs the package (.*), which", message)[1] for message in messages] == [
        *("skops", "skops", "astropy", "openpyxl")
    ]
    assert all(message.endswith("pip install 'spurclust[survey]'") for message in messages)
