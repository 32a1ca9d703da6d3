"""A simulated survey: in memory, as strips, and as the files of a team."""

import os
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from spurclust.catalog.output import write_results
from spurclust.errors import import_optional
from spurclust.labels import RELIABLE, SPURIOUS
from spurclust.parallel import iterate_threads
from spurclust.printing import short_repr
from spurclust.progress import track
from spurclust.simulate.defects import DEFECTS, count_defects
from spurclust.simulate.galaxies import draw_reliable
from spurclust.simulate.optics import FILTERS, Float32
from spurclust.simulate.scenes import N_PIXELS, kernel_spectra, observe

if TYPE_CHECKING:
    import pandas as pd

# Step of the id, right ascension, declination, redshift, magnitude, effective radius.
_Row: TypeAlias = tuple[int, float, float, float, float, float]

# Number of visits of the telescope, and the spread of their rolls in degrees.
_N_VISITS = 3
_ROLL_SCATTER = 1.5
# Middle of the field, and its half width, in degrees.
_FIELD_RA, _FIELD_DEC, _FIELD_HALF_WIDTH = 214.9, 52.88, 0.06
_FIRST_ID = 1000
_LARGEST_ID_STEP = 60

STRIP_SHAPE = (170, 950)
_ENLARGEMENT = 3
_GAP = 4
_WHITE = 255
_PERCENTILES = (5.0, 99.5)
_LABEL_TABLE = "labels.xlsx"
# For these noisy pictures, files are a tenth larger than at best, in a third of the time.
_COMPRESSION = 1


@dataclass(frozen=True, eq=False)
class SimulatedSurvey:
    """A simulated survey in memory: cutouts, labels and true properties.

    `simulate_survey` returns it; entry i of each attribute is one source. `write_survey` writes it
    as files.

    Attributes
    ----------
    cubes : ndarray of shape (n_sources, 51, 51, 6), float32
        The pixels, ``cubes[i, y, x, filter]``, in background sigma; NaN off the data. The filters
        are F090W, F115W, F150W, F200W, F277W and F444W, 0.03 arcsec per pixel.
    source_ids : list of str
        Ids: increasing numbers.
    y : ndarray of shape (n_sources,), int8
        1 spurious, 0 reliable.
    reasons : list of str
        "diffraction spike", "edge data" or "close to another source"; empty for reliable sources.
    truth : DataFrame
        ``source_id``, ``ra`` and ``dec`` (degrees); for reliable sources also ``redshift``,
        ``magnitude`` (AB, at 1.5 micrometers, where the Lyman break does not reach) and
        ``effective_radius`` (arcsec), which are NaN for spurious ones.
    """

    cubes: Float32
    source_ids: list[str]
    y: NDArray[np.int8]
    reasons: list[str]
    truth: "pd.DataFrame"

    def __len__(self) -> int:
        return len(self.source_ids)

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """The cutouts as gray strips, of shape (n_sources, 170, 950), uint8; drawn on first use."""
        return draw_strips(self.cubes)

    def __repr__(self) -> str:
        return short_repr(self)


def simulate_survey(
    n_sources: int = 1816,
    n_spurious: int = 57,
    *,
    random_state: int | None = 12,
    n_jobs: int | None = None,
) -> SimulatedSurvey:
    """Simulate a survey of galaxies beyond redshift 6, with spurious sources among them.

    Use it for demonstrations, tests and benchmarks. The cutouts are like those of a JWST deep field
    in six wide filters, with the pupil of JWST. The spurious sources are diffraction spikes, edges
    of the data, and pieces of bright neighbors, as 29 : 7 : 22. Some reliable sources have such
    defects beside them. Optics and labels are perfect, so metrics are better than on a real survey.
    A source takes 62 kB of memory, and 162 kB more as a strip.

    Parameters
    ----------
    n_sources : int, default=1816
        Number of sources, at least 1.
    n_spurious : int, default=57
        Number of spurious sources among them, from 0 to `n_sources`, chosen at random.
    random_state : int or None, default=12
        Controls the survey; None makes another survey every time. A cutout depends only on this,
        its number and its reason, not on the number of sources.
    n_jobs : int, default=None
        Number of threads; None is 1 unless in a `joblib.parallel_config`, -1 is all cores. The
        result is the same for any.

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
    # Computed once, or each thread would compute them.
    for roll in rolls:
        kernel_spectra(roll)
    cubes = np.empty((n_sources, N_PIXELS, N_PIXELS, len(FILTERS)), dtype=np.float32)

    def draw(k: int) -> _Row:
        return _draw_source(cubes[k], reasons[k], _child(root, 1, k), rolls)

    drawn = iterate_threads(draw, range(n_sources), n_jobs)
    truth = _tabulate(list(track(drawn, n_sources, "Simulating sources", "source")))
    y = np.array([SPURIOUS if reason else RELIABLE for reason in reasons], dtype=np.int8)
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
    """Return whether a value is a whole number, also one of numpy's."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _child(root: np.random.SeedSequence, *key: int) -> np.random.Generator:
    """Return a generator that depends only on the survey's random state and a key."""
    return np.random.default_rng(np.random.SeedSequence(root.entropy, spawn_key=key))


def _assign_reasons(n_sources: int, n_spurious: int, rng: np.random.Generator) -> list[str]:
    """Decide which sources are spurious, and why."""
    reasons = [""] * n_sources
    chosen = rng.permutation(n_sources)[:n_spurious].tolist()
    named = (r for reason, n in count_defects(n_spurious).items() for r in [reason] * n)
    for k, reason in zip(chosen, named, strict=True):
        reasons[k] = reason
    return reasons


def _draw_source(cube: Float32, reason: str, rng: np.random.Generator, rolls: list[float]) -> _Row:
    """Draw a source into its cube, and return its true properties."""
    id_step = int(rng.integers(1, _LARGEST_ID_STEP))
    dx, dy = rng.uniform(-_FIELD_HALF_WIDTH, _FIELD_HALF_WIDTH, 2)
    ra = _FIELD_RA + dx / np.cos(np.deg2rad(_FIELD_DEC))
    roll = rolls[rng.integers(len(rolls))]
    properties = (np.nan, np.nan, np.nan)
    if reason:
        scene = DEFECTS[reason](rng, roll)
    else:
        scene, candidate = draw_reliable(rng, roll)
        properties = candidate.redshift, candidate.magnitude, candidate.effective_radius
    cube[:] = observe(scene, rng)
    return id_step, float(ra), float(_FIELD_DEC + dy), *properties


def _tabulate(rows: list[_Row]) -> "pd.DataFrame":
    """Return the table of true properties, with increasing ids."""
    import pandas as pd

    columns = ["source_id", "ra", "dec", "redshift", "magnitude", "effective_radius"]
    table = pd.DataFrame(rows, columns=columns)
    ids = _FIRST_ID + table["source_id"].cumsum()
    table["source_id"] = [str(i) for i in ids]
    return table


def draw_strips(cubes: Float32) -> NDArray[np.uint8]:
    """Draw cubes as gray strips: one panel per filter, side by side.

    Parameters
    ----------
    cubes : ndarray of shape (n_sources, height, width, n_filters) or (height, width, n_filters)
        Pixels; NaN is off the data. Six filters of 51 x 51 pixels fill a strip.

    Returns
    -------
    ndarray of shape (n_sources, 170, 950) or (170, 950), uint8
        Each panel is drawn 3 times larger and stretched between its own 5th and 99.5th percentile,
        black off the data, on white.

    Raises
    ------
    ValueError
        When the panels do not fit into a strip, or `cubes` has another number of axes.

    Examples
    --------
    >>> strip = draw_strips(np.zeros((51, 51, 6), dtype=np.float32))
    >>> strip.shape, int(strip[0, 0])
    ((170, 950), 255)
    """
    if cubes.ndim not in (3, 4):
        raise ValueError(
            f"cubes has the shape {cubes.shape}: give ([n_sources,] height, width, n_filters)"
        )
    height, width = STRIP_SHAPE
    panel_height, panel_width = (_ENLARGEMENT * length for length in cubes.shape[-3:-1])
    n_panels = cubes.shape[-1]
    if panel_height > height or n_panels * (panel_width + _GAP) - _GAP > width:
        raise ValueError(
            f"{n_panels} panels, {_ENLARGEMENT} times larger than {cubes.shape[-3:-1]} pixels, do "
            f"not fit into a strip of {height} x {width}: give fewer or smaller ones"
        )
    if cubes.ndim == 3:
        return _draw_strip(cubes)
    strips = np.empty((len(cubes), *STRIP_SHAPE), dtype=np.uint8)
    for strip, cube in zip(strips, cubes, strict=True):
        strip[:] = _draw_strip(cube)
    return strips


def _draw_strip(cube: Float32) -> NDArray[np.uint8]:
    """Draw one strip."""
    strip = np.full(STRIP_SHAPE, _WHITE, dtype=np.uint8)
    rows, columns = cube.shape[0] * _ENLARGEMENT, cube.shape[1] * _ENLARGEMENT
    n_panels = cube.shape[-1]
    top = (STRIP_SHAPE[0] - rows) // 2
    left = (STRIP_SHAPE[1] - n_panels * (columns + _GAP) + _GAP) // 2
    for k, panel in enumerate(np.moveaxis(cube, -1, 0)):
        levels = _stretched(panel).repeat(_ENLARGEMENT, axis=0).repeat(_ENLARGEMENT, axis=1)
        start = left + k * (columns + _GAP)
        strip[top : top + rows, start : start + columns] = levels
    return strip


def _stretched(panel: Float32) -> NDArray[np.uint8]:
    """Turn a panel into gray levels between its own percentiles."""
    on_data = np.isfinite(panel)
    if not on_data.any():
        return np.zeros(panel.shape, dtype=np.uint8)
    low, high = np.percentile(panel[on_data], _PERCENTILES)
    scaled = (panel - low) / max(high - low, np.finfo(np.float32).tiny)
    levels = np.where(on_data, np.clip(scaled, 0, 1) * _WHITE, 0)
    return np.rint(levels).astype(np.uint8)


def strip_name(source_id: str) -> str:
    """Name the file of a strip as the team's files are named."""
    return f"z6_{source_id}_{''.join(band.name for band in FILTERS)}_crop.png"


def write_survey(
    survey: SimulatedSurvey, folder: str | os.PathLike[str], *, n_jobs: int | None = None
) -> Path:
    """Write a simulated survey as files: one strip per source, and the table of labels.

    ``spurclust run`` and the functions of ``spurclust.catalog`` read the files. All files appear
    together when the last one is complete. After an error or an interrupt there are none.

    Parameters
    ----------
    survey : SimulatedSurvey
        The survey, from `simulate_survey`.
    folder : str or path
        A new or empty folder for the files.
    n_jobs : int, default=None
        Number of threads; None is 1 unless in a `joblib.parallel_config`, -1 is all cores.

    Returns
    -------
    Path
        The folder, with ``z6_<source_id>_F090W...F444W_crop.png`` (170 x 950 px, three equal 8-bit
        channels) and ``labels.xlsx``: Source_ID, Reliable_Source (0 = spurious), Reason (blank when
        reliable), RA and Dec in degrees, in another order than the files.

    Raises
    ------
    FileExistsError
        When the folder holds files already, or is itself a file.
    CatalogError
        When the folder cannot be written to, or the disk is full.
    ImportError
        When openpyxl is not installed; the message has the command.

    Examples
    --------
    >>> import tempfile
    >>> from spurclust.simulate import simulate_survey
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     folder = write_survey(simulate_survey(3, 1), f"{parent}/survey")
    ...     len(list(folder.glob("*.png"))), (folder / "labels.xlsx").exists()
    (3, True)
    """
    import_optional("openpyxl", feature="Writing the labels of a survey")
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{folder} is a file: name a new folder for the survey")
    if target.is_dir() and any(target.iterdir()):
        raise FileExistsError(
            f"the folder {folder} is not empty: name a new folder for the survey, or empty it"
        )
    with write_results(target, replaceable=False) as staging:
        _label_table(survey).to_excel(staging / _LABEL_TABLE, index=False)

        def write(k: int) -> None:
            _write_strip(survey.cubes[k], staging / strip_name(survey.source_ids[k]))

        written = iterate_threads(write, range(len(survey)), n_jobs)
        for _ in track(written, len(survey), "Drawing strips", "strip"):
            pass
    return target


def _write_strip(cube: Float32, path: Path) -> None:
    """Write one strip, gray as three equal channels."""
    from PIL import Image

    Image.fromarray(_draw_strip(cube)).convert("RGB").save(path, compress_level=_COMPRESSION)


def _label_table(survey: SimulatedSurvey) -> "pd.DataFrame":
    """Tabulate the labels as a team does, shuffled."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "Source_ID": [int(source_id) for source_id in survey.source_ids],
            "Reliable_Source": (survey.y == RELIABLE).astype(np.int8),
            "Reason": [reason or None for reason in survey.reasons],
            "RA": survey.truth["ra"].round(6),
            "Dec": survey.truth["dec"].round(6),
        }
    )
    rng = np.random.default_rng(table["Source_ID"].to_numpy())
    return table.iloc[rng.permutation(len(table))]
