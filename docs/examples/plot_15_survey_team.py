"""
A notebook for a survey team
============================

A team has a folder of cutouts and a table with labels of some of them. This notebook goes from
there to a result that can be quoted: look, label more, run again, save, audit.

Download it, and use your own folder instead of ``survey``.
"""

from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from spurclust import analyze, load_analysis
from spurclust.analysis import draw_audit, evaluate_audit
from spurclust.simulate import simulate_survey, write_survey

# %%
# Cutouts and labels
# ------------------
# The team has 400 PNG strips. Half of them are inspected. The survey is simulated, so the truth is
# known: it plays the inspectors below.

folder = TemporaryDirectory()
truth = simulate_survey(400, 40, random_state=12)
survey = write_survey(truth, Path(folder.name, "survey"))
answers = pd.read_excel(survey / "labels.xlsx", dtype={"Source_ID": str})
labels = answers.copy()
labels.loc[::2, ["Reliable_Source", "Reason"]] = None
labels.head()

# %%
# The first run
# -------------
# `analyze` does what ``spurclust run`` does, in memory. It shows its summary and the components.

analysis = analyze(survey, labels)
analysis

# %%
# The detector is a pipeline of scikit-learn.

analysis.detector

# %%
# Look
# ----
# Similar sources lie close together. The region holds the components with many known spurious
# sources.

analysis.plot_region()

# %%
analysis.plot_components()

# %%
# The flagged sources, with their cutouts:

analysis.plot_gallery(which="flagged", max_cutouts=15)

# %%
# The table of the sources
# ------------------------
# One row per source. Sort it by ``inspection_rank`` to inspect the most probable first.

columns = ["source_id", "label", "flagged", "inspection_rank", "inspection_probability"]
analysis.sources.sort_values("inspection_rank")[columns].head(8)

# %%
# After how many inspections are the spurious sources found?

analysis.expected_effort

# %%
# Labels to look at again
# -----------------------
# These labels are the most probably wrong.

suspicion = ["source_id", "label", "reason", "label_suspicion"]
analysis.sources.sort_values("label_suspicion", ascending=False)[suspicion].head(5)

# %%
# Label more, and run again
# -------------------------
# The column ``inspect_next`` names 100 sources. The team inspects the first 40.

chosen = analysis.sources.nsmallest(40, "inspect_next")["source_id"]
judged = answers[answers["Source_ID"].isin(chosen)].assign(Label_Origin="queue")
print(f"{(judged['Reliable_Source'] == 0).sum()} of {len(judged)} are spurious")
analysis = analyze(survey, [labels, judged])
analysis

# %%
# Save, and look at the page
# --------------------------
# ``save`` writes tables, pictures, models and the report. The report is one HTML file: point at a
# source to see its cutout, and press *Judge cutouts* to label.

results = Path(folder.name, "results")
analysis.save(results)
print(*sorted(path.name for path in results.iterdir()), sep=", ")


class Page:
    """A page, shown inside of a notebook."""

    def __init__(self, html):
        self.html = html

    def _repr_html_(self):
        page = escape(self.html)
        return f'<iframe srcdoc="{page}" title="The report" width="100%" height="700"></iframe>'


Page(load_analysis(results).report(max_size=1))

# %%
# Audit
# -----
# Metrics on the labels that chose the region are too good. An audit avoids this: inspect a random
# sample of what is neither flagged nor inspected.

sample = draw_audit(results, sample=60)
audit = pd.read_csv(sample.path, dtype={"Source_ID": str}).drop(columns="Reliable_Source")
audit = audit.merge(answers[["Source_ID", "Reliable_Source"]], on="Source_ID")
found = evaluate_audit(results, audit)
print(f"{found.n_spurious} of {found.n_inspected} audited sources are spurious")
print(f"at most {found.most_remaining} of the other {found.n_pool - found.n_inspected} are")
print(f"the flags hold at least {found.completeness_low:.0%} of all spurious sources")
folder.cleanup()
