"""Login and logout of the console, its cookie, and forms of other sites."""

import httpx
import pytest

from bento.access.api_keys import Keys
from bento.access.sessions import COOKIE
from loan_default_assets_tests.bento.console.console_visits import (
    FORM,
    KEYS,
    NO_KEYS,
    USER,
    WRONG,
    Worker,
    login,
    visit,
)
from loan_default_assets_tests.bento.console.html_document import HtmlDocument
from loan_default_assets_tests.bento.console.test_application_form import submitted

pytestmark = pytest.mark.usefixtures("no_time_for_rates")


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


def test_sessions_have_their_own_rate_and_guesses_that_of_the_address() -> None:
    async def steps(client: httpx.AsyncClient) -> list[int]:
        guesses = [await login(client, WRONG) for _ in range(3)]
        return [guess.status_code for guess in guesses if guess is not None]

    assert visit(steps, service_rate_limit=2) == [401, 401, 429]
