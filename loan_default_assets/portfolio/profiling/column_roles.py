"""What each column of a file becomes in a drafted portfolio: a feature of some kind, or a column that is not read."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from loan_default_assets.portfolio.ingest.date_formats import DateFormat, propose_date_formats
from loan_default_assets.portfolio.ingest.missing_values import (
    DEFAULT_MARKS,
    is_usual_missing,
    propose_missing,
    propose_sentinels,
)
from loan_default_assets.portfolio.ingest.number_formats import propose_number_format
from loan_default_assets.portfolio.ingest.number_parsing import NumberFormat, parse_number
from loan_default_assets.portfolio.profiling.band_values import (
    MOST_BANDS,
    bands_as_categories,
    bands_as_numbers,
    ordered_bands,
    with_neighbours,
)
from loan_default_assets.portfolio.profiling.code_columns import (
    MOST_CATEGORIES,
    MOSTLY_DISTINCT,
    are_codes,
    identifier_reason,
)
from loan_default_assets.portfolio.profiling.column_profiles import MOST_VALUES, ColumnProfile
from loan_default_assets.portfolio.profiling.label_words import words_of
from loan_default_assets.portfolio.profiling.sensitive_columns import is_protected, personal_data
from loan_default_assets.portfolio.profiling.study_columns import (
    MODEL_PREDICTION,
    is_prediction,
    study_reason,
)

_FREE_TEXT_WORDS, _FREE_TEXT_SHARE = 4, 0.2
_SAMPLE = 500
# A column with a value in fewer rows tells a model nothing, and hides a value that only the outcome brings.
_FEWEST_FILLED, _LEAST_FILLED = 20, 0.01
_CATEGORY_CAP, _ROWS_PER_CATEGORY, _MOST_UNKNOWN = 1000, 20, 0.7

# 1,200.00 CR, $5 or 7 pcs, but no code such as 00100, 12-34 or 0x1F.
_NUMBER_LIKE = re.compile(r"[^\w\s]{0,3}\s?\d+(?:[.,]\d+)*(?:$|\s)")
_DATE_NAME = re.compile(
    r"\b(?:date|dt|day|dob|birth\w*|opened|since|issued?|created|hired|at|on|d|from|until|month|ym|ymd|time|timestamp"
    r"|booked|vintage|\w*datum|fecha|valuta)\b"
    r"|일자|날짜|년월|생년월일|일시|기준월|일$"
)


@dataclass(frozen=True)
class ColumnRole:
    """What a column becomes.

    Attributes:
        source_name: Its name as read from the file.
        name: Its name in the portfolio.
        use: Feature, protected, or ignored; `known_after_outcome` where evidence says so.
        kind: Number, category, date or text.
        keys: The keys under `columns`, apart from kind and source_name.
        reason: Why it is no feature.
        remarks: What a human should know.
        range: The smallest and the largest value in the whole file, once every row was read.
    """

    source_name: str
    name: str
    use: Literal["feature", "protected", "ignored", "known_after_outcome"]
    kind: Literal["number", "category", "date", "text"] = "text"
    keys: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    remarks: tuple[str, ...] = ()
    range: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The range and the remarks."""
        return tuple(filter(None, (self.range, *self.remarks)))


def role_of(
    source_name: str,
    name: str,
    profile: ColumnProfile,
    *,
    dated: bool,
    decimal: Literal[".", ","] | None = None,
) -> ColumnRole:
    """Decide what a column becomes.

    Args:
        source_name: Its name as read from the file.
        name: Its name in the portfolio.
        profile: Its cells.
        dated: Whether the portfolio has `as_of`, so that a date can be a feature.
        decimal: The decimal separator of the file's other columns, where it is known.
    """

    def ignored(reason: str) -> ColumnRole:
        return ColumnRole(source_name, name, "ignored", reason=reason)

    present = profile.present
    words = words_of(source_name)
    if not present:
        return ignored("empty")
    if len(present) == 1 and profile.complete and not profile.empty and len(profile.counts) == 1:
        return ignored("the same value in every row")
    if (filled := sum(present.values())) < _FEWEST_FILLED and filled < _LEAST_FILLED * profile.rows:
        return ignored(f"hardly ever filled: in {filled} of {profile.rows:,} rows")
    if kind := personal_data(source_name, present):
        return ignored(f"personal data: {kind}")
    if reason := identifier_reason(source_name, profile) or study_reason(source_name, profile):
        return ignored(reason)
    role = _date(source_name, name, words, profile, dated) or _number(
        source_name, name, words, profile, present, decimal
    )
    role = role or _category(source_name, name, profile, present)
    if role.use == "feature" and is_prediction(source_name, present):
        role = replace(role, remarks=(*role.remarks, MODEL_PREDICTION))
    if is_protected(source_name) and role.use == "feature":
        return ColumnRole(
            source_name,
            name,
            "protected",
            role.kind,
            role.keys,
            "a protected attribute, reported on only",
            role.remarks,
        )
    return role


def _date(source_name: str, name: str, words: str, profile: ColumnProfile, dated: bool) -> ColumnRole | None:
    readings = date_readings(source_name, profile)
    if not readings:
        return None
    first, remarks = readings[0], []
    if len(readings) > 1:
        others = " or ".join(reading.format or "iso" for reading in readings[1:])
        remarks.append(f"could also be written {others}: check day and month")
    if not dated:
        return ColumnRole(
            source_name,
            name,
            "ignored",
            "date",
            reason="a date, which needs as_of to count days from",
            remarks=tuple(remarks),
        )
    missing = [*first.missing, *(day.isoformat() for day in first.sentinels)]
    if first.sentinels:
        remarks.append(f"read as missing: {', '.join(day.isoformat() for day in first.sentinels)}")
    keys = ({"format": first.format} if first.format else {}) | ({"missing": missing} if missing else {})
    return ColumnRole(source_name, name, "feature", "date", keys | {"nullable": True}, remarks=tuple(remarks))


def names_date(source_name: str) -> bool:
    """Whether a column of this name may hold dates."""
    return bool(_DATE_NAME.search(words_of(source_name)))


def date_readings(source_name: str, profile: ColumnProfile) -> tuple[DateFormat, ...]:
    """The formats in which a column's cells are dates; plain numbers only where the column's name is one of a date."""
    named = names_date(source_name)
    if profile.typed == "number" and not named:
        return ()
    # A sample rules out most columns of something else, which would be read in every format in vain.
    if not named and len(profile.counts) > _SAMPLE:
        readings = propose_date_formats(dict(islice(profile.counts.items(), _SAMPLE)))
        if not readings or readings[0].numeric:
            return ()
    readings = propose_date_formats(profile.counts)
    return () if readings and readings[0].numeric and not named else readings


def _number(
    source_name: str, name: str, words: str, profile: ColumnProfile, present: Mapping[str, int], decimal: Any
) -> ColumnRole | None:
    found = propose_number_format(profile.counts, decimal)
    if found is None:
        return None
    numbers: Counter[float] = Counter()
    for text, count in present.items():
        number = parse_number(text, found)
        if number is not None:
            numbers[number] += count
    if not numbers:
        return None
    sentinels = propose_sentinels(numbers)
    if are_codes(words, profile, found, {n: c for n, c in numbers.items() if f"{n:.15g}" not in sentinels}):
        return None
    marks = words_as_missing(found, profile)
    missing = list(dict.fromkeys((*found.missing, *marks, *sentinels)))
    keys: dict[str, Any] = dict(found.keys())
    keys |= {"missing": [_code(mark) for mark in missing]} if missing else {}
    keys |= {"nullable": True} | ({"unit": found.unit} if found.unit else {})
    remarks = []
    if sentinels:
        remarks.append(f"read as missing: {', '.join(sentinels)}")
    if marks:
        remarks.append(f"texts read as missing in {sum(profile.counts[m] for m in marks)} cells")
    if found.alternatives:
        others = " or ".join(_other_reading(found, other) for other in found.alternatives[:2])
        remarks.append(f"could also be read with {others}")
    return ColumnRole(source_name, name, "feature", "number", keys, remarks=(*remarks, *found.notes))


def _other_reading(found: NumberFormat, other: NumberFormat) -> str:
    """The keys of another reading, and what it makes of a number that only the separators decide."""
    keys = ", ".join(f"{key}: {value!r}" for key, value in other.keys().items()) or "plain numbers"
    example = "1,234" if "," in (found.decimal, found.thousands, other.decimal, other.thousands) else "1.234"
    now, then = (parse_number(example, NumberFormat(x.decimal, x.thousands)) for x in (found, other))
    return (
        keys
        if now is None or then is None or now == then
        else f"{keys} ({example} is then {then:g}, not {now:g})"
    )


def words_as_missing(found: NumberFormat, profile: ColumnProfile) -> tuple[str, ...]:
    """Words among numbers that repeat, such as "not scored": missing values by a name of their own, not slips."""
    return tuple(
        text
        for text in found.unconverted
        if not any(character.isdigit() for character in text) and profile.counts.get(text, 0) >= 3
    )


def _category(source_name: str, name: str, profile: ColumnProfile, present: Mapping[str, int]) -> ColumnRole:
    marks = [mark for mark in propose_missing(profile.counts) if mark not in DEFAULT_MARKS]
    folded = {mark.casefold() for mark in marks}
    # "none" may be a value of its own, although it is a usual spelling of a missing one.
    values = {
        text: count
        for text, count in profile.counts.items()
        if text in present or (is_usual_missing(text) and text.casefold() not in folded)
    }
    total = sum(values.values())
    distinct = len(values) if profile.complete else max(len(values), int(MOSTLY_DISTINCT * total) + 1)
    many_words = sum(
        n for text, n in values.items() if len(text.split()) > _FREE_TEXT_WORDS or len(text) > 60
    )
    differ = distinct > _FREE_TEXT_SHARE * total and (distinct > 20 or distinct > MOSTLY_DISTINCT * total)
    if differ and many_words > 0.3 * total:
        return ColumnRole(source_name, name, "ignored", reason="free text")
    if not profile.complete:
        return ColumnRole(
            source_name, name, "ignored", reason=f"text of more than {MOST_VALUES:,} different values"
        )
    if distinct > max(20, MOSTLY_DISTINCT * total):
        like = _number_like(values)
        note = f"; {like:,} begin like numbers, in a way that is not read" if like else ""
        return ColumnRole(
            source_name,
            name,
            "ignored",
            reason=f"text whose values hardly repeat ({distinct:,} different){note}",
        )
    remarks = []
    kept = _frequent(values)
    if len(kept) < distinct:
        share = 1 - sum(kept.values()) / total
        if share > _MOST_UNKNOWN:
            return ColumnRole(
                source_name, name, "ignored", reason=f"text of many rare values ({distinct:,} different)"
            )
        remarks.append(
            f"the {len(kept)} most frequent of {distinct:,} values; the others ({100 * share:.1f} % of rows) are the "
            "unknown category"
        )
    if like := _number_like(values):
        remarks.append(
            f"could also be numbers, in a way that is not read: {like} of {len(values)} values begin so"
        )
    bands = ordered_bands(kept)
    if bands and len(bands) == distinct and len(bands) > MOST_BANDS:
        given: dict[str, Any] = {"replace": with_neighbours(bands)} | ({"missing": marks} if marks else {})
        return ColumnRole(
            source_name,
            name,
            "feature",
            "number",
            given | {"nullable": True},
            remarks=(bands_as_numbers(bands),),
        )
    if bands:
        remarks.append(bands_as_categories(bands))
    ordered = list(bands or sorted(kept, key=_numeric_first))
    keys: dict[str, Any] = {"values": [_code(value) for value in ordered]}
    keys |= {"missing": [_code(mark) for mark in marks]} if marks else {}
    return ColumnRole(
        source_name, name, "feature", "category", keys | {"nullable": True}, remarks=tuple(remarks)
    )


def _number_like(values: Mapping[str, int]) -> int:
    """How many of many values begin like a number and end in words: amounts and quantities in no known writing."""
    like = [text for text in values if not text.isdecimal() and _NUMBER_LIKE.match(text)]
    return len(like) if len(values) > 20 and len(like) > 0.9 * len(values) else 0


def _frequent(values: Mapping[str, int]) -> dict[str, int]:
    """The values to keep: the 200 most frequent, and those of at least 20 rows, up to 1,000."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    return {
        value: count
        for rank, (value, count) in enumerate(ordered[:_CATEGORY_CAP])
        if rank < MOST_CATEGORIES or count >= _ROWS_PER_CATEGORY
    }


def _numeric_first(text: str) -> tuple[bool, float, str]:
    number = float(text) if re.fullmatch(r"-?\d{1,15}(?:\.\d+)?", text, re.ASCII) else None
    return number is None, number or 0.0, text


def _code(text: str) -> str | int:
    """Codes without leading zeros as YAML integers, for easy reading."""
    return int(text) if re.fullmatch(r"-?(?:0|[1-9]\d{0,8})", text, re.ASCII) and text != "-0" else text
