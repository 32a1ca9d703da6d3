"""Predict the held-out sources with each setting, without doing any work twice."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import get_tags

from spurclust.detector import SpuriousRegionDetector
from spurclust.embedding import GuidedMixture, GuidedProjection
from spurclust.embedding.neighbors import order_by_content
from spurclust.labels import UNINSPECTED
from spurclust.parallel import count_threads, is_joblib_set, iterate_threads
from spurclust.progress import track
from spurclust.region import (
    allowed_components,
    assign_components,
    component_counts,
    count_components,
    fit_mixture,
    spurious_probability,
)
from spurclust.steps import (
    FittedSteps,
    configure_mixture,
    configure_steps,
    fit_steps,
    transform_step,
)
from spurclust.tuning.splitters import Split

Floats = NDArray[np.float64]

LABEL_BLIND_MODULES = (
    "spurclust.",
    "sklearn.decomposition.",
    "sklearn.manifold.",
    "sklearn.preprocessing.",
    "sklearn.random_projection",
)
"""Modules whose transformers use labels only if their tags say so. Other transformers, such as a
UMAP, may use them."""


class SearchSpace(NamedTuple):
    """An unfitted detector, and the settings to search."""

    detector: SpuriousRegionDetector
    n_components: list[int]
    perplexities: list[float]

    def configure(self, images: NDArray[Any], perplexity: float) -> dict[str, Any]:
        """Return unfitted steps up to the embedding."""
        detector = clone(self.detector).set_params(perplexity=perplexity)
        return configure_steps(detector, images.shape)


class Trial(NamedTuple):
    """A split for the mixture: codes without held-out labels, and the held-out points."""

    seen: NDArray[np.int8]
    points: Floats


class HeldOut(NamedTuple):
    """The result of a search."""

    # One array per split, of shape (n_components, perplexities, n_test).
    probabilities: list[Floats]
    used_components: list[list[int]]
    used_perplexities: list[list[float]]
    # The first steps that a fit to all labels would repeat, if any: one per perplexity.
    fitted: list[FittedSteps] | None = None


def predict_held_out(
    space: SearchSpace,
    images: NDArray[Any],
    codes: NDArray[np.int8],
    splits: list[Split],
    protocol: str,
) -> HeldOut:
    """Predict the spurious probabilities of the held-out sources for each split and setting."""
    steps = space.configure(images, space.perplexities[0])
    if protocol == "inductive":
        return _try_each(partial(_try_unseen, images=images, codes=codes), space, steps, splits)
    if all(ignores_labels(step) for step in steps.values()):
        shared = embed_by_perplexity(space, images, codes)
        return _try_hidden(space, shared, codes, splits)._replace(fitted=shared)
    first = None
    if ignores_labels(steps["flatten"]):
        names = ["flatten", *["reduce"] * isinstance(steps["reduce"], GuidedProjection)]
        first = fit_steps({name: steps[name] for name in names}, images, codes)
    try_split = partial(_try_embedded, images=images, codes=codes, fitted=first)
    found = _try_each(try_split, space, steps, splits)
    return found._replace(fitted=first and [first] * len(space.perplexities))


def _try_each(
    try_split: Callable[..., HeldOut],
    space: SearchSpace,
    steps: Mapping[str, Any],
    splits: list[Split],
) -> HeldOut:
    """Try splits that each need an embedding of their own, and join the results."""
    found: Iterable[HeldOut]
    if not is_joblib_set():
        # Threads wait less for each other if each fits a split than if all share one.
        n_threads = count_threads(space.detector.n_jobs)
        n_at_once = min(n_threads, len(splits)) if all(map(_is_thread_safe, steps.values())) else 1
        detector = clone(space.detector).set_params(n_jobs=n_threads // n_at_once)
        found = iterate_threads(
            partial(try_split, space._replace(detector=detector)), splits, n_at_once
        )
    else:  # joblib is set to work elsewhere; a generator, where it has one, shows progress
        in_turn = get_active_backend()[0].supports_return_generator
        found = Parallel(return_as="generator" if in_turn else "list")(
            delayed(_try_quietly)(try_split, space, split) for split in splits
        )
    joined = HeldOut([], [], [])
    for one in track(found, len(splits), "Folds", "fold"):
        joined.probabilities.extend(one.probabilities)
        joined.used_components.extend(one.used_components)
        joined.used_perplexities.extend(one.used_perplexities)
    return joined


def ignores_labels(step: Any) -> bool:
    """Return whether the fit of a step is known not to use `y`."""
    if isinstance(step, str):
        return True
    blind = type(step).__module__.startswith(LABEL_BLIND_MODULES)
    return blind and not get_tags(step).target_tags.required


def _is_thread_safe(step: Any) -> bool:
    """Return whether several threads can fit clones of a step at once."""
    return isinstance(step, str) or type(step).__module__.startswith(("spurclust.", "sklearn."))


def hidden_codes(codes: NDArray[np.int8], train: NDArray[np.intp]) -> NDArray[np.int8]:
    """Hide the labels of all sources but the training ones."""
    seen = np.full_like(codes, UNINSPECTED)
    seen[train] = codes[train]
    return seen


def embed_by_perplexity(
    space: SearchSpace,
    images: NDArray[Any],
    codes: NDArray[np.int8],
    fitted: FittedSteps | None = None,
) -> list[FittedSteps]:
    """Embed sources with each perplexity; flatten and reduce them once."""
    steps = [space.configure(images, perplexity) for perplexity in space.perplexities]
    first = {name: step for name, step in steps[0].items() if name != "embed"}
    if fitted is not None and "reduce" in fitted.steps:
        fitted = _teach_again(first["reduce"], codes, fitted)
    first_fitted = fit_steps(first, images, codes, fitted=fitted)
    return [fit_steps(each, images, codes, fitted=first_fitted) for each in steps]


def _teach_again(
    reduce: GuidedProjection, codes: NDArray[np.int8], fitted: FittedSteps
) -> FittedSteps:
    """Fit a projection to other labels than a fitted one, whose components it takes."""
    features, projected = (fitted.outputs[name] for name in ("flatten", "reduce"))
    order = order_by_content(features, codes)  # as in fit_step
    made = reduce.fit_transform_like(
        features[order], codes[order], fitted.steps["reduce"], projected[order]
    )
    return FittedSteps(
        {**fitted.steps, "reduce": reduce},
        {**fitted.outputs, "reduce": made[np.argsort(order)]},
    )


def _try_quietly(try_split: Callable[..., HeldOut], space: SearchSpace, split: Split) -> HeldOut:
    """Try one split in another process, where its warnings are silenced again."""
    with quiet_about_few_sources():
        return try_split(space, split)


def _try_embedded(
    space: SearchSpace,
    split: Split,
    *,
    images: NDArray[Any],
    codes: NDArray[np.int8],
    fitted: FittedSteps | None,
) -> HeldOut:
    """Try one split in an embedding that does not use the labels of its test sources."""
    embedded = embed_by_perplexity(space, images, hidden_codes(codes, split[0]), fitted)
    return _try_hidden(space, embedded, codes, [split])


def _try_hidden(
    space: SearchSpace,
    embedded: list[FittedSteps],
    codes: NDArray[np.int8],
    splits: list[Split],
) -> HeldOut:
    """Try splits in one embedding of all sources, and hide the labels of each test fold."""
    trials = [
        [Trial(hidden_codes(codes, train), sources.embedding[test]) for train, test in splits]
        for sources in embedded
    ]
    return _try_mixtures(space, embedded, trials)


def _try_unseen(
    space: SearchSpace, split: Split, *, images: NDArray[Any], codes: NDArray[np.int8]
) -> HeldOut:
    """Try one split: fit the steps to the training sources, and transform the test sources."""
    train, test = split
    embedded = embed_by_perplexity(space, images[train], codes[train])
    rows = images[test]
    for name in ("flatten", "reduce"):
        rows = transform_step(embedded[0].steps[name], rows)
    points = [transform_step(sources.steps["embed"], rows) for sources in embedded]
    trials = [[Trial(codes[train], np.asarray(each, dtype=np.float64))] for each in points]
    return _try_mixtures(space, embedded, trials)


def _try_mixtures(
    space: SearchSpace, embedded: list[FittedSteps], trials: list[list[Trial]]
) -> HeldOut:
    """Fit each mixture to each embedding once, and predict the held-out points of its trials."""
    detector = space.detector
    reduce = embedded[0].steps["reduce"]
    mixture = configure_mixture(detector.mixture, reduce, detector.random_state)
    shape = len(space.n_components), len(space.perplexities)
    probabilities = [np.empty((*shape, len(trial.points))) for trial in trials[0]]
    used_components = []
    for column, (sources, own) in enumerate(zip(embedded, trials, strict=True)):
        used = allowed_components(mixture, space.n_components, sources.embedding)
        used_components.append(used)
        predict = partial(predict_trials, mixture, sources.embedding, own, detector.assignment)
        distinct = sorted(set(used))
        fits = iterate_threads(predict, distinct, detector.n_jobs)
        predicted = dict(
            zip(distinct, track(fits, len(distinct), "Mixtures", "mixture"), strict=True)
        )
        for row, n_components in enumerate(used):
            for split, probability in enumerate(predicted[n_components]):
                probabilities[split][row, column] = probability
    used_perplexities = [
        float(getattr(sources.steps["embed"], "perplexity_", wanted))
        for sources, wanted in zip(embedded, space.perplexities, strict=True)
    ]
    return HeldOut(probabilities, used_components, [used_perplexities])


def predict_trials(
    mixture: Any, embedding: Floats, trials: list[Trial], assignment: str, n_components: int
) -> list[Floats]:
    """Fit a clone of the mixture, and predict the held-out points of each trial."""
    probabilities: list[Floats] = []
    for trial in trials:
        if not probabilities or isinstance(mixture, GuidedMixture):
            fitted = fit_mixture(clone(mixture), embedding, n_components, trial.seen)
            component = assign_components(fitted, embedding)
        counts = component_counts(component, trial.seen, count_components(fitted, component))
        probabilities.append(spurious_probability(fitted, trial.points, counts, assignment))
    return probabilities


@contextmanager
def quiet_about_few_sources() -> Iterator[None]:
    """Silence warnings of single fits about too few sources for a setting."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="(perplexity|n_components)=.* is too large for")
        yield


def warn_about_few_sources(
    name: str, wanted: Sequence[float], used: Sequence[Sequence[float]], *, stacklevel: int
) -> None:
    """Warn once of the values that shrank in some fit; each fit is a row of `used`."""
    least = np.min(used, axis=0)
    large = [value for value, got in zip(wanted, least, strict=True) if got < value]
    if large:
        warnings.warn(
            f"{name}={', '.join(map(str, large))} is too large for the sources that were embedded "
            f"together: {least.max():.4g} is used.",
            stacklevel=stacklevel,
        )
