"""Let `python -m spurclust` be the command line."""

from spurclust.cli.main import run_process

run_process()
