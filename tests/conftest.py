"""Settings of all tests."""

import os

from hypothesis import settings

# Compiling kernels and importing libraries make a first example slow on any machine.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
