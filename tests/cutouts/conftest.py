"""A small survey as images and as files."""

import numpy as np
import pytest
from PIL import Image

N_NEW = 90


@pytest.fixture(scope="session")
def images():
    return np.random.default_rng(1).integers(0, 256, (N_NEW, 14, 16)).astype(np.uint8)


@pytest.fixture(scope="session")
def cutouts(tmp_path_factory, images):
    """A folder of PNG files, not to be changed."""
    folder = tmp_path_factory.mktemp("survey") / "cutouts"
    folder.mkdir()
    for k, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{k}.png")
    return folder
