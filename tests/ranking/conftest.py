import numpy as np
import pytest


@pytest.fixture(scope="session")
def two_kinds():
    """Draw features of 300 sources, of which 15 of one kind and 15 of another are spurious."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 6)).astype(np.float32)
    rows[:15, 0] += 5
    rows[15:30, 1] -= 5
    return rows, (np.arange(300) < 30).astype(int)
