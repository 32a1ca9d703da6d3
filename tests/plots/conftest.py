"""Fitted detectors, what is drawn in a picture, and a guard against figures left open."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest

from spurclust import SpuriousRegionDetector

mpl.use("Agg")


@pytest.fixture(autouse=True)
def clean_figures():
    """Fail a test that changes global settings; close what it drew."""
    from matplotlib import pyplot

    before = dict(mpl.rcParams)
    assert pyplot.get_fignums() == []
    yield
    pyplot.close("all")
    assert dict(mpl.rcParams) == before


def fit_detector(embedding, y, n_components=3, **settings):
    """Fit a detector to an embedding that is there already."""
    steps = dict.fromkeys(("flatten", "reduce", "embed"), "passthrough")
    settings = {"unlabeled": -1, "random_state": 12, **steps, **settings}
    with warnings.catch_warnings():
        # A picture of few sources, of which the region may hold all, is a picture.
        warnings.filterwarnings("ignore", message="The region holds|.* more than half")
        return SpuriousRegionDetector(n_components, **settings).fit(np.asarray(embedding, float), y)


@pytest.fixture
def build_detector():
    return fit_detector


@pytest.fixture(scope="session")
def survey():
    """Three groups of sources, of which one is spurious, and a fifth uninspected."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 120)
    embedding = np.array([[0, 0], [20, 0], [0, 15]])[group] + rng.normal(size=(120, 2))
    y = np.where(group == 1, 1, 0)
    y[::5] = -1
    return embedding, y


@pytest.fixture(scope="session")
def detector(survey):
    return fit_detector(*survey)


@pytest.fixture
def overlaps():
    """Count the pairs of boxes, in pixels, that overlap by more than a rounding."""

    def count(artists):
        artists = list(artists)
        artists[0].figure.draw_without_rendering()
        boxes = np.array([artist.get_window_extent().extents for artist in artists])
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        shared = np.minimum(high, boxes[None, :, 2:]) - np.maximum(low, boxes[None, :, :2])
        return int(np.triu((shared > 0.5).all(axis=2), k=1).sum())

    return count


@pytest.fixture
def stays_inside():
    """Return whether all that is drawn lies inside its figure."""

    def check(display):
        figure = display.figure_
        figure.draw_without_rendering()
        extent, size = figure.get_tightbbox(), figure.get_size_inches()
        return bool(extent.min.min() > -0.02 and (extent.max < size + 0.02).all())

    return check


@pytest.fixture
def legend():
    """Return the legend of a display on a new figure or on given axes."""
    return lambda display: (display.figure_.legends or [display.ax_.get_legend()])[0]


@pytest.fixture
def legend_texts(legend):
    return lambda display: [text.get_text() for text in legend(display).get_texts()]


@pytest.fixture
def frame_boxes():
    """Return the framed boxes of cutouts as rows of x0, y0, x1, y1, in units of the axes."""
    from matplotlib.collections import PolyCollection

    def boxes(display):
        (frames,) = [c for c in display.ax_.collections if isinstance(c, PolyCollection)]
        return np.array([path.get_extents().extents for path in frames.get_paths()])

    return boxes
