"""What each setting says about the sources that were held out, with as little work as it takes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.utils import get_tags

from spurclust.parallel import map_threads
from spurclust.region import (
    allowed_components,
    component_counts,
    count_components,
    fit_mixture,
    memberships,
    weigh_fractions,
)
from spurclust.steps import configure_steps, fit_step
from spurclust.tuning.few_sources import quiet_about_few_sources
from spurclust.tuning.splitters import Split

Points = NDArray[np.float64]

LABEL_BLIND_MODULES = (
    "spurclust.embedding.",
    "sklearn.decomposition.",
    "sklearn.manifold.",
    "sklearn.preprocessing.",
    "sklearn.random_projection",
)
"""Where transformers live whose fit ignores labels unless they say that they require them. Of any
other, a UMAP say, it cannot be known."""


@dataclass(frozen=True)
class SearchSpace:
    """The settings that are searched, and those that are not.

    `steps` are flatten, reduce and embed, and `mixture` the last, as the user gave them.
    """

    steps: dict[str, Any]
    mixture: Any
    n_components: list[int]
    perplexities: list[float]
    assignment: str
    random_state: int
    n_jobs: int | None


class EmbeddedSources(NamedTuple):
    """Sources embedded with one perplexity: output and fitted self of each step, and the points."""

    fitted: dict[str, tuple[NDArray[Any], Any]]
    embedding: Points


class FittedSteps:
    """A `memory` for a detector whose reduce and embed were fitted before.

    A detector asks it for these two, in this order, and not for flatten.
    """

    def __init__(self, sources: EmbeddedSources) -> None:
        self.results = {
            name: result for name, result in sources.fitted.items() if name != "flatten"
        }

    def cache(self, function: object) -> Callable[..., Any]:  # noqa: ARG002
        """Return a function that hands out one result after the other."""
        return partial(self._next, iter(self.results.values()))

    @staticmethod
    def _next(results: Iterator[Any], *_: object) -> Any:
        """Return the next result."""
        return next(results)


class Trial(NamedTuple):
    """A split as the mixture sees it.

    `seen` are the codes of the embedded sources, -1 for the held-out ones; `points` is where those
    lie in the embedding.
    """

    seen: NDArray[np.int8]
    points: Points


class HeldOut(NamedTuple):
    """What a search found.

    One array of shape (n_components, perplexities, n_test) for each split in `probabilities`; the
    numbers that were used where too much was wanted; and the embeddings of all sources, one for
    each perplexity, when the splits share them.
    """

    probabilities: list[NDArray[np.float64]]
    used_components: list[list[int]]
    used_perplexities: list[list[float]]
    shared: list[EmbeddedSources] | None = None


def predict_held_out(
    space: SearchSpace,
    images: NDArray[Any],
    codes: NDArray[np.int8],
    splits: list[Split],
    protocol: str,
) -> HeldOut:
    """Tell the spurious probabilities of the held-out sources of each split, for each setting.

    Splits that each need an embedding of their own go to where joblib is set to work.
    """
    if protocol == "inductive":
        return _joined(
            Parallel()(delayed(_try_unseen)(space, images, codes, split) for split in splits)
        )
    steps = _configured(space, images, space.perplexities[0])
    if all(ignores_labels(step) for step in steps.values()):
        shared = embed_by_perplexity(space, images, codes)
        return _try_hidden(space, shared, codes, splits)._replace(shared=shared)
    first = None
    if steps["flatten"] != "passthrough" and ignores_labels(steps["flatten"]):
        first = fit_step(steps["flatten"], images, codes)
    return _joined(
        Parallel()(delayed(_try_embedded)(space, images, codes, split, first) for split in splits)
    )


def _joined(found: Iterable[HeldOut]) -> HeldOut:
    """Put together what was found with each split."""
    joined = HeldOut([], [], [])
    for one in found:
        joined.probabilities.extend(one.probabilities)
        joined.used_components.extend(one.used_components)
        joined.used_perplexities.extend(one.used_perplexities)
    return joined


def _configured(space: SearchSpace, images: NDArray[Any], perplexity: float) -> dict[str, Any]:
    """Make the steps of one perplexity, unfitted."""
    return configure_steps(
        space.steps,
        images.shape[1:],
        perplexity=perplexity,
        random_state=space.random_state,
        n_jobs=space.n_jobs,
    )


def ignores_labels(step: Any) -> bool:
    """Tell whether it is known that the fit of a step does not use `y`."""
    if step is None or isinstance(step, str):
        return True
    blind = type(step).__module__.startswith(LABEL_BLIND_MODULES)
    return blind and not get_tags(step).target_tags.required


def hidden_codes(codes: NDArray[np.int8], train: NDArray[np.intp]) -> NDArray[np.int8]:
    """Hide the labels of all sources but the training ones."""
    seen = np.full_like(codes, -1)
    seen[train] = codes[train]
    return seen


def embed_by_perplexity(
    space: SearchSpace,
    images: NDArray[Any],
    codes: NDArray[np.int8],
    *,
    flattened: tuple[NDArray[Any], Any] | None = None,
) -> list[EmbeddedSources]:
    """Embed sources with each perplexity; flatten (unless it was done) and reduce them once."""
    embedded = []
    shared = {} if flattened is None else {"flatten": flattened}
    for perplexity in space.perplexities:
        rows, fitted = images, {}
        for name, step in _configured(space, images, perplexity).items():
            if step == "passthrough":
                continue
            if name == "embed" or name not in shared:
                shared[name] = fit_step(step, rows, codes)
            fitted[name] = shared[name]
            rows = fitted[name][0]
        embedded.append(EmbeddedSources(fitted, np.asarray(rows, dtype=np.float64)))
    return embedded


def _try_embedded(
    space: SearchSpace,
    images: NDArray[Any],
    codes: NDArray[np.int8],
    split: Split,
    flattened: tuple[NDArray[Any], Any] | None,
) -> HeldOut:
    """Try one split in an embedding that has not seen the labels of its test sources."""
    with quiet_about_few_sources():
        hidden = hidden_codes(codes, split[0])
        embedded = embed_by_perplexity(space, images, hidden, flattened=flattened)
        return _try_hidden(space, embedded, codes, [split])


def _try_hidden(
    space: SearchSpace,
    embedded: list[EmbeddedSources],
    codes: NDArray[np.int8],
    splits: list[Split],
) -> HeldOut:
    """Try splits of sources that are all embedded, with the labels of the test fold hidden."""
    trials = [
        [Trial(hidden_codes(codes, train), sources.embedding[test]) for train, test in splits]
        for sources in embedded
    ]
    return _try_mixtures(space, embedded, trials)


def _try_unseen(
    space: SearchSpace, images: NDArray[Any], codes: NDArray[np.int8], split: Split
) -> HeldOut:
    """Try one split whose test sources are placed in an embedding of the training sources."""
    train, test = split
    with quiet_about_few_sources():
        embedded = embed_by_perplexity(space, images[train], codes[train])
        rows = images[test]
        for name in ("flatten", "reduce"):
            if name in embedded[0].fitted:
                rows = embedded[0].fitted[name][1].transform(rows)
        trials = []
        for sources in embedded:
            fitted = sources.fitted
            points = fitted["embed"][1].transform(rows) if "embed" in fitted else rows
            trials.append([Trial(codes[train], np.asarray(points, dtype=np.float64))])
        return _try_mixtures(space, embedded, trials)


def _try_mixtures(
    space: SearchSpace, embedded: list[EmbeddedSources], trials: list[list[Trial]]
) -> HeldOut:
    """Fit the mixtures of each embedding once, and note what they say in its trials."""
    shape = len(space.n_components), len(space.perplexities)
    found = HeldOut([np.empty((*shape, len(trial.points))) for trial in trials[0]], [], [])
    found.used_perplexities.append(
        [
            _perplexity_of(sources, wanted)
            for sources, wanted in zip(embedded, space.perplexities, strict=True)
        ]
    )
    for column, (sources, own) in enumerate(zip(embedded, trials, strict=True)):
        used = allowed_components(space.mixture, space.n_components, sources.embedding)
        found.used_components.append(used)
        distinct = sorted(set(used))
        asked = map_threads(_asking(space, sources.embedding, own), distinct, space.n_jobs)
        said = dict(zip(distinct, asked, strict=True))
        for row, n_components in enumerate(used):
            for place, probability in enumerate(said[n_components]):
                found.probabilities[place][row, column] = probability
    return found


def _perplexity_of(sources: EmbeddedSources, wanted: float) -> float:
    """Tell the perplexity that an embedding used, where it tells."""
    embed = sources.fitted["embed"][1] if "embed" in sources.fitted else None
    return float(getattr(embed, "perplexity_", wanted))


def _asking(
    space: SearchSpace, embedding: Points, trials: list[Trial]
) -> Callable[[int], list[NDArray[np.float64]]]:
    """Make the function that fits a mixture and asks it about the points of each trial."""

    def ask(n_components: int) -> list[NDArray[np.float64]]:
        mixture = fit_mixture(space.mixture, embedding, n_components, space.random_state)
        component = memberships(mixture, embedding, "hard")
        n_found = count_components(mixture, component)
        return [
            weigh_fractions(
                memberships(mixture, trial.points, space.assignment),
                component_counts(component, trial.seen, n_found),
            )
            for trial in trials
        ]

    return ask
