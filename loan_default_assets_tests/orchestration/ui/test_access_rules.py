"""Requests as browsers, other websites and programs send them, against a Starlette application behind the rules."""

import asyncio
import base64
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from loan_default_assets.orchestration.ui.access_rules import UiAccessError, access_rules
from loan_default_assets.orchestration.ui.passwords import hash_password
from loan_default_assets.settings import Settings

OWN = "http://127.0.0.1:3000"
PASSWORD = "correct horse battery"
JSON = {"content-type": "application/json"}


async def executed(_: Request) -> PlainTextResponse:
    return PlainTextResponse("executed")


async def subscribed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("executed")
    await websocket.close()


class Browser:
    """Sends requests and opens websockets, at the address under which the UI is open."""

    def __init__(self, **settings: Any) -> None:
        routes = [
            Route("/{path:path}", executed, methods=["GET", "POST"]),
            WebSocketRoute("/graphql", subscribed),
        ]
        self._app = access_rules(Settings(**settings)).protect(Starlette(routes=routes))

    def request(self, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def sent() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=OWN) as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(sent())

    def connects(self, headers: dict[str, str]) -> bool:
        """Whether the handshake of a websocket is accepted."""
        given = [(name.encode(), value.encode()) for name, value in ({"host": OWN[7:]} | headers).items()]
        scope = {"type": "websocket", "path": "/graphql", "query_string": b"", "headers": given}
        scope |= {"extensions": {"websocket.http.response": {}}}
        sent: list[str] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message["type"])

        asyncio.run(self._app(scope, receive, send))
        return "websocket.accept" in sent


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"any:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        # The UI itself, and programs that are no browser.
        ("POST", "/graphql", JSON | {"origin": OWN, "sec-fetch-site": "same-origin"}, 200),
        ("POST", "/graphql", JSON | {"origin": OWN}, 200),
        ("POST", "/graphql", {"content-type": "Application/JSON; charset=utf-8"}, 200),
        ("GET", "/runs/1", {"sec-fetch-site": "cross-site"}, 200),
        ("GET", "/graphql", {"accept": "text/html"}, 200),
        # GraphQL in an address: a link, an image, a form.
        ("GET", "/graphql?query=mutation%7Bx%7D", {}, 405),
        ("GET", "/graphql?query=mutation%7Bx%7D", {"accept": "text/html"}, 405),
        ("GET", "/%67raphql?query=mutation%7Bx%7D", {}, 405),
        ("GET", "/graphql/?query=mutation%7Bx%7D", {}, 405),
        # POSTs for which a browser does not ask.
        ("POST", "/graphql?query=mutation%7Bx%7D", {"content-type": "text/plain"}, 415),
        ("POST", "/graphql", {"content-type": "text/plain; application/json"}, 415),
        ("POST", "/graphql", {"content-type": "application/graphql"}, 415),
        ("POST", "/graphql?query=mutation%7Bx%7D", {}, 415),
        ("POST", "/report_asset_check/x", {"content-type": "application/x-www-form-urlencoded"}, 415),
        # Pages of another website, of another port of this machine, and of no origin.
        ("POST", "/graphql", JSON | {"origin": "https://evil.example"}, 403),
        ("POST", "/graphql", JSON | {"origin": "http://127.0.0.1:8000"}, 403),
        ("POST", "/graphql", JSON | {"origin": "null"}, 403),
        ("POST", "/graphql", JSON | {"origin": OWN, "sec-fetch-site": "same-site"}, 403),
        ("POST", "/report_asset_materialization/x", JSON | {"sec-fetch-site": "cross-site"}, 403),
        # A name of another website that leads to this machine.
        ("GET", "/graphql", {"host": "evil.example"}, 400),
        ("POST", "/graphql", JSON | {"host": "evil.example", "origin": "http://evil.example"}, 400),
        ("GET", "/server_info", {"host": "evil.example:3000"}, 400),
        ("GET", "/", {"host": "localhost:3000"}, 200),
        ("GET", "/", {"host": "[::1]:3000"}, 200),
    ],
)
def test_only_the_ui_itself_and_programs_change_something(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    response = Browser().request(method, path, headers=headers)
    assert response.status_code == status, response.text
    assert (response.text == "executed") == (status == 200)


@pytest.mark.parametrize(
    ("headers", "connected"),
    [
        ({"origin": OWN}, True),
        ({}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://evil.example", "host": "evil.example"}, False),
    ],
)
def test_another_website_opens_no_websocket(headers: dict[str, str], connected: bool) -> None:
    assert Browser().connects(headers) == connected


def test_no_page_embeds_the_ui() -> None:
    response = Browser().request("GET", "/")
    assert response.headers["x-frame-options"] == "SAMEORIGIN"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("given", [PASSWORD, hash_password(PASSWORD)], ids=["plain", "hashed"])
def test_a_password_is_required_for_everything_but_the_health_check(given: str) -> None:
    ui = Browser(dagster_ui_password=given)
    for headers, status in (({}, 401), (basic("wrong"), 401), (basic(PASSWORD), 200), (basic("wrong"), 401)):
        response = ui.request("GET", "/runs", headers=headers)
        assert response.status_code == status
        assert ("www-authenticate" in response.headers) == (status == 401)
        assert ui.request("POST", "/graphql", headers=JSON | headers).status_code == status
        assert ui.connects(headers) == (status == 200)
    assert ui.request("GET", "/server_info").status_code == 200
    # The password of the user's browser comes with requests of other websites too.
    other = JSON | basic(PASSWORD) | {"origin": "https://evil.example"}
    assert ui.request("POST", "/graphql", headers=other).status_code == 403


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic " + "YQ==", "Bearer x", "Basic /w=="])
def test_an_unreadable_login_is_no_login(header: str) -> None:
    ui = Browser(dagster_ui_password=PASSWORD)
    assert ui.request("GET", "/", headers={"authorization": header}).status_code == 401


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"dagster_host": "0.0.0.0"}, "DAGSTER_UI_PASSWORD"),
        ({"dagster_host": "10.0.0.5"}, "DAGSTER_UI_PASSWORD"),
        ({"dagster_host": "::"}, "DAGSTER_UI_PASSWORD"),
        ({"dagster_host": "example.com"}, "DAGSTER_HOST"),
        ({"dagster_ui_password": "short"}, "at least 12 characters"),
        ({"dagster_ui_password": "scrypt:1:2:3:00:00"}, "hash-password"),
        ({"dagster_ui_password": f"scrypt:3:8:1:{'0' * 32}:{'0' * 64}"}, "hash-password"),
        ({"dagster_ui_hosts": "http://dagster.example.com"}, "DAGSTER_UI_HOSTS"),
        ({"dagster_ui_hosts": "*"}, "DAGSTER_UI_HOSTS"),
        ({"dagster_ui_hosts": "dagster.example.com:3000"}, "DAGSTER_UI_HOSTS"),
    ],
)
def test_settings_that_open_the_ui_or_cannot_work_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(UiAccessError, match=named) as refused:
        access_rules(Settings(**settings))
    assert "short" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        ({"dagster_host": "0.0.0.0"}, "10.0.0.5:3000", 400),
        ({"dagster_host": "0.0.0.0", "dagster_ui_hosts": "10.0.0.5, dagster.example.com"}, "10.0.0.5", 200),
        ({"dagster_host": "0.0.0.0", "dagster_ui_hosts": "Dagster.example.com"}, "dagster.EXAMPLE.com", 200),
        ({"dagster_host": "10.0.0.5"}, "10.0.0.5:3000", 200),
        ({"dagster_host": "fd00::1"}, "[fd00::1]:3000", 200),
        ({"dagster_ui_hosts": "*.example.com"}, "a.example.com", 200),
        ({"dagster_ui_hosts": "*.example.com"}, "evilexample.com", 400),
    ],
)
def test_the_ui_answers_under_its_own_address_and_the_configured_names(
    settings: dict[str, Any], host: str, status: int
) -> None:
    ui = Browser(dagster_ui_password=PASSWORD, **settings)
    assert ui.request("GET", "/", headers=basic(PASSWORD) | {"host": host}).status_code == status
