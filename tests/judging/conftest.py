import numpy as np
import pytest


@pytest.fixture
def noise():
    """Cutouts of noise."""
    return np.random.default_rng(0).normal(size=(60, 8, 8)).astype(np.float32)
