"""Serve the page of a live inspection to its inspectors."""

from __future__ import annotations

import errno
import html
import json
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from spurclust.errors import CatalogError, import_optional
from spurclust.inspection.web.answers import (
    GUARANTEES,
    MAX_NOTE,
    MAX_REASON,
    BadRequestError,
    Counting,
    Reasons,
    describe_disputes,
    describe_items,
    describe_similar,
    parse_count,
    parse_judgments,
    parse_object,
    parse_row,
    parse_rows,
)
from spurclust.inspection.web.points import Embedding
from spurclust.inspection.web.results_folder import Results
from spurclust.inspection.web.security import ENTRANCE, Guard, token_of
from spurclust.inspection.web.showing import CONTRASTS, Showing, Stretch
from spurclust.report.page import read_templates

if TYPE_CHECKING:
    import pandas as pd
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from spurclust.inspection.session import Inspection

PORT = 8765
"""Default port of the page."""

_PAGE = Path(__file__).parent / "page"
_SHARED_SCRIPTS = ("basics.js", "panels.js", "keys.js")
_SCRIPTS = ("connection.js", "cutouts.js", "points.js", "standing.js", "grid.js", "inspect.js")
_SHARED_STYLES = ("basics.css", "judging.css")
_STYLES = ("inspect.css",)
_TABLES = ("labels", "verdicts")
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BYTES = "application/octet-stream"
# The address of a picture has the number of the server's run, so it never changes.
_FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}

# A redirection counts as a visit from elsewhere, without strict cookies.
_WELCOME = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=/"><link rel="icon" href="/icon.svg">
<title>Inspection</title>
<p>Welcome, {name}. <a href="/">Go on</a></p></html>"""


class InspectionSite:
    """The answers of the server to the page of an inspection."""

    def __init__(
        self,
        inspection: Inspection,
        *,
        columns: pd.DataFrame | None = None,
        reasons: Sequence[str] = (),
        make_results: Callable[[str], object] | None = None,
        own_columns: Mapping[str, str] | None = None,
        spurious_value: int = 0,
    ) -> None:
        self.inspection, self.columns = inspection, columns
        self.own_columns, self.spurious_value = own_columns or {}, spurious_value
        self.results = Results(inspection, make_results)
        self.reasons = Reasons(inspection, reasons)
        self.showing = Showing(inspection)
        self.count = Counting(inspection)
        self.run = secrets.token_hex(4)
        self.embedding = Embedding(inspection.features, inspection.folder)

    def start(self, inspector: str, key: str) -> dict[str, Any]:
        """Return what the page needs once."""
        return {
            "run": self.run,
            "token": token_of(key),
            "inspector": inspector,
            "name": self.inspection.folder.resolve().name,
            "n_sources": len(self.inspection),
            "reasons": self.reasons.names,
            "n_panels": self.showing.n_panels,
            "panel": self.showing.panel,
            "panel_names": self.showing.panel_names,
            "stretches": list(get_args(Stretch)) if self.showing.has_stretches else [],
            "n_contrasts": len(CONTRASTS),
            "guarantees": GUARANTEES,
            "adjudicators": self.inspection.adjudicators,
            "max_reason": MAX_REASON,
            "max_note": MAX_NOTE,
        }

    def items(self, inspector: str, n: int) -> dict[str, Any]:
        """Return the next sources for an inspector."""
        items = self.inspection.next(n, inspector=inspector)
        described = describe_items(self.inspection, items, self.columns)
        return {"run": self.run, "items": described}

    def similar(self, rows: str) -> dict[str, Any]:
        """Return the most similar sources; a separate request, because it takes longer."""
        asked = parse_rows(rows, len(self.inspection))
        found = describe_similar(self.inspection, asked, self.reasons.of)
        return {"run": self.run, "similar": found}

    def judge(self, inspector: str, body: bytes) -> dict[str, Any]:
        """Store verdicts, and return the next sources."""
        asked = parse_object(body)
        judgments = parse_judgments(asked.get("verdicts"), len(self.inspection))
        n = parse_count(asked.get("n"))
        for row, verdict, reason, note in judgments:
            source_id = self.inspection.source_ids[row]
            self.inspection.record(source_id, verdict, reason, inspector=inspector, note=note)
            if reason:
                self.reasons.add(source_id, reason)
        return self.items(inspector, n)

    def undo(self, inspector: str, body: bytes) -> dict[str, Any]:
        """Take back the last verdict, and return the next sources: first its source."""
        n = parse_count(parse_object(body).get("n"))
        undone = self.inspection.undo(inspector=inspector)
        return {**self.items(inspector, n), "undone": undone}

    def progress(self, inspector: str, guarantee: float) -> dict[str, Any]:
        """Return the progress, the disputes, and the state of results and embedding."""
        return {
            "run": self.run,
            **self.count(guarantee),
            "disputes": describe_disputes(self.inspection, inspector),
            "results": self.results.state(),
        }

    def points(self) -> bytes:
        """Return the points of all sources in the embedding; none while they are computed."""
        found = self.embedding.points()
        return b"" if found is None else found.astype("<u2").tobytes()

    def codes(self) -> bytes:
        """Return the state of each source: 0 reliable, 1 spurious, 2 undecided, 255 not judged."""
        return self.inspection.standing().tobytes()

    def table(self, name: str, suffix: str) -> bytes:
        """Return the labels, or all verdicts, as a file; also write those of the folder."""
        from spurclust.catalog import write_table

        self.inspection.export()
        table = self._own_labels() if name == "labels" else self.inspection.verdicts()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.{suffix}"
            write_table(table, path)
            return path.read_bytes()

    def _own_labels(self) -> pd.DataFrame:
        """Return the labels in the columns of the team's tables."""
        table = self.inspection.labels()
        if self.spurious_value:
            table["Reliable_Source"] = 1 - table["Reliable_Source"]
        return table.rename(columns=self.own_columns)


def make_app(
    site: InspectionSite, keys: dict[str, str], *, hosts: Iterable[str] = (), cookie: str = "key"
) -> ASGIApp:
    """Return the ASGI application; inspectors are known by their secrets."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    answers = _Answers(site, cookie)
    routes = [
        Route(ENTRANCE, answers.enter),
        Route("/", answers.page),
        Route("/icon.svg", answers.icon),
        Route("/inspect.js", answers.script),
        Route("/inspect.css", answers.style),
        Route("/api/start", answers.start),
        Route("/api/next", answers.next),
        Route("/api/similar", answers.similar),
        Route("/api/progress", answers.progress),
        Route("/api/verdicts", answers.verdicts, methods=["POST"]),
        Route("/api/undo", answers.undo, methods=["POST"]),
        Route("/api/results", answers.results, methods=["POST"]),
        Route("/api/points", answers.points),
        Route("/api/codes", answers.codes),
        Route("/report.html", answers.report),
        Route("/cutouts/{run}/{row:int}", answers.cutout),
        Route("/{name}.{suffix}", answers.table),
    ]
    guard = Guard(Starlette(routes=routes), keys, hosts, cookie)
    answers.inspector_of = guard.inspector_of
    return guard


class _Answers:
    """The routes: each parses a request and asks the site, in a thread if that takes time."""

    def __init__(self, site: InspectionSite, cookie: str) -> None:
        self.site, self.cookie = site, cookie
        self.inspector_of: Callable[[str], str | None] = lambda _: None
        own = {name: (_PAGE / name).read_text(encoding="utf-8") for name in (*_SCRIPTS, *_STYLES)}
        self._script = "\n".join([read_templates(_SHARED_SCRIPTS), *(own[one] for one in _SCRIPTS)])
        self._style = "\n".join([read_templates(_SHARED_STYLES), *(own[one] for one in _STYLES)])
        self._icon = (_PAGE / "icon.svg").read_text(encoding="utf-8")
        self._html = (_PAGE / "inspect.html").read_text(encoding="utf-8")

    def enter(self, request: Request) -> Response:
        """Turn the secret of a link into a cookie, and redirect to the page."""
        from starlette.responses import HTMLResponse, PlainTextResponse

        key = request.query_params.get("key", "")
        inspector = self.inspector_of(key)
        if inspector is None:
            return PlainTextResponse(
                "This link does not belong to this inspection, or no longer.", 403
            )
        response = HTMLResponse(_WELCOME.format(name=html.escape(inspector)))
        year = 365 * 24 * 3600
        response.set_cookie(
            self.cookie, key, max_age=year, path="/", httponly=True, samesite="strict"
        )
        return response

    async def page(self, _: Request) -> Response:
        """Return the page."""
        return _answer(self._html, "text/html; charset=utf-8")

    async def icon(self, _: Request) -> Response:
        """Return the icon of the page."""
        return _answer(self._icon, "image/svg+xml")

    async def script(self, _: Request) -> Response:
        """Return the scripts of the page as one."""
        return _answer(self._script, "text/javascript; charset=utf-8")

    async def style(self, _: Request) -> Response:
        """Return the styles of the page as one."""
        return _answer(self._style, "text/css; charset=utf-8")

    async def start(self, request: Request) -> Response:
        """Return what the page needs once."""
        return await _ask(self.site.start, request.state.inspector, request.state.key)

    async def next(self, request: Request) -> Response:
        """Return the next sources."""

        def ask(inspector: str, n: str) -> dict[str, Any]:
            return self.site.items(inspector, parse_count(_number(n)))

        return await _ask(ask, request.state.inspector, request.query_params.get("n", "1"))

    async def similar(self, request: Request) -> Response:
        """Return the most similar sources."""
        return await _ask(self.site.similar, request.query_params.get("rows", ""))

    async def progress(self, request: Request) -> Response:
        """Return the progress."""

        def ask(inspector: str, guarantee: str) -> dict[str, Any]:
            return self.site.progress(inspector, _number(guarantee, float))

        guarantee = request.query_params.get("guarantee", str(GUARANTEES[1]))
        return await _ask(ask, request.state.inspector, guarantee)

    async def results(self, _: Request) -> Response:
        """Begin to make the folder of results."""
        return await _ask(self.site.results.start)

    async def points(self, _: Request) -> Response:
        """Return the points of all sources in the embedding."""
        return await _ask(self.site.points, media=_BYTES)

    async def codes(self, _: Request) -> Response:
        """Return the state of each source."""
        return await _ask(self.site.codes, media=_BYTES)

    async def report(self, _: Request) -> Response:
        """Return the report as a file; the policy of this server would not let it run as a page."""
        return await _ask(
            self.site.results.report.read_bytes,
            media="text/html; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="report.html"'},
        )

    async def verdicts(self, request: Request) -> Response:
        """Store verdicts."""
        return await _ask(self.site.judge, request.state.inspector, await request.body())

    async def undo(self, request: Request) -> Response:
        """Take a verdict back."""
        return await _ask(self.site.undo, request.state.inspector, await request.body())

    async def cutout(self, request: Request) -> Response:
        """Return the picture of a cutout, by the index of its source."""

        def ask(row: int, stretch: Any, contrast: str) -> bytes:
            parse_row(row, len(self.site.inspection))
            level = parse_row(_number(contrast), len(CONTRASTS))
            if stretch not in get_args(Stretch):
                raise BadRequestError(f"stretch must be one of {', '.join(get_args(Stretch))}")
            return self.site.showing.picture(row, stretch, level)

        query = request.query_params
        how = query.get("stretch", "plain"), query.get("contrast", "1")
        headers = _FOREVER if request.path_params["run"] == self.site.run else None
        return await _ask(
            ask,
            request.path_params["row"],
            *how,
            media="image/png",
            headers=headers,
        )

    async def table(self, request: Request) -> Response:
        """Return labels or verdicts as a file."""
        from starlette.responses import PlainTextResponse

        name, suffix = request.path_params["name"], request.path_params["suffix"]
        if name not in _TABLES or suffix not in _MEDIA:
            return PlainTextResponse("There is no such file.", 404)
        headers = {"Content-Disposition": f'attachment; filename="{name}.{suffix}"'}
        return await _ask(self.site.table, name, suffix, media=_MEDIA[suffix], headers=headers)


def _answer(content: str | bytes, media: str, headers: dict[str, str] | None = None) -> Response:
    from starlette.responses import Response

    return Response(content, media_type=media, headers=headers)


async def _ask(
    function: Callable[..., Any],
    *args: Any,
    media: str = "application/json",
    headers: dict[str, str] | None = None,
) -> Response:
    """Ask the site in a thread, and return its answer or error."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    try:
        found = await run_in_threadpool(function, *args)
    except BadRequestError as error:
        return JSONResponse({"error": str(error)}, 400)
    except (ValueError, OSError, ImportError) as error:
        return JSONResponse({"error": str(error)}, 500)
    content = found if isinstance(found, bytes) else json.dumps(found, allow_nan=False)
    return _answer(content, media, headers)


def _number(text: str, kind: Callable[[str], Any] = int) -> Any:
    """Convert a number in an address; the checks of its values refuse anything else."""
    try:
        return kind(text)
    except ValueError:
        return text


def listen(host: str, port: int | None = None) -> socket.socket:
    """Open the socket; without a port, at the default one or, if it is taken, another."""
    if port is not None and not 0 <= port < 2**16:
        raise CatalogError(f"--port {port}: ports are numbers below {2**16}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (PORT, 0) if port is None else (port,):
        try:
            return socket.create_server((host, wanted), family=family)
        except OSError as error:
            if port is None and wanted and error.errno == errno.EADDRINUSE:
                continue
            raise CatalogError(
                f"cannot serve at {host} port {wanted} ({error}): choose another --port, or an "
                "address of this machine as --host"
            ) from error
    raise AssertionError


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve an application at a socket until the process is interrupted."""
    make_server(app).run(sockets=[listener])


def make_server(app: ASGIApp) -> Any:
    """Return the uvicorn server of an application: one process, no log of requests."""
    uvicorn = import_optional("uvicorn", feature="The live inspection", extra="inspect")
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)


def machine_names(host: str) -> list[str]:
    """Return the names for a server at this address."""
    return [host, socket.gethostname(), socket.getfqdn()]


def link_of(key: str, host: str, port: int) -> str:
    """Return the secret link of an inspector."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}{ENTRANCE}?key={key}"
