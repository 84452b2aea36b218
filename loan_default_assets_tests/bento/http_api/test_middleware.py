"""The middleware around a controlled application: refusals, limits and counts."""

import asyncio
import importlib
from typing import Any

import httpx
import pytest

from bento.access.api_keys import Keys
from bento.http_api.middleware import HttpMiddleware
from loan_default_assets.settings import Settings

pytestmark = pytest.mark.usefixtures("no_time_for_rates")

KEY = "user-key-0123456789"


class ControlledApp:
    """Sleeps, waits, fails or echoes, depending on the body."""

    def __init__(self) -> None:
        self.calls = 0
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        message = await receive()
        if message["body"] == b"sleep":
            await asyncio.sleep(60)
        if message["body"] == b"wait":
            await self.released.wait()
        if message["body"] == b"fail":
            raise ValueError("Kim Minsu")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})


def send(
    requests: list[dict[str, Any]], keys: Keys | None = None, **settings: Any
) -> tuple[list[int], ControlledApp, list[Any]]:
    """The statuses of the requests, sent one after the other; the application; the counted routes and statuses."""

    async def main() -> tuple[list[int], ControlledApp, list[Any]]:
        app, counted = ControlledApp(), []
        middleware = HttpMiddleware(
            app, Settings(**settings), keys or Keys([], []), lambda *counts: counted.append(counts[:2])
        )
        statuses = []
        for fields in requests:
            peer = fields.pop("peer", "127.0.0.1")
            transport = httpx.ASGITransport(middleware, client=(peer, 1))
            base = fields.pop("base", "http://127.0.0.1:8000")
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                headers = {"content-type": "application/json"} | fields.pop("headers", {})
                response = await client.post(fields.pop("path", "/predict"), headers=headers, **fields)
            statuses.append(response.status_code)
            assert "Kim" not in response.text
        return statuses, app, counted

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("requests", "settings", "statuses"),
    [
        ([{"content": b"{}"}], {}, [200]),
        ([{"content": b"fail"}], {}, [500]),
        ([{"content": b"sleep"}], {"service_timeout_seconds": 0.05}, [504]),
        ([{"content": b"x" * 1025}, {"content": b"x" * 1024}], {"service_max_body_bytes": 1024}, [413, 200]),
        ([{"content": b"{}"}] * 4, {"service_rate_limit": 3}, [200, 200, 200, 429]),
        ([{"content": b"{}"}] * 3, {"service_rate_limit": 4, "service_workers": 2}, [200, 200, 429]),
        ([{"peer": f"10.0.0.{n}"} for n in range(3)], {"service_rate_limit": 1}, [200, 200, 200]),
        ([{"path": "/nowhere"}] * 3, {"service_rate_limit": 2}, [404, 404, 429]),
        ([{"headers": {"content-type": "text/plain"}}], {}, [415]),
        ([{"base": "http://192.0.2.7:8000"}], {}, [403]),
        ([{"base": "http://127.0.0.1:8000", "headers": {"host": "evil.example"}}], {}, [403]),
        ([{"base": "http://127.0.0.1:8000", "headers": {"host": "localhost:8000"}}], {}, [200]),
        ([{"base": "http://[::1]:8000"}], {}, [200]),
        ([{"headers": {"content-type": ""}}], {}, [415]),
        ([{"headers": {"content-type": "application/json; charset=utf-8"}}], {}, [200]),
        ([{"headers": {"origin": "http://127.0.0.1:8000"}}], {}, [200]),
        ([{"headers": {"origin": "http://127.0.0.1:3000"}}], {}, [403]),
        ([{"headers": {"origin": "https://127.0.0.1:8000"}}], {}, [403]),
        ([{"headers": {"origin": "https://evil.example"}}], {}, [403]),
        ([{"headers": {"origin": "null"}}], {}, [403]),
        ([{"path": "/reload-model", "headers": {"origin": "https://evil.example"}}], {}, [403]),
        ([{"headers": {"sec-fetch-site": "cross-site"}}], {}, [403]),
        ([{"headers": {"sec-fetch-site": "same-site"}}], {}, [403]),
        ([{"headers": {"sec-fetch-site": "same-origin"}}], {}, [200]),
        ([{"headers": {"sec-fetch-site": "none"}}], {}, [200]),
    ],
)
def test_status_of_each_request(
    requests: list[dict[str, Any]], settings: dict[str, Any], statuses: list[int]
) -> None:
    received, app, counted = send([dict(each) for each in requests], **settings)
    assert received == statuses
    assert [status for _, status in counted] == statuses
    assert app.calls == sum(status in (200, 500, 504) for status in statuses)


def test_with_keys_any_host_is_accepted_and_each_key_has_its_own_rate() -> None:
    keys = Keys([KEY, "v" * 16], [])
    requests = [
        {"base": "http://192.0.2.7", "headers": {"x-api-key": key}} for key in (KEY, KEY, "v" * 16, "w" * 16)
    ]
    received, _, _ = send(requests, keys, service_rate_limit=1)
    assert received == [200, 429, 200, 401]


def test_a_request_without_a_type_needs_a_key() -> None:
    async def main(keys: Keys, **headers: str) -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"{}"}

        names = {"host": "127.0.0.1:8000", **headers}
        scope = {"type": "http", "method": "POST", "path": "/predict", "server": ("127.0.0.1", 8000)}
        pairs = [(name.encode(), value.encode()) for name, value in names.items()]
        middleware = HttpMiddleware(ControlledApp(), Settings(), keys, lambda *_: None)
        await middleware({**scope, "headers": pairs, "client": ("127.0.0.1", 1)}, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(main(Keys([], []))) == 415
    assert asyncio.run(main(Keys([KEY], []), **{"x-api-key": KEY})) == 200


def test_with_keys_the_origin_does_not_matter() -> None:
    headers = {"x-api-key": KEY, "origin": "https://shop.example", "sec-fetch-site": "cross-site"}
    received, _, _ = send([{"headers": headers}], Keys([KEY], []))
    assert received == [200]


@pytest.mark.parametrize(
    ("trusted", "peers", "forwarded", "statuses"),
    [
        (None, ["10.0.0.1"] * 2, ["1.1.1.1", "2.2.2.2"], [200, 429]),
        (None, ["127.0.0.1"] * 2, ["1.1.1.1", "2.2.2.2"], [200, 429]),
        ("10.0.0.0/8", ["10.0.0.1"] * 2, ["1.1.1.1", "2.2.2.2"], [200, 200]),
        ("10.0.0.0/8", ["10.0.0.1", "10.0.0.2"], ["1.1.1.1"] * 2, [200, 429]),
        ("10.0.0.0/8", ["10.0.0.1"] * 2, ["9.9.9.9, 1.1.1.1", "8.8.8.8, 1.1.1.1"], [200, 429]),
        ("10.0.0.0/8,192.0.2.7", ["10.0.0.1"] * 2, ["1.1.1.1, 192.0.2.7", "2.2.2.2,192.0.2.7"], [200, 200]),
        ("10.0.0.0/8", ["192.0.2.7"] * 2, ["1.1.1.1", "2.2.2.2"], [200, 429]),
        ("10.0.0.0/8", ["10.0.0.1"] * 2, ["no address", "nor this"], [200, 429]),
        ("10.0.0.0/8", ["::ffff:10.0.0.1"] * 2, ["1.1.1.1", "2.2.2.2"], [200, 200]),
        (None, ["2001:db8::1", "2001:db8::2"], ["", ""], [200, 429]),
        (None, ["2001:db8:0:1::1", "2001:db8:0:2::1"], ["", ""], [200, 200]),
    ],
)
def test_the_rate_of_a_client_behind_proxies(
    trusted: str | None, peers: list[str], forwarded: list[str], statuses: list[int]
) -> None:
    requests = [
        {"peer": peer, "headers": {"x-forwarded-for": value} if value else {}}
        for peer, value in zip(peers, forwarded, strict=True)
    ]
    received, _, _ = send(requests, service_rate_limit=1, trusted_proxies=trusted)
    assert received == statuses


def test_more_requests_in_flight_than_allowed_are_refused() -> None:
    async def main() -> list[int]:
        app = ControlledApp()
        middleware = HttpMiddleware(app, Settings(service_max_concurrency=2), Keys([], []), lambda *_: None)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(middleware), base_url="http://127.0.0.1"
        ) as client:
            headers = {"content-type": "application/json"}
            waiting = [
                asyncio.create_task(client.post("/predict", content=b"wait", headers=headers)) for _ in "ab"
            ]
            while app.calls < 2:
                await asyncio.sleep(0)
            refused = await client.post("/predict", content=b"{}", headers=headers)
            app.released.set()
            responses = [await task for task in waiting]
            after = await client.post("/predict", content=b"{}", headers=headers)
        return [refused.status_code, *(response.status_code for response in responses), after.status_code]

    assert asyncio.run(main()) == [429, 200, 200, 200]


def test_websockets_are_closed() -> None:
    async def main() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        middleware = HttpMiddleware(ControlledApp(), Settings(), Keys([], []), lambda *_: None)
        await middleware({"type": "websocket", "path": "/predict"}, None, send)
        return sent

    assert asyncio.run(main()) == ["websocket.close"]


def test_only_the_own_middleware_has_a_time_limit() -> None:
    app = importlib.import_module("bento.service").service.to_asgi()
    names = [each.cls.__name__ for each in app.user_middleware]
    assert "HttpMiddleware" in names
    assert not {"TimeoutMiddleware", "OpenTelemetryMiddleware", "AccessLogMiddleware"} & set(names)
