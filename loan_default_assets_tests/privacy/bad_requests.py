"""Requests with every kind of fault, whose values are canaries; the number of a case follows those of the sources."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bento.generated import loan_default_pb2 as pb
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.privacy import canary_values
from loan_default_assets_tests.privacy.bad_sources import SOURCES

JSON = "application/json"


@dataclass(frozen=True)
class BadRequest:
    """One bad HTTP request.

    Attributes:
        name: What is wrong with it.
        body: Of a text and a number that only this case holds.
        media: Its content type.
        path: Where it is sent; a query and a path may hold the text.
    """

    name: str
    body: Callable[[str, int], bytes]
    media: str = JSON
    path: Callable[[str], str] = lambda _: "/predict"


@dataclass(frozen=True)
class BadMessage:
    """One bad gRPC call, as the bytes of its message."""

    name: str
    data: Callable[[str, int], bytes]
    method: str = "/loan_default.v1.LoanDefault/Predict"


def _json(**changed: Callable[[str, int], Any]) -> Callable[[str, int], bytes]:
    """A valid request with some columns or fields changed."""
    return lambda text, number: json.dumps(
        request(**{name: value(text, number) for name, value in changed.items()})
    ).encode()


def _replaced(old: str, new: Callable[[str, int], str]) -> Callable[[str, int], bytes]:
    """The text of a valid request with a part replaced."""

    def body(text: str, number: int) -> bytes:
        valid = json.dumps(request(loan_id=text))
        assert old in valid
        return valid.replace(old, new(text, number), 1).encode()

    return body


def _message(**changed: Any) -> Callable[[str, int], bytes]:
    def data(text: str, number: int) -> bytes:
        valid = request()
        groups = ("categorical_features", "numerical_features", "date_features")
        fields = {group: valid[group] for group in groups} | {"loan_id": text}
        for name, value in changed.items():
            made = value(text, number)
            fields[name] = fields[name] | made if isinstance(made, dict) else made
        message: bytes = pb.PredictRequest(**fields).SerializeToString()
        return message

    return data


HTTP = [
    BadRequest("no fault", _json(loan_id=lambda t, n: t, debt=lambda t, n: n)),
    BadRequest("a text for a number", _json(income=lambda t, n: t)),
    BadRequest("a number for a text", _json(job=lambda t, n: n)),
    BadRequest("an unknown category", _json(grade=lambda t, n: t)),
    BadRequest("above the maximum", _json(income=lambda t, n: n)),
    BadRequest("below the minimum", _json(income=lambda t, n: -n)),
    BadRequest("not a whole number", _json(children=lambda t, n: n / 8)),
    BadRequest("not a date", _json(hired=lambda t, n: t)),
    BadRequest("an impossible date", _json(hired=lambda t, n: "1931-23-17")),
    BadRequest("a date in the future", _json(as_of=lambda t, n: f"{n}-01-01")),
    BadRequest("a protected column", _json(sex=lambda t, n: t)),
    BadRequest("a column that is known after the outcome", _json(recovered=lambda t, n: n)),
    BadRequest("a text column", _json(remarks=lambda t, n: t)),
    BadRequest("an unknown field", lambda t, n: json.dumps(request() | {t: n}).encode()),
    BadRequest("an unknown column", _json(numerical_features=lambda t, n: {t: n})),
    BadRequest("a missing field", _json(income=lambda t, n: ..., loan_id=lambda t, n: t)),
    BadRequest("a list for an object", _json(categorical_features=lambda t, n: [t, n])),
    BadRequest("an over-long loan id", _json(loan_id=lambda t, n: t * 500)),
    BadRequest("an over-long text", _json(job=lambda t, n: t * 5000)),
    BadRequest("a NUL character", _json(loan_id=lambda t, n: t + "\0")),
    BadRequest("half of a character", _replaced('"clerk"', lambda t, n: rf'"{t}\ud800"')),
    BadRequest("a name twice", _replaced('"grade": ', lambda t, n: f'"grade": "{t}", "grade": ')),
    BadRequest("an infinite number", _replaced("30000.0", lambda t, n: f"1e999, {json.dumps(t)}: {n}")),
    BadRequest("a number that is none", _replaced("30000.0", lambda t, n: "NaN")),
    BadRequest("a number of many digits", _replaced("30000.0", lambda t, n: f"{n}" * 400)),
    BadRequest(
        "invalid UTF-8", lambda t, n: _json(job=lambda t, n: t)(t, n).replace(b"Canaryq", b"Canaryq\xff")
    ),
    BadRequest("a truncated body", lambda t, n: _json(job=lambda t, n: t)(t, n)[:-30]),
    BadRequest("a text alone", lambda t, n: json.dumps(t).encode()),
    BadRequest("no JSON", lambda t, n: t.encode()),
    BadRequest("deeply nested", lambda t, n: (f'{{"{t}": ' + "[" * 3000 + f"{n}").encode()),
    BadRequest("another media type", lambda t, n: t.encode(), media="text/plain"),
    BadRequest(
        "a form", lambda t, n: f"income={n}&job={t}".encode(), media="application/x-www-form-urlencoded"
    ),
    BadRequest("a media type that is a value", lambda t, n: b"{}", media="Canaryq/x"),
    BadRequest("a value in the path", lambda t, n: b"{}", path=lambda t: f"/predict/{t}"),
    BadRequest("a value in the query", _json(grade=lambda t, n: t), path=lambda t: f"/predict?loan={t}"),
    BadRequest(
        "a batch with one bad loan",
        lambda t, n: json.dumps({"loans": [request(), request(grade=t, income=-n)]}).encode(),
        path=lambda _: "/predict-batch",
    ),
    BadRequest("a body for a reload", lambda t, n: json.dumps(t).encode(), path=lambda _: "/reload-model"),
]

GRPC = [
    BadMessage("no fault", _message(numerical_features=lambda t, n: {"debt": n})),
    BadMessage("an unknown category", _message(categorical_features=lambda t, n: {"grade": t})),
    BadMessage("above the maximum", _message(numerical_features=lambda t, n: {"income": n})),
    BadMessage("not a number", _message(numerical_features=lambda t, n: {"income": float("nan")})),
    BadMessage("not a whole number", _message(numerical_features=lambda t, n: {"children": n / 8})),
    BadMessage("not a date", _message(date_features=lambda t, n: {"hired": t})),
    BadMessage("an unknown column", _message(numerical_features=lambda t, n: {t: n})),
    BadMessage("an over-long loan id", _message(loan_id=lambda t, n: t * 500)),
    BadMessage("a NUL character", _message(loan_id=lambda t, n: t + "\0")),
    BadMessage("invalid UTF-8", lambda t, n: _message()(t, n).replace(b"Canaryq", b"Canar\xffq")),
    BadMessage("a truncated message", lambda t, n: _message()(t, n)[:-3]),
    BadMessage("another message", lambda t, n: t.encode()),
    BadMessage("an unknown method", _message(), "/loan_default.v1.LoanDefault/Canaryq"),
    BadMessage("an unknown service", _message(), "/Canaryq/Predict"),
    BadMessage(
        "health of a service of this name",
        lambda t, n: b"\x0a" + bytes([len(t)]) + t.encode(),
        "/grpc.health.v1.Health/Check",
    ),
    BadMessage(
        "a batch that is no batch",
        lambda t, n: b"\x0a" + bytes([len(t)]) + t.encode(),
        "/loan_default.v1.LoanDefault/PredictBatch",
    ),
]

# Records that the table of predictions refuses, as lines of the spool.
RECORDS: dict[str, Callable[[str, int], bytes]] = {
    "of an unknown model": lambda t, n: _record(t, n),
    "with a NUL character": lambda t, n: _record(t + "\0", n),
    "with a probability above 1": lambda t, n: _record(t, n, probability=2.5),
    "that is cut off": lambda t, n: _record(t, n)[:-20],
    "that is no JSON": lambda t, n: f"{t} {n}".encode(),
    "in bytes that are not text": lambda t, n: f"{t} {n}".encode() + b"\xff\xfe",
}


def _record(text: str, number: int, **changed: Any) -> bytes:
    loan = {"loan_id": text, "features": {"debt": number, "job": text}, "probability": 0.5, "decision": 1}
    return json.dumps(
        {
            "request_id": f"00000000-0000-4000-8000-{number % 10**12:012d}",
            "model_version": "c000000000000",
            "threshold": 0.4,
            "channel": "http",
            "latency_ms": 1.0,
            "created_at": "2024-06-01T00:00:00+00:00",
            "loans": [loan | {"reasons": None} | changed],
        }
    ).encode()


NAMES = [
    *(source.name for source in SOURCES),
    *(f"HTTP: {each.name}" for each in HTTP),
    *(f"gRPC: {each.name}" for each in GRPC),
    *(f"record {name}" for name in RECORDS),
]


def values(name: str) -> tuple[str, int]:
    """The text and the number of a case."""
    number = NAMES.index(name)
    return canary_values.text(number), canary_values.number(number)
