"""The scoring form: a field per column that the model reads, and the request that its values make."""

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from bento.console.application_form import ApplicationForm
from bento.console.page_texts import LANGUAGES, Texts
from bento.schemas.problems import Refused
from bento.schemas.request_parsing import Parser
from bento.schemas.requests import CheckedLoan, RequestTypes
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO, portfolio, request

TYPES = RequestTypes(portfolio())
FORM = ApplicationForm(TYPES)
NAMES = {field.column: field.input_name for field in FORM.fields}
FILLED = {
    "income": "30000",
    "debt": "5000",
    "children": "2",
    "grade": "2",
    "job": "clerk",
    "hired": "2020-05-01",
}
ENGLISH, KOREAN = (Texts(language) for language in LANGUAGES)


def submitted(**changed: str) -> dict[str, str]:
    """What a browser sends: every field, filled or empty."""
    empty = dict.fromkeys([*NAMES.values(), "loan_id", "as_of"], "")
    return empty | {NAMES.get(name, name): value for name, value in {**FILLED, **changed}.items()}


def check(values: dict[str, str]) -> CheckedLoan:
    parser = Parser(TYPES.predict, TYPES.portfolio, 1, shown_faults=1000)
    return TYPES.loan(parser.values(FORM.request(values)), date(2026, 1, 1))


def faults(values: dict[str, str], texts: Texts = ENGLISH) -> dict[str, str]:
    with pytest.raises(Refused) as refused:
        check(values)
    names = {input_name: column for column, input_name in NAMES.items()}
    found = FORM.faults(refused.value.problem, values, texts)
    return {names.get(fault.input_name, fault.input_name): fault.text for fault in found}


def test_the_form_asks_for_what_the_model_reads() -> None:
    # Neither protected columns, nor those known after the outcome, nor texts.
    assert list(NAMES) == ["income", "debt", "children", "grade", "job", "hired", "model config"]
    assert set(NAMES) == set(TYPES.sources)
    assert len(set(NAMES.values())) == len(NAMES)


def test_the_values_are_those_of_the_same_request_to_predict() -> None:
    expected = TYPES.loan(TYPES.predict.model_validate(request(reasons="all")), date(2026, 1, 1))
    assert check(submitted()) == expected


@pytest.mark.parametrize(
    ("changed", "column", "value"),
    [
        ({"debt": ""}, "debt", None),
        ({"debt": "  -1.5e3 "}, "debt", -1500.0),
        ({"debt": ".5"}, "debt", 0.5),
        ({"job": ""}, "job", None),
        ({"job": "<b>pilot</b>"}, "job", "<b>pilot</b>"),
        ({"model config": "b"}, "model config", "b"),
        ({"hired": ""}, "hired", None),
    ],
)
def test_a_value_is_read(changed: dict[str, str], column: str, value: Any) -> None:
    assert check(submitted(**changed)).values[TYPES.sources.index(column)] == value


def test_identifier_and_date_are_those_of_the_request() -> None:
    loan = check(submitted(loan_id=" L-1 ", as_of="2025-03-04"))
    assert (loan.loan_id, loan.as_of, loan.reasons) == ("L-1", date(2025, 3, 4), "all")
    assert check(submitted()).loan_id is None


@pytest.mark.parametrize(
    ("changed", "column", "text"),
    [
        ({"income": ""}, "income", "A value is required."),
        ({"income": "  "}, "income", "A value is required."),
        ({"income": "-1"}, "income", "Expected: a number from 0 to 1,000,000."),
        ({"income": "12 000"}, "income", "Expected: a number from 0 to 1,000,000."),
        ({"income": "nan"}, "income", "Expected: a number from 0 to 1,000,000."),
        ({"income": "1e999"}, "income", "Expected: a number from 0 to 1,000,000."),
        ({"debt": "Kim Minsu"}, "debt", "Expected: a number."),
        ({"children": "1.5"}, "children", "Expected: a whole number from 0 to 20."),
        ({"grade": "7"}, "grade", "Expected: one of the listed values."),
        (
            {"job": "x" * 201},
            "job",
            "Expected: a listed value, or another one of at most 200 printable characters.",
        ),
        ({"hired": "1.2.2020"}, "hired", "Expected: a date as 2024-12-31."),
        ({"as_of": "tomorrow"}, "as_of", "Expected: a date as 2024-12-31."),
        ({"loan_id": "x" * 201}, "loan_id", "Expected: at most 200 printable characters."),
    ],
)
def test_a_fault_is_at_its_field_and_quotes_nothing(changed: dict[str, str], column: str, text: str) -> None:
    assert faults(submitted(**changed)) == {column: text}
    korean = faults(submitted(**changed), KOREAN)
    assert list(korean) == [column]
    assert "Expected" not in korean[column]


def test_every_faulty_field_is_named_in_the_order_of_the_form() -> None:
    assert list(faults({})) == ["income", "children", "grade"]
    columns = {f"amount_{n}": {"kind": "number"} for n in range(60)}
    many = Portfolio.model_validate(
        {**deepcopy(PORTFOLIO), "columns": columns, "derive": {}, "reasons": {}}
        | {"known_after_outcome": [], "protected": []}
    )
    types = RequestTypes(many)
    form = ApplicationForm(types)
    with pytest.raises(Refused) as refused:
        Parser(types.predict, many, 1, shown_faults=1000).values(form.request({}))
    assert len(form.faults(refused.value.problem, {}, ENGLISH)) == 60


def test_a_form_of_other_fields_is_no_request() -> None:
    assert FORM.request({"recovered": "1", "sex": "f", "x": "1"}) == {
        "categorical_features": {},
        "numerical_features": {},
        "date_features": {},
        "reasons": "all",
    }


@pytest.mark.parametrize("texts", [ENGLISH, KOREAN])
@pytest.mark.parametrize(
    ("name", "column", "shown"),
    [
        ("built_year", {"min": 1900, "max": 2030, "integer": True}, ("1900", "2030")),
        ("zip", {"min": 10_000, "max": 99_999}, ("10000", "99999")),
        ("amount", {"min": 1900, "max": 20_300}, ("1,900", "20,300")),
    ],
)
def test_years_and_codes_are_written_without_separators(
    texts: Texts, name: str, column: dict[str, Any], shown: tuple[str, str]
) -> None:
    described = deepcopy(PORTFOLIO)
    described["columns"][name] = {"kind": "number", **column}
    form = ApplicationForm(RequestTypes(Portfolio.model_validate(described)))
    (field,) = (field for field in form.fields if field.column == name)
    expected = field.hint(texts)
    assert all(bound in expected for bound in shown)
    assert expected.count(",") == sum(bound.count(",") for bound in shown)
