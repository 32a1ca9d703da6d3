"""A small run in memory, with ids and reasons of people who mean no good."""

from types import SimpleNamespace

import numpy as np
import pytest

from spurclust.catalog import sources_table
from spurclust.catalog.ids import join_ids
from spurclust.region import component_counts, component_table
from spurclust.report import Results

N_COLUMNS, N_ROWS = 8, 5
N_SOURCES = N_COLUMNS * N_ROWS
HOSTILE_IDS = {
    1: "</script><script>window.hacked=1</script>",
    2: '<img src=x onerror="window.hacked=2">',
    3: "a,\"quoted\" & 'id'",
    4: "__proto__",
    5: "00123",
    6: "\u202eright\u2028to\u2029left \U0001f52d",
    7: "{{ 7 * 7 }} ${hacked} `",
}
HOSTILE_REASON = 'edge</script><b>data, "really"'


def make_sources():
    """Make 40 sources on a grid; the left half is flagged, a third of all uninspected."""
    numbers = np.arange(N_SOURCES)
    label = np.where(numbers % 3 == 0, -1, 0)
    spurious = np.isin(numbers, [1, 2, 4, 10, 13, 35])
    label[spurious] = 1
    label[[5, 7]] = -1
    component = (numbers % N_COLUMNS) // 4
    reason = np.full(N_SOURCES, "", dtype=object)
    reason[spurious] = ["spike", HOSTILE_REASON, "spike", "edge data", "", "spike"]
    return sources_table(
        [HOSTILE_IDS.get(number, str(1000 + number)) for number in numbers],
        embedding=np.column_stack([numbers % N_COLUMNS, numbers // N_COLUMNS]),
        component=component,
        spurious_probability=np.where(component == 0, 0.25, 0.05),
        flagged=component == 0,
        paths=[f"strips/z6_{number}_'<b>\"_crop.png" for number in numbers],
        y=label,
        reasons=reason.tolist(),
    )


def make_components(sources):
    label = sources["label"].fillna(-1).astype(int)
    return component_table(component_counts(sources["component"], label, 2), threshold=0.25)


def make_summary():
    share = {"k": 4, "n": 6, "fraction": 4 / 6, "interval": [0.22, 0.96]}
    return {
        "written_by": "spurclust",
        "versions": {"spurclust": "0.1.0"},
        "settings": {"cutouts": ["my strips"], "labels": "labels & co.xlsx", "size": None},
        "labels": {
            "reasons": {"spike": 3, HOSTILE_REASON: 1, "edge data": 1, "no reason given": 1}
        },
        "region": {"n_components": 2, "threshold": 0.25, "components": [0]},
        "held_out": None,
        "in_sample": {
            "completeness": share,
            "purity": share,
            "completeness_by_reason": {"spike": share, HOSTILE_REASON: share},
        },
        "skipped": {},
    }


def add_ranking(sources, summary):
    """Add what a run with a ranking has."""
    rank = np.random.default_rng(0).permutation(len(sources)) + 1
    sources["inspect_next"] = np.where(np.isin(np.arange(len(sources)), [9, 30]), rank, np.nan)
    known = sources["source_id"][sources["label"] == 1].tolist()
    sources["inspection_rank"] = rank
    sources["inspection_probability"] = np.round(0.9 / rank, 4)
    probability, label = sources["inspection_probability"], sources["label"].fillna(-1).to_numpy()
    wrong = np.where(label == 1, 1 - probability, probability)
    sources["label_suspicion"] = np.where(label < 0, np.nan, wrong)
    ids = sources["source_id"].to_numpy()
    sources["most_similar"] = [
        join_ids(ids[[(row + step) % len(ids) for step in (1, 2, 3)]]) for row in range(len(ids))
    ]
    nearest = ", ".join([known[3], known[2]])
    sources["nearest_spurious"] = ["", f"unknown, {known[3]}", *[nearest] * (len(sources) - 2)]
    sources["stability"] = np.linspace(0, 1, len(sources))
    links = [f"https://sky.example/?target={number}" for number in range(len(sources))]
    sources["sky_viewer"] = ["javascript:window.hacked=3", "", *links[2:]]
    summary["ranking"] = {
        "expected_effort": [{"completeness": 0.95, "inspections": 1400, "interval": [120, 1800]}]
    }


def build_results(*, ranking=False, change=None, tuning=None):
    """Make the results of a run; `change` alters its tables and its summary first."""
    sources = make_sources()
    components, summary = make_components(sources), make_summary()
    if ranking:
        add_ranking(sources, summary)
    if change is not None:
        change(sources, components, summary)
    return Results("out", sources, components, summary, tuning)


@pytest.fixture(scope="session")
def make_results():
    return build_results


@pytest.fixture
def results():
    return build_results()


@pytest.fixture(scope="session")
def load():
    """Load a cutout as a run does."""

    def pixels(row):
        strip = np.random.default_rng(row).integers(0, 200, (20, 60)).astype(np.uint8)
        strip[:, :row] //= 2
        return strip

    return pixels


@pytest.fixture(scope="session")
def hostile():
    return {"ids": HOSTILE_IDS, "reason": HOSTILE_REASON}


@pytest.fixture(scope="session")
def make_run():
    """Return what makes a fitted detector, as far as a summary reads it, and its labels."""

    def run(flagged, y, *, region=(True, False), embed=None):
        steps = {"embed": SimpleNamespace() if embed is None else embed}
        detector = SimpleNamespace(
            flagged_=np.asarray(flagged, dtype=bool),
            region_=np.asarray(region),
            n_components_=len(region),
            threshold=0.05,
            pipeline_=SimpleNamespace(named_steps=steps),
        )
        return detector, np.asarray(y)

    return run
