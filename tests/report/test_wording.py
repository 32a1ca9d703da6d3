import json

import numpy as np

from spurclust.ranking import InspectionOutlook, expected_effort
from spurclust.region import component_table
from spurclust.report import format_components, format_summary, summarize_run


def test_without_a_random_sample_no_interval_is_printed(make_run):
    detector, y = make_run([1, 1, 0, 0], [1, 0, -1, -1])
    effort = expected_effort(y, [0.9, 0.5, 0.3, 0.1], unlabeled=-1, random_sample=False)
    outlook = InspectionOutlook(1, 2, 0.4, None, 0, effort)
    summary = summarize_run(detector, y, outlook=outlook)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    ranking = format_summary(summary).partition("In-sample")[0]
    assert "95 % of the spurious: about 2\n" in ranking
    assert "the inspected sources are not known to be a random sample" in ranking
    assert "95 % interval" not in ranking
    nothing = InspectionOutlook(1, 2, np.nan, None, 0, effort * np.nan)
    assert "more" not in format_summary(summarize_run(detector, y, outlook=nothing))


def test_the_text_says_in_sample_and_the_words_of_the_field(make_run):
    detector, y = make_run([1] * 54 + [0] * 3 + [1] * 40 + [0] * 60, [1] * 57 + [0] * 100)
    lines = format_summary(summarize_run(detector, y)).splitlines()
    assert lines[0].startswith("Region: 1 of 2 components (0)")
    assert lines[1].startswith("Flagged 94 of 157 sources (workload 0.599)")
    assert lines[2].startswith("In-sample")
    assert lines[3] == "  completeness  54 of 57 = 0.947 (95 % interval 0.854 to 0.989)"
    assert lines[4].startswith("  purity        54 of 94 = ")
    text = format_summary(summarize_run(*make_run([0, 0], [0, 0], region=(False, False))))
    assert "0 of 2 components (none)" in text
    assert "completeness  not defined (0 of 0)" in text


def test_components_are_a_line_each_and_a_star_marks_the_region():
    table = component_table(np.array([[200_000, 150_000, 75_000], [3, 0, 0], [9, 9, 0]]), 0.05)
    header, *lines = format_components(table).splitlines()
    assert header.split()[:5] == ["component", "size", "inspected", "spurious", "fraction"]
    assert [line[0] for line in lines] == ["*", " ", " "]
    assert lines[0].split()[1:6] == ["0", "200000", "150000", "75000", "0.500"]
    assert lines[1].split()[:5] == ["1", "3", "0", "0", "-"]
    ends = [line.index(" to ") for line in lines]
    assert len(set(ends)) == 1


def test_nothing_is_found_for_certain_without_an_interval(make_run):
    detector, y = make_run([1, 1, 0, 0], [1, 1, -1, -1])
    effort = expected_effort(y, [0.9, 0.8, 0.01, 0.01], unlabeled=-1, random_sample=False)
    outlook = InspectionOutlook(2, 2, 0.02, None, 0, effort)
    text = format_summary(summarize_run(detector, y, outlook=outlook))
    assert (
        "that probably find\n  90 % of the spurious: none, if no more are left than expected"
        in text
    )
