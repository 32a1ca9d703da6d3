import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(DOCS / "architecture.py"))


def test_the_picture_is_that_of_the_contract_of_imports(script):
    drawn = (DOCS / "images" / "architecture.svg").read_text(encoding="utf-8")
    assert drawn == script["draw_architecture"]()


def test_each_room_stands_once_and_rooms_are_explained(script):
    rooms = [name for layer in script["read_layers"]() for name in layer]
    assert len(set(rooms)) == len(rooms)
    lowest = set(script["read_layers"]()[-1])
    assert set(rooms) - lowest == set(script["MEANINGS"])
