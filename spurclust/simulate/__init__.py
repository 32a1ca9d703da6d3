"""A survey with JWST-like optics and known defects, for the demo, the tests and the benchmarks."""

from spurclust.simulate.optics import point_spread_function
from spurclust.simulate.survey import (
    SimulatedSurvey,
    draw_strips,
    simulate_survey,
    write_survey,
)

__all__ = [
    "SimulatedSurvey",
    "draw_strips",
    "point_spread_function",
    "simulate_survey",
    "write_survey",
]
