"""`spurclust tune`: a run whose settings are chosen on held-out labels."""

import argparse

from spurclust.cli.run import run_run


def run_tune(args: argparse.Namespace) -> None:
    """Choose the settings, then do what a run does.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust tune`.
    """
    args.tune = True
    run_run(args)
