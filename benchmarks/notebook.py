"""The original steps in plain scikit-learn against `spurclust run` on pixels, stage by stage.

Each side runs in a process of its own. Both embeddings are then judged by the same functions on the
same pixels.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import (
    Finished,
    Outcome,
    at_least,
    at_most,
    for_information,
    require,
    run_child,
    run_process,
    run_script,
)

KL_LIMIT = 1.02
TRUST_LIMIT = -0.005
BARE = ("--no-plots", "--no-report")
LEAN = (*BARE, "--no-ranking", "--region-on", "pixels")
"""What the original does, and no more."""


def run_original(folder: str, labels: str, out: Path, perplexity: float) -> Finished:
    """Run the original, and read what it found."""
    script = Path(__file__).with_name("original.py")
    command = [sys.executable, str(script), folder, labels, str(out / "original.csv")]
    command += ["--perplexity", str(perplexity)]
    with (out / "original.json").open("w") as text:
        done = run_process(command, stdout=text)
    return done._replace(result=json.loads((out / "original.json").read_text()))


def run_spurclust(
    folder: str, labels: str, out: Path, perplexity: float, options: tuple[str, ...] = LEAN
) -> Finished:
    """Run the command line, and read its summary."""
    command = [sys.executable, "-m", "spurclust", "run", folder, "--labels", labels]
    command += ["--out", str(out / "results"), "--perplexity", str(perplexity), *options]
    done = run_process(command, stdout=subprocess.DEVNULL)
    summary = json.loads((out / "results" / "summary.json").read_text())
    completeness = summary["in_sample"]["completeness"]
    counts = {"flagged": summary["flagged"]["k"], "held": completeness["k"]}
    known = {"known": completeness["n"], "seconds": summary["seconds"]}
    return done._replace(result=counts | known)


def judge(folder: str, original: str, ours: str) -> dict[str, Any]:
    """Judge the embeddings that both wrote by the same pixels."""
    import pandas as pd
    from embedding_rows import judge_by_pixels

    from spurclust.cutouts import read_cutouts

    cutouts = read_cutouts(folder)
    tables = [pd.read_csv(path, dtype={"source_id": str}) for path in (original, ours)]
    order = [str(source_id) for source_id in cutouts.source_ids]
    points = [table.set_index("source_id").loc[order, ["tsne_x", "tsne_y"]] for table in tables]
    return judge_by_pixels(cutouts.images, points)


def judge_quality(folder: str, out: Path) -> list[Outcome]:
    """Compare KL divergence and trustworthiness of both embeddings."""
    original, ours = str(out / "original.csv"), str(out / "results" / "sources.csv")
    found = run_child(__file__, "judge", folder=folder, original=original, ours=ours).result
    outcomes = []
    for name, quality in found.items():
        (kl, our_kl), (trust, our_trust) = quality["kl"], quality["trust"]
        kls, trusts = f"{kl:.4f} : {our_kl:.4f}", f"{trust:.4f} : {our_trust:.4f}"
        outcomes.append(at_most(f"the same, KL by {name}", our_kl / kl, KL_LIMIT, "x", kls))
        what = f"the same, trustworthiness by {name}, difference"
        outcomes.append(at_least(what, our_trust - trust, TRUST_LIMIT, trusts, unit=""))
    return outcomes


def held_with_flagged(*sides: Finished) -> str:
    """Write how many of the known spurious each side flagged, and how many in all."""
    counts = [side.result for side in sides]
    return " : ".join(f"{n['held']} of {n['known']} with {n['flagged']}" for n in counts)


def measure(folder: str, labels: str, perplexity: float = 50.0) -> list[Outcome]:
    """Run both sides once and compare stages, memory, regions and embeddings."""
    require("PIL", "openpyxl", "skops", "astropy")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        theirs = run_original(folder, labels, out, perplexity)
        ours = run_spurclust(folder, labels, out, perplexity)
        quality = judge_quality(folder, out)
    outcomes = []
    for stage, seconds in ours.result["seconds"].items():
        of_original = theirs.result["seconds"].get(stage)
        ratio = f"{of_original / seconds:.3g}x" if of_original and seconds else ""
        left = "-" if of_original is None else f"{of_original:.2f} s"
        outcomes.append(for_information(stage, ratio, f"{left} : {seconds:.2f} s"))
    time, memory = (theirs.seconds, ours.seconds), (theirs.memory, ours.memory)
    held = held_with_flagged(theirs, ours)
    return [
        *outcomes,
        for_information("whole process", f"{time[0] / time[1]:.3g}x", f"{theirs} : {ours}"),
        for_information("peak memory, GB", f"{memory[0] / memory[1]:.3g}x", f"{memory}"),
        for_information("spurious held with flagged", held, "in-sample"),
        *quality,
    ]


if __name__ == "__main__":
    run_script(measure, judge)
