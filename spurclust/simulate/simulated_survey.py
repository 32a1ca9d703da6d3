"""A simulated survey, whole: sources, labels and what is true of them."""

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from spurclust.simulate.defects import DEFECTS, count_defects
from spurclust.simulate.filters import FILTERS
from spurclust.simulate.scenes import N_PIXELS, kernel_spectra, observe
from spurclust.simulate.sources import draw_reliable
from spurclust.simulate.strips import draw_strips

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SimulatedSurvey", "simulate_survey"]

# Step of the id, right ascension, declination, redshift, magnitude, effective radius.
_Row: TypeAlias = tuple[int, float, float, float, float, float]

# Sources that one thread draws before it takes the next ones.
_CHUNK = 16
# Visits of the telescope, and how much their rolls differ, in degrees.
_N_VISITS = 3
_ROLL_SCATTER = 1.5
# Middle of the field, and its half width, in degrees.
_FIELD_RA, _FIELD_DEC, _FIELD_HALF_WIDTH = 214.9, 52.88, 0.06
_FIRST_ID = 1000
_LARGEST_ID_STEP = 60


@dataclass(frozen=True, eq=False)
class SimulatedSurvey:
    """A simulated survey in memory: cutouts, labels and what is true.

    What `simulate_survey` returns; entry i of everything is one source. `write_survey` writes it as
    files.

    Attributes
    ----------
    cubes : ndarray of shape (n_sources, 51, 51, 6), float32
        The pixels, ``cubes[i, y, x, filter]``, in background sigma; NaN off the data. The filters
        are F090W, F115W, F150W, F200W, F277W and F444W, 0.03 arcsec per pixel.
    source_ids : list of str
        The ids, rising numbers.
    y : ndarray of shape (n_sources,), int8
        1 spurious, 0 reliable.
    reasons : list of str
        "diffraction spike", "edge data", "close to another source"; empty when reliable.
    truth : DataFrame
        ``source_id``, ``ra`` and ``dec`` (degrees); for reliable sources also ``redshift``,
        ``magnitude`` (AB, at 1.5 micrometres, where the Lyman break does not reach) and
        ``effective_radius`` (arcsec), which are NaN for spurious ones.
    """

    cubes: NDArray[np.float32]
    source_ids: list[str]
    y: NDArray[np.int8]
    reasons: list[str]
    truth: "pd.DataFrame"

    def __len__(self) -> int:
        return len(self.source_ids)

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """The cutouts as grey strips, of shape (n_sources, 170, 950), uint8; drawn on first use."""
        return draw_strips(self.cubes)


def simulate_survey(
    n_sources: int = 1816,
    n_spurious: int = 57,
    *,
    random_state: int | None = 12,
    n_jobs: int | None = None,
) -> SimulatedSurvey:
    """Simulate a survey of galaxies beyond redshift 6, with spurious sources among them.

    For demonstrations, tests and benchmarks: cutouts in the six wide filters of a JWST deep field,
    through JWST's pupil. The spurious ones are diffraction spikes, edges of the data, and pieces of
    bright neighbours, as 29 : 7 : 22; some reliable ones have such things beside them. Optics and
    labels are without error, so figures measured here are kinder than those of a real survey. A
    source takes 62 kB of memory, and 162 kB more as a strip.

    Parameters
    ----------
    n_sources : int, default=1816
        How many sources, at least 1.
    n_spurious : int, default=57
        How many of them are spurious, from 0 to `n_sources`; which ones is left to chance.
    random_state : int or None, default=12
        Seed; None is another survey every time. What a source looks like depends only on it, the
        source's number and its reason, not on how many sources there are.
    n_jobs : int, default=None
        Threads; None means 1 unless in a `joblib.parallel_config`, -1 all processors. The result
        does not depend on it.

    Returns
    -------
    SimulatedSurvey
        Cutouts, ids, labels, reasons, and the true properties.

    Raises
    ------
    ValueError
        When a number is out of range.

    References
    ----------
    Perrin M. D. et al. 2014, "Updated optical modeling of JWST with WebbPSF", SPIE 9143, 91433X.

    Examples
    --------
    >>> survey = simulate_survey(8, 2, random_state=0)
    >>> survey.cubes.shape, survey.images.shape, int(survey.y.sum())
    ((8, 51, 51, 6), (8, 170, 950), 2)
    >>> sorted(set(survey.reasons))
    ['', 'close to another source', 'diffraction spike']
    """
    _check_counts(n_sources, n_spurious, random_state)
    root = np.random.SeedSequence(random_state)
    whole = _child(root, 0)
    rolls = (whole.uniform(0, 360) + whole.normal(0, _ROLL_SCATTER, _N_VISITS)).tolist()
    reasons = _assign_reasons(n_sources, n_spurious, whole)
    # Computed here once, so that threads do not each compute them.
    for roll in rolls:
        kernel_spectra(roll)
    cubes = np.empty((n_sources, N_PIXELS, N_PIXELS, len(FILTERS)), dtype=np.float32)
    chunks = [range(k, min(k + _CHUNK, n_sources)) for k in range(0, n_sources, _CHUNK)]
    # Threads, whatever the surrounding configuration says: all write into one array.
    rows = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(_draw_chunk)(cubes, chunk, reasons, root, rolls) for chunk in chunks
    )
    truth = _tabulate([row for chunk_rows in rows for row in chunk_rows])
    y = np.array([reason != "" for reason in reasons], dtype=np.int8)
    return SimulatedSurvey(cubes, truth["source_id"].tolist(), y, reasons, truth)


def _check_counts(n_sources: object, n_spurious: object, random_state: object) -> None:
    """Raise an error when a parameter of a survey is out of range."""
    if not _is_integer(n_sources) or n_sources < 1:
        raise ValueError(f"n_sources is {n_sources!r}: give a whole number of at least 1")
    if not _is_integer(n_spurious) or not 0 <= n_spurious <= n_sources:
        raise ValueError(
            f"n_spurious is {n_spurious!r}: give a whole number from 0 to n_sources, {n_sources}"
        )
    if random_state is not None and (not _is_integer(random_state) or random_state < 0):
        raise ValueError(f"random_state is {random_state!r}: give None or a whole number from 0 up")


def _is_integer(value: object) -> TypeGuard[int]:
    """Tell a whole number, also numpy's, from everything else."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _child(root: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Make a source of randomness that depends on nothing but the survey's and a key."""
    return np.random.default_rng(np.random.SeedSequence(root.entropy, spawn_key=key))


def _assign_reasons(n_sources: int, n_spurious: int, rng: np.random.Generator) -> list[str]:
    """Decide which sources are spurious, and why."""
    reasons = [""] * n_sources
    chosen = rng.permutation(n_sources)[:n_spurious].tolist()
    named = (r for reason, n in count_defects(n_spurious).items() for r in [reason] * n)
    for k, reason in zip(chosen, named, strict=True):
        reasons[k] = reason
    return reasons


def _draw_chunk(
    cubes: NDArray[np.float32],
    chunk: range,
    reasons: list[str],
    root: np.random.SeedSequence,
    rolls: list[float],
) -> list[_Row]:
    """Draw some sources into their places, and return what is true of them."""
    rows = []
    for k in chunk:
        rng = _child(root, 1, k)
        id_step = int(rng.integers(1, _LARGEST_ID_STEP))
        dx, dy = rng.uniform(-_FIELD_HALF_WIDTH, _FIELD_HALF_WIDTH, 2)
        ra = _FIELD_RA + dx / np.cos(np.deg2rad(_FIELD_DEC))
        roll = rolls[rng.integers(len(rolls))]
        facts = (np.nan, np.nan, np.nan)
        if reasons[k]:
            scene = DEFECTS[reasons[k]](rng, roll)
        else:
            scene, candidate = draw_reliable(rng, roll)
            facts = candidate.redshift, candidate.magnitude, candidate.effective_radius
        cubes[k] = observe(scene, rng)
        rows.append((id_step, float(ra), float(_FIELD_DEC + dy), *facts))
    return rows


def _tabulate(rows: list[_Row]) -> "pd.DataFrame":
    """Make the table of what is true, with ids that rise."""
    import pandas as pd

    columns = ["source_id", "ra", "dec", "redshift", "magnitude", "effective_radius"]
    table = pd.DataFrame(rows, columns=columns)
    ids = _FIRST_ID + table["source_id"].cumsum()
    table["source_id"] = [str(i) for i in ids]
    return table
