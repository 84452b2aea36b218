"""Middleware that asks for the password of Dagster's UI: HTTP Basic, any user name."""

import asyncio
import base64
import binascii

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from loan_default_assets.orchestration.ui.passwords import Password

# Versions of Dagster only; the health check of a container has no password.
_OPEN = ("/server_info",)
_CHALLENGE = {"www-authenticate": 'Basic realm="Dagster", charset="UTF-8"'}


class Login:
    """Requests and websockets without the password are answered with 401."""

    def __init__(self, app: ASGIApp, password: Password) -> None:
        self._app = app
        self._password = password
        # One unknown password at a time: each costs memory and a quarter of a second.
        self._one = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on where the password is right."""
        open_to_all = scope["type"] not in ("http", "websocket") or scope["path"] in _OPEN
        if open_to_all or await self._is_right(given_password(Headers(scope=scope))):
            await self._app(scope, receive, send)
            return
        text = "the password of Dagster's UI (DAGSTER_UI_PASSWORD) is required, with any user name\n"
        await PlainTextResponse(text, status_code=401, headers=_CHALLENGE)(scope, receive, send)

    async def _is_right(self, given: str | None) -> bool:
        if given is None:
            return False
        if self._password.is_accepted(given):
            return True
        async with self._one:
            return self._password.is_accepted(given) or await asyncio.to_thread(self._password.matches, given)


def given_password(headers: Headers) -> str | None:
    """The password of the header `authorization`; None without a usable one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, colon, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if colon else None
