"""The page that scores one application: its result, its faults, and what was typed."""

import httpx
import pytest

from bento.schemas import problems
from bento.schemas.requests import RequestTypes
from loan_default_assets_tests.bento.console import console_visits
from loan_default_assets_tests.bento.console.console_visits import FORM, NO_KEYS, OWN, SECRET, Worker, visit
from loan_default_assets_tests.bento.console.html_document import HtmlDocument
from loan_default_assets_tests.bento.console.overview_samples import SCRIPT, VERSION
from loan_default_assets_tests.bento.console.test_application_form import submitted
from loan_default_assets_tests.bento.small_portfolio import portfolio

pytestmark = pytest.mark.usefixtures("no_time_for_rates")


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
    ("content_type", "status"),
    [("application/x-www-form-urlencoded", 200), ("application/json", 415), ("text/plain", 415), ("", 415)],
)
def test_a_form_has_the_type_of_a_form(content_type: str, status: int) -> None:
    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        body = str(httpx.QueryParams(submitted())).encode()
        return await client.post("/score", content=body, headers=OWN | {"content-type": content_type})

    assert visit(steps, keys=NO_KEYS).status_code == status


def test_a_form_with_too_many_fields_or_other_bytes_is_an_empty_one() -> None:
    async def steps(client: httpx.AsyncClient) -> list[int]:
        bodies = (b"a=1&" * 30_000, b"c0=\xff\xfe")
        return [
            (await client.post("/score", content=body, headers=OWN | FORM)).status_code for body in bodies
        ]

    assert visit(steps, keys=NO_KEYS) == [422, 422]


@pytest.mark.parametrize(("language", "named"), [("en", "Sex (sex)"), ("ko", "성별 (sex)")])
def test_protected_columns_are_named_by_their_texts(
    monkeypatch: pytest.MonkeyPatch, language: str, named: str
) -> None:
    texts = {**portfolio().reasons, "sex": {"en": "Sex", "ko": "성별"}}
    described = portfolio().model_copy(update={"reasons": texts})
    monkeypatch.setattr(console_visits, "TYPES", RequestTypes(described))

    async def steps(client: httpx.AsyncClient) -> httpx.Response:
        return await client.get(f"/score?lang={language}")

    assert named in HtmlDocument(visit(steps, keys=NO_KEYS).text).text
