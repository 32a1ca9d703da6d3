"""The cutouts that the arguments of a command name, and the size in which they are read."""

import argparse
from collections.abc import Sequence
from typing import Any


def choose_cutouts(args: argparse.Namespace, catalogue: Any) -> Any:
    """Return the named cutouts, or open the mosaics."""
    if not args.mosaic:
        if args.cutout_size:
            raise ValueError("--cutout-size is for mosaics: give them with --mosaic FILTER=FILE")
        if not args.cutouts:
            raise ValueError("no cutouts are given: name CUTOUTS, or mosaics with --mosaic")
        return args.cutouts[0] if len(args.cutouts) == 1 else args.cutouts
    from spurclust.cutouts import open_mosaics

    if getattr(args, "filters", None) or args.id_pattern:
        raise ValueError(
            "--filters and --id-pattern are for files: the channels of mosaics are in the order "
            "of --mosaic, and their ids in the --catalogue"
        )
    if args.cutouts or catalogue is None or args.cutout_size is None:
        raise ValueError(
            "--mosaic needs a --catalogue with the positions of the sources and a --cutout-size, "
            "and no CUTOUTS"
        )
    mosaics = dict(text.partition("=")[::2] for text in args.mosaic)
    if len(mosaics) < len(args.mosaic) or not all(mosaics) or not all(mosaics.values()):
        raise ValueError(
            f"--mosaic {' --mosaic '.join(args.mosaic)}: write each as FILTER=FILE, and each "
            "filter once"
        )
    return open_mosaics(
        mosaics,
        catalogue,
        size=int(args.cutout_size) if args.cutout_size.isdecimal() else args.cutout_size,
        on_error="skip" if args.skip_unreadable else "raise",
    )


def path_columns(
    cutouts: Any, ids: str | None, paths: str | None, id_option: str
) -> dict[str, Any]:
    """Return the columns of a table of paths; raise if the cutouts are not such a table."""
    from spurclust.cutouts.files import is_path_table

    if (ids or paths) and not is_path_table(cutouts):
        raise ValueError(
            f"{id_option} and --path-column are for tables of paths: give CUTOUTS as such a table, "
            "or leave the options out. Ids of files are in their names (--id-pattern)"
        )
    return {"id_column": ids or "source_id", "path_column": paths or "path"}


def mosaic_words(args: argparse.Namespace) -> list[str]:
    """Return the options of the mosaics as typed."""
    words = [word for text in args.mosaic for word in ("--mosaic", text)]
    words += ["--catalogue", args.catalogue, "--cutout-size", args.cutout_size]
    words += ["--catalogue-id-column", args.catalogue_id_column or args.id_column]
    if args.field_column:
        words += ["--field-column", args.field_column]
    return words


def one_or_two(given: Sequence[int] | None) -> int | tuple[int, int] | None:
    """Return the argument `size` of `analyze` for one or two numbers."""
    if given is None or len(given) == 1:
        return given[0] if given else None
    if len(given) > 2:
        raise ValueError(f"--size takes HEIGHT or HEIGHT WIDTH, got {len(given)} numbers")
    return given[0], given[1]
