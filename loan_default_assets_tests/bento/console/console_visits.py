"""A browser's visits to the console behind the middleware, of a worker that scores every application alike."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from bento.access.api_keys import Keys
from bento.console.console_routes import ConsoleRoutes
from bento.http_api.endpoints import read_only_app
from bento.http_api.middleware import HttpMiddleware
from bento.inference.scored_applications import ScoredLoan, ScoredRequest
from bento.schemas import problems
from bento.schemas.problems import Refused
from bento.schemas.requests import RequestTypes
from loan_default_assets.model.reason_codes import ReasonCode
from loan_default_assets.policy.state import Limits
from loan_default_assets.settings import Settings
from loan_default_assets_tests.bento.console.overview_samples import SCRIPT, VERSION, facts, service
from loan_default_assets_tests.bento.small_portfolio import portfolio

USER, ADMIN, WRONG = "user-key-0123456789", "admin-key-0123456789", "wrong-key-0123456789"
KEYS, NO_KEYS = Keys([USER], [ADMIN]), Keys([], [])
HTML = {"accept": "text/html,*/*;q=0.8"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
OWN = {"origin": "http://127.0.0.1:8000"}
TYPES = RequestTypes(portfolio())
SECRET = "900101-1234567"


class Worker(SimpleNamespace):
    """The parts of a worker that the console uses."""

    def __init__(self, refused: problems.Problem | None = None) -> None:
        state = service()
        super().__init__(
            ready=True,
            champion=SimpleNamespace(
                current=SimpleNamespace(version=VERSION, record=state.champion),
                wanted=state.champion,
                error=None,
                files_problem=None,
            ),
            replicas=SimpleNamespace(workers=(), replica="here:8000"),
            prediction_log_problem=None,
            overview=SimpleNamespace(read=facts, limits=Limits()),
            latencies=lambda: state.latencies,
        )
        self.scored: list[Any] = []
        self.refused = refused

    async def score(self, loans: Any, channel: str, started: float) -> ScoredRequest:
        if self.refused:
            raise Refused(self.refused)
        self.scored += loans
        reasons = (ReasonCode("income", SCRIPT, "소득", 0.4), ReasonCode("debt", "Debt", "부채", -0.1))
        return ScoredRequest("0f8fad5b", VERSION, 0.4, [ScoredLoan(1, 0.61, reasons)])


def visit(
    steps: Callable[[httpx.AsyncClient], Any],
    *,
    keys: Keys = KEYS,
    worker: Worker | None = None,
    root: Path = Path("models"),
    base: str = "http://127.0.0.1:8000",
    peer: str = "127.0.0.1",
    **settings: Any,
) -> Any:
    """What `steps` returns, with a client that keeps cookies and follows no redirect."""
    parts: Any = worker or Worker()
    app = read_only_app(
        lambda: parts, b"{}", keys, root, further=ConsoleRoutes(lambda: parts, TYPES, keys, root).routes()
    )
    middleware = HttpMiddleware(app, Settings(**settings), keys, lambda *_: None)

    async def main() -> Any:
        transport = httpx.ASGITransport(middleware, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=HTML) as client:
            return await steps(client)

    return asyncio.run(main())


async def login(client: httpx.AsyncClient, key: str | None) -> httpx.Response | None:
    if key is None:
        return None
    return await client.post("/login", data={"key": key}, headers=OWN)
