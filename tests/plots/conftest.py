"""A stand-in for a fitted detector, and a guard against figures left open."""

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline

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


def interval(n_spurious, n_inspected):
    if n_inspected == 0:
        return np.nan, np.nan
    n_reliable = n_inspected - n_spurious
    low = beta.ppf(0.025, n_spurious, n_reliable + 1) if n_spurious else 0.0
    high = beta.ppf(0.975, n_spurious + 1, n_reliable) if n_reliable else 1.0
    return low, high


def make_detector(
    embedding, y, n_components=3, *, mixture=None, threshold=0.05, classes=(0, 1), unlabeled=-1
):
    embedding = np.asarray(embedding, dtype=float)
    if mixture is None:
        mixture = GaussianMixture(n_components, random_state=12)
    mixture.fit(embedding)
    component = mixture.predict(embedding)
    spurious = np.array([value == classes[-1] for value in y])
    known = np.array([value in classes for value in y])
    rows = []
    for number in range(n_components):
        inside = component == number
        n_inspected, n_spurious = int((inside & known).sum()), int((inside & spurious).sum())
        fraction = n_spurious / n_inspected if n_inspected else np.nan
        row = (inside.sum(), n_inspected, n_spurious, fraction)
        rows.append((*row, *interval(n_spurious, n_inspected), fraction >= threshold))
    names = ["size", "n_inspected", "n_spurious", "fraction"]
    names += ["fraction_low", "fraction_high", "in_region"]
    components = pd.DataFrame(rows, columns=names).rename_axis("component")
    region = components["in_region"].to_numpy(dtype=bool)
    return SimpleNamespace(
        embedding_=embedding,
        component_=component,
        flagged_=region[component],
        components_=components,
        region_=region,
        threshold=threshold,
        spurious_probability_=components["fraction"].to_numpy()[component],
        classes_=np.array(classes),
        unlabeled=unlabeled,
        assignment="hard",
        pipeline_=Pipeline([("mixture", mixture)]),
    )


def make_survey(n_sources=120, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n_sources)
    embedding = np.array([[0, 0], [20, 0], [0, 15]])[group] + rng.normal(size=(n_sources, 2))
    y = np.where(group == 1, 1, 0)
    y[::5] = -1
    return embedding, y


@pytest.fixture
def survey():
    return make_survey()


@pytest.fixture
def detector(survey):
    return make_detector(*survey)


@pytest.fixture
def build_detector():
    return make_detector


@pytest.fixture
def build_survey():
    return make_survey


def drawn_boxes(artists):
    """Boxes of drawn artists in pixels, as rows of x0, y0, x1, y1."""
    artists = list(artists)
    artists[0].figure.draw_without_rendering()
    return np.array([artist.get_window_extent().extents for artist in artists])


def count_overlaps(boxes, tolerance=0.5):
    """Count the pairs of boxes that overlap by more than the tolerance."""
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    shared = np.minimum(high, boxes[None, :, 2:]) - np.maximum(low, boxes[None, :, :2])
    overlap = (shared > tolerance).all(axis=2)
    return int(np.triu(overlap, k=1).sum())


@pytest.fixture
def overlaps():
    return lambda artists: count_overlaps(drawn_boxes(artists))


@pytest.fixture
def stays_inside():
    """Tell whether all that is drawn lies inside its figure."""

    def check(display):
        figure = display.figure_
        figure.draw_without_rendering()
        extent, size = figure.get_tightbbox(), figure.get_size_inches()
        return bool(
            extent.x0 > -0.02
            and extent.y0 > -0.02
            and extent.x1 < size[0] + 0.02
            and extent.y1 < size[1] + 0.02
        )

    return check


@pytest.fixture
def legend_texts():
    return lambda display: [text.get_text() for text in display.ax_.get_legend().get_texts()]
