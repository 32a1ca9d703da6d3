"""The live inspection over HTTP: inspections to find the spurious from nothing, and the waiting."""

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bench
import numpy as np

SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)
TARGET_SHARE = 0.95
MAX_PAUSE = 0.1
MOST_ALONE = 500
N_INSPECTORS, RATE = 20, 10
NAMES = [f"inspector{k}" for k in range(N_INSPECTORS)]
SYNTHETIC_SHAPE = (16, 16)
N_FEATURES = 60
SHARE_SPURIOUS = 0.03


class Served(NamedTuple):
    """A server in a process of its own: the link of each inspector, and when it could be opened."""

    links: list[str]
    seconds: float
    process: Any


@contextmanager
def serving(*command: str) -> Iterator[Served]:
    """Run a command that serves an inspection, until the work is done."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        links = []
        for line in process.stdout:
            links += re.findall(r"http://\S+", line)
            if line.startswith("Links"):
                break
        if not links:
            raise bench.ChildError("the server has not started: its message is above")
        yield Served(links, time.perf_counter() - start, process)
    finally:
        process.terminate()
        process.communicate()


def inspecting(folder: str, out: str, *more: object) -> Any:
    """Serve the inspection of a folder as people do."""
    command = [sys.executable, "-m", "spurclust", "inspect", folder, "--out", out, "--no-browser"]
    return serving(*command, *map(str, more))


class Inspector:
    """Someone who judges over HTTP, as the page does, and notes how long each answer takes."""

    def __init__(self, link: str) -> None:
        import httpx

        self.client = httpx.Client(base_url=link.partition("/enter")[0], timeout=60)
        self.client.get(link)
        self.start = self.client.get("/api/start").json()
        self.client.headers["X-Spurclust-Token"] = self.start["token"]
        self.pauses: list[float] = []
        self.items = self.client.get("/api/next?n=3").json()["items"]

    def judge(self, verdict: str) -> dict[str, Any]:
        """Judge the first source that is shown; return it."""
        item = self.items[0]
        before = time.perf_counter()
        sent = {"verdicts": [{"row": item["row"], "verdict": verdict}], "n": 3}
        answer = self.client.post("/api/verdicts", json=sent)
        self.pauses.append(time.perf_counter() - before)
        answer.raise_for_status()
        self.items = answer.json()["items"]
        return item

    def see(self) -> None:
        """Fetch the picture of the source that is shown, and what is similar to it."""
        row = self.items[0]["row"]
        self.client.get(f"/cutouts/{self.start['run']}/{row}").raise_for_status()
        self.client.get(f"/api/similar?rows={row}").raise_for_status()


def inspections_to(found: Sequence[bool], n_spurious: int) -> list[float]:
    """Return after how many inspections each share of the spurious is found."""
    counts = np.cumsum(found)
    needed = [np.ceil(share * n_spurious) for share in SHARES]
    return [float(np.searchsorted(counts, n) + 1) if counts[-1] >= n else np.nan for n in needed]


def replay(folder: str, spurious: set[str], out: str, state: int, think: float) -> dict[str, Any]:
    """Inspect a folder from nothing, until nearly all of the spurious are found."""
    found: list[bool] = []
    with inspecting(folder, out, "--random-state", state) as served:
        someone = Inspector(served.links[0])
        enough = np.ceil(SHARES[-1] * len(spurious))
        while someone.items and sum(found) < enough:
            someone.see()
            time.sleep(think)
            is_spurious = someone.items[0]["id"] in spurious
            someone.judge("spurious" if is_spurious else "reliable")
            found.append(is_spurious)
    return {
        "needed": inspections_to(found, len(spurious)),
        "seconds": served.seconds,
        "pauses": someone.pauses,
    }


def alone(out: str, spurious: set[str], ids: Sequence[str], starts: int) -> list[list[float]]:
    """Return the inspections that the probability alone takes from 20 random ones, each start."""
    from spurclust import InspectionRanker
    from spurclust.ranking import replay_inspection

    with np.load(Path(out) / "features.npz") as kept:
        rows, read = kept["rows"], kept["sources"]
    y = np.array([ids[k] in spurious for k in read], dtype=int)
    needed = []
    for state in range(starts):
        curve = replay_inspection(
            rows,
            y,
            strategy="probable",
            n_batch=10,
            n_inspections=MOST_ALONE,
            ranker=InspectionRanker(100, random_state=0),
            random_state=state,
        )
        holds = [curve[curve["completeness"] >= share] for share in SHARES]
        needed.append([one["inspections"].min() for one in holds])
    return needed


def mean_and_range(needed: Any) -> list[str]:
    """Return the mean of several starts, the fewest and the most, for each share."""
    return [
        f"{np.mean(each):.0f} ({min(each):.0f} to {max(each):.0f})"
        if len(each) > 1
        else f"{each[0]:.0f}"
        for each in np.transpose(needed)
    ]


def at_random(n: int, n_spurious: int) -> list[float]:
    """Return the inspections that a random order is expected to take."""
    return [np.ceil(share * n_spurious) * (n + 1) / (n_spurious + 1) for share in SHARES]


def compare_orders(
    name: str, folder: str, labels: str, target: int, starts: int, think: float
) -> list[bench.Outcome]:
    """Inspect one survey from several starts, beside other orders."""
    from spurclust.catalog import match_labels, read_labels
    from spurclust.cutouts import open_cutouts

    source = open_cutouts(folder)
    ids = source.take(range(len(source)))[0]
    y = match_labels(read_labels(labels), ids).y
    spurious = {one for one, label in zip(ids, y, strict=True) if label == 1}
    with tempfile.TemporaryDirectory() as parent:
        outs = [str(Path(parent) / str(state)) for state in range(starts)]
        runs = [replay(folder, spurious, out, k, think) for k, out in enumerate(outs)]
        others = {"probability alone": alone(outs[0], spurious, ids, starts)}
    others["random order"] = [at_random(len(ids), len(spurious))]
    each = np.array([run["needed"] for run in runs])
    rows = {"live inspection": each, **others}
    shown = [[what, *mean_and_range(needed)] for what, needed in rows.items()]
    head = [f"{name}: {len(ids)} sources, {len(spurious)} spurious"]
    print(bench.markdown_table([*head, *(f"{share:.0%}" for share in SHARES)], shown), flush=True)
    at_target = each[:, SHARES.index(TARGET_SHARE)]
    pauses = np.concatenate([run["pauses"] for run in runs])
    waiting = [sum(run["pauses"]) for run in runs]
    first = np.median([run["seconds"] for run in runs])
    return [
        bench.at_most(
            f"{name}: inspections to 95 %, mean of {starts} starts",
            float(np.mean(at_target)),
            target,
            "",
            ", ".join(f"{value:.0f}" for value in at_target),
        ),
        next_cutout(name, pauses),
        bench.for_information(
            f"{name}: waiting in all",
            f"{np.median(waiting):.1f} s",
            f"and {first:.1f} s from the command to the page",
        ),
    ]


def next_cutout(what: str, pauses: Any, detail: str = "") -> bench.Outcome:
    """Judge the time from a verdict to what comes next."""
    late = float(np.percentile(pauses, 95))
    text = f"median {1e3 * np.median(pauses):.0f} ms, largest {1e3 * np.max(pauses):.0f} ms"
    return bench.at_most(
        f"{what}: next cutout, 95th percentile", 1e3 * late, 1e3 * MAX_PAUSE, " ms", text + detail
    )


def judge_together(folder: str, seconds: float) -> list[bench.Outcome]:
    """Let twenty people judge at once, so many verdicts a second in all."""
    given: list[int] = []
    with (
        tempfile.TemporaryDirectory() as out,
        inspecting(folder, out, "--inspectors", *NAMES) as served,
    ):
        people = [Inspector(link) for link in served.links]
        end = time.perf_counter() + seconds

        def work(someone: Inspector, number: int) -> None:
            time.sleep(number / RATE)
            begun = time.perf_counter()
            while time.perf_counter() < end and someone.items:
                someone.see()
                row = someone.judge("spurious" if len(given) % 30 == 0 else "reliable")["row"]
                given.append(row)
                begun += N_INSPECTORS / RATE
                time.sleep(max(0.0, begun - time.perf_counter()))

        threads = [threading.Thread(target=work, args=pair[::-1]) for pair in enumerate(people)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stored = people[0].client.get("/verdicts.csv").text.splitlines()[1:]
    what = f"{N_INSPECTORS} inspectors"
    pauses = np.concatenate([someone.pauses for someone in people])
    return [
        next_cutout(what, pauses, f"; {len(given) / seconds:.1f} verdicts a second"),
        bench.at_most(f"{what}: answered verdicts lost", abs(len(given) - len(stored)), 0, ""),
        bench.at_most(f"{what}: sources shown twice", len(given) - len(set(given)), 0, ""),
    ]


def serve_synthetic(n_sources: int) -> None:
    """Serve an inspection of cutouts whose features are drawn, as this script's own command."""
    from spurclust import Inspection
    from spurclust.inspection.web.security import secret_keys
    from spurclust.inspection.web.server import InspectionSite, link_of, listen, make_app, serve

    rng = np.random.default_rng(0)
    features = rng.normal(size=(n_sources, N_FEATURES)).astype(np.float32)
    features[: int(SHARE_SPURIOUS * n_sources), :3] += 3
    images = np.broadcast_to(np.zeros(SYNTHETIC_SHAPE, dtype=np.uint8), (n_sources, 16, 16))
    with (
        tempfile.TemporaryDirectory() as folder,
        listen("127.0.0.1") as listener,
        Inspection(images, features=features, folder=folder, beside=True) as inspection,
    ):
        keys = secret_keys(inspection.folder, ["inspector"])
        port = listener.getsockname()[1]
        print(link_of(keys["inspector"], "127.0.0.1", port), "Links", sep="\n", flush=True)
        serve(make_app(InspectionSite(inspection), keys), listener)


def judge_many(n_sources: int, n_inspections: int, think: float) -> list[bench.Outcome]:
    """Inspect a large survey: how long everything takes, and how much memory."""
    import psutil

    with serving(sys.executable, __file__, "--serve", str(n_sources)) as served:
        someone = Inspector(served.links[0])
        n_spurious = int(SHARE_SPURIOUS * n_sources)
        models: dict[int, float] = {}
        for _ in range(n_inspections):
            someone.see()
            time.sleep(think)
            someone.judge("spurious" if someone.items[0]["row"] < n_spurious else "reliable")
            progress = someone.client.get("/api/progress").json()
            models.setdefault(progress["model"], time.perf_counter())
        server = psutil.Process(served.process.pid)
        memory = sum(one.memory_info().rss for one in (server, *server.children(True))) / 1e9
    what = f"{n_sources} sources"
    steps = np.diff(list(models.values()))
    learning = f"{np.median(steps):.1f} s" if len(steps) else "none"
    return [
        bench.for_information(f"{what}: from the command to the page", f"{served.seconds:.1f} s"),
        next_cutout(what, someone.pauses),
        bench.for_information(f"{what}: from one order to the next", learning),
        bench.at_most(f"{what}: memory", memory, 2, " GB"),
    ]


def measure(
    folder: str = "",
    labels: str = "",
    target: int = 160,
    starts: int = 5,
    think: float = 0.3,
    seconds: float = 60.0,
    sources: int = 0,
    only: str = "orders,team",
) -> list[bench.Outcome]:
    """Inspect a survey from several starts, then together; or, of so many sources, a synthetic one.

    Without a folder, the survey is the simulated one.
    """
    from spurclust.simulate import simulate_survey, write_survey

    if sources:
        return judge_many(sources, 150, think)
    outcomes: list[bench.Outcome] = []
    with tempfile.TemporaryDirectory() as parent:
        name = Path(folder).resolve().parent.name
        if not folder:
            name, folder, target = "simulated", str(Path(parent) / "survey"), 110
            write_survey(simulate_survey(n_jobs=-1), folder)
            labels = str(Path(folder) / "labels.xlsx")
        if "orders" in only:
            outcomes += compare_orders(name, folder, labels, target, starts, think)
        if "team" in only:
            outcomes += judge_together(folder, seconds)
    return outcomes


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve_synthetic(int(sys.argv[2]))
    else:
        bench.report(measure(**bench.parse_options(measure)))
