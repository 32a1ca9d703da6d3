"""Alter saved models and folders of predictions: each is read right, or refused by one clear error.

Each case alters the content of one file, by its seed and number alone. Cases run in a process of
their own, so that one that crashes the interpreter or hangs is found as such.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Timer
from typing import Any
from zipfile import ZipFile

import numpy as np

SECONDS = 60
"""A case that takes longer hangs."""

WORDS = (-1, 0, 1, 2, 3, 255, 2**31 - 1, -(2**31), 2**40, 10**30, 0.5, -1.5, 1e-300, 1e300)
STRANGE = (
    *WORDS,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "20",
    "auto",
    [],
    {},
    [1, 2],
    {"a": 1},
)
"""What stands in for a value."""

Random = np.random.Generator


def alter_array(array: np.ndarray, rng: Random) -> np.ndarray:
    """Change some values, the shape or the type of an array."""
    kind = rng.integers(10)
    if kind < 5 and array.size and array.dtype.kind in "iufb":
        array = array.copy()
        chosen = rng.integers(array.size, size=rng.integers(1, 4))
        values = WORDS if array.dtype.kind != "f" else (*WORDS, np.nan, np.inf, -np.inf)
        with np.errstate(all="ignore"):
            new = np.array(rng.choice([float(value) for value in values], len(chosen)))
            array.flat[chosen] = new.astype(array.dtype)
        return array
    if kind == 5:
        return array[: rng.integers(len(array))] if array.ndim else array[None]
    if kind == 6:
        return np.concatenate([array, array]) if array.ndim else array[None, None]
    if kind == 7:
        return array.T if array.ndim > 1 else array[..., None]
    if kind == 8:
        return array.astype(rng.choice(["f4", "f8", "i4", "i8", "u1", ">f8", "U3", "c16"]))
    return array[..., ::-1] if array.ndim else array


def alter_tree(tree: Any, rng: Random) -> None:
    """Change, remove, repeat or exchange something in what a JSON file holds."""
    places: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        keys = node.keys() if isinstance(node, dict) else range(len(node))
        places += [(node, key) for key in keys]
        waiting += [node[key] for key in keys if isinstance(node[key], dict | list)]
    node, key = places[rng.integers(len(places))]
    kind = rng.integers(8)
    if kind == 0:
        del node[key]
    elif kind == 1:
        other, of_other = places[rng.integers(len(places))]
        node[key] = json.loads(json.dumps(other[of_other])) if of_other in other_keys(other) else 0
    elif kind == 2 and isinstance(node, list):
        node.append(node[key])
    elif isinstance(node[key], str) and kind < 7:  # skops keeps numbers as their texts
        node[key] = json.dumps(STRANGE[rng.integers(len(STRANGE))])
    else:
        node[key] = STRANGE[rng.integers(len(STRANGE))]


def other_keys(node: Any) -> Any:
    """Return the keys that a node has."""
    return node.keys() if isinstance(node, dict) else range(len(node))


def alter_bytes(content: bytes, rng: Random) -> bytes:
    """Flip, cut off, or repeat some bytes."""
    changed = bytearray(content)
    if rng.integers(3) == 0:
        return bytes(changed[: rng.integers(len(changed) + 1)])
    for place in rng.integers(max(len(changed), 1), size=rng.integers(1, 6)):
        changed[place : place + 1] = rng.bytes(1)
    return bytes(changed)


def alter_json(content: bytes, rng: Random) -> bytes:
    """Change a JSON text, in what it says or in its bytes; once in a while make it deep."""
    kind = rng.integers(10)
    if kind == 0:
        return alter_bytes(content, rng)
    if kind == 1:
        return b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    tree = json.loads(content)
    alter_tree(tree, rng)
    return json.dumps(tree).encode()


def alter_archive(path: Path, rng: Random) -> str:
    """Change a member of a saved model, and return its name."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    arrays = [name for name in members if name.endswith(".npy")]
    name = "schema.json" if rng.integers(5) < 2 else arrays[rng.integers(len(arrays))]
    if name == "schema.json":
        members[name] = alter_json(members[name], rng)
    elif rng.integers(8) == 0:
        members[name] = alter_bytes(members[name], rng)
    else:
        buffer = BytesIO()
        np.save(buffer, alter_array(np.load(BytesIO(members[name])), rng), allow_pickle=False)
        members[name] = buffer.getvalue()
    with ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return name


def make_models(folder: Path) -> None:
    """Fit and save a detector, one on pixels, and a ranker, of small strips."""
    from spurclust import InspectionRanker, SpuriousRegionDetector
    from spurclust.catalog import save_model
    from spurclust.embedding import ImageFlattener

    images = strips(50)
    y = np.arange(50) % 3 == 0
    common: dict[str, Any] = {"perplexity": 8, "random_state": 0}
    models = {
        "model": SpuriousRegionDetector(3, assignment="soft", **common),
        "pixels": SpuriousRegionDetector(2, flatten=ImageFlattener(), **common),
        "ranker": InspectionRanker(20, random_state=np.random.RandomState(0)),
    }
    for name, model in models.items():
        save_model(model.fit(images, y), folder / f"{name}.skops")


def strips(n: int) -> np.ndarray:
    """Draw strips of two panels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 80, (n, 10, 20)).astype(np.uint8)
    images[::3, 4] += 100
    return images


def try_model(folder: Path, rng: Random) -> str:
    """Load an altered model, and use it in all ways."""
    from spurclust.catalog import load_model
    from spurclust.errors import CatalogError

    name = rng.choice(["model", "pixels", "ranker"])
    path = folder / "altered.skops"
    shutil.copy(folder / f"{name}.skops", path)
    member = alter_archive(path, rng)
    try:
        model = load_model(path)
    except CatalogError as error:
        return "refused" if str(path) in str(error) else f"FAILS: {error} names no file"
    images = strips(7)[:, ::-1]
    try:
        model.predict(images)
        model._repr_html_()
        if name == "ranker":
            model.nearest_spurious(images)
            model.suggest(strips(50))
            model.probability_without(model.extract_features(images[:1])[0], [np.arange(2)])
        else:
            model.assign(images)
            len(model.components_)
            model.pipeline_[:-1].get_feature_names_out()
    except Exception as error:
        return f"FAILS: {member} of {name}: {type(error).__name__}: {error}"
    return "loaded"


def make_folder(folder: Path) -> None:
    """Write the predictions of some strips, of which one cannot be read."""
    from PIL import Image

    from spurclust import SpuriousRegionDetector
    from spurclust.catalog import save_model

    (folder / "strips").mkdir()
    for number, strip in enumerate(strips(50)):
        Image.fromarray(strip).save(folder / "strips" / f"{number}.png")
    (folder / "strips" / "7.png").write_bytes(b"no image")
    detector = SpuriousRegionDetector(3, perplexity=8, random_state=0)
    save_model(detector.fit(strips(50), np.arange(50) % 3 == 0), folder / "model.skops")
    predict_folder(folder, folder / "whole")


def predict_folder(folder: Path, out: Path) -> None:
    """Write predictions, or go on with them."""
    from spurclust.scale import write_predictions

    write_predictions(folder / "model.skops", folder / "strips", out, partition_size=20)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def alter_footer(path: Path, rng: Random) -> None:
    """Change what a Parquet file says of itself, or what it holds, and write it anew."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    metadata = dict(table.schema.metadata or {})
    kind = rng.integers(4)
    if kind == 0 or b"spurclust" not in metadata:
        name = table.column_names[rng.integers(table.num_columns)]
        table = [table.slice(1), table.drop_columns([name]), table.slice(0, 0)][rng.integers(3)]
    elif kind == 1:
        metadata.pop(b"spurclust")
    else:
        metadata[b"spurclust"] = alter_json(metadata[b"spurclust"], rng)
    table = table.replace_schema_metadata(metadata)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def alter_file(path: Path, rng: Random) -> None:
    """Change a file of a folder of predictions."""
    kind = rng.integers(12)
    if kind == 0:
        path.unlink()
        path.mkdir()
    elif kind == 1:
        path.write_bytes(b"")
    elif path.suffix == ".json":
        path.write_bytes(alter_json(path.read_bytes(), rng))
    elif path.suffix == ".parquet" and kind < 8:
        alter_footer(path, rng)
    else:
        path.write_bytes(alter_bytes(path.read_bytes(), rng))


def try_folder(folder: Path, rng: Random) -> str:
    """Alter a file, go on with the folder, and compare it with one that nobody has altered."""
    from spurclust.errors import CatalogError

    out = folder / "altered"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(folder / "whole", out)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    path = files[rng.integers(len(files))]
    alter_file(path, rng)
    try:
        predict_folder(folder, out)
    except CatalogError as error:
        return "refused" if str(out) in str(error) else f"FAILS: {error} names no file"
    except Exception as error:
        return f"FAILS: {path.name}: {type(error).__name__}: {error}"
    found, expected = files_of(out), files_of(folder / "whole")
    names = {name for name in expected if found.get(name) != expected[name]} - {"predicting.lock"}
    return f"FAILS: {path.name} was altered, {sorted(names)} differ" if names else "whole"


TARGETS: dict[str, tuple[Callable[[Path], None], Callable[[Path, Random], str]]] = {
    "models": (make_models, try_model),
    "folder": (make_folder, try_folder),
}


def run_cases(target: str, folder: Path, seed: int, start: int, stop: int) -> None:
    """Run some cases in this process; print the outcome of each."""
    warnings.simplefilter("ignore")
    for case in range(start, stop):
        print(f"{case} begins", flush=True)
        try:
            outcome = TARGETS[target][1](folder, np.random.default_rng([seed, case]))
        except Exception as error:
            outcome = f"FAILS: {type(error).__name__}: {error}"
        print(f"{case} {outcome}".replace("\n", " ")[:400], flush=True)


def fuzz(target: str, n_cases: int, seed: int) -> dict[int, str]:
    """Run cases in processes that may crash or hang; return the outcome of each."""
    outcomes: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as name:
        TARGETS[target][0](Path(name))
        while len(outcomes) < n_cases:
            span = ["--start", str(len(outcomes)), "--cases", str(n_cases)]
            command = [sys.executable, __file__, target, "--seed", str(seed), "--folder", name]
            process = subprocess.Popen([*command, *span], stdout=subprocess.PIPE, text=True)
            watch = partial(Timer, SECONDS, process.kill)
            timer = watch()
            assert process.stdout is not None
            for line in process.stdout:
                timer.cancel()
                (timer := watch()).start()
                case, outcome = line.rstrip("\n").split(" ", 1)
                outcomes[int(case)] = outcome
            timer.cancel()
            code = process.wait()
            last = len(outcomes) - 1
            if outcomes.get(last) == "begins":
                outcomes[last] = f"FAILS: ended by signal or code {code}"
            elif not outcomes:
                raise SystemExit(f"no case could be run: code {code}")
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Print how many cases were refused and read, and each that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.folder is not None:
        run_cases(args.target, args.folder, args.seed, args.start, args.cases)
        return 0
    outcomes = fuzz(args.target, args.cases, args.seed)
    fails = {case: text for case, text in outcomes.items() if text.startswith("FAILS")}
    for case, text in fails.items():
        print(f"case {case}: {text}")
    print(dict(Counter("FAILS" if case in fails else text for case, text in outcomes.items())))
    return int(bool(fails))


if __name__ == "__main__":
    sys.exit(main())
