"""Access to the server: secret links, cookies, tokens, host names, and limits."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spurclust.catalog.output import atomic_write
from spurclust.errors import CatalogError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINKS = "links.json"
ENTRANCE = "/enter"
TOKEN_HEADER = "X-Spurclust-Token"
MAX_BODY = 64 * 1024
MAX_NAME = 60
LOOPBACK = ("localhost", "127.0.0.1", "::1")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_CLOSED = "This link opens nothing. Open the link that `spurclust inspect` has printed for you."


def secret_keys(folder: Path, inspectors: Iterable[str]) -> dict[str, str]:
    """Return a secret per inspector; a folder keeps its secrets."""
    path = folder / LINKS
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        keys = {str(name): str(key) for name, key in kept.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise CatalogError(
            f"{path} cannot be read ({error}): remove it, and all get new links"
        ) from error
    names = list(inspectors)
    for name in names:
        if not name.isprintable() or not 0 < len(name) <= MAX_NAME:
            raise CatalogError(f"inspector {name!r:.80}: give a name of 1 to {MAX_NAME} letters")
        keys.setdefault(name, secrets.token_urlsafe(24))
    with atomic_write(path) as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(keys, file, indent=1)
    return {name: keys[name] for name in names}


def token_of(key: str) -> str:
    """Return the token for requests that change something, beside the cookie."""
    return hmac.new(key.encode(), b"token", sha256).hexdigest()


def host_name(header: str) -> str:
    """Return the name in a Host header, without the port."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


class Guard:
    """Passes on requests of inspectors to known names of the host."""

    def __init__(
        self, app: ASGIApp, keys: Mapping[str, str], hosts: Iterable[str], cookie: str
    ) -> None:
        self.app, self.cookie = app, cookie
        self.keys = dict(keys)
        self.hosts = {name.lower() for name in (*LOOPBACK, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        from starlette.datastructures import MutableHeaders
        from starlette.responses import PlainTextResponse

        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        app = self.app if refusal is None else PlainTextResponse(refusal[1], refusal[0])
        await app(scope, receive, send_with_headers)

    def inspector_of(self, key: str) -> str | None:
        """Return the inspector of a secret."""
        found = None
        for name, known in self.keys.items():
            if hmac.compare_digest(known.encode(), key.encode("utf-8", "replace")):
                found = name
        return found

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return why a request is refused, if it is; store the inspector in its scope."""
        from starlette.requests import Request

        request = Request(scope)
        # The address at which the request arrived belongs to this machine.
        here = (scope.get("server") or ("",))[0]
        if host_name(request.headers.get("host", "")) not in {*self.hosts, here}:
            return 421, "This server has another name: open the link that was printed."
        if scope["path"] == ENTRANCE and request.method == "GET":
            return None
        key = request.cookies.get(self.cookie, "")
        inspector = self.inspector_of(key)
        if inspector is None:
            return 403, _CLOSED
        scope.setdefault("state", {}).update(inspector=inspector, key=key)
        if request.method in ("GET", "HEAD"):
            return None
        token = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(token.encode(), token_of(key).encode()):
            return 403, "The token is missing or wrong: reload the page."
        length = request.headers.get("content-length", "")
        if not length.isdecimal():
            return 411, "The length of the request is missing."
        if int(length) > MAX_BODY:
            return 413, f"The request is larger than {MAX_BODY} bytes."
        return None
