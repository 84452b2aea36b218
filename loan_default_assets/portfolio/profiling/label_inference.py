"""The label of a drafted portfolio: which values are a default, inferred from words, never from a code alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loan_default_assets.portfolio.errors import PortfolioError, did_you_mean
from loan_default_assets.portfolio.ingest.date_formats import propose_date_formats
from loan_default_assets.portfolio.ingest.number_parsing import is_number
from loan_default_assets.portfolio.profiling.label_reading import LabelReading
from loan_default_assets.portfolio.profiling.label_thresholds import (
    MOST_DEFAULTS,
    ONE_LOAN_PER_ROW,
    reading_of_many_numbers,
    refuse_one_outcome,
    threshold_reading,
)
from loan_default_assets.portfolio.profiling.label_unknowns import is_unknown, is_unknown_code, unknown_codes
from loan_default_assets.portfolio.profiling.label_words import (
    Meaning,
    counts_time_until,
    is_target_name,
    meaning_of,
    yes_is_default,
    yes_or_no,
)
from loan_default_assets.portfolio.profiling.undecided import Choice, UndecidedError

__all__ = ["LabelReading", "confirmation", "infer_label"]

MOST_VALUES = 60
_FEWEST_BESIDE_ONE = 50
# Above this share the rarer of two values may as well be the good one.
_MOST_GUESSED = 0.4


def infer_label(
    name: str,
    counts: Mapping[str, int],
    complete: bool,
    positive: Sequence[str] = (),
    pending: Sequence[str] = (),
    empty: int = 0,
) -> LabelReading:
    """Decide which values of the label are a default.

    Args:
        name: The label's column.
        counts: Number of loans per value, without missing ones.
        complete: Whether `counts` has all values.
        positive: The values that the user says are a default, one by one or with commas, or a threshold such as `>=90`.
        pending: The values that the user says are no outcome yet, one by one or with commas.
        empty: Number of loans without a value.

    Raises:
        UndecidedError: A human must say which value is the default.
        PortfolioError: The column cannot be a label, or a given value does not occur.
    """
    counts = _canonical(counts)
    if not counts:
        raise PortfolioError(f"the label {name!r} has no values")
    waiting = _named_values("--pending", name, counts, pending)
    if counts_time_until(name) and len(counts) > 2:
        raise PortfolioError(
            f"the label {name!r} holds the time until an event, which is short where a loan defaults: a threshold from "
            "which on a number is a default does not fit it. Next: add a column to the file that is 1 where the event "
            "is a default within the horizon and 0 in the other rows, and name it with --label"
        )
    codes = unknown_codes([value for value in counts if value not in waiting])
    if len(positive) == 1 and positive[0].strip().startswith(">"):
        given = threshold_reading(name, counts, positive[0], (*waiting, *codes))
        if codes and not given.defaults:
            codes, given = (), threshold_reading(name, counts, positive[0], waiting)
        refuse_one_outcome(given, positive[0], complete)
        return replace(given, unknown=codes)
    if positive:
        bad = _named_values("--positive", name, counts, positive)
        codes = tuple(value for value in codes if value not in bad)
        return replace(_given(name, counts, bad, (*waiting, *codes)), unknown=codes)
    return replace(_inferred(name, counts, complete, (*waiting, *codes), empty), unknown=codes)


def _inferred(
    name: str, counts: Mapping[str, int], complete: bool, waiting: Sequence[str], empty: int
) -> LabelReading:
    """The reading by words and names, where the user names no default."""
    outcomes = [value for value in counts if not is_unknown(value, counts) and value not in waiting]
    numbers = all(is_number(value) for value in outcomes)
    if not complete or len(outcomes) > MOST_VALUES or (numbers and len(outcomes) > 4):
        return reading_of_many_numbers(name, counts, waiting) if numbers else _refused(name, counts, complete)
    if len(outcomes) < 2:
        found = f"{len(outcomes)} distinct value{'s' if len(outcomes) != 1 else ''}"
        blank = (
            f", and {empty:,} cells are empty. Next: where an empty cell is a loan without default, write 0 into it"
            if empty
            else ". Next: add the loans of the other outcome to the file, or name another column with --label"
        )
        raise PortfolioError(f"the label {name!r} has {found}; it needs two{blank}")
    meanings = {value: Meaning.PENDING if value in waiting else meaning_of(value) for value in counts}
    reading = _by_words(name, counts, meanings) or _by_yes_and_no(name, counts, waiting)
    if reading is None:
        # Values that hardly repeat may be texts of single applicants, and are not shown.
        if len(outcomes) > 2 and (propose_date_formats(counts) or _hardly_repeat(counts)):
            return _refused(name, counts, complete)
        raise _undecided(
            name, counts, outcomes, f"neither the values of {name!r} nor its name say which is the default"
        )
    if reading.rate > MOST_DEFAULTS:
        raise _undecided(
            name, counts, outcomes, f"more than half of the loans would be defaults by {reading.why}", reading
        )
    return reading


def _by_words(
    name: str, counts: Mapping[str, int], meanings: Mapping[str, Meaning | None]
) -> LabelReading | None:
    """The reading by the words in the values; None where they do not tell both outcomes apart."""
    of: dict[Meaning | None, list[str]] = {}
    for value, meaning in meanings.items():
        of.setdefault(Meaning.PENDING if is_unknown(value, counts) else meaning, []).append(value)
    without = of.get(None, [])
    bad, late = of.get(Meaning.STRONG_DEFAULT, []), of.get(Meaning.WEAK_DEFAULT, [])
    good, performing = of.get(Meaning.STRONG_GOOD, []), of.get(Meaning.WEAK_GOOD, [])
    pending = of.get(Meaning.PENDING, [])
    if len(counts) - len(pending) == 2 and len(without) == 1 and (bad or late or good):
        # One of two values has a word: the other is its opposite.
        if bad or late:
            good = good or performing or without
        else:
            bad = without
        without = []
    if without and (bad or late or good or performing):
        raise _undecided(
            name,
            counts,
            [v for v in counts if v not in pending],
            f"no known word is in {', '.join(without[:3])}{', ...' if len(without) > 3 else ''}",
        )
    # A late loan is a default only where no status is worse; then a performing loan is none.
    positive, negative = bad or late, (good or performing) if bad else [*good, *performing]
    if not positive or not negative:
        return None
    pending += [value for value in (*late, *performing) if value not in positive and value not in negative]
    why = "the words in the values" if not is_unknown(positive[0], counts) else "the values"
    return LabelReading(name, counts, tuple(positive), tuple(negative), tuple(pending), why=why)


def _by_yes_and_no(name: str, counts: Mapping[str, int], waiting: Sequence[str]) -> LabelReading | None:
    """The reading of a yes/no column by its name; that of a target without a direction where "yes" is the rarer."""
    pending = tuple(
        value
        for value in counts
        if is_unknown(value, counts)
        or value in waiting
        or (yes_or_no(value) is None and meaning_of(value) is Meaning.PENDING)
    )
    answers = {value: yes_or_no(value) for value in counts if value not in pending}
    yes, no = ([value for value, answer in answers.items() if answer is wanted] for wanted in (True, False))
    if not yes or not no or None in answers.values():
        return None
    default = yes_is_default(name)
    why = f"the name {name!r}"
    if default is None:
        if not is_target_name(name):
            return None
        events, others = (sum(counts[v] for v in values) for values in (yes, no))
        if events > _MOST_GUESSED * (events + others) or any(v.startswith("-") for v in no):
            return None
        default, why = (
            True,
            f"the rarer value, {yes[0]}, of a column named for the target (no word says what it stands for)",
        )
    positive, negative = (yes, no) if default else (no, yes)
    return LabelReading(
        name, counts, tuple(positive), tuple(negative), pending, why=why, guessed=yes_is_default(name) is None
    )


def _named_values(option: str, name: str, counts: Mapping[str, int], texts: Sequence[str]) -> tuple[str, ...]:
    """The values of the label that an option names, in any case, one by one or with commas."""
    known = {value.casefold() for value in counts}
    # A value may hold a comma itself.
    given = [
        part.strip()
        for text in texts
        for part in ([text] if text.strip().casefold() in known else text.split(","))
        if part.strip()
    ]
    for value in given:
        if value.casefold() not in known:
            raise PortfolioError(
                f"{option}: {value!r} is not a value of {name!r}{did_you_mean(value, counts)}"
            )
    chosen = {value.casefold() for value in given}
    return tuple(value for value in counts if value.casefold() in chosen)


def _given(
    name: str, counts: Mapping[str, int], bad: tuple[str, ...], waiting: Sequence[str]
) -> LabelReading:
    if both := set(bad) & set(waiting):
        raise PortfolioError(f"--pending: {min(both)!r} is given with --positive too")
    rest = [value for value in counts if value not in bad and value not in waiting]
    meanings = {value: Meaning.PENDING if is_unknown(value, counts) else meaning_of(value) for value in rest}
    good = [value for value in rest if meanings[value] is Meaning.STRONG_GOOD]
    if not good or len(rest) == 1:
        unfinal = (Meaning.PENDING, Meaning.WEAK_DEFAULT) if len(rest) > 1 else ()
        good = [value for value in rest if meanings[value] not in unfinal]
    if not good:
        raise PortfolioError(f"--positive: no value of {name!r} is left for loans without default")
    pending = (*waiting, *(value for value in rest if value not in good))
    return LabelReading(name, counts, bad, tuple(good), pending, why="--positive")


def _refused(name: str, counts: Mapping[str, int], complete: bool) -> LabelReading:
    if propose_date_formats(counts):
        raise PortfolioError(
            f"the label {name!r} holds dates; it needs an outcome. Next: where a date there is a default and an "
            "empty cell is none, add a column to the file that is 1 in rows with a date and 0 in the others, and name "
            "it with --label"
        )
    count = f"{len(counts)}" if complete else f"more than {len(counts)}"
    raise PortfolioError(
        f"the label {name!r} has {count} distinct values; it needs two, or a few of a status. {ONE_LOAN_PER_ROW}\n"
        "Next: name the column of the outcome with --label COLUMN; where the file has none, add one that is 1 for a "
        "loan in default, 0 for a repaid one, and empty where that is not known yet"
    )


def _undecided(
    name: str, counts: Mapping[str, int], values: Sequence[str], why: str, reading: LabelReading | None = None
) -> UndecidedError:
    """The question which values are the default: one reading per value, the rarer first."""
    rare_first = sorted(values, key=lambda value: counts[value])
    total = sum(counts[value] for value in values)
    choices = []
    for value in rare_first:
        share = 100 * counts[value] / total
        meaning = meaning_of(value)
        said = f", a word for {meaning.value}" if meaning else ""
        if len(values) > 2 and is_unknown_code(value):
            said = ", often a code for an unknown outcome: --pending"
        elif len(values) > 2 and counts[value] == 1 and total > _FEWEST_BESIDE_ONE:
            said = ", in one row: where that is a line of totals or a slip, correct it in the file"
        choices.append(
            Choice(value, f"default = {value} ({share:.1f} % of loans, {counts[value]:,} loans{said})")
        )
    if reading is not None:
        why = f"{why} ({reading.text})"
    return UndecidedError(
        "positive",
        f"which value of the label {name!r} is the default? {why}",
        tuple(choices),
        hint="--positive VALUE"
        if len(values) < 3
        else "--positive VALUE, several with commas; the others then count as no default, where their words do not say "
        "otherwise, and those named with --pending VALUE, such as loans that still run, as without an outcome yet",
    )


def confirmation(reading: LabelReading) -> UndecidedError:
    """The question whether a guessed reading is right."""
    values = [*reading.positive, *reading.negative]
    return _undecided(reading.column, reading.counts, values, f"the proposal rests on {reading.why}")


def _canonical(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts with 1.0 as 1, where all values are such numbers, and without missing cells."""
    plain = {value: value[:-2] if value.endswith(".0") and is_number(value) else value for value in counts}
    merged: dict[str, int] = {}
    for value, count in counts.items():
        merged[plain[value]] = merged.get(plain[value], 0) + count
    return merged


def _hardly_repeat(counts: Mapping[str, int]) -> bool:
    return sum(count < 3 for count in counts.values()) > len(counts) / 2
