"""Draw cutouts as people look at them, and write a survey in the files that a team keeps."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from spurclust.errors import import_optional
from spurclust.simulate.filters import FILTERS

if TYPE_CHECKING:
    import pandas as pd

    from spurclust.simulate.simulated_survey import SimulatedSurvey

__all__ = ["STRIP_SHAPE", "draw_strips", "strip_name", "write_survey"]

STRIP_SHAPE = (170, 950)
_ENLARGEMENT = 3
_GAP = 4
_WHITE = 255
_PERCENTILES = (5.0, 99.5)
_LABEL_TABLE = "labels.xlsx"
# A tenth larger than the best compression of these noisy pictures, in a third of the time.
_COMPRESSION = 1


def draw_strips(cubes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw cubes as grey strips: one panel per filter, side by side.

    Parameters
    ----------
    cubes : ndarray of shape (n_sources, height, width, n_filters) or (height, width, n_filters)
        The pixels; NaN is off the data. Six filters of 51 x 51 pixels fill a strip.

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


def _draw_strip(cube: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw one strip."""
    strip = np.full(STRIP_SHAPE, _WHITE, dtype=np.uint8)
    rows, columns = cube.shape[0] * _ENLARGEMENT, cube.shape[1] * _ENLARGEMENT
    n_panels = cube.shape[-1]
    top = (STRIP_SHAPE[0] - rows) // 2
    left = (STRIP_SHAPE[1] - n_panels * (columns + _GAP) + _GAP) // 2
    for k, panel in enumerate(np.moveaxis(cube, -1, 0)):
        grey = _stretched(panel).repeat(_ENLARGEMENT, axis=0).repeat(_ENLARGEMENT, axis=1)
        start = left + k * (columns + _GAP)
        strip[top : top + rows, start : start + columns] = grey
    return strip


def _stretched(panel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn a panel into grey levels between its own percentiles."""
    on_data = np.isfinite(panel)
    if not on_data.any():
        return np.zeros(panel.shape, dtype=np.uint8)
    low, high = np.percentile(panel[on_data], _PERCENTILES)
    scaled = (panel - low) / max(high - low, np.finfo(np.float32).tiny)
    levels = np.where(on_data, np.clip(scaled, 0, 1) * _WHITE, 0)
    return np.rint(levels).astype(np.uint8)


def strip_name(source_id: str) -> str:
    """Name the file of a strip as the team's files are named.

    Parameters
    ----------
    source_id : str
        The source.

    Returns
    -------
    str
        The name, with the filters of its panels.

    Examples
    --------
    >>> strip_name("1027")
    'z6_1027_F090WF115WF150WF200WF277WF444W_crop.png'
    """
    return f"z6_{source_id}_{''.join(band.name for band in FILTERS)}_crop.png"


def write_survey(
    survey: "SimulatedSurvey", folder: str | os.PathLike[str], *, n_jobs: int | None = None
) -> Path:
    """Write a simulated survey as files: a strip per source, and the table of labels.

    The files are what `spurclust run` and the readers of `spurclust.catalog` expect. They appear
    all together when the last one is complete; after an error or an interrupt there are none.

    Parameters
    ----------
    survey : SimulatedSurvey
        What `simulate_survey` returns.
    folder : str or path
        Where the files shall be: a new folder, or one that is empty.
    n_jobs : int, default=None
        Threads; None means 1 unless in a `joblib.parallel_config`, -1 all processors.

    Returns
    -------
    Path
        The folder, with ``z6_<source_id>_F090W...F444W_crop.png`` (170 x 950 px, three equal 8-bit
        channels) and ``labels.xlsx``: Source_ID, Reliable_Source (0 = spurious), Reason (blank when
        reliable), RA and Dec in degrees, in an order other than that of the files.

    Raises
    ------
    FileExistsError
        When the folder holds files already, or is itself a file.
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
    with _appearing_whole(Path(folder)) as staging:
        _label_table(survey).to_excel(staging / _LABEL_TABLE, index=False)
        Parallel(n_jobs=n_jobs, require="sharedmem")(
            delayed(_write_strip)(cube, staging / strip_name(source_id))
            for cube, source_id in zip(survey.cubes, survey.source_ids, strict=True)
        )
    return Path(folder)


def _write_strip(cube: NDArray[np.float32], path: Path) -> None:
    """Write one strip, grey as three equal channels."""
    from PIL import Image

    Image.fromarray(_draw_strip(cube)).convert("RGB").save(path, compress_level=_COMPRESSION)


def _label_table(survey: "SimulatedSurvey") -> "pd.DataFrame":
    """Tabulate the labels as a team does, shuffled."""
    import pandas as pd

    table = pd.DataFrame(
        {
            "Source_ID": [int(source_id) for source_id in survey.source_ids],
            "Reliable_Source": 1 - survey.y,
            "Reason": [reason or None for reason in survey.reasons],
            "RA": survey.truth["ra"].round(6),
            "Dec": survey.truth["dec"].round(6),
        }
    )
    rng = np.random.default_rng(table["Source_ID"].to_numpy())
    return table.iloc[rng.permutation(len(table))]


@contextmanager
def _appearing_whole(folder: Path) -> Iterator[Path]:
    """Give a hidden folder to write to, whose files are moved to their place at the end."""
    place = Path(os.path.abspath(folder))  # noqa: PTH100 (resolve would follow a broken link)
    exists = os.path.lexists(place)
    if exists and not place.is_dir():
        raise FileExistsError(f"{folder} is a file: name a new folder for the survey")
    if exists and any(place.iterdir()):
        raise FileExistsError(
            f"the folder {folder} is not empty: name a new folder for the survey, or empty it"
        )
    # An existing folder is filled, not replaced: a shell may stand in it.
    parent = place if exists else place.parent
    parent.mkdir(parents=True, exist_ok=True)
    staging = parent / f".spurclust-{token_hex(6)}"
    staging.mkdir()
    try:
        yield staging
        if exists:
            _move_all(staging, place)
        else:
            staging.rename(place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_all(staging: Path, place: Path) -> None:
    """Move all files into a folder, or none."""
    names = sorted(os.listdir(staging))  # noqa: PTH208 (names are all that is needed)
    try:
        for name in names:
            (staging / name).rename(place / name)
    except BaseException:
        for name in names:
            if not (staging / name).exists():
                (place / name).unlink(missing_ok=True)
        raise
