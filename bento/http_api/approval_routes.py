"""The routes of promotions by several people: what waits, and the approval of one person."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bento.access.api_keys import Keys, key_id, presented_key
from bento.http_api.answers import respond
from bento.schemas import problems
from bento.schemas.approval_requests import ApprovalRequest
from bento.schemas.problems import Refused
from bento.schemas.request_parsing import Parser
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    from bento.operations.worker import Runtime


def approval_routes(runtime: Callable[[], "Runtime"], keys: Keys, portfolio: Portfolio) -> list[Route]:
    """The routes.

    Args:
        runtime: Returns the parts of this worker.
        keys: The API keys, with the people to whom those of the role approve belong.
        portfolio: For the parser of requests.
    """
    parse = Parser(ApprovalRequest, portfolio, 1)

    async def waiting(_: Request) -> Response:
        async def work() -> tuple[bytes, int]:
            return to_json(await asyncio.to_thread(runtime().promotions.waiting)), 200

        return await respond("/promotions", work)

    async def approve(request: Request) -> Response:
        async def work() -> tuple[bytes, int]:
            headers = request.headers
            key = presented_key(headers.get("authorization"), headers.get("x-api-key")) or ""
            person, version = keys.person(key), request.path_params["version"]
            # Without keys it is unknown who asks, and one user could approve as another.
            if person is None:
                raise Refused(problems.NO_APPROVERS)
            asked = parse.json(await request.body())

            def approved() -> dict[str, Any]:
                return runtime().promotions.approve(
                    version, asked.proposal, person, asked.reason, key_id(key)
                )

            return to_json(await asyncio.to_thread(approved)), 200

        return await respond("/promotions/{version}/approve", work)

    return [Route("/promotions", waiting), Route("/promotions/{version}/approve", approve, methods=["POST"])]
