"""`spurclust audit`: a random sample of what was not flagged, and what it proves."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from spurclust.cli.progress import say
from spurclust.cli.reading import merge_tables

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = "audit.csv"


class _Unflagged(NamedTuple):
    """The sources outside the region: those to draw from, and what is known of the others."""

    uninspected: "pd.DataFrame"
    n_missed: int
    n_spurious_flagged: int


def run_audit(args: argparse.Namespace) -> None:
    """Draw a sample of the unflagged to inspect, or say what an inspected one proves.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust audit`.
    """
    unflagged = _read_results(Path(args.folder))
    if not len(unflagged.uninspected):
        say(
            "Every source that is not flagged is inspected already, so there is nothing to draw: "
            f"{unflagged.n_missed} of them are spurious."
        )
    elif args.labels is None:
        _draw(args, unflagged)
    else:
        _judge(args, unflagged)


def _read_results(folder: Path) -> _Unflagged:
    """Read the sources of a run."""
    import pandas as pd

    from spurclust.errors import CatalogError

    path = folder / "sources.csv"
    if not path.is_file():
        raise CatalogError(f"{path} is missing: give the folder that `spurclust run` wrote")
    table = pd.read_csv(path, dtype={"source_id": str, "path": str, "reason": str})
    wanted = {"source_id", "path", "label", "flagged"}
    if not wanted <= set(table.columns):
        missing = ", ".join(sorted(wanted - set(table.columns)))
        raise CatalogError(f"{path} has no column {missing}: run `spurclust run` again")
    flagged, label = table["flagged"].astype(bool), table["label"]
    return _Unflagged(
        table[~flagged & label.isna()],
        int((~flagged & (label == 1)).sum()),
        int((flagged & (label == 1)).sum()),
    )


def _draw(args: argparse.Namespace, unflagged: _Unflagged) -> None:
    """Write the sample, in the columns that `--labels` reads."""
    from spurclust.catalog.output import atomic_write
    from spurclust.errors import CatalogError
    from spurclust.metrics import audit_sample_size, draw_audit_sample, remaining_upper_bound

    path = Path(args.folder) / SAMPLE
    if path.exists():
        raise CatalogError(
            f"{path} exists, and may hold labels: pass it as --labels, or move it away to draw anew"
        )
    n_pool = len(unflagged.uninspected)
    if args.max_remaining is not None:
        n = audit_sample_size(n_pool, args.max_remaining, confidence=args.confidence)
        if n == 0:
            raise CatalogError(
                f"only {n_pool} sources are neither flagged nor inspected, so at most "
                f"{args.max_remaining} spurious ones remain without a look"
            )
    else:
        n = min(300, n_pool) if args.sample is None else args.sample
    if n > n_pool:
        raise CatalogError(
            f"--sample {n} is more than the {n_pool} sources that are neither flagged nor inspected"
        )
    rows = draw_audit_sample(
        unflagged.uninspected.index.to_numpy(), n, random_state=args.random_state
    )
    sample = unflagged.uninspected.loc[rows, ["source_id", "path"]]
    sample = sample.rename(columns={"source_id": "Source_ID"})
    with atomic_write(path) as part:
        sample.assign(Reliable_Source="", Reason="").to_csv(part, index=False)
    most = remaining_upper_bound(n_pool, n, 0, args.confidence)
    say(
        f"{path} lists {n} sources drawn at random from the {n_pool} that are neither flagged nor "
        "inspected.\nLook at all of them, fill in Reliable_Source (1 reliable, 0 spurious), then: "
        f"spurclust audit {args.folder} --labels {path}\nIf none is spurious, at most {most} "
        f"spurious ones remain (confidence {args.confidence:g})."
    )


def _judge(args: argparse.Namespace, unflagged: _Unflagged) -> None:
    """Say how many spurious sources can remain."""
    from spurclust.metrics import completeness_lower_bound, remaining_upper_bound

    n_inspected, n_found = _count_sample(args, unflagged)
    n_pool = len(unflagged.uninspected)
    most = remaining_upper_bound(n_pool, n_inspected, n_found, args.confidence)
    least = completeness_lower_bound(
        unflagged.n_spurious_flagged,
        n_pool,
        n_inspected,
        n_found,
        n_missed=unflagged.n_missed,
        confidence=args.confidence,
    )
    say(
        f"Of {n_pool} sources that were neither flagged nor inspected, {n_inspected} drawn at "
        f"random were inspected: {n_found} spurious.\nAt most {most} spurious ones remain among "
        f"the other {n_pool - n_inspected} (confidence {args.confidence:g}).\nThe flags hold at "
        f"least {least:.3f} of all spurious sources, counting as flagged only the "
        f"{unflagged.n_spurious_flagged} that are known."
    )


def _count_sample(args: argparse.Namespace, unflagged: _Unflagged) -> tuple[int, int]:
    """Count the inspected and the spurious of the sample that was drawn, which must be whole."""
    import pandas as pd

    from spurclust.catalog import match_labels, read_labels
    from spurclust.errors import CatalogError

    path = Path(args.folder) / SAMPLE
    if not path.is_file():
        raise CatalogError(f"{path} is missing: draw a sample first, spurclust audit {args.folder}")
    drawn = pd.read_csv(path, dtype=str)["Source_ID"].tolist()
    strangers = sorted(set(drawn) - set(unflagged.uninspected["source_id"]))
    if strangers:
        raise CatalogError(
            f"{path} was drawn from other results: {strangers[0]} is flagged, inspected or unknown "
            "now. Move the file away and draw anew"
        )
    labels = merge_tables([read_labels(table) for table in args.labels], drawn)
    y = match_labels(labels, drawn).y
    blank = [name for name, label in zip(drawn, y, strict=True) if label < 0]
    if blank:
        raise CatalogError(
            f"{len(blank)} of the {len(drawn)} sources of the sample have no label in "
            f"{labels.origin}, {blank[0]} for one: a sample proves something only when all of it "
            "is inspected"
        )
    return len(y), int((y == 1).sum())
