"""What Sphinx does not check: the README, and the files at the root."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_read_in_one_go():
    assert len(TEXT.splitlines()) < 120


def test_the_test_command_stands_in_the_block_after_its_marker():
    found = re.findall(r"<!-- test-command -->\n+```bash\n(.*)\n```", TEXT)
    assert found == ['python -m pip install -e ".[test]" && python -m pytest -n 2 --dist worksteal']


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "benchmarks/README.md"])
def test_links_to_files_lead_somewhere(name):
    page = ROOT / name
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
