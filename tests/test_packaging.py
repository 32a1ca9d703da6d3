"""What is built and installed: the version, the conda recipe, the wheel from the sdist."""

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import spurclust

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, BUILD = PYPROJECT["project"], PYPROJECT["build-system"]
RECIPE = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")


def bounds_of(requirements):
    """Return the lower bound of each package; matplotlib has another name in conda."""
    found = (re.match(r"([\w-]+).*>=([\w.]+)", line) for line in requirements)
    return {one[1].replace("-base", "").lower(): one[2] for one in found if one}


def test_the_version_stands_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.*)$", citation, re.MULTILINE) == [spurclust.__version__]
    assert f'  version: "{spurclust.__version__}"\n' in RECIPE


def test_the_conda_recipe_has_the_lower_bounds_of_the_project():
    extras = PROJECT["optional-dependencies"]
    needed = [line for name in ("survey", "report", "inspect", "scale") for line in extras[name]]
    python = {"python": PROJECT["requires-python"].removeprefix(">=")}
    lines = re.findall(r"^    - (.*)$", RECIPE.partition("  run:\n")[2], re.MULTILINE)
    assert bounds_of(lines) == bounds_of([*PROJECT["dependencies"], *needed]) | python


def test_the_conda_recipe_renders_to_what_the_project_is():
    rattler_build = pytest.importorskip("rattler_build")
    path = ROOT / "conda" / "recipe.yaml"
    (variant,) = rattler_build.Stage0Recipe.from_file(path).render(rattler_build.VariantConfig())
    recipe = variant.recipe.to_dict()
    assert recipe["package"] == {"name": PROJECT["name"], "version": spurclust.__version__}
    (script,) = PROJECT["scripts"].items()
    assert recipe["build"]["python"]["entry_points"] == [" = ".join(script)]
    host = bounds_of(recipe["requirements"]["host"])
    assert host == bounds_of([*BUILD["requires"], f"python{PROJECT['requires-python']}"])
    assert recipe["about"]["license"] == PROJECT["license"]
    assert recipe["about"]["license_file"] == PROJECT["license-files"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the sdist without a network."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", folder, sdist], cwd=folder, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_package(wheel):
    files = [path for path in (ROOT / "spurclust").rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if path.parent.name[0] != "_"}
    with zipfile.ZipFile(wheel) as archive:
        assert wanted - set(archive.namelist()) == set()


@pytest.mark.slow
def test_the_wheel_works_in_a_clean_environment(wheel, tmp_path):
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python, script = home / "bin" / "python", home / "bin" / "spurclust"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], cwd=tmp_path, check=True, capture_output=True)
    (packages,) = home.glob("lib/*/site-packages")
    # Dependencies are those of the tests. An editable spurclust among them is not seen from here.
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        done = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run(script, "--version") == spurclust.__version__
    lines = "import spurclust; [getattr(spurclust, name) for name in spurclust.__all__]"
    assert Path(run(python, "-c", f"{lines}; print(spurclust.__file__)")).is_relative_to(home)
