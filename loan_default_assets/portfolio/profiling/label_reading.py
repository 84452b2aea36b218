"""How the values of a label are read: which are a default, and what share of the loans that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loan_default_assets.portfolio.ingest.number_parsing import is_number


@dataclass(frozen=True)
class LabelReading:
    """How the values of the label are read.

    Attributes:
        column: The label's column.
        counts: Number of loans per value.
        positive: Values of a default.
        negative: Values of a loan without default.
        pending: Values of a loan without an outcome yet.
        unknown: Those of the pending values that are codes of an outcome that is not known, as nobody has said.
        at_least: Numbers from here on are a default; None for a label of values.
        why: What the reading rests on.
        guessed: Whether it rests on no word at all, so that a human should confirm it.
        counted: Number of loans with an outcome and of defaults, once every row was read; `counts` has the first
            20,000 values only.
    """

    column: str
    counts: Mapping[str, int]
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    at_least: float | None = None
    why: str = ""
    guessed: bool = False
    counted: tuple[int, int] | None = None

    @property
    def defaults(self) -> int:
        """Number of loans that are a default."""
        if self.counted is not None:
            return self.counted[1]
        if self.at_least is None:
            return sum(self.counts[value] for value in self.positive)
        return sum(count for value, count in self._numbers() if value >= self.at_least)

    @property
    def known(self) -> int:
        """Number of loans with an outcome."""
        if self.counted is not None:
            return self.counted[0]
        if self.at_least is None:
            return self.defaults + sum(self.counts[value] for value in self.negative)
        return sum(count for _, count in self._numbers())

    @property
    def rate(self) -> float:
        """Share of defaults among the loans with an outcome."""
        return self.defaults / self.known if self.known else 0.0

    @property
    def text(self) -> str:
        """`default = 2 (31.5 % of loans)`."""
        value = " or ".join(self.positive) if self.at_least is None else f"{self.column} >= {self.at_least:g}"
        return f"default = {value} ({100 * self.rate:.1f} % of loans)"

    @property
    def unknown_text(self) -> str:
        """What to decide where codes are taken for an outcome that is not known; an empty text without one."""
        if not self.unknown:
            return ""
        rows, codes = sum(self.counts[value] for value in self.unknown), ", ".join(self.unknown)
        outcomes = " and ".join(value for value in self.counts if value not in self.pending)
        default = (
            f"--positive {','.join((*self.positive, *self.unknown))}" if self.positive else "list it too"
        )
        return (
            f"label: {rows:,} loans have {codes} in {self.column}, which beside {outcomes} often stands for an outcome "
            "that is not known. They count as without an outcome: kept, and neither trained nor evaluated on "
            f"(label.pending). Where that is a default: {default}; where it is none, move it from label.pending to "
            "label.negative."
        )

    def keys(self) -> dict[str, Any]:
        """The keys of `label` in the portfolio, apart from the horizon."""
        if self.at_least is not None:
            keys: dict[str, Any] = {"column": self.column, "at_least": self.at_least}
            keys["at_least"] = int(self.at_least) if self.at_least.is_integer() else self.at_least
        else:
            keys = {
                "column": self.column,
                "positive": _listed(self.positive),
                "negative": _listed(self.negative),
            }
        return keys | ({"pending": list(self.pending)} if self.pending else {})

    def _numbers(self) -> list[tuple[float, int]]:
        known = {value: count for value, count in self.counts.items() if value not in self.pending}
        return [(float(value), count) for value, count in known.items() if is_number(value)]


def _listed(values: tuple[str, ...]) -> Any:
    return values[0] if len(values) == 1 else list(values)
