import re
import subprocess
import sys

import pytest

from spurclust.errors import import_optional


def test_a_module_that_is_there_is_returned():
    import json.decoder

    assert import_optional("json.decoder", feature="Reading") is json.decoder


def test_the_error_names_feature_package_and_command():
    message = "Reading FITS cutouts needs the package no_such_package, which is not installed: "
    message += "pip install 'spurclust[scale]'"
    with pytest.raises(ImportError, match=re.escape(message)) as caught:
        import_optional("no_such_package.io.fits", feature="Reading FITS cutouts", extra="scale")
    assert caught.value.name == "no_such_package"
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_the_extra_is_that_of_the_survey_unless_named():
    with pytest.raises(ImportError, match=re.escape("spurclust[survey]")):
        import_optional("no_such_package", feature="Drawing")


def test_what_a_package_itself_lacks_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "lacking_package.py").write_text("import no_such_dependency\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency") as caught:
        import_optional("lacking_package", feature="Drawing")
    assert caught.value.name == "no_such_dependency"


def test_a_package_that_fails_while_it_loads_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "failing_package.py").write_text("raise ImportError('odd')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="^odd$"):
        import_optional("failing_package", feature="Drawing")


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
