"""Proposals of the format of a column's numbers, from its distinct texts."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from loan_default_assets.portfolio.ingest.missing_values import (
    is_usual_missing,
    propose_missing,
    propose_sentinels,
)
from loan_default_assets.portfolio.ingest.number_arrays import parse_numbers
from loan_default_assets.portfolio.ingest.number_parsing import (
    NumberFormat,
    is_number,
    number_format,
    parse_number,
    same_characters,
)
from loan_default_assets.portfolio.ingest.number_surroundings import Surroundings, look_around
from loan_default_assets.portfolio.ingest.number_words import CURRENCIES

__all__ = ["NumberFormat", "is_identifier", "is_number", "number_format", "parse_number", "parse_numbers"]
__all__ += ["propose_number_format"]

LEAST_SHARE = 0.95
_SAMPLE, _MOST_FREQUENT = 3_000, 20_000
_MOST_WORDS, _WORDS_SHARE, _LEAST_NUMBERS = 3, 0.3, 10

_LEADING_ZERO = re.compile(r"0\d+", re.ASCII)
_MANY_DIGITS = re.compile(r"[+-]?\d{15,}(?:\.0*)?", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(?:[.,](\d+))?[eE]\+?(\d+)", re.ASCII)
# A plain number that is neither an identifier nor a mark of missing values.
_SHORT = re.compile(r"[+-]?(?:0|[1-9]\d{0,13})(?:\.\d+)?", re.ASCII)
_SEPARATORS = ",. '_"
_BELOW_1000 = re.compile(r"[+-]?(?:0|[1-9]\d{0,2})", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)
_FEWEST_GROUPED = 3


def is_identifier(text: str) -> bool:
    """Whether a text of digits would lose some as a number.

    Those are leading zeros, 15 or more digits, and scientific notation of fewer digits than the whole number has, as
    spreadsheets write long identifiers.
    """
    if _LEADING_ZERO.fullmatch(text) or _MANY_DIGITS.fullmatch(text):
        return True
    match = _SCIENTIFIC.fullmatch(text)
    return match is not None and int(match[2]) >= 11 and int(match[2]) > len(match[1] or "")


def propose_number_format(
    counts: Mapping[str, int], decimal_hint: Literal[".", ","] | None = None
) -> NumberFormat | None:
    """The format in which at least 95 % of a column's non-missing cells are numbers.

    Args:
        counts: Number of cells per distinct text.
        decimal_hint: The decimal separator of the file's other columns; decides whether 1.234 is below or above 1000.

    Returns:
        The format, with what it converts and what it does not; None for a column of something else, such as codes
        with leading zeros, identifiers, dates or ranges.
    """
    texts: Counter[str] = Counter()
    for text, count in counts.items():
        texts[text.strip()] += count
    present = {t: count for t, count in texts.items() if _SHORT.fullmatch(t) or not is_usual_missing(t)}
    if not present or _are_codes(present):
        return None
    surroundings = look_around(present)
    sample = dict(sorted(present.items(), key=lambda item: -item[1])[:_SAMPLE])
    candidates = [c for c in _candidates(present, surroundings) if _may_group(c, sample)]
    converted = {candidate: _converted(candidate, sample) for candidate in candidates}
    # A few slips, such as 1,5 among 12,345, do not decide between two readings.
    least = max(converted.values()) - sum(sample.values()) // 100
    best = _distinct([c for c in candidates if converted[c] >= least], converted, sample)
    # A reading of nearly all cells is named even where another one reads some more.
    near = [c for c in candidates if c not in best and converted[c] >= LEAST_SHARE * sum(sample.values())]
    readings = _distinct([*best, *near], converted, sample)
    first, *others = _ordered(readings, sample, decimal_hint, amounts=surroundings.unit in CURRENCIES)
    first = replace(
        first,
        missing=propose_missing(texts),
        unit=surroundings.unit,
        notes=surroundings.notes,
    )
    if surroundings.unit == "percent":
        first = replace(first, notes=(*first.notes, *_fractions(first, present)))
    proposal = _counted(first, present)
    if not _is_number_column(proposal, present):
        return None
    unit = surroundings.unit
    alternatives = [_counted(replace(o, missing=first.missing, unit=unit), present) for o in others]
    alternatives += [_counted(f, present) for f in surroundings.other_readings(first)]
    numbers: Counter[float] = Counter()
    for text, count in Counter(present).most_common(_MOST_FREQUENT):
        if (number := parse_number(text, first)) is not None:
            numbers[number] += count
    return replace(proposal, alternatives=tuple(alternatives), sentinels=propose_sentinels(numbers))


def _fractions(percents: NumberFormat, texts: Mapping[str, int]) -> list[str]:
    """A note where cells without a percent sign are at most 1 and those with one are not: 0.2 may be 20 %."""
    without = {text: number for text in texts if "%" not in text and (number := parse_number(text, percents))}
    others = [number for text in texts if "%" in text and (number := parse_number(text, percents))]
    if not without or not others or max(map(abs, without.values())) > 1 or max(map(abs, others)) <= 1:
        return []
    cells = sum(texts[text] for text in without)
    return [f"could also be fractions where the percent sign is missing: {cells} cells of at most 1"]


def _are_codes(present: Mapping[str, int]) -> bool:
    """Whether leading zeros make the column one of codes: of one length, or too many to be slips."""
    zeros = [text for text in present if _LEADING_ZERO.fullmatch(text)]
    if not zeros:
        return False
    digits = [text for text in present if text.isascii() and text.isdecimal()]
    one_length = len({len(text) for text in digits}) == 1
    return one_length or sum(present[t] for t in zeros) > (1 - LEAST_SHARE) * sum(present.values())


def _candidates(present: Mapping[str, int], surroundings: Surroundings) -> list[NumberFormat]:
    """A format per combination of separators that occur, the simplest first."""
    characters = set().union(*map(same_characters, present))
    marks = [mark for mark in _SEPARATORS if mark in characters]
    pairs: list[tuple[str, str | None]] = [
        (decimal, None) for decimal in (".", ",") if decimal == "." or decimal in marks
    ]
    pairs += [(decimal, mark) for decimal in (".", ",") for mark in marks if mark != decimal]
    return [surroundings.number_format(decimal, thousands, present) for decimal, thousands in pairs]


def _converted(candidate: NumberFormat, texts: Mapping[str, int]) -> int:
    return sum(count for text, count in texts.items() if _reads(candidate, text))


def _reads(candidate: NumberFormat, text: str) -> bool:
    if candidate.decimal == "." != candidate.thousands and _SHORT.fullmatch(text):
        return True
    return not is_identifier(text) and parse_number(text, candidate) is not None


def _may_group(candidate: NumberFormat, texts: Mapping[str, int]) -> bool:
    """Whether no text such as 0,512 rules out that the separator is one of thousands."""
    mark = candidate.thousands
    return mark not in (",", ".") or not any(
        re.search(rf"(?<![0-9.,])0{re.escape(mark)}[0-9]", t) for t in texts
    )


def _distinct(
    candidates: list[NumberFormat], converted: Mapping[NumberFormat, int], texts: Mapping[str, int]
) -> list[NumberFormat]:
    """The candidates that contradict each other; of those that agree, the one that reads the most cells."""
    kept: list[tuple[NumberFormat, list[float | None]]] = []
    for candidate in sorted(candidates, key=lambda candidate: -converted[candidate]):
        values = [parse_number(text, candidate) for text in texts]
        if all(_contradict(values, others) for _, others in kept):
            kept.append((candidate, values))
    return [candidate for candidate, _ in kept]


def _contradict(one: list[float | None], other: list[float | None]) -> bool:
    return any(a is not None and b is not None and a != b for a, b in zip(one, other, strict=True))


def _ordered(
    candidates: list[NumberFormat], texts: Mapping[str, int], decimal_hint: str | None, *, amounts: bool
) -> list[NumberFormat]:
    """The likeliest reading first; only the readings of the file's decimal separator, if that is known.

    Args:
        candidates: Readings that contradict each other.
        texts: Number of cells per text.
        decimal_hint: As in `propose_number_format`.
        amounts: Whether the cells show a currency, whose amounts have no three decimals.
    """
    fitting = [candidate for candidate in candidates if decimal_hint in (None, candidate.decimal)]
    candidates = fitting or candidates
    round_cells = sum(count for text, count in texts.items() if re.search(r"[.,]\d*00\b", text))
    round_numbers = amounts or round_cells > 0.3 * sum(texts.values()) or _groups_thousands(texts)

    def unlikely(candidate: NumberFormat) -> tuple[bool, bool]:
        # 10,522 is above 1000 more often than not; 1.234 only where most numbers are round, as amounts are.
        grouped = candidate.thousands is not None
        return (
            grouped != round_numbers if "." in (candidate.thousands, candidate.decimal) else False,
            not grouped,
        )

    if any(candidate.thousands == "," for candidate in candidates):
        return sorted(candidates, key=lambda candidate: candidate.thousands != ",")
    return sorted(candidates, key=unlikely)


def _groups_thousands(texts: Mapping[str, int]) -> bool:
    """Whether 1.230 beside 876 is above it: decimals of a fixed number would be in every cell, others end in no 0."""
    plain = [text for text in texts if _BELOW_1000.fullmatch(text)]
    grouped = [text for text in texts if _GROUPED.fullmatch(text)]
    ending = sum(text.endswith("0") for text in grouped)
    return min(len(plain), ending) >= _FEWEST_GROUPED and len(plain) + len(grouped) == len(texts)


def _counted(candidate: NumberFormat, present: Mapping[str, int]) -> NumberFormat:
    unconverted = tuple(text for text in present if not _reads(candidate, text))
    rejected = sum(present[text] for text in unconverted)
    converted = sum(present.values()) - rejected
    return replace(candidate, converted=converted, unconverted=unconverted, rejected=rejected)


def _is_number_column(proposal: NumberFormat, present: Mapping[str, int]) -> bool:
    total = proposal.converted + proposal.rejected
    if proposal.converted >= LEAST_SHARE * total:
        return proposal.converted > 0
    # A few words among many different numbers are missing values by a name of their own, such as "not scored".
    words = [text for text in proposal.unconverted if not any(c.isdigit() for c in text) and len(text) > 1]
    others = proposal.rejected - sum(present[text] for text in words)
    return (
        len(words) <= _MOST_WORDS
        and len(present) - len(proposal.unconverted) >= _LEAST_NUMBERS
        and proposal.rejected <= _WORDS_SHARE * total
        and others <= (1 - LEAST_SHARE) * total
    )
