"""``spurclust report``: write a folder of results as one page to look at and to judge in."""

import argparse
from pathlib import Path
from typing import Any

from spurclust.analysis.folder import REPORT, check_report, find_sample, save_report
from spurclust.analysis.stages import Stages
from spurclust.cli.options import COUNT, COUNT_OR_NONE, POSITIVE, add_jobs, say


def add_commands(commands: Any) -> None:
    """Add the command."""
    report = commands.add_parser("report", help="the results as a page to look at and judge in")
    report.set_defaults(call=run_report)
    report.description = (
        "Writes DIR/report.html, one file that opens in any browser without a network. It shows "
        "metrics and the embedding with its cutouts. Judge cutouts in it, and save the labels. A "
        "sample of `spurclust audit` can be judged too. DIR may also be a folder of predictions, "
        "whose sources have no labels."
    )
    report.add_argument(
        "folder", metavar="DIR", help="folder of the results of a run, or of predictions"
    )
    report.add_argument("--out", metavar="FILE", help="the page (default: DIR/report.html)")
    report.add_argument(
        "--cutouts", metavar="FOLDER", help="new folder of the cutouts, if they were moved"
    )
    report.add_argument(
        "--max-cutouts",
        type=COUNT_OR_NONE,
        default=12_000,
        metavar="N",
        help="maximum number of cutouts; with more sources, only the known spurious and the "
        "flagged are shown (default: %(default)s)",
    )
    report.add_argument(
        "--max-size",
        type=POSITIVE,
        default=40.0,
        metavar="MB",
        help="limit for all cutouts in the page (default: %(default)s)",
    )
    report.add_argument(
        "--cutout-size",
        type=COUNT,
        metavar="PIXELS",
        help="longer side of a cutout in the page (default: its own pixels, if all fit)",
    )
    add_jobs(report)


def _write_report(folder: str, out: str | None, choices: dict[str, Any]) -> list[str]:
    """Write the page of a run or of predictions; return what it leaves out."""
    from spurclust.analysis import load_analysis, report_predictions
    from spurclust.cutouts.files import holds_predictions

    if holds_predictions(folder):
        return report_predictions(folder, out, **choices)
    analysis = load_analysis(folder, models=False)
    if out is None:
        return save_report(analysis, folder, **choices)
    return analysis.write_report(out, audit=find_sample(folder, analysis), **choices)


def run_report(args: argparse.Namespace) -> None:
    """Write the page of a folder of results."""
    check_report()
    if args.out is not None and Path(args.out).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {args.out} is not the name of a page: end it in .html")
    choices = {
        "cutouts": args.cutouts,
        "max_cutouts": args.max_cutouts,
        "max_size": args.max_size,
        "cutout_size": args.cutout_size,
        "n_jobs": args.jobs,
    }
    with Stages(say)("report"):
        notes = _write_report(args.folder, args.out, choices)
    for note in notes:
        say(note)
    path = args.out or Path(args.folder, REPORT)
    say(f"The report is {path}: open it in a browser")
