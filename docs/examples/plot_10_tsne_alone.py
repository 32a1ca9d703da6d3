"""
t-SNE on other data
===================

:class:`~spurclust.TSNE` is a scikit-learn transformer for any rows. Unlike
``sklearn.manifold.TSNE``, it has ``transform``, which places new rows among the fitted ones. This
example embeds the handwritten digits of scikit-learn with both.
"""

import time

import matplotlib.pyplot as plt
from sklearn import manifold
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from spurclust import TSNE

X, y = load_digits(return_X_y=True)
X, y, X_new, y_new = X[:1000], y[:1000], X[1000:1300], y[1000:1300]

# %%
# Both embeddings
# ---------------
# The divergence says how well neighbors are kept; lower is better. spurclust's ends by itself when
# the divergence falls no more. Its first use in an installation compiles its kernels. Both use one
# thread.

TSNE().fit(X[:300])
figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for ax, (name, tsne) in zip(
    axes,
    {
        "spurclust": TSNE(perplexity=30, random_state=0),
        "scikit-learn": manifold.TSNE(perplexity=30, random_state=0),
    }.items(),
    strict=True,
):
    start = time.perf_counter()
    with threadpool_limits(1):
        points = tsne.fit_transform(X)
    seconds = time.perf_counter() - start
    ax.scatter(*points.T, c=y, cmap="tab10", s=6)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_title(f"{name}: {seconds:.1f} s, divergence {tsne.kl_divergence_:.3f}")

# %%
# New rows
# --------
# Because of ``transform``, t-SNE works as a step of a pipeline.

classifier = make_pipeline(TSNE(perplexity=30, random_state=0), KNeighborsClassifier(5))
classifier.fit(X, y)
print(f"accuracy on {len(X_new)} new digits: {classifier.score(X_new, y_new):.3f}")
