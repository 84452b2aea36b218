"""Numbers as they are written in cells: one format per column, read strictly, for one cell and for many."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from loan_default_assets.portfolio.cell_options import CellOptions

# A double holds whole numbers below this exactly.
EXACT_BELOW = 2.0**53

_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
# Blanks of any width, apostrophes, the minus sign, and the full-width characters of East Asian text.
_SAME = (
    dict.fromkeys(map(ord, "\u00a0\u202f\u2009\u2007\u3000"), " ")
    | {ord("\u2019"): "'", ord("\u2212"): "-", ord("\uffe6"): "₩", ord("\uffe5"): "¥"}
    | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
)
_PARENTHESES = re.compile(r"([^()\d]*)\(([^()]*\d[^()]*)\)([^()\d]*)")
# Matches no text, in Python and in Arrow.
_NOTHING = r"[^\s\S]"


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written; the fields are the keys of a portfolio's column.

    Attributes:
        decimal: Decimal separator.
        thousands: Thousands separator; the blank stands for blanks of any width.
        affixes: Texts before or after the number that are removed.
        multipliers: Units after the number, and their factors.
        negative: `parentheses` for (1,234), `trailing` for 1234-.
        replace: Numbers of texts.
        unit: The unit that the affixes or multipliers show; for information only.
        missing: Texts that mean a missing value, for `missing:`.
        converted: Of a proposal: number of cells that are numbers in this format.
        unconverted: Of a proposal: the distinct texts that are neither numbers nor missing.
        rejected: Of a proposal: number of cells with such texts.
        alternatives: Of a proposal: other readings that fit the same cells; a human decides.
        notes: Of a proposal: what a human should know about the reading.
        sentinels: Of a proposal: numbers that may stand for a missing value, such as -1 or 9999; a human decides.
    """

    decimal: str = "."
    thousands: str | None = None
    affixes: tuple[str, ...] = ()
    multipliers: tuple[tuple[str, float], ...] = ()
    negative: tuple[str, ...] = ()
    replace: tuple[tuple[str, float], ...] = ()
    unit: str | None = None
    missing: tuple[str, ...] = ()
    converted: int = 0
    unconverted: tuple[str, ...] = ()
    rejected: int = 0
    alternatives: tuple["NumberFormat", ...] = ()
    notes: tuple[str, ...] = ()
    sentinels: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether Arrow's own parser reads these numbers."""
        return not self.keys() and self.decimal == "."

    def keys(self) -> dict[str, Any]:
        """The keys to write in a portfolio's column, apart from `missing` and `unit`."""
        given: dict[str, Any] = {"decimal": self.decimal} if self.decimal != "." else {}
        given |= {"thousands": self.thousands} if self.thousands else {}
        given |= {"affixes": list(self.affixes)} if self.affixes else {}
        given |= {"multipliers": dict(self.multipliers)} if self.multipliers else {}
        given |= {"negative": list(self.negative)} if self.negative else {}
        return given | ({"replace": dict(self.replace)} if self.replace else {})

    @property
    def is_affixed(self) -> bool:
        """Whether the numbers differ from plain ones only by separators, affixes and a sign."""
        return not self.multipliers and not self.replace

    @cached_property
    def affixed_pattern(self) -> str:
        """The usual form of such a number as a pattern of Arrow, which reads many texts at once."""
        around = rf"(?:\s*(?:{_any_affix(self.affixes)}))*\s*" if self.affixes else r"\s*"
        number = re.sub(r"\(\?!.*?\)", "", self._number)
        return rf"^(?P<first>[+-]?){around}(?P<second>[+-]?)\s*(?P<number>{number}){around}$"

    @cached_property
    def _replaced(self) -> dict[str, float]:
        return {same_characters(text).casefold(): number for text, number in self.replace}

    @cached_property
    def _factors(self) -> dict[str, float]:
        return {same_characters(unit): factor for unit, factor in self.multipliers}

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        around = rf"(?:\s*(?:{_any_affix(self.affixes)}))*\s*"
        unit = rf"\s*(?P<unit>{_any_of(self._factors)})?"
        sign = r"(?P<{}>[+-])?"
        return re.compile(
            rf"{sign.format('first')}{around}{sign.format('second')}\s*"
            rf"(?P<number>{self._number}){unit}{around}(?P<last>-)?{around}"
        )

    @cached_property
    def _term(self) -> re.Pattern[str]:
        return re.compile(
            rf"[\s,]*(?P<number>{self._number})\s*(?P<unit>{_any_of(self._factors)})(?![^\W\d_])"
        )

    @property
    def _number(self) -> str:
        point, whole = re.escape(self.decimal), r"[0-9]+"
        if self.thousands:
            mark = re.escape(self.thousands)
            grouped = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+"
            # Indian grouping: 12,34,567.
            grouped += rf"|[1-9][0-9]?(?:{mark}[0-9]{{2}})+{mark}[0-9]{{3}}" if self.thousands == "," else ""
            whole = rf"(?:{grouped}|[0-9]+)(?![0-9])"
        return rf"(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]{{1,3}}(?![0-9.,]))?"

    def _value(self, digits: str) -> float:
        if self.thousands:
            digits = digits.replace(self.thousands, "")
        return float(digits.replace(self.decimal, "."))


def number_format(options: CellOptions) -> NumberFormat:
    """The format that a portfolio's column describes."""
    return NumberFormat(
        options.decimal,
        options.thousands,
        options.affixes,
        options.multipliers,
        options.negative,
        options.replace,
    )


def is_number(text: str) -> bool:
    """Whether a cell is a number that Arrow's CSV reader reads, without thousands separators and unit."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text and text.isascii()


def parse_number(text: str, number_format: NumberFormat) -> float | None:
    """The number in a text, or None for a text that is not a number in the format."""
    if _PLAIN.fullmatch(text) and (
        number_format.decimal == "." != number_format.thousands or text.isdecimal()
    ):
        return _finite(float(text))
    text = same_characters(text)
    if number_format._replaced and (replaced := number_format._replaced.get(text.casefold())) is not None:
        return replaced
    sign = 1.0
    if "(" in text and "parentheses" in number_format.negative and (inner := _PARENTHESES.fullmatch(text)):
        text, sign = "".join(inner.groups()).strip(), -1.0
    match = number_format._whole.fullmatch(text)
    if match is None:
        return _sum_of_units(text, number_format) if sign > 0 else None
    marks = [mark for mark in (match["first"], match["second"], match["last"]) if mark]
    if len(marks) + (sign < 0) > 1 or (match["last"] and "trailing" not in number_format.negative):
        return None
    factor = number_format._factors[match["unit"]] if match["unit"] else 1.0
    value = number_format._value(match["number"]) * factor
    return _finite(-value if sign < 0 or marks == ["-"] else value)


def same_characters(text: str) -> str:
    """The text with one kind of blank, apostrophe and minus, and without full-width characters."""
    return (text if text.isascii() else text.translate(_SAME)).strip()


def _sum_of_units(text: str, number_format: NumberFormat) -> float | None:
    """The sum of `5yrs 3mon`: several numbers, each with a unit that is smaller than the one before."""
    if len(number_format._factors) < 2:
        return None
    total, before, position = 0.0, math.inf, 0
    while position < len(text):
        match = number_format._term.match(text, position)
        if match is None or number_format._factors[match["unit"]] >= before:
            break
        before = number_format._factors[match["unit"]]
        total += number_format._value(match["number"]) * before
        position = match.end()
    rest = text[position:]
    affixes_only = re.fullmatch(rf"(?:\s*(?:{_any_affix(number_format.affixes)}))*\s*", rest)
    return total if position and affixes_only else None


def _any_of(texts: Sequence[str] | dict[str, float]) -> str:
    """A pattern of any of the texts, the longest first; of nothing at all when there is none."""
    words = sorted({same_characters(text).strip() for text in texts}, key=len, reverse=True)
    return "|".join(map(re.escape, words)) or _NOTHING


def _any_affix(affixes: Sequence[str]) -> str:
    """A pattern of any of the affixes: words in any case, single letters as they are (m is not M)."""
    letters = [affix for affix in affixes if len(affix) == 1]
    return f"(?i:{_any_of([affix for affix in affixes if len(affix) > 1])})|{_any_of(letters)}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
