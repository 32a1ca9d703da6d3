"""The command line: demo, simulate, run, predict."""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import spurclust
from spurclust._optional import import_optional
from spurclust._parser import TABLE_SUFFIXES, make_parser

PLOTS = ("embedding", "cutouts", "components", "region", "spurious", "flagged")


# What the readers advise a programmer to pass, and what it is called here.
OPTIONS_OF_ARGUMENTS = {
    'read_cutouts(..., on_error="skip")': "--skip-unreadable",
    "Choose it with id_column": "Choose it with --id-column",
    "Choose it with label_column": "Choose it with --label-column",
    "Choose it with reason_column": "Choose it with --reason-column",
    "Pass size=(height, width)": "Pass --size HEIGHT WIDTH",
}


def _say(text: str) -> None:
    """Print at once; a reader that has gone, as `head` does, must not end the work."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Stages:
    """Prints each stage with its time, and remembers the times."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        self.seconds[name] = seconds
        _say(f"  {name:<12}{seconds:8.2f} s")


def run_simulate(args: argparse.Namespace) -> None:
    """Write a simulated survey.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust simulate`.
    """
    from spurclust.simulate import simulate_survey, write_survey

    stages = _Stages()
    with stages("simulating"):
        survey = simulate_survey(
            args.n_sources, args.n_spurious, random_state=args.random_state, n_jobs=args.jobs
        )
    with stages("drawing"):
        write_survey(survey, args.folder, n_jobs=args.jobs)
    _say(f"{args.n_sources} strips and labels.xlsx are in {args.folder}")


def run_demo(args: argparse.Namespace) -> None:
    """Simulate a survey and run the whole job on it.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust demo`.
    """
    name = f"survey-{args.n_sources}-{args.n_spurious}-{args.random_state}"
    folder = Path(args.out) / name
    if (folder / "labels.xlsx").exists():
        _say(f"Using the simulated survey that is in {folder}")
    else:
        run_simulate(argparse.Namespace(**{**vars(args), "folder": str(folder)}))
    command = ["run", str(folder), "--labels", str(folder / "labels.xlsx")]
    run = make_parser().parse_args([*command, "--out", str(Path(args.out) / "results")])
    chosen = {name: value for name, value in vars(args).items() if name not in ("command", "out")}
    shared = {name: value for name, value in chosen.items() if hasattr(run, name)}
    run_run(argparse.Namespace(**{**vars(run), **shared}))


def run_run(args: argparse.Namespace) -> None:
    """Go from cutouts and labels to a folder of results.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust run`.
    """
    from spurclust import catalog
    from spurclust.views.report.summary import format_components, format_summary, summarize_run

    catalog.check_output_folder(args.out, _planned_files(args))
    _check_extras(args)
    replaces = (Path(args.out) / "summary.json").exists()
    stages = _Stages()
    reading = {"size": _size(args.size), "reduce": args.reduce, "id_pattern": args.id_pattern}
    with stages("reading"):
        cutouts, matched = _read_survey(args, reading)
    counts = catalog.count_labels(matched.y, matched.reasons)
    _say(catalog.format_counts(counts))
    detector = _fit(args, cutouts.images, matched.y)
    for name, seconds in detector.stage_seconds_.items():
        stages.add(name, seconds)
    with catalog.write_results(args.out) as staging:
        if not args.no_plots:
            with stages("plots"):
                _draw(detector, cutouts, matched, staging / "plots")
        with stages("writing"):
            table = _table(detector, cutouts, matched)
            catalog.write_table(table, staging / "sources.csv")
            catalog.write_table(table, staging / f"sources{TABLE_SUFFIXES[args.format]}")
            catalog.write_table(detector.components_, staging / "components.csv")
            catalog.save_model(detector, staging / "model.skops", metadata={"reading": reading})
        summary = summarize_run(
            detector,
            matched.y,
            reasons=matched.reasons,
            counts=counts,
            settings=vars(args),
            seconds=stages.seconds,
        )
        summary["skipped"] = dict(cutouts.skipped)
        text = json.dumps(summary, indent=2, allow_nan=False)
        (staging / "summary.json").write_text(text + "\n", encoding="utf-8")
    _say(format_components(detector.components_))
    _say(format_summary(summary))
    _say(f"Results are in {args.out}" + (", in place of earlier ones" if replaces else ""))


def _read_survey(args: argparse.Namespace, reading: dict[str, Any]) -> tuple[Any, Any]:
    """Read labels and cutouts, and join them."""
    from spurclust import catalog

    labels = catalog.read_labels(
        args.labels,
        id_column=args.id_column,
        label_column=args.label_column,
        reason_column=args.reason_column,
        spurious_value=args.spurious_value,
    )
    cutouts = _read(args, reading)
    return cutouts, catalog.match_labels(labels, cutouts.source_ids)


def _fit(args: argparse.Namespace, images: NDArray[Any], y: NDArray[Any]) -> Any:
    """Fit a detector as the command line says."""
    return spurclust.SpuriousRegionDetector(
        args.n_components,
        args.threshold,
        perplexity=args.perplexity,
        assignment=args.assignment,
        unlabeled=-1,
        random_state=args.random_state,
        n_jobs=args.jobs,
    ).fit(images, y)


def _check_extras(args: argparse.Namespace) -> None:
    """Find out before the work whether what it needs at its end is installed."""
    import_optional("skops", feature="Saving the model")
    import_optional("openpyxl" if args.format == "xlsx" else "astropy", feature="Writing tables")
    if not args.no_plots:
        import_optional("matplotlib", feature="Drawing pictures (or leave them out: --no-plots)")


def _planned_files(args: argparse.Namespace) -> list[str]:
    """Name the files that a run will write."""
    names = ["sources.csv", f"sources{TABLE_SUFFIXES[args.format]}", "components.csv"]
    names += ["summary.json", "model.skops"]
    return names if args.no_plots else names + [f"plots/{name}.png" for name in PLOTS]


def _size(given: list[int] | None) -> int | tuple[int, int] | None:
    """Turn one or two numbers into what `read_cutouts` takes."""
    if given is None or len(given) == 1:
        return given[0] if given else None
    if len(given) > 2:
        raise ValueError(f"--size takes HEIGHT or HEIGHT WIDTH, got {len(given)} numbers")
    return given[0], given[1]


def _read(args: argparse.Namespace, reading: dict[str, Any]) -> Any:
    """Read the cutouts that the command line names."""
    from spurclust.catalog import read_cutouts

    return read_cutouts(
        args.cutouts[0] if len(args.cutouts) == 1 else args.cutouts,
        **reading,
        on_error="skip" if args.skip_unreadable else "raise",
        n_jobs=args.jobs,
        progress=sys.stderr.isatty(),
    )


def _table(detector: Any, cutouts: Any, matched: Any) -> Any:
    """Make the table of the fitted sources."""
    from spurclust.catalog import sources_table

    return sources_table(
        cutouts.source_ids,
        paths=cutouts.paths,
        y=matched.y,
        reasons=matched.reasons,
        embedding=detector.embedding_,
        component=detector.component_,
        spurious_probability=detector.spurious_probability_,
        flagged=detector.flagged_,
    )


def _draw(detector: Any, cutouts: Any, matched: Any, folder: Path) -> None:
    """Write the pictures of a run; a gallery without sources is left out."""
    import matplotlib as mpl

    from spurclust import views

    mpl.use("Agg")
    folder.mkdir()
    y, images = matched.y, cutouts.images
    reasons = matched.reasons
    # The first row of a FITS image is its bottom.
    is_fits = Path(cutouts.paths[0]).name.lower().removesuffix(".gz").endswith((".fits", ".fit"))
    origin: Literal["upper", "lower"] = "lower" if is_fits else "upper"
    displays: dict[str, Callable[[], Any]] = {
        "embedding": partial(views.EmbeddingDisplay.from_estimator, detector, y, reason=reasons),
        "cutouts": partial(
            views.CutoutEmbeddingDisplay.from_estimator, detector, y, images, origin=origin
        ),
        "components": partial(views.ComponentsDisplay.from_estimator, detector),
        "region": partial(views.RegionDisplay.from_estimator, detector, y),
    }
    gallery = partial(
        views.GalleryDisplay.from_estimator,
        detector,
        y,
        images,
        source_id=cutouts.source_ids,
        reason=reasons,
        origin=origin,
    )
    for which, chosen in (("spurious", y == 1), ("flagged", detector.flagged_)):
        if chosen.any():
            displays[which] = partial(gallery, which=which)
    for name, draw in displays.items():
        views.save_figure(draw(), folder / f"{name}.png", close=True)


def run_predict(args: argparse.Namespace) -> None:
    """Flag new sources with a fitted model.

    Parameters
    ----------
    args : argparse.Namespace
        Of `spurclust predict`.
    """
    from spurclust import catalog

    catalog.check_table_path(args.out)
    stages = _Stages()
    with stages("model"):
        detector, reading = _load(args)
    with stages("reading"):
        cutouts = _read(args, reading)
    with stages("predicting"):
        images = _with_channels(cutouts.images, detector.image_shape_)
        embedding, component, probability = detector.assign(images)
    flagged = probability >= detector.threshold
    with stages("writing"):
        table = catalog.sources_table(
            cutouts.source_ids,
            paths=cutouts.paths,
            embedding=embedding,
            component=component,
            spurious_probability=probability,
            flagged=flagged,
        )
        catalog.write_table(table, args.out)
    _say(f"Flagged {int(flagged.sum())} of {len(flagged)} sources; the table is {args.out}")


def _load(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """Load a detector, and how the cutouts of its fit were read."""
    from spurclust import catalog

    detector = catalog.load_model(args.model)
    if not isinstance(detector, spurclust.SpuriousRegionDetector):
        raise catalog.CatalogError(
            f"{args.model} holds a {type(detector).__name__}, not a detector: give the model.skops "
            "of a run"
        )
    steps = detector.pipeline_
    names = [name for name in steps.get_params() if name.endswith("__n_jobs")]
    steps.set_params(**dict.fromkeys(names, args.jobs))
    saved = catalog.read_model_metadata(args.model).get("reading", {})
    if not isinstance(saved, dict):
        raise catalog.CatalogError(f"{args.model}: how its cutouts were read is not known")
    reading = {name: saved.get(name) for name in ("size", "reduce", "id_pattern")}
    if args.id_pattern is not None:
        reading["id_pattern"] = args.id_pattern
    return detector, reading


def _with_channels(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Give grey cutouts three equal channels where the fitted ones had colours."""
    if images.ndim == 3 and len(shape) == 3 and shape[2] == 3:
        return np.repeat(images[..., None], 3, axis=3)
    return images


def _with_options(message: str) -> str:
    """Name the options of the command line where a message advises arguments in Python."""
    for argument, option in OPTIONS_OF_ARGUMENTS.items():
        message = message.replace(argument, option)
    return message


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning without the place in the code, each of its lines marked."""
    for line in str(message).splitlines():
        print(f"spurclust: warning: {line.strip()}", file=sys.stderr)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "demo": run_demo,
    "simulate": run_simulate,
    "run": run_run,
    "predict": run_predict,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments; None takes those of the process.

    Returns
    -------
    int
        0 when all went well, 1 for input that cannot be used. Wrong usage exits with 2.

    Examples
    --------
    >>> from spurclust.cli import main
    >>> main(["predict", "missing.skops", ".", "--out", "table.csv"])
    1
    """
    args = make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            # Also under -W error: a warning of ours is for the reader, not the end of a run.
            warnings.filterwarnings("always", category=UserWarning)
            warnings.showwarning = _print_warning
            COMMANDS[args.command](args)
    except (ValueError, OSError, ImportError, MemoryError) as error:
        print(f"spurclust: error: {_with_options(' '.join(str(error).split()))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("spurclust: interrupted, nothing was written", file=sys.stderr)
        return 130
    sys.stdout.flush()
    return 0
