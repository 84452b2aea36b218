"""The console of a running service: a form is a prediction like any other, and leaves no value of it in the logs."""

import re
import time
from collections.abc import Iterator

import httpx
import pytest

from bento.console.page_texts import LANGUAGES
from loan_default_assets_tests.bento.console.html_document import HtmlDocument
from loan_default_assets_tests.bento.console.test_application_form import submitted
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank

USER, ADMIN = "user-key-0123456789", "admin-key-0123456789"
PLANTED = ["900101-1234567", "Kim Minsu", "김민수", "4929123456789012"]


@pytest.fixture(scope="module")
def entered(
    bank: ServedBank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Served, httpx.Client]]:
    """A service with keys and two workers, and a browser that has logged in with the user's key."""
    keys = {"service_api_keys": USER, "service_admin_keys": ADMIN, "service_workers": 2}
    home = tmp_path_factory.mktemp("console")
    with (
        service(
            home, ready="/health", portfolio=bank.portfolio_file, database_url=bank.url, **keys
        ) as served,
        httpx.Client(
            base_url=served.http,
            headers={"accept": "text/html", "origin": served.http},
            timeout=30,
            follow_redirects=True,
        ) as browser,
    ):
        browser.post("/login", data={"key": USER}).raise_for_status()
        yield served, browser


def test_every_worker_knows_the_session(entered: tuple[Served, httpx.Client]) -> None:
    served, browser = entered
    for _ in range(12):
        # A new connection may reach the other worker.
        page = httpx.get(served.http + "/", headers=browser.headers, cookies=browser.cookies, timeout=30)
        assert page.status_code == 200
        assert "Signed in with a user key" in page.text


def test_a_form_is_recorded_once_and_scored_like_the_same_request(
    entered: tuple[Served, httpx.Client], bank: ServedBank
) -> None:
    _, browser = entered
    page = browser.post("/score", data=submitted(loan_id="typed"))
    sent = browser.post(
        "/predict", json=request(loan_id="sent", reasons="all"), headers={"x-api-key": USER}
    ).json()
    text = " ".join(HtmlDocument(page.text).text.split())
    assert f"{100 * sent['probability']:.1f} %" in text
    assert all(f"{reason['contribution']:+.3f}" in text for reason in sent["reasons"])
    (number,) = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", text)
    statement = (
        "SELECT loan_id, request_id::text, probability, reasons::text, channel FROM predictions "
        "WHERE loan_id IN ('typed', 'sent') ORDER BY loan_id DESC"
    )
    rows = wait_for(bank, statement, 2)
    assert [row[0] for row in rows] == ["typed", "sent"]
    assert rows[0][1] == number
    assert rows[0][2:] == rows[1][2:]


def wait_for(bank: ServedBank, statement: str, count: int) -> list[tuple[object, ...]]:
    """The rows, once the shipper has delivered them."""
    for _ in range(200):
        if len(rows := bank.rows(statement)) >= count:
            return rows
        time.sleep(0.1)
    raise AssertionError(f"{len(rows)} rows")


def test_no_log_metric_or_error_holds_what_was_typed(entered: tuple[Served, httpx.Client]) -> None:
    served, browser = entered
    for secret in PLANTED:
        for field in ("loan_id", "as_of", "income", "debt", "grade", "job", "hired", "unknown", secret):
            page = browser.post("/score", data=submitted(**{field: secret}))
            assert page.status_code in (200, 422)
        assert browser.get("/score", params={"income": secret}).status_code == 200
        browser.post("/login", data={"key": secret}).close()
    text = served.output() + browser.get("/metrics", headers={"x-api-key": ADMIN}).text
    assert not [secret for secret in [*PLANTED, USER, ADMIN] if secret in text]
    assert "Traceback" not in served.output()


def test_the_api_page_works_with_the_session(entered: tuple[Served, httpx.Client]) -> None:
    _, browser = entered
    page = browser.get("/docs")
    assert "SwaggerUIBundle" in page.text
    for path in re.findall(r'(?:href|src|url): ?"?"([^"]+)"|(?:href|src)="([^"]+)"', page.text):
        assert browser.get("/" + (path[0] or path[1])).status_code == 200
    assert browser.get("/openapi.json").json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_page_counts_predictions(entered: tuple[Served, httpx.Client], language: str) -> None:
    _, browser = entered
    page = HtmlDocument(browser.get("/", params={"lang": language}).text)
    assert {"lang": language} in page.all("html")
    assert "http /score" in page.text
