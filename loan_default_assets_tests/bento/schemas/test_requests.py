"""Requests: accepted and refused values with field and reason, and the OpenAPI document."""

import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from jsonschema_rs import Draft202012Validator

from bento.schemas import problems
from bento.schemas.openapi import document
from bento.schemas.problems import Refused
from bento.schemas.request_parsing import Parser
from bento.schemas.requests import MOST_LOANS, RequestTypes
from loan_default_assets.portfolio.description import Column
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.ingest.cell_parsing import parse_cell
from loan_default_assets.portfolio.spec import library_names, load
from loan_default_assets_tests.bento.small_portfolio import portfolio, request

TYPES = RequestTypes(portfolio())
ONE = Parser(TYPES.predict, TYPES.portfolio, 1)
MANY = Parser(TYPES.predict_batch, TYPES.portfolio, MOST_LOANS)
TODAY = date(2026, 11, 22)


def loan(**changed: Any) -> dict[str, Any]:
    """The columns of an accepted request."""
    checked = TYPES.loan(ONE.json(json.dumps(request(**changed)).encode()), TODAY)
    return dict(zip(TYPES.sources, checked.values, strict=True)) | {"as_of": checked.as_of}


@pytest.mark.parametrize(
    ("changed", "column", "value"),
    [
        ({}, "income", 30_000.0),
        ({"income": 0}, "income", 0.0),
        ({"income": 1_000_000}, "income", 1_000_000.0),
        ({"children": 3.0}, "children", 3.0),
        ({"debt": None}, "debt", None),
        ({"debt": ...}, "debt", None),
        ({"debt": -1e30}, "debt", -1e30),
        ({"grade": 3}, "grade", "3"),
        ({"grade": "3"}, "grade", "3"),
        ({"job": "astronaut"}, "job", "astronaut"),
        ({"job": "農夫"}, "job", "農夫"),
        ({"job": None}, "job", None),
        ({"hired": "2024-02-29"}, "hired", date(2024, 2, 29)),
        ({"date_features": ...}, "hired", None),
        ({"model config": "b"}, "model config", "b"),
        ({"sex": "f"}, "income", 30_000.0),
        ({"as_of": "2025-01-31"}, "as_of", date(2025, 1, 31)),
        ({"as_of": None}, "as_of", TODAY),
    ],
)
def test_accepted_values(changed: dict[str, Any], column: str, value: Any) -> None:
    assert loan(**changed)[column] == value


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"income": ...}, "numerical_features.income", "required"),
        ({"income": None}, "numerical_features.income", "valid number"),
        ({"income": "30000"}, "numerical_features.income", "valid number"),
        ({"income": True}, "numerical_features.income", "valid number"),
        ({"income": -1}, "numerical_features.income", "greater than or equal to 0"),
        ({"income": 1e6 + 1}, "numerical_features.income", "less than or equal to 1000000"),
        ({"income": float("nan")}, "numerical_features.income", "finite"),
        ({"income": float("inf")}, "numerical_features.income", "finite"),
        ({"debt": 1e39}, "numerical_features.debt", "less than or equal"),
        ({"debt": 10**400}, "numerical_features.debt", "finite"),
        ({"debt": [1]}, "numerical_features.debt", "valid number"),
        ({"children": 1.5}, "numerical_features.children", "whole number"),
        ({"grade": ...}, "categorical_features.grade", "required"),
        ({"grade": "4"}, "categorical_features.grade", "allowed: 1, 2, 3"),
        ({"grade": 2.0}, "categorical_features.grade", "string or a whole number"),
        ({"grade": True}, "categorical_features.grade", "string or a whole number"),
        ({"job": 5}, "categorical_features.job", "must be a string"),
        ({"job": ""}, "categorical_features.job", "printable"),
        ({"job": "  "}, "categorical_features.job", "printable"),
        ({"job": "a\x00b"}, "categorical_features.job", "printable"),
        ({"job": "x" * 201}, "categorical_features.job", "1 to 200"),
        ({"sex": "x"}, "categorical_features.sex", "allowed: f, m"),
        ({"hired": "2023-02-29"}, "date_features.hired", "YYYY-MM-DD"),
        ({"hired": "29.02.2024"}, "date_features.hired", "YYYY-MM-DD"),
        ({"hired": 20240229}, "date_features.hired", "YYYY-MM-DD"),
        ({"as_of": "now"}, "as_of", "YYYY-MM-DD"),
        ({"recovered": 5.0}, "numerical_features.recovered", "known only after the outcome"),
        ({"incone": 1}, "incone", "did you mean income"),
        ({"remarks": "x"}, "remarks", "unknown field"),
        ({"kim@example.com": 1}, "(not a column name)", "unknown field"),
        ({"김민수": 1}, "(not a column name)", "unknown field"),
        ({"loan_id": 5}, "loan_id", "string"),
        ({"loan_id": "a\nb"}, "loan_id", "pattern"),
        ({"loan_id": "x" * 201}, "loan_id", "200"),
        ({"reasons": "some"}, "reasons", "adverse"),
        ({"numerical_features": []}, "numerical_features", "object"),
        ({"categorical_features": ...}, "categorical_features", "required"),
    ],
)
def test_a_refusal_has_field_and_reason(changed: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        ONE.json(json.dumps(request(**changed)).encode())
    problem = refused.value.problem
    assert (problem.status, problem.grpc) == (422, "INVALID_ARGUMENT")
    assert [d.field for d in problem.details] == [field]
    assert reason in problem.details[0].reason


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"5", b'"x"', b"{", b"{} x", b"\xff\xfe", b'{"a": "\\ud800"}', b"[" * 100_000],
)
def test_a_body_that_is_no_json_object_is_malformed(body: bytes) -> None:
    for parser in (ONE, MANY):
        with pytest.raises(Refused) as refused:
            parser.json(body)
        assert refused.value.problem.status == 400


def test_grpc_values_are_checked_like_json() -> None:
    fields = request(reasons="all", loan_id="7")
    from_text = TYPES.loan(ONE.json(json.dumps(fields).encode()), TODAY)
    assert TYPES.loan(ONE.values(fields), TODAY) == from_text
    with pytest.raises(Refused, match="not valid"):
        ONE.values(request(income=float("nan")))


@pytest.mark.parametrize("count", [0, MOST_LOANS + 1])
def test_a_batch_has_bounds(count: int) -> None:
    with pytest.raises(Refused) as refused:
        MANY.json(json.dumps({"loans": [request()] * count}).encode())
    assert refused.value.problem.details[0].field == "loans"


def test_a_fault_in_a_batch_names_the_loan() -> None:
    with pytest.raises(Refused) as refused:
        MANY.json(json.dumps({"loans": [request(), request(income=-1)]}).encode())
    assert [d.field for d in refused.value.problem.details] == ["loans.1.numerical_features.income"]


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        ("income", '"income": 30000.0', '"income": 987654.0, "income": 30000.0'),
        ("income", '"income": 30000.0', '"\\u0069ncome": 987654.0, "income": 30000.0'),
        ("income", '"income": 30000.0', '"income": 30000.0, "income": 30000.0'),
        ("job", '"job": "clerk"', '"job": "clerk", "job": null'),
        ("reasons", "{", '{"reasons": "all", "reasons": "none", '),
        ("numerical_features", "{", '{"numerical_features": {"income": 987654}, '),
    ],
)
def test_a_key_that_is_given_twice_is_refused_without_its_values(key: str, old: str, new: str) -> None:
    body = json.dumps(request())
    assert ONE.json(body.encode())
    twice = body.replace(old, new, 1)
    for parser, text in ((ONE, twice), (MANY, f'{{"loans": [{body}, {twice}]}}')):
        with pytest.raises(Refused) as refused:
            parser.json(text.encode())
        problem = refused.value.problem
        assert (problem.status, [(d.field, d.reason) for d in problem.details]) == (
            422,
            [(key, "is given twice")],
        )
        assert b"987654" not in problem.body()
    with pytest.raises(Refused):
        MANY.json(f'{{"loans": [{body}], "loans": [{body}]}}'.encode())


def test_numbers_of_any_length_are_read() -> None:
    body = json.dumps(request()).replace("30000.0", "3" + "0" * 4 + "." + "0" * 5000)
    checked = TYPES.loan(ONE.json(body.encode()), TODAY)
    assert checked.values[TYPES.sources.index("income")] == 30_000


def test_thousands_of_unknown_fields_are_refused_at_once() -> None:
    body = json.dumps({f"k{n}": 1 for n in range(200_000)}).encode()
    for parser in (ONE, MANY):
        with pytest.raises(Refused) as refused:
            parser.json(body)
        assert len(refused.value.problem.details) == 1


def test_only_the_first_faults_are_listed() -> None:
    with pytest.raises(Refused) as refused:
        ONE.json(json.dumps(request() | {f"k{n}": 1 for n in range(100)}).encode())
    assert refused.value.problem.details[-1].reason == "and 80 more faults"


@pytest.mark.parametrize("name", ["corner_bank", *library_names()])
def test_the_example_is_valid_by_type_and_document(name: str) -> None:
    p = portfolio() if name == "corner_bank" else load(name, source="loans.csv")
    types = RequestTypes(p)
    example = types.example()
    body = json.dumps(example).encode()
    checked = types.loan(Parser(types.predict, p, 1).json(body), TODAY)
    columns = {name: [value] for name, value in zip(types.sources, checked.values, strict=True)}
    features = transform(p, columns, np.array([checked.as_of], "datetime64[D]"))
    assert (features.categorical[0] > 1).all()
    openapi = document(types)
    schema = {"$ref": "#/components/schemas/PredictRequest", "components": openapi["components"]}
    validator = Draft202012Validator(schema)
    assert validator.is_valid(example)
    assert not validator.is_valid({**example, "unknown": 1})


def test_the_document_has_bounds_values_and_required_fields() -> None:
    schemas = document(TYPES)["components"]["schemas"]
    numerical = schemas["NumericalFeatures"]["properties"]
    assert (numerical["income"]["minimum"], numerical["income"]["maximum"]) == (0, 1_000_000)
    assert "USD" in numerical["income"]["description"]
    assert "recovered" not in numerical
    categorical = schemas["CategoricalFeatures"]["properties"]
    assert categorical["grade"]["anyOf"][0]["enum"] == ["1", "2", "3"]
    assert "Protected" in categorical["sex"]["description"]
    assert schemas["NumericalFeatures"]["required"] == ["income", "children"]
    assert all(
        schemas[group]["additionalProperties"] is False for group in ("PredictRequest", "DateFeatures")
    )


def test_the_document_has_every_status_of_an_error() -> None:
    paths = document(TYPES)["paths"]
    found = {
        path: set(next(iter(routes.values()))["responses"]) - {"200", "202"} for path, routes in paths.items()
    }
    known = {str(each.status) for each in vars(problems).values() if isinstance(each, problems.Problem)}
    assert set().union(*found.values()) == known
    assert found["/predict"] == known - {"404", "409", "410"}
    assert all({"431", "500"} <= statuses for statuses in found.values())


@pytest.mark.parametrize(
    ("loans", "reason"), [(1, "one loan per request"), (1000, "at most 1000 loans per request")]
)
def test_a_body_of_too_many_loans_names_the_limit(loans: int, reason: str) -> None:
    types = RequestTypes(portfolio())
    parser = Parser(types.predict_batch, types.portfolio, loans)
    with pytest.raises(Refused) as refused:
        parser.json(b'{"loans": [' + b'{"loan_id": "1"},' * 60_000 + b"]}")
    assert refused.value.problem.details[0].reason.startswith(reason)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("income", -999, None),
        ("income", -998, -998.0),
        ("income", 0, 0.0),
        ("region", "XNA", None),
        ("region", "xna", None),
        ("region", "NA", None),
        ("region", "north", "north"),
        ("opened", "1900-01-01", None),
        ("opened", "1900-01-02", date(1900, 1, 2)),
    ],
)
def test_what_is_missing_in_a_file_is_missing_in_a_request(column: str, value: Any, expected: Any) -> None:
    described = load("demo").model_copy(
        update={
            "columns": {
                "income": Column(kind="number", nullable=True, missing=(-999,)),  # type: ignore[arg-type]
                "region": Column(kind="category", values=("north", "south"), nullable=True),
                "opened": Column(kind="date", nullable=True, missing=("1900-01-01",)),
            },
            "missing": ("XNA",),
            "derive": {},
        }
    )
    types = RequestTypes(described)
    group = {"income": "numerical_features", "region": "categorical_features", "opened": "date_features"}[
        column
    ]
    checked = types.loan(Parser(types.predict, described, 1).values({group: {column: value}}), TODAY)
    assert dict(zip(types.sources, checked.values, strict=True))[column] == expected
    assert parse_cell(described.columns[column], value, described.missing) == expected
