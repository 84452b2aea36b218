"""The console behind the middleware: roles, login and logout, foreign forms, and refusals as pages."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from bento.access.api_keys import Keys
from bento.access.permissions import FORMS, PAGES, ROUTES
from bento.access.sessions import COOKIE
from bento.console.console_routes import ConsoleRoutes
from bento.http_api.endpoints import read_only_app
from bento.http_api.middleware import HttpMiddleware
from bento.inference.scored_applications import ScoredLoan, ScoredRequest
from bento.schemas import problems
from bento.schemas.problems import Refused
from bento.schemas.requests import RequestTypes
from loan_default_assets.model.reason_codes import ReasonCode
from loan_default_assets.policy.state import Limits
from loan_default_assets.report_files import store_report
from loan_default_assets.settings import Settings
from loan_default_assets_tests.bento.console.html_document import HtmlDocument
from loan_default_assets_tests.bento.console.overview_samples import FORMER, SCRIPT, VERSION, facts, service
from loan_default_assets_tests.bento.console.test_application_form import submitted
from loan_default_assets_tests.bento.small_portfolio import portfolio

pytestmark = pytest.mark.usefixtures("no_time_for_rates")

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


async def get(client: httpx.AsyncClient, path: str, key: str | None = None) -> httpx.Response:
    await login(client, key)
    return await client.get(path)


MATRIX = [
    # no session, user, admin
    ("GET", "/", (303, 200, 200)),
    ("GET", "/score", (303, 200, 403)),
    ("POST", "/score", (401, 200, 403)),
    ("GET", "/docs", (303, 200, 200)),
    ("GET", "/report", (303, 403, 200)),
    ("GET", f"/report?version={FORMER}", (303, 403, 200)),
    ("GET", "/openapi.json", (401, 200, 200)),
    ("GET", "/model-info", (401, 500, 500)),
    ("GET", "/login", (200, 200, 200)),
    ("POST", "/logout", (303, 303, 303)),
    ("GET", "/console.css", (200, 200, 200)),
    ("GET", "/icon.svg", (200, 200, 200)),
    # A session is no key: programs that score and reload send one.
    ("POST", "/predict", (401, 401, 401)),
    ("POST", "/reload-model", (401, 401, 401)),
]


@pytest.mark.parametrize(("method", "path", "statuses"), MATRIX)
def test_status_by_session_and_route(
    method: str, path: str, statuses: tuple[int, ...], tmp_path: Path
) -> None:
    for version in (VERSION, FORMER):
        store_report(tmp_path, version, 1, b"<!doctype html>")
    received = []
    for key in (None, USER, ADMIN):
        worker = Worker()

        async def steps(client: httpx.AsyncClient, key: str | None = key) -> httpx.Response:
            await login(client, key)
            sent = {"data": submitted(), "headers": OWN} if method == "POST" else {}
            return await client.request(method, path, **sent)

        response = visit(steps, root=tmp_path, worker=worker)
        received.append(response.status_code)
        assert bool(worker.scored) == (path == "/score" and method == "POST" and key == USER)
        # Nothing of an applicant without the right role.
        assert ("61.0 %" in response.text) == bool(worker.scored)
    assert tuple(received) == statuses


def test_every_page_is_in_the_matrix() -> None:
    listed = {path.partition("?")[0] for _, path, _ in MATRIX}
    assert listed >= PAGES
    assert FORMS <= PAGES <= set(ROUTES)


@pytest.mark.parametrize("key", [WRONG, "", USER + "x", "\x00", "ü" * 20])
def test_a_wrong_key_is_refused_on_the_page_and_not_repeated(key: str) -> None:
    response = visit(lambda client: login(client, key))
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert "This key is not known." in response.text
    assert not key or key not in response.text
    assert HtmlDocument(response.text).all("input")[0]["aria-describedby"] == "key-fault"


@pytest.mark.parametrize(
    ("base", "forwarded", "trusted", "name"),
    [
        ("http://127.0.0.1:8000", None, None, COOKIE),
        ("https://bank.example", None, None, f"__Host-{COOKIE}"),
        ("http://bank.example", "https", "127.0.0.1", f"__Host-{COOKIE}"),
        ("http://bank.example", "https", None, COOKIE),
    ],
)
def test_the_session_is_a_cookie_for_this_site_alone(
    base: str, forwarded: str | None, trusted: str | None, name: str
) -> None:
    proxied = {"x-forwarded-proto": forwarded} if forwarded else {}

    async def steps(client: httpx.AsyncClient) -> list[httpx.Response]:
        headers = {"origin": base} | proxied
        entered = await client.post("/login?lang=ko", data={"key": USER}, headers=headers)
        # httpx sends secure cookies over https only, so it is sent by hand.
        cookie = entered.headers["set-cookie"].partition(";")[0]
        inside = await client.get("/", headers=proxied | {"cookie": cookie})
        left = await client.post("/logout", headers=headers | FORM | {"cookie": cookie})
        return [entered, inside, left]

    entered, inside, left = visit(steps, base=base, trusted_proxies=trusted)
    assert (entered.status_code, entered.headers["location"]) == (303, "./?lang=ko")
    cookie = entered.headers["set-cookie"]
    assert cookie.startswith(f"{name}=")
    assert "HttpOnly; SameSite=Strict" in cookie
    assert ("; Secure" in cookie) == name.startswith("__Host-")
    assert USER not in cookie + entered.headers["location"]
    assert inside.status_code == 200
    assert "Sign out" in inside.text
    assert left.headers["set-cookie"].startswith(f"{name}=; Path=/; Max-Age=0")


@pytest.mark.parametrize("path", ["/login", "/score", "/logout"])
@pytest.mark.parametrize("keys", [KEYS, NO_KEYS], ids=["keys", "no keys"])
@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"origin": "http://127.0.0.1:8000"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:8000"}, True),
        ({"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://127.0.0.1:3000"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_form_of_another_site_does_nothing(
    path: str, keys: Keys, headers: dict[str, str], accepted: bool
) -> None:
    worker = Worker()

    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        await login(client, USER if keys else None)
        return await client.post(path, data=submitted() | {"key": USER}, headers=headers)

    response = visit(steps, keys=keys, worker=worker)
    assert (response.status_code != 403) == accepted
    assert bool(worker.scored) == (accepted and path == "/score")
    assert accepted or "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/x-www-form-urlencoded", 200), ("application/json", 415), ("text/plain", 415), ("", 415)],
)
def test_a_form_has_the_type_of_a_form(content_type: str, status: int) -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        body = str(httpx.QueryParams(submitted())).encode()
        return await client.post("/score", content=body, headers=OWN | {"content-type": content_type})

    assert visit(steps, keys=NO_KEYS).status_code == status


def test_a_key_in_a_header_needs_no_session() -> None:
    worker = Worker()

    async def steps(client: httpx.AsyncClient) -> list[int]:
        key = {"authorization": f"Bearer {USER}"}
        pages = [
            await client.get("/", headers=key),
            await client.post("/score", data=submitted(), headers=key),
        ]
        wrong = await client.get("/", headers={"authorization": f"Bearer {WRONG}"})
        return [page.status_code for page in [*pages, wrong]]

    # A wrong key is an error of a program, which a login page would not help.
    assert visit(steps, worker=worker) == [200, 200, 401]
    assert len(worker.scored) == 1


def test_without_keys_the_page_is_open_and_offers_no_login() -> None:
    async def steps(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get("/"), await client.get("/login"), await client.get("/score")]

    overview, entrance, form = visit(steps, keys=NO_KEYS)
    assert "open to this machine only" in overview.text
    assert "Sign out" not in overview.text
    assert "nothing to sign in to" in entrance.text
    assert not HtmlDocument(entrance.text).all("form")
    assert form.status_code == 200
    assert visit(lambda client: client.get("/"), keys=NO_KEYS, base="http://evil.example").status_code == 403


def test_a_score_is_shown_with_its_reasons_in_the_language_of_the_page() -> None:
    worker = Worker()

    async def steps(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [
            await client.post(f"/score?lang={language}", data=submitted(loan_id=SECRET), headers=OWN)
            for language in ("en", "ko")
        ]

    english, korean = visit(steps, keys=NO_KEYS, worker=worker)
    assert [loan.loan_id for loan in worker.scored] == [SECRET, SECRET]
    assert [loan.reasons for loan in worker.scored] == ["all", "all"]
    for text in (
        "Decision 1: default predicted",
        "61.0 %",
        "40.0 %",
        VERSION,
        "0f8fad5b",
        "+0.400",
        "-0.100",
    ):
        assert text in english.text
    assert SCRIPT not in english.text
    assert "&lt;script&gt;" in english.text
    assert "결정 1: 부도로 예측" in korean.text
    assert "소득" in korean.text
    assert "위험을 낮춤" in korean.text


@pytest.mark.parametrize("value", [SCRIPT, "'\"><svg onload=alert(1)>", "{{ 7 * 7 }}"])
def test_what_was_typed_comes_back_escaped(value: str) -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/score", data=submitted(income=value, job=value), headers=OWN)

    response = visit(steps, keys=NO_KEYS)
    assert response.status_code == 422
    page = HtmlDocument(response.text)
    assert value in page.values("value")
    assert not page.all("script", "img") + [a for a in page.all("svg") if "onload" in a]
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


def test_every_field_has_a_label_a_hint_and_its_fault() -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/score", headers=OWN | FORM)

    page = HtmlDocument(visit(steps, keys=NO_KEYS).text)
    fields = page.all("input", "select")
    ids = page.values("id")
    assert len(fields) == 9
    assert {field["id"] for field in fields} == {label["for"] for label in page.all("label")}
    assert all(set(field["aria-describedby"].split()) <= set(ids) for field in fields)
    faulty = [field["id"] for field in fields if "aria-invalid" in field]
    assert faulty == ["c0", "c2", "c3"]
    assert all(f"{field}-fault" in ids for field in faulty)
    # The summary leads to each of them, in the order of the fields.
    assert [link["href"] for link in page.all("a") if link["href"].startswith("#c")][1:] == [
        f"#{f}" for f in faulty
    ]
    # The order of the keyboard is that of the page.
    assert not [value for value in page.values("tabindex") if value not in ("0", "-1")]
    assert "Error: Score an application" in page.text


def test_forms_work_without_scripts() -> None:
    async def steps(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get(path) for path in ("/", "/score", "/login?lang=ko")]

    for response in visit(steps, keys=NO_KEYS):
        page = HtmlDocument(response.text)
        assert not page.all("script")
        assert all(form["method"] == "post" for form in page.all("form"))
        # Both languages can be reached by a link.
        assert {"?lang=en", "?lang=ko"} <= set(page.values("href"))


@pytest.mark.parametrize(
    ("problem", "shown"),
    [
        (problems.NO_MODEL.with_message(SECRET), "There is no model to score with."),
        (problems.OVERLOADED, "Too many loans are waiting."),
        (problems.PREDICTION_LOG_FULL, "Predictions cannot be recorded now"),
        (problems.INTERNAL, "The service failed."),
    ],
)
def test_a_loan_that_cannot_be_scored_leaves_the_form_filled(problem: problems.Problem, shown: str) -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        return await client.post("/score", data=submitted(debt="777"), headers=OWN)

    response = visit(steps, keys=NO_KEYS, worker=Worker(problem))
    assert response.status_code == problem.status
    assert shown in response.text
    assert SECRET not in response.text
    assert "777" in HtmlDocument(response.text).values("value")


@pytest.mark.parametrize(
    ("headers", "status", "media"),
    [
        (HTML, 303, "text/html; charset=utf-8"),
        ({"accept": "*/*"}, 401, "application/json"),
        (HTML | {"x-api-key": WRONG}, 401, "text/html; charset=utf-8"),
    ],
)
def test_programs_get_json_and_browsers_the_login(headers: dict[str, str], status: int, media: str) -> None:
    response = visit(lambda client: client.get("/?lang=ko", headers=headers))
    assert (response.status_code, response.headers["content-type"]) == (status, media)
    assert response.headers.get("location") == ("login?lang=ko" if status == 303 else None)


@pytest.mark.parametrize(
    ("path", "settings", "count", "text"),
    [
        ("/report", {}, 1, "This key has another role."),
        ("/", {"service_rate_limit": 2}, 4, "Too many requests."),
        ("/?lang=ko", {"service_rate_limit": 2}, 4, "요청이 너무 많습니다."),
    ],
)
def test_a_refusal_is_a_page_in_the_language_of_the_browser(
    path: str, settings: dict[str, Any], count: int, text: str
) -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        await login(client, USER)
        return [await client.get(path) for _ in range(count)][-1]

    response = visit(steps, **settings)
    assert response.status_code in (403, 429)
    assert text in response.text
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


def test_sessions_have_their_own_rate_and_guesses_that_of_the_address() -> None:
    async def steps(client: httpx.AsyncClient) -> list[int]:
        guesses = [await login(client, WRONG) for _ in range(3)]
        return [guess.status_code for guess in guesses if guess is not None]

    assert visit(steps, service_rate_limit=2) == [401, 401, 429]


@pytest.mark.parametrize("version", ["../../etc/passwd", "c0123456789ab/..", "x", "c0000000000ff"])
def test_only_versions_lead_to_a_report(version: str, tmp_path: Path) -> None:
    copied: list[str] = []
    parts: Any = Worker()
    app = read_only_app(lambda: parts, b"{}", NO_KEYS, tmp_path, copied.append)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.get("/report", params={"version": version})

    assert asyncio.run(main()).status_code == 404
    assert copied == ([version] if re.fullmatch("c[0-9a-f]{12}", version) else [])


def test_a_form_with_too_many_fields_or_other_bytes_is_an_empty_one() -> None:
    async def steps(client: httpx.AsyncClient) -> list[int]:
        bodies = (b"a=1&" * 30_000, b"c0=\xff\xfe")
        return [
            (await client.post("/score", content=body, headers=OWN | FORM)).status_code for body in bodies
        ]

    assert visit(steps, keys=NO_KEYS) == [422, 422]
