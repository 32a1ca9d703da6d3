"""
A live inspection, driven from Python
=====================================

You have cutouts and no labels. :class:`~spurclust.Inspection` names the sources to look at, stores
each verdict, and learns from it. ``spurclust inspect`` shows the same as a page in a browser. This
example does without the page, for a notebook or a program of your own.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from spurclust import Inspection
from spurclust.plots import GalleryDisplay
from spurclust.simulate import simulate_survey

# %%
# The survey
# ----------
# The survey is simulated, so the truth is known. It plays the inspector here. You would look at the
# cutouts instead.

survey = simulate_survey(400, 30, random_state=12)
folder = TemporaryDirectory()
inspection = Inspection(survey.images, folder=Path(folder.name, "survey"))


def judge(item):
    """Return the verdict on a source."""
    return "spurious" if survey.y[item.row] == 1 else "reliable"


def show(items):
    """Show the cutouts of some sources, and why each is shown."""
    images = np.array([inspection.cutout(item.row) for item in items])
    GalleryDisplay(images, [item.source_id for item in items], [item.why for item in items]).plot()


# %%
# The first sources
# -----------------
# Before any verdict, unusual sources come first. Some are drawn at random: they bound later how
# many spurious sources remain.

show(inspection.next(6))

# %%
# Verdicts
# --------
# Each verdict is on the disk before ``record`` returns. Learning is in the background; a person
# never waits for it. Only a replay like this one waits.

for _ in range(10):
    for item in inspection.next(10):
        inspection.record(item.source_id, judge(item))
    inspection.wait()
progress = inspection.progress()
print(f"{progress.n_spurious} of 30 spurious sources in {progress.n_inspected} inspections")

# %%
# The curve of a search
# ---------------------
# A random order would find the spurious sources along the dashed line.

figure, ax = plt.subplots(layout="constrained")
ax.plot(np.arange(1, len(progress.curve) + 1), progress.curve)
ax.plot([0, 400], [0, 30], color="black", linestyle="--")
ax.set(xlabel="Inspections", ylabel="Spurious sources found", xlim=(0, 110), ylim=(0, 31))

# %%
# When to stop
# ------------
# The expected number is for planning. The bound is a guarantee with 95 % confidence, at any time.

print(f"expected in all: {progress.n_expected:.0f}")
print(f"at most {progress.most_remaining} spurious sources remain")
print(f"{inspection.inspections_needed(20)} more random ones prove that at most 20 remain")

# %%
# What you get
# ------------
# The labels are a table that `analyze` and ``spurclust run --labels`` read. ``export`` writes it.

print(*(path.name for path in inspection.export()), sep=", ")
inspection.labels().head()

# %%
# To continue an inspection, construct it again with the same folder.

inspection.close()
with Inspection(survey.images, folder=Path(folder.name, "survey")) as inspection:
    print(inspection.progress().n_inspected, "inspections are kept")
folder.cleanup()
