"""
A million sources on dask, scaled down
======================================

Fit on a reference, predict the rest partition by partition. This example does with 600 sources what
works with millions: the cutouts are a dask array, each partition is one task, and the results are
Parquet files. It needs the extra ``scale``.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import dask.array as da
import numpy as np
import pandas as pd

from spurclust import SpuriousRegionDetector, choose_reference
from spurclust.scale import predict_sources, write_predictions
from spurclust.simulate import simulate_survey

survey = simulate_survey(600, 40, random_state=12)

# %%
# The reference
# -------------
# 200 sources are inspected. The reference has all of them, and a part of the others.

y = np.where(np.arange(600) < 200, survey.y, -1)
chosen = choose_reference(y, 300, random_state=12)
detector = SpuriousRegionDetector(12, unlabeled=-1, random_state=12)
detector.fit(survey.images[chosen], y[chosen])

# %%
# A lazy table
# ------------
# Nothing is computed until it is needed. Then dask computes it on its scheduler.

cutouts = da.from_array(survey.images, chunks=(100, -1, -1))
table = predict_sources(detector, cutouts, source_ids=survey.source_ids)
table

# %%
flagged = table[table["flagged"]].compute()
flagged.sort_values("spurious_probability", ascending=False).head()

# %%
# Into a folder
# -------------
# Every partition is a file, written whole or not at all. After a crash the same call makes only
# what is missing. With an active ``dask.distributed.Client`` the work goes to its cluster.

with TemporaryDirectory() as folder:
    out = Path(folder, "predictions")
    written = write_predictions(detector, cutouts, out, source_ids=survey.source_ids)
    print(*sorted(path.relative_to(out).as_posix() for path in out.rglob("*.parquet")), sep="\n")
    sources = pd.read_parquet(out / "sources")
print(f"{sources['flagged'].sum()} of {len(sources)} sources are flagged")
