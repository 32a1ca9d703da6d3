"""The sources that `spurclust fit` chooses from: files, or rows of a table of paths."""

import argparse
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Sources(Protocol):
    """Sources by number, whose ids and paths are only listed where they are asked for."""

    def __len__(self) -> int: ...

    def find(self, source_ids: Sequence[str]) -> tuple[NDArray[np.intp], list[str]]:
        """Find at least all sources whose ids can be meant by some ids."""

    def take(self, rows: Sequence[int] | NDArray[np.intp]) -> tuple[list[str], list[str]]:
        """List ids and paths of some sources."""


def list_sources(args: argparse.Namespace) -> Sources:
    """List all sources, from file names or from tables of paths.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust fit`.

    Returns
    -------
    Sources
        The sources.

    Raises
    ------
    ValueError
        When columns are named, and there is no table; or there is no cutout.
    """
    from spurclust.cutouts import open_cutouts
    from spurclust.cutouts.files import is_path_table

    cutouts = args.cutouts[0] if len(args.cutouts) == 1 else args.cutouts
    if is_path_table(cutouts):
        id_column = args.cutout_id_column or "source_id"
        return open_cutouts(cutouts, id_column=id_column, path_column=args.path_column or "path")
    if args.cutout_id_column or args.path_column:
        raise ValueError(
            "--cutout-id-column and --path-column are for tables of paths: give CUTOUTS as one, or "
            "leave them out"
        )
    return open_cutouts(cutouts, id_pattern=args.id_pattern)
