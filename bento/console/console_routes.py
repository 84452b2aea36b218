"""The routes of the console: overview, scoring form, login and logout, and the two files that the pages load."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bento.access.api_keys import Keys
from bento.access.sessions import SESSION_SECONDS, Sessions, cookie_header
from bento.console.application_form import ApplicationForm
from bento.console.overview_page import ServiceState, overview_page
from bento.console.page_rendering import FOLDER, SECURITY_HEADERS, Visitor, render
from bento.console.page_texts import Language, Texts, language_of
from bento.console.problem_page import explanation
from bento.operations.replica_states import counts
from bento.schemas.problems import Refused
from bento.schemas.request_parsing import Parser
from bento.schemas.requests import RequestTypes
from loan_default_assets.report_files import find_report

if TYPE_CHECKING:
    from bento.operations.worker import Runtime

# More fields than any form has are not parsed.
MOST_FIELDS = 20_000


class ConsoleRoutes:
    """The pages of one service.

    Args:
        runtime: Returns the parts of this worker.
        types: The request types of the served portfolio.
        keys: The API keys.
        reports_root: Root of the artifacts, beside which the model reports are; None where it is behind a URL, where
            looking for every report would take too long.
    """

    def __init__(
        self, runtime: Callable[[], "Runtime"], types: RequestTypes, keys: Keys, reports_root: Path | None
    ) -> None:
        self._runtime, self._types, self._keys, self._reports_root = runtime, types, keys, reports_root
        self._sessions = Sessions(keys)
        self._form = ApplicationForm(types)
        # The page marks every field that has a fault.
        self._parser = Parser(types.predict, types.portfolio, 1, shown_faults=MOST_FIELDS)
        self._portfolio = types.portfolio.title or types.portfolio.name

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/", self.overview),
            Route("/score", self.score, methods=["GET", "POST"]),
            Route("/login", self.login, methods=["GET", "POST"]),
            Route("/logout", self.logout, methods=["POST"]),
            Route("/console.css", _file("console.css", "text/css")),
            Route("/icon.svg", _file("icon.svg", "image/svg+xml")),
            # Browsers ask for it beside the report, which names no icon since it loads nothing.
            Route("/favicon.ico", _file("icon.svg", "image/svg+xml")),
        ]

    async def overview(self, request: Request) -> Response:
        """The first page."""
        worker = self._runtime()
        facts = await asyncio.to_thread(worker.overview.read)
        current, wanted = worker.champion.current, worker.champion.wanted
        state = ServiceState(
            ready=worker.ready,
            champion=wanted or (current.record if current else None),
            model_problem=worker.champion.error or worker.champion.files_problem,
            log_problem=worker.prediction_log_problem,
            replicas=counts(worker.replicas, wanted),
            latencies=await asyncio.to_thread(worker.latencies),
        )
        versions = [version.version for version in facts.versions or ()]
        root = self._reports_root
        reported = [version for version in versions if root is None or find_report(root, version)]
        page = overview_page(
            state,
            facts,
            worker.overview.limits,
            reported,
            portfolio=self._types.portfolio,
            visitor=self._visitor(request),
            language=_language(request),
        )
        return _page(page)

    async def score(self, request: Request) -> Response:
        """The form, and after it was sent the result or what must be corrected."""
        if request.method != "POST":
            return self._score_page(request, {})
        started = time.perf_counter()
        submitted = await _submitted(request)
        try:
            checked = self._parser.values(self._form.request(submitted))
            loan = self._types.loan(checked, date.today())
            scored = await self._runtime().score([loan], "http", started)
        except Refused as refused:
            texts = Texts(_language(request))
            faults = self._form.faults(refused.problem, submitted, texts)
            if refused.problem.status != 422:
                why = explanation(refused.problem, texts)
            else:
                why = "" if faults else texts("fault.other")
            shown = {"faults": {fault.input_name: fault for fault in faults}, "explanation": why}
            return self._score_page(request, submitted, refused.problem.status, **shown)
        result = {
            "prediction": scored.loans[0].prediction,
            "probability": scored.loans[0].probability,
            "threshold": scored.threshold,
            "reasons": scored.loans[0].reasons,
            "version": scored.model_version,
            "request_id": scored.request_id,
        }
        return self._score_page(request, submitted, result=result)

    async def login(self, request: Request) -> Response:
        """The login; with a known key, the session of the browser and the way to the first page."""
        language, refused = _language(request), False
        if request.method == "POST":
            token = self._sessions.issue((await _submitted(request)).get("key", "").strip())
            if token is not None:
                return self._leave(request, token, "./")
            refused = True
        page = render(
            "login",
            language,
            portfolio=self._portfolio,
            visitor=None,
            needed=bool(self._keys),
            refused=refused,
            minutes=SESSION_SECONDS // 60,
        )
        return _page(page, 401 if refused else 200)

    async def logout(self, request: Request) -> Response:
        """The end of the browser's session."""
        return self._leave(request, "", "login")

    def _score_page(
        self, request: Request, submitted: Mapping[str, str], status: int = 200, **shown: Any
    ) -> Response:
        portfolio = self._types.portfolio
        values: dict[str, Any] = {"faults": {}, "explanation": "", "result": None} | shown
        language = _language(request)
        page = render(
            "score",
            language,
            portfolio=self._portfolio,
            visitor=self._visitor(request),
            form=self._form,
            submitted=defaultdict(str, submitted),
            protected=[
                portfolio.titled(name, language) for name in portfolio.columns if name in portfolio.protected
            ],
            **values,
        )
        return _page(page, status)

    def _visitor(self, request: Request) -> Visitor:
        role = request.scope.get("loan_default.role")
        return Visitor.of(role, signed_in=role is not None and "cookie" in request.headers)

    @staticmethod
    def _leave(request: Request, token: str, target: str) -> Response:
        cookie = cookie_header(token, secure=bool(request.scope.get("loan_default.secure")))
        headers = {"location": f"{target}?lang={_language(request)}", "set-cookie": cookie}
        return Response(status_code=303, headers=headers | SECURITY_HEADERS)


async def _submitted(request: Request) -> dict[str, str]:
    """The fields of a form; the last value of a name that is sent twice. Nothing of a body that is no form."""
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    return dict(pairs)


def _language(request: Request) -> Language:
    return language_of(request.scope.get("query_string", b""), request.headers.get("accept-language"))


def _page(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="text/html", headers=SECURITY_HEADERS)


def _file(name: str, media: str) -> Callable[[Request], Any]:
    content = (FOLDER / name).read_bytes()

    async def send(_: Request) -> Response:
        headers = SECURITY_HEADERS | {"cache-control": "public, max-age=300"}
        return Response(content, media_type=media, headers=headers)

    return send
