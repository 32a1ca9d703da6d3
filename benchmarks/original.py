"""The original steps in plain scikit-learn, as one script: what spurclust is measured against."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.manifold import TSNE
from sklearn.mixture import GaussianMixture

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="PNG strips named PREFIX_ID_FILTERS.png")
parser.add_argument("labels", help="xlsx with Source_ID and Reliable_Source (0 is spurious)")
parser.add_argument("out", help="csv to write")
parser.add_argument("--perplexity", type=float, default=50)
parser.add_argument("--jobs", type=int, default=-1)
args = parser.parse_args()

paths = sorted(Path(args.folder).glob("*.png"))
rows = np.array([np.asarray(Image.open(path).convert("RGB")).ravel() for path in paths])
tsne = TSNE(perplexity=args.perplexity, max_iter=1500, random_state=12, n_jobs=args.jobs)
embedding = tsne.fit_transform(rows)
component = GaussianMixture(6, random_state=12).fit_predict(embedding)

table = pd.read_excel(args.labels).set_index("Source_ID")
ids = [int(path.stem.split("_")[1]) for path in paths]
spurious = 1 - table["Reliable_Source"].reindex(ids)
fraction = spurious.groupby(component).mean()
flagged = (fraction >= 0.05).reindex(component).to_numpy()
columns = {"source_id": ids, "tsne_x": embedding[:, 0], "tsne_y": embedding[:, 1]}
result = pd.DataFrame(columns | {"component": component, "flagged": flagged})
result.to_csv(args.out, index=False)
known = (spurious == 1).to_numpy()
counts = {"flagged": flagged.sum(), "held": (flagged & known).sum(), "known": known.sum()}
print(json.dumps({name: int(count) for name, count in counts.items()}))
