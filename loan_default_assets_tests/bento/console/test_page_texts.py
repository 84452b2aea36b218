"""Every text of the console exists in English and Korean, is used, and is chosen by query and browser."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from bento.console.page_texts import (
    CATALOGUE,
    LANGUAGES,
    Language,
    Texts,
    accepts_html,
    catalogue,
    language_of,
)
from bento.console.problem_page import explanation, problem_page
from bento.schemas import problems
from bento.schemas.problems import Problem
from loan_default_assets.policy.promotion import Decision
from loan_default_assets.policy.promotion_gates import GateName
from loan_default_assets.policy.retraining import Reason
from loan_default_assets.policy.state import Status
from loan_default_assets.policy.verdict_warnings import WarningKind
from loan_default_assets.reports.rendering import messages
from loan_default_assets.warehouse.alert_log import ALERT_KINDS, FAILURES, Channel

FOLDER = CATALOGUE.parent
KEY = re.compile(
    r"(page|login|status|champion|challenger|f1|retraining|volumes|latency|drift|alerts|versions|score|result|hint|fault|problem|database)\.[a-z_0-9A-Z]*[a-z0-9]"
)
PROBLEMS = [value for value in vars(problems).values() if isinstance(value, Problem)]
# Keys that are put together, with all values that the last part may have.
STATES = ("OK", "RETRAINING", "HOLD", "NO_MODEL", "INSUFFICIENT_LABELS", "WAITING")
COMPOSED = {
    *(f"retraining.state_{state}" for state in STATES),
    *(f"retraining.why_{reason}" for reason in get_args(Reason)),
    *(f"retraining.then_{reason}" for reason in (*get_args(Reason), "due")),
    *(f"versions.status_{status}" for status in get_args(Status)),
    *(f"versions.verdict_{decision}" for decision in get_args(Decision)),
    *(f"{place}.{kind}" for place in ("alerts", "versions") for kind in get_args(WarningKind)),
    *(f"challenger.rule_{gate}" for gate in get_args(GateName)),
    *(f"status.{status}" for status in ("ok", "degraded", "unavailable")),
    *(f"drift.{light}" for light in ("green", "amber", "red")),
    *(f"alerts.sent_{kind}" for kind in ALERT_KINDS),
    *(f"alerts.failure_{failure}" for failure in FAILURES),
    *(f"alerts.through_{channel}" for channel in get_args(Channel)),
    *(f"page.role_{role}" for role in ("user", "admin", "explain", "override", "approve")),
    *(
        f"hint.{kind}{bounds}"
        for kind in ("number", "integer")
        for bounds in ("", "_low", "_high", "_low_high")
    ),
    *(f"score.{name}" for name in ("loan_id", "as_of")),
}
# Problems of programs, of which a browser gets no page: those of gRPC, of routes without pages, and unexpected ones.
NO_PAGE = {"malformed", "unreadable", "invalid_request", "not_found", "no_database", "internal"}
NO_PAGE |= {"no_prediction", "prediction_gone", "not_explained", "not_overridden", "records_away"}
NO_PAGE |= {"no_proposal", "not_approved", "no_approvers"}


def named_keys() -> Iterator[str]:
    """Keys that a module or a template names."""
    for module in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEY.fullmatch(node.value):
                yield node.value
    for template in FOLDER.glob("templates/*.j2"):
        for call in re.findall(r"text\(([^()]*(?:\([^()]*\))?[^()]*)\)", template.read_text("utf-8")):
            yield from re.findall(r'"([a-z0-9]+\.[a-z_0-9]*[a-z0-9])"', call)


def incomplete(entries: dict[str, dict[Language, str]]) -> list[str]:
    """Keys and languages without a text, or whose text has other values than the English one."""

    def values(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    return [
        f"{key} {language}"
        for key, texts in entries.items()
        for language in LANGUAGES
        if not texts.get(language) or values(texts[language]) != values(texts.get("en", ""))
    ]


def test_no_translation_is_missing() -> None:
    assert len(catalogue()) > 170
    assert incomplete(catalogue()) == []


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ({"en": "Yes", "ko": "예"}, []),
        ({"en": "Yes"}, ["a ko"]),
        ({"en": "{n} loans", "ko": "대출"}, ["a ko"]),
    ],
)
def test_a_missing_translation_is_found(texts: dict[Language, str], found: list[str]) -> None:
    assert incomplete({"a": texts}) == found


def test_korean_texts_are_korean() -> None:
    international = {"f1.f1", "versions.f1", "page.docs", "latency.p95", "latency.p99"}
    latin = {key for key, texts in catalogue().items() if not re.search("[가-힣]", texts["ko"])}
    assert latin == international
    assert not [key for key, texts in catalogue().items() if re.search("[가-힣]", texts["en"])]


def test_code_and_catalogue_name_the_same_keys() -> None:
    problems_with_page = {f"problem.{each.code}" for each in PROBLEMS if each.code not in NO_PAGE}
    named = set(named_keys()) | COMPOSED | problems_with_page
    assert sorted(named - set(catalogue())) == []
    assert sorted(set(catalogue()) - named) == []


def test_rules_have_the_names_of_the_model_report() -> None:
    for gate in get_args(GateName):
        assert catalogue()[f"challenger.rule_{gate}"] == messages.catalogue()[f"gate.{gate}"]


def test_templates_hold_no_text_of_their_own() -> None:
    names = {"English", "한국어"}
    for template in FOLDER.glob("templates/*.j2"):
        text = re.sub(
            r"\{% macro attributes.*?endmacro %\}", " ", template.read_text("utf-8"), flags=re.DOTALL
        )
        bare = re.sub(r"\{[{%#].*?[%#}]\}", " ", text, flags=re.DOTALL)
        words = re.findall(r"[A-Za-z가-힣]{2,}", re.sub(r"<[^>]*>", " ", bare))
        assert not set(words) - names, template.name


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_problem_is_explained_without_its_own_message(problem: Problem, language: Language) -> None:
    secret = problem.with_message("/srv/home: Kim Minsu")
    text = explanation(secret, Texts(language))
    assert text
    assert "Kim" not in problem_page(secret, language).body.decode()
    assert bool(re.search("[가-힣]", text)) == (language == "ko")


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        (b"", None, "en"),
        (b"", "", "en"),
        (b"", "ko", "ko"),
        (b"", "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        (b"", "en-US,en;q=0.9,ko;q=0.8", "en"),
        (b"", "de,ko;q=0.3", "ko"),
        (b"", "kok", "en"),
        (b"", "ko;q=x", "en"),
        (b"lang=en", "ko", "en"),
        (b"lang=ko", "en", "ko"),
        (b"lang=ko&lang=en", None, "en"),
        (b"lang=<script>", "ko", "ko"),
        (b"\xff=\xff&lang=ko", None, "ko"),
    ],
)
def test_the_language_of_a_page(query: bytes, header: str | None, language: Language) -> None:
    assert language_of(query, header) == language


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", True),
    ],
)
def test_only_browsers_get_refusals_as_pages(accept: str | None, page: bool) -> None:
    assert accepts_html(accept) == page


def test_the_catalogue_is_in_the_package() -> None:
    assert Path(CATALOGUE).is_file()
