"""Middleware that refuses what the page of another website makes a browser send to Dagster's UI."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_READING = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


class SameOriginOnly:
    """Every request that can change something, and every websocket, comes from the UI itself or from no browser.

    A browser sends the user's rights with requests that another website's page makes; Dagster executes mutations
    from the address of a GET and of a POST of any content type, neither of which a browser asks for permission.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond with the reason why it is refused."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if (refused := refusal(scope)) is None:
            await self._app(scope, receive, send_with_headers)
        else:
            status, text = refused
            await PlainTextResponse(f"{text}\n", status_code=status)(scope, receive, send)


def refusal(scope: Scope) -> tuple[int, str] | None:
    """Status and reason of a request that is refused; None for one that is passed on.

    Args:
        scope: ASGI scope of an HTTP request or of a websocket's handshake.
    """
    headers = Headers(scope=scope)
    if scope["type"] == "http" and scope["method"] in _READING:
        if scope["path"].rstrip("/").endswith("/graphql") and scope["query_string"]:
            return 405, "GraphQL is not executed from an address: POST it as application/json"
        return None
    if _is_cross_origin(headers):
        return 403, "the request comes from the page of another website"
    if scope["type"] == "http" and _media_type(headers) != "application/json":
        return 415, "the content type must be application/json"
    return None


def _is_cross_origin(headers: Headers) -> bool:
    """Whether a browser says that a page of another origin sent the request.

    The order of the headers is that of https://pkg.go.dev/net/http#CrossOriginProtection: a page can set neither of
    them. Browsers omit Sec-Fetch-Site where the UI is served over plain HTTP from another machine; they send Origin
    with each POST and each websocket. Other programs send neither.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    _, _, netloc = origin.partition("://")
    return netloc.lower() != headers.get("host", "").lower()


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
