"""Let `python -m spurclust` be the command line."""

from spurclust.cli import run_process

run_process()
