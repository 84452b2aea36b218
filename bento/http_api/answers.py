"""How a route answers: its body and status, or the problem, without the text of an unexpected error."""

import logging
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from bento.http_api.endpoints import json_response
from bento.operations.error_location import unexpected
from bento.schemas.problems import Refused

logger = logging.getLogger("bentoml.loan_default.http")


async def respond(route: str, work: Callable[[], Awaitable[tuple[bytes, int]]]) -> Response:
    """The response of a route.

    Args:
        route: Named in the log when `work` fails.
        work: Returns the body and the status. No exception of it reaches BentoML, which would log its text.
    """
    try:
        return json_response(*await work())
    except Refused as refused:
        problem = refused.problem
    except Exception as error:  # noqa: BLE001 - the text of an error may quote the request
        problem = unexpected(logger, route, error)
    response = json_response(problem.body(), problem.status)
    if problem.status == 503:
        response.headers["retry-after"] = "1"
    return response
