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


def test_addresses_of_other_sites_are_well_formed():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/[!_a]*/*.md")]
    pages += [*ROOT.glob("benchmarks/*.md"), *ROOT.glob("docs/examples/*.py")]
    found = [
        address
        for page in pages
        for address in re.findall(
            r"(?:\]\(|<)(https?:[^)>]*)[)>]", page.read_text(encoding="utf-8")
        )
    ]
    assert len(found) > 10
    good = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+(/[\w.,~%/()-]*)?(#[\w.-]+)?")
    assert [address for address in found if not good.fullmatch(address)] == []
