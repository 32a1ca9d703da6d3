"""
Audit what was not flagged
==========================

Metrics on the labels that chose a region are too good. An audit avoids this: inspect a random
sample of the unflagged sources, and bound how many spurious sources remain. The bound holds however
often you look at it, so you can stop as soon as it is good enough.
"""

import matplotlib.pyplot as plt
import numpy as np

from spurclust.metrics import confidence_sequence, draw_audit_sample, inspections_needed

# %%
# How many inspections does it take?
# ----------------------------------
# At most 10 of 1300 unflagged sources may be spurious.

n_unflagged = 1300
print(inspections_needed(n_unflagged, 10), "inspections prove that, if none is found")

# %%
# One audit
# ---------
# Say that 4 of them are spurious. The sample is in random order, and is inspected from the first
# source on.

rng = np.random.default_rng(3)
spurious = np.zeros(n_unflagged, dtype=bool)
spurious[rng.choice(n_unflagged, 4, replace=False)] = True
sample = draw_audit_sample(np.ones(n_unflagged, dtype=bool), 600, random_state=12)
n_inspected = np.arange(1, 601)
n_found = np.cumsum(spurious[sample])
_, high = confidence_sequence(n_unflagged, n_inspected, n_found)
high = np.minimum.accumulate(high)

# %%
# The bound falls as inspections find nothing. It holds at all points of the curve at once, so stop
# at any.

figure, ax = plt.subplots(layout="constrained")
ax.plot(n_inspected, high, label="upper bound, 95 %")
ax.axhline(spurious.sum(), color="black", linestyle="--", label="truth")
ax.plot(n_inspected, n_found, color="C3", label="found")
ax.set(xlabel="Inspections", ylabel="Spurious sources among the unflagged", ylim=(0, 60))
ax.legend()

# %%
# ``spurclust audit`` does this with tables: it draws ``audit.csv``, and reads your verdicts.
