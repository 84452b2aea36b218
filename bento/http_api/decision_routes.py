"""The routes of one recorded decision: its explanation, a rescoring with corrected data, and an override."""

import asyncio
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bento.access.api_keys import Keys, key_id, presented_key
from bento.http_api.answers import respond
from bento.schemas import problems
from bento.schemas.decision_requests import OverrideRequest, RescoreRequest
from bento.schemas.problems import Detail, Refused
from bento.schemas.request_parsing import Parser
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.champion_decisions import operating_system_user
from loan_default_assets.warehouse.oversight import Override

if TYPE_CHECKING:
    from bento.operations.worker import Runtime

_LANGUAGES = ("en", "ko")


def decision_routes(runtime: Callable[[], "Runtime"], keys: Keys, portfolio: Portfolio) -> list[Route]:
    """The routes.

    Args:
        runtime: Returns the parts of this worker.
        keys: The API keys.
        portfolio: Names the columns that can be corrected.
    """
    parse_rescore, parse_override = (
        Parser(RescoreRequest, portfolio, 1),
        Parser(OverrideRequest, portfolio, 1),
    )
    # One at a time, so that explanations never take more than one core from predictions.
    turn = asyncio.Semaphore(1)

    async def one_at_a_time(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        async with turn:
            return await asyncio.to_thread(work)

    async def explain(request: Request) -> Response:
        language = request.query_params.get("language")

        async def work() -> tuple[bytes, int]:
            name, position = _request_id(request), _position(request)
            if language not in (None, *_LANGUAGES):
                raise _invalid("language", "must be en or ko")
            found = await one_at_a_time(lambda: runtime().decisions.explain(name, position))
            return (found["text"][language].encode() if language else to_json(found)), 200

        response = await respond("/predictions/{request_id}", work)
        if language and response.status_code == 200:
            return PlainTextResponse(bytes(response.body), headers={"cache-control": "no-store"})
        return response

    async def rescore(request: Request) -> Response:
        async def work() -> tuple[bytes, int]:
            name, asked = _request_id(request), parse_rescore.json(await request.body())

            def rescored() -> dict[str, Any]:
                return runtime().decisions.rescore(
                    name, asked.position, asked.corrections, _actor(request, keys)
                )

            return to_json(await one_at_a_time(rescored)), 200

        return await respond("/predictions/{request_id}/rescore", work)

    async def override(request: Request) -> Response:
        async def work() -> tuple[bytes, int]:
            name, asked = _request_id(request), parse_override.json(await request.body())
            key = _uuid(request.headers.get("idempotency-key"))
            if key is None:
                raise _invalid("Idempotency-Key", "must be a UUID that names this override, in a header")
            wanted = Override(name, asked.position, asked.decision, asked.reason, key)

            def recorded() -> dict[str, Any]:
                return runtime().decisions.override(wanted, _actor(request, keys))

            return to_json(await asyncio.to_thread(recorded)), 200

        return await respond("/predictions/{request_id}/override", work)

    return [
        Route("/predictions/{request_id}", explain),
        Route("/predictions/{request_id}/rescore", rescore, methods=["POST"]),
        Route("/predictions/{request_id}/override", override, methods=["POST"]),
    ]


def _actor(request: Request, keys: Keys) -> str:
    """Who asks: the id of the key; without keys, the user as whom the service runs, on whose machine the client is."""
    headers = request.headers
    key = presented_key(headers.get("authorization"), headers.get("x-api-key"))
    return f"key:{key_id(key)}" if keys and key else f"local:{operating_system_user()}"


def _request_id(request: Request) -> str:
    name = _uuid(request.path_params["request_id"])
    if name is None:
        raise _invalid("request_id", "must be a UUID, as in the response to a request")
    return name


def _position(request: Request) -> int:
    text = request.query_params.get("position", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise _invalid("position", "must be the number of the application within the request, from 0")
    return int(text)


def _uuid(text: str | None) -> str | None:
    try:
        return str(uuid.UUID(text))
    except (TypeError, ValueError):
        return None


def _invalid(field: str, reason: str) -> Refused:
    return Refused(problems.INVALID.with_details([Detail(field, reason)]))
