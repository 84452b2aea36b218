"""From bytes to a valid request, or to the list of its faults, which quotes no value of the request."""

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bento.schemas.problems import INVALID, MALFORMED, Detail, Problem, Refused
from loan_default_assets.portfolio.spec import Portfolio

SHOWN_FAULTS = 20
BIG_BYTES = 1 << 16
# An unknown field that could be a misspelt column is named in the error; any other name may be personal data.
_NAME_LIKE = re.compile(r"[a-z][a-z0-9_]{0,62}")


class _GivenTwice(Exception):
    pass


def _require_unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _GivenTwice(next(key for key in keys if keys.count(key) > 1))


# Pydantic takes the last value of a key that is given twice, other readers of the same request the first.
_UNIQUE_KEYS = json.JSONDecoder(
    object_pairs_hook=_require_unique, parse_float=str, parse_int=str, parse_constant=str, strict=False
)


def _key_given_twice(body: bytes) -> str | None:
    """A key that an object of a valid request has twice; it has no unknown keys, so the name is no personal data."""
    try:
        _UNIQUE_KEYS.decode(body.decode())
    except _GivenTwice as error:
        return str(error)
    return None


class Parser:
    """Parses and checks requests.

    Args:
        model: The pydantic model of the request, derived from the portfolio.
        portfolio: Names the columns.
        loans: The most loans per request.
        shown_faults: The most faults that an error lists.
    """

    def __init__(
        self, model: type[BaseModel], portfolio: Portfolio, loans: int, shown_faults: int = SHOWN_FAULTS
    ) -> None:
        self._model, self._columns, self._shown_faults = model, tuple(portfolio.columns), shown_faults
        self._known_after_outcome = frozenset(portfolio.known_after_outcome)
        self._most_loans, self._most_fields = loans, loans * (len(portfolio.columns) + 16)

    def json(self, body: bytes) -> Any:
        """Parse a JSON text.

        Raises:
            Refused: The text is no valid request.
        """
        # Pydantic makes an error object per unknown field: thousands of them would cost seconds and memory.
        if len(body) > BIG_BYTES and body.count(b":") > self._most_fields:
            most = "one loan" if self._most_loans == 1 else f"at most {self._most_loans} loans"
            reason = f"{most} per request; the body holds more fields than that"
            raise Refused(INVALID.with_details([Detail("body", reason)]))
        try:
            request = self._model.model_validate_json(body)
        except ValidationError as error:
            faults = self._faults(error)
        else:
            if (twice := _key_given_twice(body)) is None:
                return request
            faults = INVALID.with_details([Detail(twice, "is given twice")])
        raise Refused(faults)

    def values(self, fields: Mapping[str, Any]) -> Any:
        """Check plain values.

        Raises:
            Refused: The values are no valid request.
        """
        try:
            return self._model.model_validate(fields)
        except ValidationError as error:
            faults = self._faults(error)
        raise Refused(faults)

    def _faults(self, error: ValidationError) -> Problem:
        faults = error.errors(include_input=False, include_context=False, include_url=False)
        first = faults[0]
        if first["type"] == "json_invalid":
            return MALFORMED.with_details([Detail("body", first["msg"])])
        if first["type"] == "model_type" and not first["loc"]:
            return MALFORMED
        details = [self._detail(fault) for fault in faults[: self._shown_faults]]
        if len(faults) > self._shown_faults:
            details.append(Detail("", f"and {len(faults) - self._shown_faults} more faults"))
        return INVALID.with_details(details)

    def _detail(self, fault: ErrorDetails) -> Detail:
        *path, last = (str(part) for part in fault["loc"])
        if fault["type"] != "extra_forbidden":
            return Detail(".".join([*path, last]), fault["msg"].removeprefix("Value error, "))
        printable = last in self._known_after_outcome or _NAME_LIKE.fullmatch(last)
        field = ".".join([*path, last if printable else "(not a column name)"])
        if last in self._known_after_outcome:
            return Detail(field, "is known only after the outcome and is not accepted")
        close = get_close_matches(last[:63], self._columns, n=1)
        return Detail(field, f"unknown field; did you mean {close[0]}?" if close else "unknown field")
