"""`spurclust simulate` and `spurclust demo`: a survey of our own making."""

import argparse
from pathlib import Path

from spurclust.cli.parser import make_parser
from spurclust.cli.progress import Stages, say
from spurclust.cli.run import run_run


def run_simulate(args: argparse.Namespace) -> None:
    """Write a simulated survey.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust simulate`.
    """
    from spurclust.simulate import simulate_survey, write_survey

    stages = Stages()
    with stages("simulating"):
        survey = simulate_survey(
            args.n_sources, args.n_spurious, random_state=args.random_state, n_jobs=args.jobs
        )
    with stages("drawing"):
        write_survey(survey, args.folder, n_jobs=args.jobs)
    say(f"{args.n_sources} strips and labels.xlsx are in {args.folder}")


def run_demo(args: argparse.Namespace) -> None:
    """Simulate a survey and run the whole job on it.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust demo`.
    """
    name = f"survey-{args.n_sources}-{args.n_spurious}-{args.random_state}"
    folder = Path(args.out) / name
    if (folder / "labels.xlsx").exists():
        say(f"Using the simulated survey that is in {folder}")
    else:
        run_simulate(argparse.Namespace(**{**vars(args), "folder": str(folder)}))
    command = ["run", str(folder), "--labels", str(folder / "labels.xlsx")]
    run = make_parser().parse_args([*command, "--out", str(Path(args.out) / "results")])
    chosen = {name: value for name, value in vars(args).items() if name not in ("command", "out")}
    shared = {name: value for name, value in chosen.items() if hasattr(run, name)}
    run_run(argparse.Namespace(**{**vars(run), **shared}))
