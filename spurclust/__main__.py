"""Let `python -m spurclust` be the command line."""

import sys

from spurclust.cli import main

sys.exit(main())
