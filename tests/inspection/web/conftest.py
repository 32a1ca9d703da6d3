"""A survey of small float cutouts, and its page at an address of this machine."""

from threading import Thread

import httpx
import numpy as np
import pytest

from spurclust import Inspection, InspectionRanker
from spurclust.inspection.web.security import TOKEN_HEADER, secret_keys
from spurclust.inspection.web.server import InspectionSite, link_of, listen, make_app, make_server

N_SPURIOUS = 12


def make_survey(n=60):
    """Draw cutouts of two filters, the first of them spurious, and features that show it."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(n, 8, 9, 2)).astype(np.float32)
    images[:N_SPURIOUS, :, 3] += 30
    features = rng.normal(size=(n, 4)).astype(np.float32)
    features[:N_SPURIOUS, 0] += 6
    return images, features


class Client(httpx.Client):
    """An inspector's program: it has opened the link, and knows the token."""

    def __init__(self, link):
        super().__init__(base_url=link.partition("/enter")[0], timeout=20)
        assert self.get(link).status_code == 200
        self.headers[TOKEN_HEADER] = self.get("/api/start").json()["token"]

    def next(self, n=1):
        return self.get(f"/api/next?n={n}").json()["items"]

    def judge(self, *rows, verdict="reliable", n=1, **more):
        verdicts = [{"row": row, "verdict": verdict, **more} for row in rows]
        return self.post("/api/verdicts", json={"verdicts": verdicts, "n": n})


class Served:
    """An inspection and its page, which can be stopped and started again."""

    def __init__(self, folder, source_ids=None, names=("anna", "ben"), site=None, **options):
        self.folder, self.names, self.site_options = folder, names, site or {}
        self.options = {"ranker": InspectionRanker(10, random_state=0), **options}
        self.source_ids, self.port = source_ids, None
        self.start()

    def start(self):
        from spurclust.cutouts import open_cutouts

        images, features = make_survey()
        source = open_cutouts(images, source_ids=self.source_ids)
        self.inspection = Inspection(source, folder=self.folder, features=features, **self.options)
        listener = listen("127.0.0.1", self.port or 0)
        self.port = listener.getsockname()[1]
        self.keys = secret_keys(self.folder, self.names)
        self.site = InspectionSite(self.inspection, **self.site_options)
        self.server = make_server(make_app(self.site, self.keys, cookie="inspect"))
        self.thread = Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()

    def stop(self):
        self.server.should_exit = True
        self.thread.join()
        self.inspection.close()

    def link(self, name="anna"):
        return link_of(self.keys[name], "127.0.0.1", self.port)


@pytest.fixture
def serve(tmp_path):
    """Return a function that serves the survey."""
    opened = []

    def start(**options):
        opened.append(Served(tmp_path / "survey", **options))
        return opened[-1]

    yield start
    for one in opened:
        one.stop()


@pytest.fixture
def served(serve):
    return serve()


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """The survey, for tests that change nothing."""
    opened = Served(tmp_path_factory.mktemp("unchanged") / "survey")
    yield opened
    opened.stop()


@pytest.fixture
def reader(unchanged, connect):
    return connect(unchanged)


@pytest.fixture
def connect():
    """Return a function that opens the link of an inspector, as a program does."""
    opened = []

    def open_link(served, name="anna"):
        opened.append(Client(served.link(name)))
        return opened[-1]

    yield open_link
    for one in opened:
        one.close()


@pytest.fixture
def client(served, connect):
    return connect(served)
