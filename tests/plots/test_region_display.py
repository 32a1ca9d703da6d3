import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from sklearn.cluster import KMeans

from spurclust.plots import RegionDisplay
from spurclust.plots.fitted import RegionGrid, evaluate_region
from spurclust.plots.style import PAGE_WIDTH, REGION_COLOR


def title(display):
    return display.ax_.get_legend().get_title().get_text()


def ellipses(display):
    return [patch for patch in display.ax_.patches if isinstance(patch, Ellipse)]


def is_region_filled(display):
    return any(
        getattr(collection, "hatches", [None]) != [None] and any(getattr(collection, "hatches", []))
        for collection in display.ax_.collections
    )


def test_the_words_count_what_is_flagged(detector, survey, legend_texts):
    _, y = survey
    display = RegionDisplay.from_estimator(detector, y)
    flagged, spurious = detector.flagged_, y == 1
    assert title(display) == (
        f"flagged {flagged.sum()} of {len(y)}, {(flagged & spurious).sum()} of {spurious.sum()} "
        "known spurious"
    )
    assert legend_texts(display) == [
        "source outside",
        "source in the region",
        "known spurious",
        "region",
        "1 sigma",
        "2 sigma",
    ]


def test_every_source_is_drawn_once(detector, survey):
    _, y = survey
    axes = RegionDisplay.from_estimator(detector, y).ax_
    drawn = [len(c.get_offsets()) for c in axes.collections if isinstance(c, PathCollection)]
    flagged, spurious = detector.flagged_, y == 1
    assert drawn == [
        (~flagged & ~spurious).sum(),
        (flagged & ~spurious).sum(),
        spurious.sum(),
    ]


def test_the_region_is_filled_and_hatched(detector, survey):
    display = RegionDisplay.from_estimator(detector, survey[1])
    assert is_region_filled(display)
    patch = display.ax_.get_legend().legend_handles[3]
    assert patch.get_hatch()
    assert to_hex(patch.get_edgecolor()).upper() == REGION_COLOR


def test_two_ellipses_for_each_gaussian_at_its_axes(detector, survey):
    display = RegionDisplay.from_estimator(detector, survey[1])
    mixture = detector.pipeline_[-1]
    assert len(ellipses(display)) == 2 * len(mixture.means_)
    one = ellipses(display)[0]
    assert one.get_center() == pytest.approx(tuple(mixture.means_[0]))
    variances = np.linalg.eigvalsh(mixture.covariances_[0])
    assert sorted([one.width, one.height]) == pytest.approx(list(2 * np.sqrt(variances)))
    # A point one sigma along the ellipse's first axis has a Mahalanobis distance of 1.
    turn = np.radians(one.angle)
    step = one.width / 2 * np.array([np.cos(turn), np.sin(turn)])
    assert step @ np.linalg.solve(mixture.covariances_[0], step) == pytest.approx(1)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_every_kind_of_covariance_has_ellipses(build_detector, survey, covariance_type):
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    detector = build_detector(*survey, mixture=mixture)
    assert len(ellipses(RegionDisplay.from_estimator(detector, survey[1]))) == 6


def test_another_mixture_has_borders_instead(build_detector, survey, legend_texts):
    mixture = KMeans(3, random_state=0, n_init=1)
    detector = build_detector(*survey, mixture=mixture)
    display = RegionDisplay.from_estimator(detector, survey[1])
    assert ellipses(display) == []
    assert "1 sigma" not in legend_texts(display)
    assert is_region_filled(display)


def test_the_grid_agrees_with_the_flags_of_the_sources(detector):
    grid = evaluate_region(detector)
    column = np.abs(grid.x[:, None] - detector.embedding_[:, 0]).argmin(axis=0)
    row = np.abs(grid.y[:, None] - detector.embedding_[:, 1]).argmin(axis=0)
    assert (grid.flagged[row, column] == detector.flagged_).mean() > 0.98
    assert (grid.component[row, column] == detector.component_).mean() > 0.98
    assert grid.near[row, column].all()
    assert not grid.near.all()


def test_soft_assignment_weighs_the_fractions(detector):
    detector.assignment = "soft"
    grid = evaluate_region(detector)
    points = np.stack(np.meshgrid(grid.x, grid.y), axis=-1).reshape(-1, 2)
    fraction = np.nan_to_num(detector.components_["fraction"].to_numpy())
    probability = detector.pipeline_[-1].predict_proba(points) @ fraction
    assert np.array_equal(grid.flagged.ravel(), probability >= detector.threshold)
    assert (grid.component < 3).all()


def test_no_region(build_detector, survey, legend_texts):
    embedding, _ = survey
    y = np.zeros(len(embedding), dtype=int)
    display = RegionDisplay.from_estimator(build_detector(embedding, y), y)
    assert title(display) == f"flagged 0 of {len(y)}, no known spurious"
    assert not is_region_filled(display)
    assert legend_texts(display) == ["source outside", "1 sigma", "2 sigma"]


def test_everything_is_in_the_region(build_detector, legend_texts):
    embedding = np.array([[0.0, 0], [1, 1], [5, 5], [6, 5]])
    y = np.ones(4, dtype=int)
    display = RegionDisplay.from_estimator(build_detector(embedding, y, 1), y)
    assert title(display) == "flagged 4 of 4, 4 of 4 known spurious"
    assert legend_texts(display)[:2] == ["known spurious", "region"]


def test_a_region_without_a_border():
    everywhere = np.ones((5, 5), dtype=bool)
    steps = np.linspace(0, 1, 5)
    grid = RegionGrid(steps, steps, np.zeros((5, 5), dtype=int), everywhere, everywhere)
    display = RegionDisplay(np.eye(2), [1, 0], [0, 0], [True] * 2, [True], grid=grid).plot()
    assert is_region_filled(display)


@pytest.mark.parametrize("n_components", [1, 6, 40])
def test_numbers_do_not_overlap(build_detector, n_components, overlaps, stays_inside):
    rng = np.random.default_rng(3)
    embedding = rng.normal(size=(800, 2)) * 20
    y = (rng.random(800) < 0.05).astype(int)
    detector = build_detector(embedding, y, n_components)
    display = RegionDisplay.from_estimator(detector, y)
    numbers = [text.get_text() for text in display.ax_.texts]
    assert numbers == [str(number) for number in np.unique(detector.component_)]
    assert overlaps(display.ax_.texts) == 0
    assert stays_inside(display)
    assert (display.figure_.get_size_inches()[0] == PAGE_WIDTH) == (n_components > 15)


def test_numbers_where_there_is_no_room():
    component = np.arange(8)
    flags = np.zeros(8, dtype=bool)
    embedding = np.zeros((8, 2))
    embedding[-1] = 100
    display = RegionDisplay(embedding, [1] * 8, component, flags, flags).plot()
    assert len(display.ax_.texts) == 8


def test_a_component_without_sources_is_not_drawn():
    means, covariances = [[0, 0], [50, 50]], [np.eye(2), np.eye(2)]
    display = RegionDisplay(
        np.eye(2), [0, 1], [0, 0], [False] * 2, [False] * 2, means=means, covariances=covariances
    ).plot()
    assert len(ellipses(display)) == 2
    assert [text.get_text() for text in display.ax_.texts] == ["0"]


@pytest.mark.parametrize("embedding", [np.array([[0.0, 0], [3, 1]]), np.full((3, 2), 4.0)])
def test_few_sources(build_detector, embedding, stays_inside):
    y = np.array([1, 0, 0])[: len(embedding)]
    display = RegionDisplay.from_estimator(build_detector(embedding, y, 1), y)
    assert stays_inside(display)


def test_another_width(detector, survey):
    display = RegionDisplay.from_estimator(detector, survey[1], width=5)
    assert display.figure_.get_size_inches()[0] == 5


def test_given_axes_and_labels_of_another_length(detector, survey):
    axes = Figure().add_subplot()
    assert RegionDisplay.from_estimator(detector, survey[1], ax=axes).ax_ is axes
    with pytest.raises(ValueError, match="component has length 1, but there are 2"):
        RegionDisplay(np.eye(2), None, [0], [True, False], [True]).plot()
