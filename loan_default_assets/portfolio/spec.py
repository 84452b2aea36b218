"""The description of a loan: read from YAML, checked against itself, and hashed."""

import hashlib
import json
from datetime import date
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import model_validator

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Column, Description, FeatureNames, Label, Source
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.validation import problems
from loan_default_assets.portfolio.yaml_loader import library, load_as

__all__ = ["Column", "FeatureNames", "Label", "Portfolio", "PortfolioError", "Source", "library", "load"]


# Names that the hashed document has kept from earlier releases, so that a model stays tied to its portfolio.
_HASHED_AS = {"known_after_outcome": "never", "unknown": "unseen"}


class Portfolio(Description):
    """A description whose parts agree: source, key, time, label, columns, and which may be used for a decision."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if found := problems(self):
            raise ValueError("\n".join(found))
        return self

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that determines rows and features; texts, source and training do not."""
        spec = self.model_dump(
            mode="json", include={"date_format", "label", "key", "as_of", "cadence"}, exclude_defaults=True
        )
        # An order of columns is an order of features, so pairs, which JSON keeps in order.
        spec["columns"] = [[name, _hashed(column)] for name, column in self.columns.items()]
        spec["derive"] = list(self.derive.items())
        spec[_HASHED_AS["known_after_outcome"]] = sorted(self.known_after_outcome)
        spec["protected"] = sorted(self.protected)
        if self.known_at_application:
            spec["known_at_application"] = sorted(self.known_at_application)
        return hashlib.sha256(json.dumps(spec, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def reason(self, feature: str, language: Literal["en", "ko"]) -> str:
        """The text that a person is given for a feature: in the language, in English, or the plain name."""
        texts = self.reasons.get(feature, {})
        column = self.columns.get(feature)
        return texts.get(language) or texts.get("en") or (column.describe if column else None) or feature

    def partition_of(self, day: date) -> str:
        """The key of the partition that holds `day`."""
        return calendar.first_day(day, self.cadence).isoformat() if self.as_of else calendar.UNDATED_PARTITION

    def partition_bounds(self, key: str) -> tuple[date, date]:
        """First day, and day after the last, of a partition; PortfolioError for a key that names none."""
        try:
            first = date.fromisoformat(key)
        except ValueError:
            first = None
        if self.as_of is None or first is None or calendar.first_day(first, self.cadence) != first:
            raise PortfolioError(f"{self.name}: {key!r} is not the first day of a {self.cadence} partition")
        return first, calendar.next_first(first, self.cadence)

    def partition_keys(self, first: date, last: date) -> list[str]:
        """Keys of all partitions from the one that holds `first` to the one that holds `last`."""
        if self.as_of is None:
            return [calendar.UNDATED_PARTITION]
        return [day.isoformat() for day in calendar.firsts(first, last, self.cadence)]


def _hashed(column: Column) -> dict[str, Any]:
    given = column.model_dump(mode="json", exclude_defaults=True, exclude={"unit", "describe"})
    return {_HASHED_AS.get(name, name): value for name, value in given.items()}


def load(name_or_path: str, *, source: str | None = None) -> Portfolio:
    """The portfolio of that name in the library, or in that file.

    `source` (a CSV or Parquet path, or a SQL URL) fills `${...}` placeholders; a portfolio without any has
    its own source replaced by it. Raises PortfolioError naming file and key path.
    """
    return load_as(Portfolio, name_or_path, source)
