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
parser.add_argument("--pictures", type=Path, help="folder for the pictures of the notebook")
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

if args.pictures:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    args.pictures.mkdir(exist_ok=True)
    strips = [np.asarray(Image.open(path)) for path in paths]

    figure, axes = plt.subplots(figsize=(12, 12))
    for (x, y), is_spurious in zip(embedding, known, strict=True):
        axes.scatter(x, y, s=8, color="tab:red" if is_spurious else "tab:blue")
    figure.savefig(args.pictures / "embedding.png")
    plt.close(figure)

    figure, axes = plt.subplots(figsize=(24, 24))
    axes.scatter(*embedding.T, s=1)
    for point, strip in zip(embedding, strips, strict=True):
        axes.add_artist(AnnotationBbox(OffsetImage(strip, zoom=0.1), point, frameon=False))
    figure.savefig(args.pictures / "thumbnails.png")
    plt.close(figure)

    figure, axes = plt.subplots(figsize=(12, 12))
    for k in range(6):
        axes.scatter(*embedding[component == k].T, s=8, label=f"cluster {k}")
    axes.legend()
    figure.savefig(args.pictures / "clusters.png")
    plt.close(figure)

    shown = np.flatnonzero(flagged)
    n_rows = -(-len(shown) // 8)
    figure, grid = plt.subplots(n_rows, 8, figsize=(24, n_rows), squeeze=False)
    for axes, source in zip(grid.flat, shown, strict=False):
        axes.imshow(strips[source])
        axes.set_title(ids[source], fontsize=6)
    for axes in grid.flat:
        axes.axis("off")
    figure.savefig(args.pictures / "gallery.png")
    plt.close(figure)

counts = {"flagged": flagged.sum(), "held": (flagged & known).sum(), "known": known.sum()}
print(json.dumps({name: int(count) for name, count in counts.items()}))
