"""What the gate answers itself, around an application that does as it is told."""

import asyncio
import importlib
from typing import Any

import httpx
import pytest

from bento.access.api_keys import Keys
from bento.http_api.middleware import HttpMiddleware
from loan_default_assets.settings import Settings

KEY = "user-key-0123456789"


class App:
    """Sleeps, fails or echoes, by the body it is sent."""

    def __init__(self) -> None:
        self.reached = 0
        self.going_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached += 1
        message = await receive()
        if message["body"] == b"sleep":
            await asyncio.sleep(60)
        if message["body"] == b"wait":
            await self.going_on.wait()
        if message["body"] == b"fail":
            raise ValueError("Kim Minsu")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})


def ask(
    requests: list[dict[str, Any]], keys: Keys | None = None, **settings: Any
) -> tuple[list[int], App, list[Any]]:
    """The statuses of the requests, asked one after the other; the application; what was counted."""

    async def main() -> tuple[list[int], App, list[Any]]:
        app, counted = App(), []
        gate = HttpMiddleware(
            app, Settings(**settings), keys or Keys([], []), lambda *what: counted.append(what[:2])
        )
        statuses = []
        for given in requests:
            peer = given.pop("peer", "127.0.0.1")
            transport = httpx.ASGITransport(gate, client=(peer, 1))
            base = given.pop("base", "http://127.0.0.1:8000")
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                headers = {"content-type": "application/json"} | given.pop("headers", {})
                answer = await client.post(given.pop("path", "/predict"), headers=headers, **given)
            statuses.append(answer.status_code)
            assert "Kim" not in answer.text
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
    ],
)
def test_statuses(requests: list[dict[str, Any]], settings: dict[str, Any], statuses: list[int]) -> None:
    found, app, counted = ask([dict(each) for each in requests], **settings)
    assert found == statuses
    assert [status for _, status in counted] == statuses
    assert app.reached == sum(status in (200, 500, 504) for status in statuses)


def test_with_keys_any_host_is_answered_and_each_key_has_its_rate() -> None:
    keys = Keys([KEY, "v" * 16], [])
    requests = [
        {"base": "http://192.0.2.7", "headers": {"x-api-key": key}} for key in (KEY, KEY, "v" * 16, "w" * 16)
    ]
    found, _, _ = ask(requests, keys, service_rate_limit=1)
    assert found == [200, 429, 200, 401]


def test_more_requests_in_flight_than_allowed_are_refused() -> None:
    async def main() -> list[int]:
        app = App()
        gate = HttpMiddleware(app, Settings(service_max_concurrency=2), Keys([], []), lambda *_: None)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(gate), base_url="http://127.0.0.1"
        ) as client:
            headers = {"content-type": "application/json"}
            waiting = [
                asyncio.create_task(client.post("/predict", content=b"wait", headers=headers)) for _ in "ab"
            ]
            while app.reached < 2:
                await asyncio.sleep(0)
            refused = await client.post("/predict", content=b"{}", headers=headers)
            app.going_on.set()
            answers = [await task for task in waiting]
            after = await client.post("/predict", content=b"{}", headers=headers)
        return [refused.status_code, *(answer.status_code for answer in answers), after.status_code]

    assert asyncio.run(main()) == [429, 200, 200, 200]


def test_websockets_are_closed() -> None:
    async def main() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])

        gate = HttpMiddleware(App(), Settings(), Keys([], []), lambda *_: None)
        await gate({"type": "websocket", "path": "/predict"}, None, send)
        return sent

    assert asyncio.run(main()) == ["websocket.close"]


def test_the_gate_is_the_only_layer_with_a_time_limit() -> None:
    app = importlib.import_module("bento.service").service.to_asgi()
    names = [each.cls.__name__ for each in app.user_middleware]
    assert "Gate" in names
    assert not {"TimeoutMiddleware", "OpenTelemetryMiddleware", "AccessLogMiddleware"} & set(names)
