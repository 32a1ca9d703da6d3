"""The features and panels that made a source suspect."""

import numpy as np
import pytest

from spurclust import InspectionRanker, SpuriousRegionDetector
from spurclust.ranking import explain_source


@pytest.fixture(scope="module")
def fitted():
    """Rank cubes of three panels; in the second, spurious sources are bright."""
    rng = np.random.default_rng(0)
    y = (np.arange(120) < 30).astype(int)
    cubes = rng.normal(size=(120, 9, 9, 3)).astype(np.float32)
    cubes[y == 1, 2:5, :, 1] += 6
    return cubes, y, InspectionRanker(100, random_state=0).fit(cubes, y)


def test_the_panel_with_the_defect_is_named(fitted):
    cubes, _, ranker = fitted
    why = explain_source(ranker, cubes[3])
    assert why.probability == pytest.approx(ranker.inspection_probability_[3])
    assert why.probability > 0.5
    assert why.panels["panel"].iloc[0] == "panel2"
    assert set(why.panels["panel"]) == {"panel1", "panel2", "panel3", "between panels"}
    assert why.features["feature"].head(3).str.startswith("panel2_").any()
    assert why.features["effect"].abs().is_monotonic_decreasing
    assert why.component is None
    typical = ranker.probability_without(ranker.typical_, [np.array([], int), np.arange(99)])
    assert typical[0] == typical[1]


def test_a_new_source_is_explained(fitted):
    cubes, y, ranker = fitted
    why = explain_source(ranker, cubes[3] + np.float32(0.01), n_features=4, n_neighbors=2)
    assert len(why.features) == 4
    assert why.nearest.shape == why.distances.shape == (2,)
    assert (y[why.nearest] == 1).all()


def test_the_component_is_included(fitted):
    cubes, y, ranker = fitted
    detector = SpuriousRegionDetector(3, perplexity=20, random_state=0).fit(cubes, y)
    why = explain_source(ranker, cubes[3], detector=detector)
    table = detector.components_.loc[detector.component_[3]]
    assert why.component["component"] == detector.component_[3]
    assert why.component["n_spurious"] == table["n_spurious"]
    assert why.component["fraction_low"] <= why.component["fraction"]


def test_panels_from_ten_on_are_their_own():
    rows = np.arange(40.0)[:, None] + np.arange(4)
    y = np.arange(40) // 20
    pd = pytest.importorskip("pandas")
    names = ["panel1_blank", "panel12_blank", "ratio_panel1_panel2", "panel1_x"]
    ranker = InspectionRanker(20, random_state=0).fit(pd.DataFrame(rows, columns=names), y)
    with pytest.warns(UserWarning, match="feature names"):
        panels = explain_source(ranker, rows[39]).panels
    assert sorted(panels["panel"]) == ["between panels", "panel1", "panel12"]
