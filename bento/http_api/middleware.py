"""The ASGI middleware of every HTTP request: path, API key or session, rate, concurrency, size, time limit, metrics.

It runs before the routes, so a refused request costs little: neither path nor body of an unknown client is processed.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from bento.access.api_keys import Keys, Role, presented_key
from bento.access.client_address import ClientAddresses, networks
from bento.access.permissions import FORMS, PAGES, ROUTES, route_of
from bento.access.rate_limit import RateLimit
from bento.access.sessions import Sessions
from bento.console.page_texts import accepts_html, language_of
from bento.console.problem_page import problem_page
from bento.operations.error_location import unexpected
from bento.schemas import problems
from bento.schemas.problems import Problem
from loan_default_assets.ports import is_loopback
from loan_default_assets.settings import Settings

logger = logging.getLogger("bentoml.loan_default.http")

UNKNOWN = "unknown"
READING = ("GET", "HEAD")
# The status that is counted when the client closes the connection before the response.
CLIENT_CLOSED = 499
Count = Callable[[str, int, float], None]


class HttpMiddleware:
    """Passes requests on to `app`, or refuses them.

    Args:
        app: The ASGI application.
        settings: The limits, which the workers share.
        keys: The API keys.
        count: `count(route, status, seconds)` is called once per request.
    """

    def __init__(self, app: Any, settings: Settings, keys: Keys, count: Count) -> None:
        self._app, self._keys, self._count = app, keys, count
        self._rate = RateLimit(settings.service_rate_limit / settings.service_workers)
        self._addresses = ClientAddresses(networks(settings.trusted_proxies))
        self._sessions = Sessions(keys)
        self._max_in_flight = -(-settings.service_max_concurrency // settings.service_workers)
        self._timeout, self._max_body = settings.service_timeout_seconds, settings.service_max_body_bytes
        self._max_headers = settings.service_max_header_bytes
        self._in_flight = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
                return
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        route = route_of(scope["path"])
        status = 0

        async def counted_send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._in_flight += 1
        try:
            try:
                problem = self._refusal(route, scope)
                if problem is None:
                    async with asyncio.timeout(self._timeout):
                        problem = await self._pass_on(scope, receive, counted_send)
            except TimeoutError:
                problem = problems.TIMED_OUT
            except Exception as error:  # noqa: BLE001 - the text of an error may quote the request
                problem = unexpected(logger, route or UNKNOWN, error)
            if problem is not None and not status:
                await _respond(problem, counted_send, scope, route)
        finally:
            self._in_flight -= 1
            self._count(route or UNKNOWN, status or CLIENT_CLOSED, time.perf_counter() - started)

    def _refusal(self, route: str | None, scope: Any) -> Problem | None:
        # A request whose headers arrive at once has passed the limit of `header_limits`.
        if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > self._max_headers:
            return problems.HEADERS_TOO_LARGE
        headers = dict(scope["headers"])
        key = presented_key(_text(headers.get(b"authorization")), _text(headers.get(b"x-api-key")))
        if not self._keys and not _is_local(scope, headers):
            return problems.NOT_LOCAL
        if not self._keys and scope["method"] not in READING and _is_cross_site(scope, headers):
            return problems.OTHER_ORIGIN
        role, client = self._keys.role(key), key
        scope["loan_default.secure"] = self._is_secure(scope, headers)
        if key is None and (route in FORMS or scope["method"] in READING):
            role, client = self._session(scope, headers)
        scope["loan_default.role"] = role
        if self._rate and not self._rate.admits(client if role and client else self._address(scope)):
            return problems.TOO_MANY
        if route is None:
            return problems.NOT_FOUND
        if refused := self._keys.refusal(role, ROUTES.get(route, ROUTES["/"])):
            return refused
        if self._in_flight > self._max_in_flight and ROUTES.get(route):
            return problems.TOO_MANY
        if scope["method"] == "POST" and route in FORMS:
            # A browser sends a session with every form of this site, a key with none.
            if key is None and not _is_own_form(headers):
                return problems.FOREIGN_FORM
            if _media_type(headers) != b"application/x-www-form-urlencoded":
                return problems.NOT_FORM
        elif scope["method"] == "POST":
            # With a key, a request without content need not name a type; a browser sends keys to no other site.
            unnamed = b"application/json" if self._keys else b""
            if _media_type(headers, unnamed) != b"application/json":
                return problems.NOT_JSON
        length = headers.get(b"content-length", b"0")
        return problems.TOO_LARGE if length.isdigit() and int(length) > self._max_body else None

    def _session(self, scope: Any, headers: dict[bytes, bytes]) -> tuple[Role | None, str | None]:
        cookies = headers.get(b"cookie", b"").decode("latin-1")
        session = self._sessions.read(cookies, secure=scope["loan_default.secure"]) if cookies else None
        return (session.role, session.key) if session else (None, None)

    def _is_secure(self, scope: Any, headers: dict[bytes, bytes]) -> bool:
        forwarded = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
        peer = (scope.get("client") or ("",))[0]
        return self._addresses.is_secure(peer, scope.get("scheme", "http"), forwarded)

    def _address(self, scope: Any) -> str:
        forwarded = [
            value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"
        ]
        return self._addresses.client((scope.get("client") or ("",))[0], forwarded)

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> Problem | None:
        """Pass the request on with its complete body; TOO_LARGE as soon as the body exceeds the limit."""
        if scope["method"] in READING:
            await self._app(scope, receive, send)
            return None
        chunks, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._max_body:
                return problems.TOO_LARGE
            more = message.get("more_body", False)
        body: list[Any] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]

        async def replay() -> Any:
            return body.pop() if body else await receive()

        await self._app(scope, replay, send)
        return None


def _has_body(scope: Any) -> bool:
    """Whether a body follows the headers, of which a refused client could otherwise send the rest without end."""
    names = dict(scope["headers"])
    return b"transfer-encoding" in names or names.get(b"content-length", b"0") != b"0"


async def _respond(problem: Problem, send: Any, scope: Any, route: str | None) -> None:
    """Send the refusal: as JSON, or to a browser as a page; a browser without a key is led to the login."""
    names = dict(scope["headers"])
    status, body, media = problem.status, problem.body(), b"application/json"
    headers = [(b"cache-control", b"no-store")]
    if route in PAGES and accepts_html(_text(names.get(b"accept"))):
        language = language_of(scope.get("query_string", b""), _text(names.get(b"accept-language")))
        page = problem_page(problem, language)
        body, media = page.body, b"text/html; charset=utf-8"
        headers = list(page.headers)
        if (
            problem.status == 401
            and scope["method"] in READING
            and not names.keys() & {b"authorization", b"x-api-key"}
        ):
            status, body = 303, b""
            headers.append((b"location", f"login?lang={language}".encode()))
    headers += [(b"content-type", media), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if _has_body(scope):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_own_form(headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that a page of this service sends the form; every browser sends one of the headers."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site == b"same-origin"
    return headers.get(b"origin", b"").lower().partition(b"://")[2] == headers.get(b"host", b"?").lower()


def _media_type(headers: dict[bytes, bytes], otherwise: bytes = b"") -> bytes:
    return headers.get(b"content-type", otherwise).split(b";")[0].strip().lower()


def _is_local(scope: Any, headers: dict[bytes, bytes]) -> bool:
    """Whether address and Host header are both local; a web page of another site can forge one of them."""
    host = headers.get(b"host", b"").decode("latin-1").rsplit(":", 1)[0].strip("[]")
    return is_loopback((scope.get("server") or ("",))[0]) and (host == "localhost" or is_loopback(host))


def _is_cross_site(scope: Any, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser says that a page of another origin sends the request."""
    own = b"%s://%s" % (scope.get("scheme", "http").encode(), headers.get(b"host", b"").lower())
    if headers.get(b"origin", own).lower() != own:
        return True
    return headers.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin")


def _text(header: bytes | None) -> str | None:
    return header.decode("latin-1") if header else None
