"""A table of sources with what is hard to write and to read."""

import numpy as np
import pytest

from spurclust.catalog import sources_table


@pytest.fixture(scope="session")
def make_sources():
    """Return a function that makes the table, with other columns where they are given."""

    def make(**other):
        columns = {
            "embedding": np.array([[0.1, 1 / 3], [-1e-30, 2.5], [1e20, 0], [3, 4]], np.float32),
            "component": [0, 5, 2, 2],
            "spurious_probability": [0.05, np.nextafter(0.05, 0), 0.0, 1.0],
            "flagged": [True, False, False, True],
            "paths": ["a/z6_00123_F.png", "b c.png", "c,d.png", "d.png"],
            "y": [1, 0, -1, 1],
            "reasons": ['edge, of the "field"', "", "", "=1+1"],
        }
        return sources_table(["00123", "7", "6000000000000000001", "g-4"], **{**columns, **other})

    return make
