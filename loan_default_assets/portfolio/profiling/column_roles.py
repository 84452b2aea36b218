"""What each column of a file becomes in a drafted portfolio: a feature of some kind, or a column that is not read."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.ingest.date_formats import DateFormat, propose_date_formats
from loan_default_assets.portfolio.ingest.missing_values import propose_sentinels
from loan_default_assets.portfolio.ingest.number_formats import propose_number_format
from loan_default_assets.portfolio.ingest.number_parsing import NumberFormat, parse_number
from loan_default_assets.portfolio.profiling.category_columns import as_code, category_role
from loan_default_assets.portfolio.profiling.code_columns import are_codes, identifier_reason
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.sensitive_columns import is_protected, personal_data
from loan_default_assets.portfolio.profiling.study_columns import (
    MODEL_PREDICTION,
    is_prediction,
    study_reason,
)

_SAMPLE = 500
# A column with a value in fewer rows tells a model nothing, and hides a value that only the outcome brings.
_FEWEST_FILLED, _LEAST_FILLED = 20, 0.01
_DATE_NAME = re.compile(
    r"\b(?:date|dt|day|dob|birth\w*|opened|since|issued?|created|hired|at|on|d|from|until|month|ym|ymd|time|timestamp"
    r"|booked|vintage|\w*datum|fecha|valuta)\b"
    r"|일자|날짜|년월|생년월일|일시|기준월|일$"
)


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
    role = role or category_role(source_name, name, profile, present)
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
    keys |= {"missing": [as_code(mark) for mark in missing]} if missing else {}
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
