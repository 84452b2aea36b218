"""Candidates for the label, the date and the key of a drafted portfolio, the likeliest first."""

import re
from datetime import date

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.ingest.date_formats import DateFormat, date_reader, propose_date_formats
from loan_default_assets.portfolio.profiling.code_columns import identifier_reason, names_loans
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile, FileProfile
from loan_default_assets.portfolio.profiling.column_roles import date_readings
from loan_default_assets.portfolio.profiling.label_thresholds import ONE_LOAN_PER_ROW
from loan_default_assets.portfolio.profiling.label_unknowns import unknown_codes
from loan_default_assets.portfolio.profiling.label_words import (
    Meaning,
    counts_days_past_due,
    meaning_of,
    yes_is_default,
    yes_or_no,
)
from loan_default_assets.portfolio.profiling.sensitive_columns import is_protected
from loan_default_assets.portfolio.profiling.undecided import Choice, UndecidedError

_MOST_SHOWN, _FEW_VALUES = 8, 6
_LABEL_NAME = re.compile(
    r"^(?:y|target|label|outcome|class|response|result|flag)$|\b(?:status|target|label|outcome)\b|상태|결과|여부"
)
_LOAN_DATE = re.compile(
    r"\b(?:as of|issued?|issue d|orig\w*|appl\w*|application|approv\w*|disburs\w*|booked|booking|granted|start"
    r"|open(?:ed|ing)?|snapshot|report\w*|base|month|period|loan)\b|신청|실행|대출일|취급|승인|기준"
)
_LATER_DATE = re.compile(
    r"\b(?:last|next|chg|charge|close[ds]?|end|matur\w*|due|hired?|default|paid|pymnt|payment|earliest|expir\w*"
    r"|settle\w*|recover\w*|updated?)\b|만기|상환|연체|해지|입사"
)
# The day of birth of an applicant tells nothing of when a loan was known.
_BIRTH = re.compile(r"\b(?:birth\w*|dob)\b|생년|출생")
_LOAN_KEY = re.compile(
    r"\b(?:loan|application|contract|account|agreement|deal|facility|id)\b|대출|계약|신청|번호"
)

_OWN_NUMBER = re.compile(r"\w{2} ?(?:number|nummer|nr|num)$| (?:no|id)$|\w번호$")
_PERSON = re.compile(r"\b(?:customer|client|borrower|member|applicant|cust|obligor)\b|고객|차주|회원")


def label_candidates(profile: FileProfile) -> tuple[str, ...]:
    """Columns that may be the outcome."""
    columns = {name: column for name, column in profile.columns.items() if not is_protected(name)}
    scores = {name: _label_score(name, column) for name, column in columns.items()}
    ranked = sorted((name for name in scores if scores[name] > 0), key=lambda name: -scores[name])
    late = [name for name in columns if counts_days_past_due(name) and len(columns[name].present) > 2]
    # Words of another language: two values are enough to be asked about, or the few of a status.
    for most in (2, _FEW_VALUES):
        ranked = ranked or [
            *late,
            *(
                name
                for name, column in columns.items()
                if name not in late and column.complete and 2 <= len(column.present) <= most
            ),
        ]
    return tuple(ranked[:_MOST_SHOWN])


def _label_score(name: str, column: ColumnProfile) -> float:
    codes = unknown_codes(column.present)
    present = [value for value in column.present if value not in codes]
    if not column.complete or not 2 <= len(present) <= 20:
        return 0.0
    meanings = {meaning_of(value) for value in present} - {None, Meaning.PENDING}
    good, bad = {Meaning.STRONG_GOOD, Meaning.WEAK_GOOD}, {Meaning.STRONG_DEFAULT, Meaning.WEAK_DEFAULT}
    score = 3.0 if meanings & good and meanings & bad else 1.0 if meanings else 0.0
    yes_no = len(present) == 2 and all(yes_or_no(value) is not None or value == "2" for value in present)
    named = yes_is_default(name) is not None
    if named and (yes_no or score):
        score += 2.0
    if _LABEL_NAME.search(words_of(name)) and (yes_no or score or len(present) == 2):
        score += 1.5
    return score


def date_candidates(profile: FileProfile) -> tuple[str, ...]:
    """Columns that may be the date on which a loan was known."""
    scores: dict[str, float] = {}
    for name, column in profile.columns.items():
        words = words_of(name)
        readings = () if _BIRTH.search(words) else date_readings(name, column)
        if readings and column.empty < 0.5 * column.rows:
            scores[name] = (
                1
                + 2 * bool(_LOAN_DATE.search(words))
                - 2 * bool(_LATER_DATE.search(words))
                - column.empty / column.rows
            )
    return tuple(sorted(scores, key=lambda name: -scores[name])[:_MOST_SHOWN])


def ask_label(profile: FileProfile) -> UndecidedError:
    """The question which column is the label."""
    choices = tuple(
        Choice(name, f"--label {name}: {_values_text(profile.columns[name])}")
        for name in label_candidates(profile)
    )
    what = "which column is the outcome of a loan (the label)?"
    if not choices:
        what += (
            f" None looks like one: it needs two values, or a few of a status. {ONE_LOAN_PER_ROW} Where the outcomes "
            "are in another file, join them to this one by the number of the loan first."
        )
        for name, column in profile.columns.items():
            if yes_is_default(name) and column.empty and date_readings(name, column):
                what += (
                    f" {name} holds dates: where one there is a default, add a column that is 1 in rows with a date "
                    "and 0 in the others."
                )
    return UndecidedError("label", what, choices, hint="--label COLUMN")


def ask_date(profile: FileProfile, candidates: tuple[str, ...]) -> UndecidedError:
    """The question which column is the date of a loan."""
    choices = []
    for name in candidates:
        reading = date_readings(name, profile.columns[name])[0]
        choices.append(Choice(name, f"--date {name}: {reading.first} to {reading.last}"))
    choices.append(Choice("", "--no-date: the file is taken as one table without dates"))
    return UndecidedError(
        "date",
        "which column is the date on which a loan was known?",
        tuple(choices),
        hint="--date COLUMN, or --no-date",
    )


def as_of_reading(name: str, column: ColumnProfile, date_format: str | None) -> DateFormat | None:
    """How the dates of `as_of` are written; None where the column does not hold dates.

    Raises:
        UndecidedError: The order of day and month is not decided by the cells.
    """
    if date_format is not None:
        given = None if date_format in ("", "iso") else date_format
        read = date_reader(given)
        if not any(read(text) for text in column.present):
            return None
        return DateFormat(given)
    readings = propose_date_formats(column.counts)
    # Of loans that exist, no date lies in the future.
    past = tuple(reading for reading in readings if reading.last is not None and reading.last <= date.today())
    readings = past or readings
    if len(readings) > 1 and not readings[0].numeric:
        choices = tuple(
            Choice(r.format or "iso", f"--date-format {(r.format or 'iso')!r}: {r.first} to {r.last}")
            for r in readings
        )
        raise UndecidedError(
            "date_format",
            f"how are the dates in {name!r} written? Its cells do not decide",
            choices,
            hint="--date-format FORMAT",
        )
    return readings[0] if readings else None


def key_candidate(profile: FileProfile, taken: set[str]) -> str | None:
    """The column that identifies a loan: a unique one, or one that is named so and has several rows each."""
    found = []
    for name, column in profile.columns.items():
        unique = not column.empty and max(column.counts.values(), default=0) == 1
        reason = identifier_reason(name, column) if name not in taken and unique else ""
        if reason.startswith("an identifier") or (reason and _numbers_loans(name)):
            found.append(name)
    named = [name for name in found if _LOAN_KEY.search(words_of(name))]
    several = [
        name for name, column in profile.columns.items() if name not in taken and names_loans(name, column)
    ]
    loans = [name for name in several if not names_person(name)]
    return next(iter(named or found or loans or several), None)


def names_person(name: str) -> bool:
    """Whether a column of this name identifies a borrower, who may have several loans."""
    return bool(_PERSON.search(words_of(name)))


def _numbers_loans(name: str) -> bool:
    """Whether consecutive numbers of this name are a bank's own, by a name of more than one word."""
    return bool(_OWN_NUMBER.search(words_of(name)))


def _values_text(column: ColumnProfile) -> str:
    most = sorted(column.counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{value} {count:,}" for value, count in most[:4])
    return shown + (f", and {len(most) - 4} more" if len(most) > 4 else "")
