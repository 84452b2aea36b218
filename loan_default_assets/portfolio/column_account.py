"""The account of a portfolio's columns: what each is used as, or why it is no feature."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from loan_default_assets.portfolio.description import Description

ColumnUseName = Literal[
    "key",
    "as_of",
    "label",
    "numerical feature",
    "categorical feature",
    "known after the outcome",
    "protected",
    "stored only",
    "ignored",
]


@dataclass(frozen=True)
class ColumnUse:
    """One column.

    Attributes:
        name: Its name in the portfolio; in the source, for a column that is not read.
        use: What it is used as.
        kind: Number, category, date, text, or derived; empty where the portfolio gives none.
        reason: Why it is no feature; empty for a feature.
    """

    name: str
    use: ColumnUseName
    kind: str = ""
    reason: str = ""

    @property
    def is_feature(self) -> bool:
        """Whether the model uses it."""
        return self.use in ("numerical feature", "categorical feature")


def column_account(p: Description) -> tuple[ColumnUse, ...]:
    """Every column that the portfolio names: special ones, described ones, derived ones, then those not read."""
    return tuple(_uses(p))


def _uses(p: Description) -> Iterator[ColumnUse]:
    if p.key:
        yield ColumnUse(p.key, "key", reason="identifies the loan")
    if p.as_of:
        yield ColumnUse(p.as_of, "as_of", "date", "the date on which the loan was known")
    yield ColumnUse(p.label.column, "label", reason=f"the outcome; default = {p.label.default_text}")
    if p.label.observed_at:
        yield ColumnUse(p.label.observed_at, "label", "date", "the date on which the outcome was known")
    numerical, categorical = set(p.features.numerical), set(p.features.categorical)
    for name, column in p.columns.items():
        if name in numerical:
            yield ColumnUse(name, "numerical feature", column.kind)
        elif name in categorical:
            yield ColumnUse(name, "categorical feature", column.kind)
        elif name in p.known_after_outcome:
            yield ColumnUse(
                name, "known after the outcome", column.kind, "exists only after the outcome: refused"
            )
        elif name in p.protected:
            yield ColumnUse(
                name, "protected", column.kind, "a protected attribute: reported on, never a feature"
            )
        else:
            yield ColumnUse(name, "stored only", column.kind, f"kind {column.kind} is no input of the model")
    for name, expression in p.derive.items():
        yield ColumnUse(name, "numerical feature", f"derived: {expression}")
    for name in p.ignore:
        yield ColumnUse(name, "ignored", reason=p.ignored_because.get(name, "listed under ignore: not read"))
