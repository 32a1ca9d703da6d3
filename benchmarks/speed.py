"""Fast as people run it: whole commands, against the original method as a plain script."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import bench
from embedding_rows import KL_LIMIT, divergences, pixel_rows

N_MANY, SPURIOUS_SHARE = 20_000, 57 / 1816
N_PREDICTED, IN_PARTITION = 4_000, 500
N_REFITS = 500
"""Refits of the original that try what `spurclust tune` tries: 100 settings in 5 folds."""
N_STARTS = 7
MEDIAN_OF = 3
BESIDE = {"plots", "models"}
"""Stages of the process that draws while the other writes the report."""
LIKE_THE_ORIGINAL = ["--region-on", "pixels", "--no-plots", "--no-report", "--no-ranking"]

Work = Callable[[str, str, int, Path], list[bench.Outcome]]
"""Takes the cutouts' folder, the labels, the number of repeats, and a folder to write into."""


def run_original(folder: str, labels: str, out: Path, *options: str) -> bench.Finished:
    """Run the original, and read what it found."""
    script = str(Path(__file__).with_name("original.py"))
    command = [sys.executable, script, folder, labels, str(out / "original.csv"), *options]
    with (out / "original.json").open("w") as text:
        done = bench.run_process(command, stdout=text)
    return done._replace(result=json.loads((out / "original.json").read_text()))


def run_spurclust(
    command: str, folder: str, labels: str, out: Path, *options: str, **settings: Any
) -> bench.Finished:
    """Run a command, and read its summary."""
    line = [sys.executable, "-m", "spurclust", command, folder, "--labels", labels]
    line += ["--out", str(out), *options]
    done = bench.run_process(line, stdout=subprocess.DEVNULL, **settings)
    return done._replace(result=json.loads((out / "summary.json").read_text()))


def quality(summary: dict[str, Any]) -> str:
    """Describe the region of a run, and its order of inspection."""
    flagged, held = summary["flagged"], summary["in_sample"]["completeness"]
    text = f"flagged {flagged['k']}, spurious held {held['k']} of {held['n']}"
    for row in (summary["ranking"] or {}).get("expected_effort", ()):
        if row["completeness"] == 0.95:
            text += f", workload at 95 % completeness {row['inspections'] / flagged['n']:.3f}"
    return text


def judge(folder: str, original: str, ours: str) -> dict[str, Any]:
    """Compute the divergences of the embeddings that both wrote, from the same pixels."""
    import numpy as np
    import pandas as pd

    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(folder)
    rows, distinct = pixel_rows(cutouts.images)
    points = []
    for path in (original, ours):
        table = pd.read_csv(path, dtype={"source_id": str}).set_index("source_id")
        found = table[["tsne_x", "tsne_y"]].loc[[str(each) for each in cutouts.source_ids]]
        points.append(found.to_numpy(np.float32)[distinct])
    return {"kl": divergences(rows, points, -1)}


def compare_runs(folder: str, labels: str, repeats: int, out: Path) -> list[bench.Outcome]:
    """Compare whole runs with the original, with its pictures and without."""
    pictures, steps, default, pixels = bench.interleaved(
        repeats,
        partial(run_original, folder, labels, out, "--pictures", str(out / "pictures")),
        partial(run_original, folder, labels, out),
        partial(run_spurclust, "run", folder, labels, out / "default"),
        partial(run_spurclust, "run", folder, labels, out / "pixels", *LIKE_THE_ORIGINAL),
    )
    tables = {"original": str(out / "original.csv"), "ours": str(out / "pixels" / "sources.csv")}
    kl, our_kl = bench.run_child(__file__, "judge", folder=folder, **tables).result["kl"]
    original = "flagged {flagged}, spurious held {held} of {known}".format(**steps.result)

    def times(what: str, theirs: bench.Finished, ours: bench.Finished, least: float) -> Any:
        detail = f"{theirs} : {ours}; {original} : {quality(ours.result)}"
        return bench.at_least(what, theirs.seconds / ours.seconds, least, detail)

    what = f"`spurclust run`, {default.result['labels']['n_sources']} strips, against the original"
    memory = f"{pictures.memory:.2f} GB : {default.memory:.2f} GB"
    lean = f"`spurclust run {' '.join(LIKE_THE_ORIGINAL)}`"
    return [
        times(f"{what} with its pictures", pictures, default, 20),
        bench.at_least("the same, peak memory", pictures.memory / default.memory, 10, memory),
        times(f"{what} without pictures", steps, default, 10),
        times(f"{lean}, against the original without pictures", steps, pixels, 15),
        bench.at_most("the same, KL", our_kl / kl, KL_LIMIT, "x", f"{kl:.4f} : {our_kl:.4f}"),
        *stages(default),
    ]


def stages(run: bench.Finished) -> list[bench.Outcome]:
    """List the seconds of each stage of the last of some runs."""
    known = run.result["seconds"]
    in_turn = sum(s for name, s in known.items() if name not in BESIDE)
    seconds = {**known, "imports and the rest": run.each[-1] - in_turn}
    return [bench.for_information(f"stage {name}", f"{s:.2f} s") for name, s in seconds.items()]


def grow(folder: str, labels: str, repeats: int, out: Path) -> list[bench.Outcome]:
    """Compare a default run with one on many more strips."""
    many, spurious = str(out / "many"), str(round(N_MANY * SPURIOUS_SHARE))
    size = ["--n-sources", str(N_MANY), "--n-spurious", spurious, "--quiet"]
    bench.run_process([sys.executable, "-m", "spurclust", "simulate", many, *size])
    few, lots = bench.interleaved(
        repeats,
        partial(run_spurclust, "run", folder, labels, out / "few"),
        partial(run_spurclust, "run", many, f"{many}/labels.xlsx", out / "lots"),
    )
    n_few = few.result["labels"]["n_sources"]
    what = f"`spurclust run`, {N_MANY} strips, against {n_few}"
    detail = f"{few} : {lots}; {quality(lots.result)}"
    return [
        bench.at_most(what, lots.seconds / few.seconds, 12, "x", detail),
        bench.at_most("the same, peak memory", lots.memory, 3, " GB"),
    ]


def decode_and_predict(folder: str, labels: str, out: str, repeats: int) -> dict[str, Any]:
    """Fit half of the strips, then decode and predict the others, again and again."""
    import imagecodecs
    import pandas as pd

    from spurclust.cutouts import list_cutouts
    from spurclust.scale import open_client, write_predictions

    files, y = list_cutouts(folder), bench.load_survey(folder, labels)[1]
    models = bench.fit_models(files[::2], y[::2])
    others, y = files[1::2], y[1::2]
    many = (others * (N_PREDICTED // len(others) + 1))[:N_PREDICTED]

    def decode() -> None:
        with ThreadPoolExecutor(bench.CORES) as pool:
            for _ in pool.map(lambda path: imagecodecs.png_decode(Path(path).read_bytes()), many):
                pass

    def predict(name: str, n_files: int = N_PREDICTED) -> None:
        ids, settings = range(n_files), {"partition_size": IN_PARTITION, "n_jobs": bench.CORES}
        write_predictions(models, many[:n_files], f"{out}/{name}", source_ids=ids, **settings)

    seconds: dict[str, list[float]] = {"decoding": [], "one process": [], "dask": []}
    predict("warm", IN_PARTITION)
    for turn in range(repeats):
        works = {"decoding": decode, "one process": partial(predict, f"alone{turn}")}
        for name, work in works.items():
            seconds[name].append(bench.timed(work)[1]["seconds"])
        with open_client(workers=bench.CORES):
            predict(f"warm{turn}", IN_PARTITION * bench.CORES)  # the workers import the package
            seconds["dask"].append(bench.timed(partial(predict, f"dask{turn}"))[1]["seconds"])
    table = pd.read_parquet(f"{out}/dask0/sources").astype({"source_id": int})
    flagged = table.sort_values("source_id")["flagged"].to_numpy()[: len(others)]
    held = f"spurious held {(flagged & (y == 1)).sum()} of {(y == 1).sum()}"
    found = f"{len(files) - len(others)} fitted, of {len(others)} others {flagged.sum()} flagged"
    return {"each": seconds, "quality": f"{found}, {held}"}


def compare_prediction(folder: str, labels: str, repeats: int, out: Path) -> list[bench.Outcome]:
    """Compare the prediction of PNG files with decoding them alone, with as many threads."""
    bench.require("imagecodecs", "dask", "distributed", "pyarrow")
    given = {"folder": folder, "labels": labels, "out": str(out), "repeats": repeats}
    done = bench.run_child(__file__, "decode_and_predict", **given)
    runs = {
        name: bench.median_of([bench.Finished(each, done.memory) for each in seconds])
        for name, seconds in done.result["each"].items()
    }
    decoding = runs.pop("decoding")
    outcomes = []
    for name, run in runs.items():
        what = f"predict {N_PREDICTED} PNG strips, {name}, against decoding them"
        hours = bench.CORES * run.seconds / N_PREDICTED * 1e9 / 3600
        rate = f"{N_PREDICTED / run.seconds:.0f} a second, 10^9 in {hours:,.0f} core hours"
        detail = f"{decoding} : {run}; {rate}; {done.result['quality']}"
        outcomes.append(bench.at_most(what, run.seconds / decoding.seconds, 2, "x", detail))
    return outcomes


def compare_tuning(folder: str, labels: str, repeats: int, out: Path) -> list[bench.Outcome]:
    """Compare the choice of settings with refits of the original, of which one is run."""
    theirs = run_original(folder, labels, out)
    (ours,) = bench.interleaved(
        repeats, partial(run_spurclust, "tune", folder, labels, out / "tuned")
    )
    held_out = ours.result["held_out"]
    shares = [f"{name} {held_out[name]['fraction']:.3f}" for name in ("completeness", "workload")]
    tried = f"{held_out['n_settings']} settings, {held_out['n_splits']} splits"
    detail = f"{N_REFITS} x {theirs} : {ours}; {tried}, held out: {', '.join(shares)}"
    what = f"`spurclust tune`, against {N_REFITS} refits of the original"
    ratio = N_REFITS * theirs.seconds / ours.seconds
    return [
        bench.at_least(what, ratio, 1000, f"{detail}; {quality(ours.result)}"),
        bench.at_most("the same, time", ours.seconds, 60, " s"),
    ]


def compare_first_runs(folder: str, labels: str, repeats: int, out: Path) -> list[bench.Outcome]:
    """Compare the run that compiles the kernels with the next."""
    pairs = []
    for turn in range(repeats):
        cache = {**os.environ, "NUMBA_CACHE_DIR": str(out / f"cache{turn}")}
        run = partial(run_spurclust, "run", folder, labels, out / "first", env=cache)
        pairs.append([run(), run()])
    first, later = (bench.median_of(runs) for runs in zip(*pairs, strict=True))
    what = "the first `spurclust run` of an installation, less the next"
    return [bench.at_most(what, first.seconds - later.seconds, 6, " s", f"{first} : {later}")]


def compare_starts(*_: Any) -> list[bench.Outcome]:
    """Time the help and the import of the package."""
    commands = (["-m", "spurclust", "--help"], ["-c", "import spurclust"], ["-c", "pass"])
    run = partial(bench.run_process, stdout=subprocess.DEVNULL)
    works = [partial(run, [sys.executable, *command]) for command in commands]
    shown, imported, empty = bench.interleaved(N_STARTS, *works)
    above = imported.seconds - empty.seconds
    return [
        bench.at_most("`spurclust --help`", shown.seconds, 0.15, " s", str(shown)),
        bench.at_most("`import spurclust`", above, 0.03, " s", f"{imported} less {empty}"),
    ]


WORKS: dict[str, Work] = {
    "runs": compare_runs,
    "growth": grow,
    "prediction": compare_prediction,
    "tuning": compare_tuning,
    "first_run": compare_first_runs,
    "starts": compare_starts,
}


def run_all(works: dict[str, Callable[[Path], Any]], out: Path | None) -> list[bench.Outcome]:
    """Measure all; what fails is a row of the table, and the others go on."""
    outcomes: list[bench.Outcome] = []
    for name, work in works.items():
        print(f"\n{name} ...", flush=True)
        start = time.perf_counter()
        try:
            with tempfile.TemporaryDirectory() as folder:
                done = work(Path(folder))
        except bench.ChildError as error:
            done = [bench.Outcome(name, "did not end", "", False, str(error))]
        print(f"{bench.format_table(done)}\n\n{time.perf_counter() - start:.0f} s", flush=True)
        outcomes += done
        if out:  # after each, lest an hour be lost
            out.write_text(f"{bench.format_report(outcomes)}\n", encoding="utf-8")
    return outcomes


def main() -> None:
    """Measure all or some, on a given or a simulated survey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="PNG strips; without, 1816 are simulated")
    parser.add_argument("labels", nargs="?", help="their table of labels, xlsx")
    parser.add_argument("--quick", action="store_true", help=f"once, and without {N_MANY} strips")
    parser.add_argument("--only", nargs="+", choices=WORKS, help="what to measure (default: all)")
    parser.add_argument("--out", type=Path, help="Markdown file for the table")
    args = parser.parse_args()
    if bool(args.folder) != bool(args.labels):
        parser.error("give the folder and the labels, or neither")
    if args.out and not args.out.parent.is_dir():
        parser.error(f"there is no folder {args.out.parent}")
    repeats = 1 if args.quick else MEDIAN_OF
    names = args.only or [name for name in WORKS if name != "growth" or not args.quick]
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or str(Path(name) / "survey")
        labels = args.labels or str(Path(folder) / "labels.xlsx")
        if not args.folder:
            bench.run_process([sys.executable, "-m", "spurclust", "simulate", folder])
        outcomes = run_all(
            {each: partial(WORKS[each], folder, labels, repeats) for each in names},
            args.out,
        )
    print(f"\n{bench.format_report(outcomes)}")


if __name__ == "__main__" and not bench.serve_child(
    {"judge": judge, "decode_and_predict": decode_and_predict}
):
    main()
