"""``spurclust demo`` and ``simulate``: simulate a survey, and run everything on it."""

import argparse
from pathlib import Path
from typing import Any

from spurclust.analysis.stages import Stages
from spurclust.cli import options
from spurclust.cli.options import COUNT, COUNT_OR_NONE, say
from spurclust.cli.run import analyze_and_save


def add_commands(commands: Any) -> None:
    """Add the two commands."""
    demo = commands.add_parser("demo", help="simulate a survey, and run everything on it")
    demo.add_argument("--out", default="spurclust-demo", help="folder (default: %(default)s)")
    _add_survey(demo)
    options.add_method(demo)
    options.add_results(demo)
    options.add_common(demo)
    demo.set_defaults(call=run_demo)
    simulate = commands.add_parser("simulate", help="write a simulated survey: strips and labels")
    simulate.add_argument("folder", metavar="DIR", help="a new or empty folder")
    _add_survey(simulate)
    options.add_common(simulate)
    simulate.set_defaults(call=run_simulate)


def _add_survey(parser: argparse.ArgumentParser) -> None:
    """Add the options of a simulated survey."""
    parser.add_argument("--n-sources", type=COUNT, default=1816, help="default: %(default)s")
    parser.add_argument("--n-spurious", type=COUNT_OR_NONE, default=57, help="default: %(default)s")


def run_simulate(args: argparse.Namespace) -> None:
    """Write a simulated survey."""
    _simulate(args, args.folder)


def _simulate(args: argparse.Namespace, folder: str) -> None:
    """Simulate and draw a survey."""
    from spurclust.simulate import simulate_survey, write_survey

    stages = Stages(say)
    with stages("simulating"):
        survey = simulate_survey(
            args.n_sources, args.n_spurious, random_state=args.random_state, n_jobs=args.jobs
        )
    with stages("drawing"):
        write_survey(survey, folder, n_jobs=args.jobs)
    say(f"{args.n_sources} strips and labels.xlsx are in {folder}")


def run_demo(args: argparse.Namespace) -> None:
    """Simulate a survey, unless it is there, and analyze it."""
    from spurclust.catalog.output import check_output_folder

    check_output_folder(args.out)
    name = f"survey-{args.n_sources}-{args.n_spurious}-{args.random_state}"
    folder = Path(args.out, name)
    if (folder / "labels.xlsx").exists():
        say(f"Using the simulated survey in {folder}")
    else:
        _simulate(args, str(folder))
    given = {
        **options.input_defaults(),
        **vars(args),
        "cutouts": [str(folder)],
        "labels": [str(folder / "labels.xlsx")],
        "out": str(Path(args.out, "results")),
    }
    analyze_and_save(argparse.Namespace(**given), tune=False)
