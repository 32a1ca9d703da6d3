"""A small survey, as files and in memory, and what was found in it."""

import numpy as np
import pandas as pd
import pytest

from spurclust import SpuriousRegionDetector, analyze
from spurclust.catalog import read_labels
from spurclust.cutouts import read_cutouts
from spurclust.simulate import simulate_survey, write_survey

N_SOURCES, N_SPURIOUS = 60, 12


def make_detector(**changed):
    settings = {"n_components": 3, "perplexity": 8, "random_state": 0, "n_jobs": 2} | changed
    return SpuriousRegionDetector(**settings)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("survey") / "strips"
    write_survey(simulate_survey(N_SOURCES, N_SPURIOUS, random_state=1, n_jobs=2), place, n_jobs=2)
    return place


@pytest.fixture(scope="session")
def cutouts(folder):
    return read_cutouts(folder, reduce=5)


@pytest.fixture(scope="session")
def y(folder, cutouts):
    table = read_labels(folder / "labels.xlsx").table.set_index("source_id")
    return table.loc[cutouts.source_ids, "label"].to_numpy()


@pytest.fixture(scope="session")
def analysis(folder):
    return analyze(folder, folder / "labels.xlsx", detector=make_detector(), reduce=5)


@pytest.fixture(scope="session")
def saved(analysis, tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "results"
    analysis.save(place)
    return place


def same_findings(one, other):
    """Compare all that does not depend on where cutouts and labels were."""
    names = ["tsne_x", "tsne_y", "component", "spurious_probability", "flagged"]
    names += ["inspection_rank", "inspection_probability"]
    pd.testing.assert_frame_equal(one.sources[names], other.sources[names], check_exact=True)
    pd.testing.assert_frame_equal(one.components, other.components)
    np.testing.assert_array_equal(one.y, other.y)
