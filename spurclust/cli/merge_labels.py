"""``spurclust labels``: merge the labels of several inspectors into one table."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spurclust.cli import options
from spurclust.cli.options import say

if TYPE_CHECKING:
    from spurclust.catalog import MergedVerdicts

_MOST_LISTED = 20


def add_commands(commands: Any) -> None:
    """Add the command and its actions."""
    labels = commands.add_parser("labels", help="the labels of several inspectors")
    actions = labels.add_subparsers(required=True, metavar="ACTION", dest="action")
    merge = actions.add_parser("merge", help="merge label tables, and print how well they agree")
    merge.set_defaults(call=run_merge)
    merge.description = (
        "Merges verdicts of several inspectors into one label table, for `spurclust run --labels`. "
        "It has the label of the majority (blank on a tie), each verdict, and the votes. Prints "
        "kappa, the agreement beyond chance (Cohen's of two inspectors, Fleiss' of more), and the "
        "sources on which inspectors differ."
    )
    merge.add_argument(
        "tables",
        nargs="+",
        metavar="TABLE",
        help="one table per inspector, or one table with a column per inspector (--label-column, "
        "repeated) or a row per verdict (--inspector-column)",
    )
    merge.add_argument(
        "--out", required=True, metavar="FILE", help="merged table; its suffix decides the format"
    )
    merge.add_argument(
        "--inspector-column",
        default="Inspector",
        metavar="NAME",
        help="names of inspectors, one verdict per row (default: %(default)s, if it is there)",
    )
    options.add_label_columns(merge)


def run_merge(args: argparse.Namespace) -> None:
    """Merge the tables, write the merged one, and print the agreement."""
    from spurclust.catalog import merge_verdicts, write_table

    if Path(args.out).resolve() in [Path(table).resolve() for table in args.tables]:
        raise ValueError(f"--out {args.out} is one of the tables to merge: choose another name")
    merged = merge_verdicts(
        args.tables,
        **options.label_columns(args, args.tables),
        inspector_column=args.inspector_column,
        verdicts=args.verdicts or "majority",
        sheet=args.sheet,
    )
    write_table(merged.table, args.out)
    say(_describe(merged, args.out))


def _describe(merged: "MergedVerdicts", out: str) -> str:
    """Return the counts, the table of agreement and the disagreements."""
    differing = merged.disagreements
    n_undecided = int(differing["Reliable_Source"].isna().sum())
    kappas = merged.agreement.assign(
        agreement=merged.agreement["agreement"].map("{:.3f}".format),
        kappa=merged.agreement["kappa"].map("{:.3f}".format),
        interval=[
            f"{low:.3f} to {high:.3f}"
            for low, high in merged.agreement[["kappa_low", "kappa_high"]].values
        ],
    ).drop(columns=["kappa_low", "kappa_high"])
    lines = [
        f"{out}: {len(merged.table)} sources, inspected by {', '.join(merged.inspectors)}",
        f"{merged.table['Agreement'].notna().sum()} have two or more verdicts; those on "
        f"{len(differing)} differ, on {n_undecided} of them without a majority",
        "Agreement beyond chance (Cohen's kappa of two inspectors, Fleiss' of more):",
        kappas.rename(columns={"interval": "95 % interval"}).to_string(index=False),
    ]
    for row in differing.head(_MOST_LISTED).to_dict("records"):
        said = {0: "spurious", 1: "reliable"}
        votes = [f"{name} {said[row[name]]}" for name in merged.inspectors if row[name] in said]
        reason = f" ({row['Reason']})" if row["Reason"] else ""
        lines.append(f"{row['Source_ID']}{reason}: {', '.join(votes)}")
    if len(differing) > _MOST_LISTED:
        lines.append(f"and {len(differing) - _MOST_LISTED} more: Agreement below 1 in {out}")
    return "\n".join(lines)
