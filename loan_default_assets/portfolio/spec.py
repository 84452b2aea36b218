"""The portfolio as the rest of the project uses it: a checked description with its hash and its partitions."""

import hashlib
import json
from datetime import date
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import model_validator

from loan_default_assets.portfolio import calendar
from loan_default_assets.portfolio.description import Column, Description, FeatureNames, Label, Source
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.validation import find_problems
from loan_default_assets.portfolio.yaml_loader import library_names, load_validated

__all__ = [
    "EXPLAINED_BY",
    "Column",
    "FeatureNames",
    "Label",
    "Portfolio",
    "PortfolioError",
    "Source",
    "library_names",
    "load",
]


# What only people read of a column: it changes neither rows nor features, and no artifact holds it.
EXPLAINED_BY = frozenset({"category", "actionable"})
# Names that the hashed document keeps from earlier releases, so that a model stays tied to its portfolio.
_HASHED_AS = {"known_after_outcome": "never", "unknown": "unseen"}


class Portfolio(Description):
    """A description whose parts agree: source, key, time, label, columns, and which columns may be features."""

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if problems := find_problems(self):
            raise ValueError("\n".join(problems))
        return self

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over everything that determines rows and features; texts, source and training do not."""
        spec = self.model_dump(
            mode="json",
            include={"date_format", "label", "key", "as_of", "cadence", "missing"},
            exclude_defaults=True,
        )
        # The order of columns is the order of features, so pairs, which JSON keeps in order.
        spec["columns"] = [[name, _hashed_column(column)] for name, column in self.columns.items()]
        spec["derive"] = list(self.derive.items())
        spec[_HASHED_AS["known_after_outcome"]] = sorted(self.known_after_outcome)
        spec["protected"] = sorted(self.protected)
        # Only when given: portfolios written before the key existed keep their hash.
        if self.known_at_application:
            spec["known_at_application"] = sorted(self.known_at_application)
        return hashlib.sha256(json.dumps(spec, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def reason(self, feature: str, language: Literal["en", "ko"]) -> str:
        """The reason text of a feature: in the language, else in English, else its description, else its name."""
        texts = self.reasons.get(feature, {})
        column = self.columns.get(feature)
        return texts.get(language) or texts.get("en") or (column.describe if column else None) or feature

    def titled(self, feature: str, language: Literal["en", "ko"]) -> str:
        """The reason text of a feature, and its name by which the column is found; the name alone without a text.

        Examples:
            >>> p = Portfolio.model_validate({
            ...     "name": "bank", "source": {"kind": "csv", "path": "loans.csv"}, "label": {"column": "bad"},
            ...     "columns": {"inc": {"kind": "number"}, "age": {"kind": "number"}},
            ...     "reasons": {"inc": {"en": "Income", "ko": "소득"}}})
            >>> p.titled("inc", "en"), p.titled("inc", "ko"), p.titled("age", "ko")
            ('Income (inc)', '소득 (inc)', 'age')
        """
        text = self.reason(feature, language)
        return feature if text == feature else f"{text} ({feature})"

    def category_texts(self, name: str) -> tuple[str, str]:
        """The English and the Korean text of a data category; its name where the portfolio gives no text."""
        texts = self.categories.get(name, {})
        english = texts.get("en") or name
        return english, texts.get("ko") or english

    def categories_of(self, feature: str) -> tuple[str | None, ...]:
        """The distinct data categories of a feature, those of its operands where it is derived; None: not named."""
        names = self.derived[feature].names if feature in self.derived else (feature,)
        return tuple(dict.fromkeys(self.columns[name].category for name in names)) or (None,)

    def reason_texts(self) -> list[tuple[str, str, str]]:
        """(name, English text, Korean text) of every feature: numerical, then categorical."""
        names = (*self.features.numerical, *self.features.categorical)
        return [(name, self.reason(name, "en"), self.reason(name, "ko")) for name in names]

    def partition_of(self, day: date) -> str:
        """The key of the partition that holds `day`."""
        if self.as_of is None:
            return calendar.UNDATED_PARTITION
        return calendar.partition_start(day, self.cadence).isoformat()

    def partition_bounds(self, key: str) -> tuple[date, date]:
        """First day of a partition, and the day after its last.

        Raises:
            PortfolioError: The key names no partition, or the portfolio has no dates.
        """
        try:
            start = date.fromisoformat(key)
        except ValueError:
            start = None
        if self.as_of is None or start is None or calendar.partition_start(start, self.cadence) != start:
            raise PortfolioError(f"{self.name}: {key!r} is not the first day of a {self.cadence} partition")
        return start, calendar.next_partition_start(start, self.cadence)

    def partition_keys(self, first: date, last: date) -> list[str]:
        """Keys of all partitions from the one that holds `first` to the one that holds `last`."""
        if self.as_of is None:
            return [calendar.UNDATED_PARTITION]
        starts = calendar.partition_starts_between(first, last, self.cadence)
        return [start.isoformat() for start in starts]


def _hashed_column(column: Column) -> dict[str, Any]:
    given = column.model_dump(mode="json", exclude_defaults=True, exclude={"unit", "describe", *EXPLAINED_BY})
    return {_HASHED_AS.get(name, name): value for name, value in given.items()}


def load(name_or_path: str, *, source: str | None = None) -> Portfolio:
    """Read and check a portfolio.

    Args:
        name_or_path: A name in the library, or a YAML file.
        source: Path of a file of any kind that is read, or URL of a database. It fills the `${...}` placeholders; a
            portfolio without placeholders has its own source replaced.

    Raises:
        PortfolioError: The portfolio cannot be used; each line of the message names the file and the key path.
    """
    return load_validated(Portfolio, name_or_path, source)
