"""Random valid requests of any portfolio, including missing values and unknown categories."""

from typing import Any

import numpy as np

from bento.generated import loan_default_pb2 as pb
from bento.schemas.requests import GROUPS
from loan_default_assets.portfolio.spec import Column, Portfolio

REASONS = {"adverse": pb.REASONS_ADVERSE, "all": pb.REASONS_ALL, "none": pb.REASONS_NONE}


def random_bodies(portfolio: Portfolio, count: int, seed: int, **fields: Any) -> list[dict[str, Any]]:
    """JSON bodies; `fields` are set in each."""
    rng = np.random.default_rng(seed)
    return [_body(portfolio, rng) | fields for _ in range(count)]


def _body(portfolio: Portfolio, rng: np.random.Generator) -> dict[str, Any]:
    body: dict[str, Any] = {"categorical_features": {}, "numerical_features": {}}
    for name, column in portfolio.columns.items():
        if name in portfolio.known_after_outcome or column.kind not in GROUPS:
            continue
        group = body.setdefault(GROUPS[column.kind], {})
        if not (column.nullable and rng.random() < 0.2):
            group[name] = _value(column, rng)
        elif rng.random() < 0.5:
            group[name] = None
    return body


def _value(column: Column, rng: np.random.Generator) -> Any:
    if column.kind == "date":
        return f"{rng.integers(1990, 2024)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
    if column.kind == "category":
        unknown = column.unknown == "allow" and rng.random() < 0.05
        return "something else" if unknown else str(rng.choice(column.values or ()))
    low = column.min if column.min is not None else -1e4
    high = column.max if column.max is not None else 1e6
    share = rng.random() ** 6  # most amounts are small relative to their bound
    value = low + (high - low) * share
    return int(value) if column.integer else float(value)


def message(body: dict[str, Any]) -> pb.PredictRequest:
    """The same request for gRPC."""
    groups = {
        group: {name: value for name, value in body.get(group, {}).items() if value is not None}
        for group in GROUPS.values()
    }
    fields = {name: body[name] for name in ("as_of", "loan_id") if name in body}
    return pb.PredictRequest(**groups, **fields, reasons=REASONS[body.get("reasons", "adverse")])


def columns_of(portfolio: Portfolio, bodies: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The same loans column by column, as in a file."""
    return {
        name: [body.get(GROUPS[column.kind], {}).get(name) for body in bodies]
        for name, column in portfolio.columns.items()
        if column.kind in GROUPS
    }
