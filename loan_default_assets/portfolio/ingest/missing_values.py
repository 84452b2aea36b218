"""Missing values: the spellings that mean one, those that a portfolio lists, and proposals for a new portfolio."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from statistics import median

from loan_default_assets.portfolio.spec import Portfolio

# Always missing, unless a category has them as a value; every other spelling is listed in the portfolio.
DEFAULT_MARKS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")

_SPELLINGS = """
n/a na n.a. n.a n\\a n/d nan -nan null none nil missing unknown undefined unspecified empty blank xna xap tbd n/k n/r
na/na nat nul \\n k.a. k.a s/d s.d. #n/a #na #value! #ref! #name? #null! #num! #div/0! #error! #missing
미상 미입력 무응답 결측 없음 해당없음 정보없음 모름 알수없음
"""
_PHRASES = """
not available, not applicable, not known, not provided, not reported, not specified, not stated, not given,
not assigned, not entered, no data, no value, no answer, no response, keine angabe, #n/a n/a,
해당 없음, 정보 없음, 알 수 없음
"""
_WORDS = frozenset([*_SPELLINGS.split(), *(phrase.strip() for phrase in _PHRASES.split(","))])
# Words that are a value of their own when they are frequent among texts: "no guarantor", "purpose unknown".
_MAY_BE_A_VALUE = frozenset({"none", "nil", "unknown", "not applicable", "없음", "해당없음", "해당 없음"})
_MOST_OF_TEXTS = 0.3
_PUNCTUATION = re.compile(r"[-–—‐−.?*_~#/\\ ]+")
_BRACKETED = re.compile(r"""[(\[<{"'](.*)[)\]>}"']""")
_WITH_UNIT = re.compile(
    r"(.*\S)\s*(?:years?|yrs?|months?|mons?|mos?|days?|weeks?|%|percent|usd|eur|krw|원|년|개월)"
)
_ZERO_DATE = re.compile(
    r"(?:0{4}([-/. ]) ?\d{1,2}\1 ?\d{1,2}|\d{4}([-/. ]) ?0{1,2}\2 ?\d{1,2}|\d{4}([-/. ]) ?\d{1,2}\3 ?0{1,2}"
    r"|0{1,2}([-/. ])\d{1,2}\4\d{4}|\d{1,2}([-/. ])0{1,2}\5\d{4}|\d{1,2}([-/. ])\d{1,2}\6 ?0{4})(?:[T ][\d:.]+)?"
)
_PLAIN = re.compile(r"[-+]?\d+(?:\.\d+)?", re.ASCII)
# What a bureau writes where there is no count: no account, too many, refused.
_CODES = frozenset({95.0, 96.0, 97.0, 98.0, 99.0})
_LEAST_REPEATED, _LEAST_DIFFERENT, _LEAST_SHARE = 3, 20, 0.01
_SENTINEL = re.compile(r"-[1-9]|-?(?:9{3,}|8{3,}|7{3,})|-?9{2,}[5-8]|-99|-98|-88|-77")


def is_usual_missing(text: str) -> bool:
    """Whether a cell is a usual spelling of a missing value, in any case, with or without blanks and brackets."""
    plain = " ".join(text.split()).casefold()
    if plain in _WORDS or not plain or _PUNCTUATION.fullmatch(plain) or _ZERO_DATE.fullmatch(plain):
        return True
    inner = _BRACKETED.fullmatch(plain) or _WITH_UNIT.fullmatch(plain)
    return inner is not None and (inner[1] in _WORDS or bool(_PUNCTUATION.fullmatch(inner[1])))


def propose_missing(counts: Mapping[str, int]) -> tuple[str, ...]:
    """The cells of a column that are usual spellings of a missing value, for `missing:` in its portfolio.

    Args:
        counts: Number of cells per distinct text.

    Returns:
        The texts without surrounding blanks, each spelling in one case; without those that are always missing.
    """
    found: dict[str, str] = {}
    marks = {
        text: count for text, count in counts.items() if not _PLAIN.fullmatch(text) and is_usual_missing(text)
    }
    values = sum(counts.values()) - sum(marks.values())
    texts = sum(n for text, n in counts.items() if text not in marks and not _has_digit(text)) if marks else 0
    for text, count in marks.items():
        mark = text.strip()
        if mark in DEFAULT_MARKS:
            continue
        frequent = count > _MOST_OF_TEXTS * (values + count)
        if mark.casefold() in _MAY_BE_A_VALUE and frequent and texts > values / 2:
            continue
        found.setdefault(mark.casefold(), mark)
    return tuple(found.values())


def propose_sentinels(numbers: Mapping[float, int]) -> tuple[str, ...]:
    """The numbers of a column that may stand for a missing value, such as -1 or 9999; a human decides.

    Args:
        numbers: Number of cells per distinct number.

    Returns:
        Numbers below zero in a column that is not negative otherwise; runs of nines (or eights, or sevens) that stand
        apart from the other numbers or are far more frequent; codes such as 96 and 98 among counts; and one frequent
        number far beyond all others, such as 365243 days among negative ones.
    """
    written = {number: f"{number:.15g}" for number in numbers}
    candidates = [number for number, text in written.items() if _SENTINEL.fullmatch(text)]
    others = sorted(number for number in numbers if number not in candidates)
    if not others:
        return ()
    usual = median(numbers[number] for number in others)
    below = sorted((number for number in candidates if -9 <= number < 0), reverse=True)
    # -2, -1, 0, 1: a scale that goes on below zero, such as months of delay.
    scale = len(below) > 1 and others[0] == 0 and below == [-1.0 - n for n in range(len(below))]
    found = []
    for number in candidates:
        apart = others[0] >= 0 if number < 0 else number > 2 * others[-1]
        frequent = number > others[-1] and numbers[number] >= max(3, 5 * usual)
        if (apart or frequent) and not (scale and number in below):
            found.append(number)
    found += _codes_of_counts(numbers, others) or _far_beyond(numbers, others, usual)
    return tuple(written[number] for number in sorted(set(found)))


def _codes_of_counts(numbers: Mapping[float, int], others: list[float]) -> list[float]:
    """Numbers from 95 to 99 beyond whole numbers of less than half of that, as bureaus code what is not a count."""
    codes = [number for number in numbers if number in _CODES]
    counts = [number for number in others if number not in _CODES]
    if not codes or not counts or counts[0] < 0 or counts[-1] > min(codes) / 2:
        return []
    whole = all(number.is_integer() for number in counts)
    return codes if whole and sum(numbers[number] for number in codes) >= _LEAST_REPEATED else []


def _far_beyond(numbers: Mapping[float, int], others: list[float], usual: float) -> list[float]:
    """The largest number, where it is one that repeats, ten times the next or the only one that is not negative."""
    if len(others) < _LEAST_DIFFERENT:
        return []
    largest, next_one = others[-1], others[-2]
    repeats = numbers[largest] >= max(_LEAST_REPEATED, 5 * usual, _LEAST_SHARE * sum(numbers.values()))
    alone = largest > 10 * next_one > 0 or (largest > -others[0] and next_one <= 0)
    return [largest] if repeats and alone and others[0] != next_one else []


@dataclass(frozen=True)
class MissingValues:
    """The cells of one column that are missing.

    Attributes:
        exact: Texts that are missing as they are written.
        texts: Texts that are missing in any case.
        numbers: Numbers that are missing, however they are written.
        dates: Dates that are missing, however they are written.
    """

    exact: frozenset[str] = frozenset(DEFAULT_MARKS)
    texts: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()
    dates: frozenset[date] = frozenset()

    def has(self, text: str) -> bool:
        """Whether a text, without surrounding blanks, is missing."""
        return text in self.exact or self.is_listed(text)

    def is_listed(self, text: str) -> bool:
        """Whether the portfolio lists the text, in any case."""
        return bool(self.texts) and " ".join(text.split()).casefold() in self.texts


def missing_values(marks: Iterable[str], values: Iterable[str] = ()) -> MissingValues:
    """The missing cells of a column.

    Args:
        marks: What the portfolio lists under `missing`, for the column and for all columns.
        values: The column's own values, which are never missing.
    """
    own = frozenset(values)
    listed = [mark.strip() for mark in marks]
    return MissingValues(
        frozenset(DEFAULT_MARKS) - own,
        frozenset(" ".join(mark.split()).casefold() for mark in listed if mark not in own)
        - {value.casefold() for value in own},
        frozenset(number for mark in listed if (number := _number(mark)) is not None),
        frozenset(day for mark in listed if (day := _date(mark)) is not None),
    )


def missing_values_of(p: Portfolio, name: str) -> MissingValues:
    """The missing cells of a column of the portfolio, or of its key, as_of or label."""
    column = p.columns.get(name)
    marks = (*p.missing, *(column.missing if column else ()))
    if name == p.label.column:
        outcomes = (getattr(p.label, key, None) for key in ("positive", "negative", "pending"))
        lists = (given if isinstance(given, list | tuple) else (given,) for given in outcomes)
        return missing_values(
            marks, (str(value) for values in lists for value in values if value is not None)
        )
    return missing_values(marks, (column.values or ()) if column else ())


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _number(mark: str) -> float | None:
    try:
        return float(mark) if re.fullmatch(r"[-+]?\d+(?:\.\d*)?", mark) else None
    except ValueError:
        return None


def _date(mark: str) -> date | None:
    try:
        return date.fromisoformat(mark) if "-" in mark[1:] else None
    except ValueError:
        return None
