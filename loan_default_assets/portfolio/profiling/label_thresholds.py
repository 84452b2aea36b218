"""Labels of many numbers, such as days past due: a default is a number from a threshold on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.ingest.number_parsing import is_number
from loan_default_assets.portfolio.profiling.label_reading import LabelReading
from loan_default_assets.portfolio.profiling.label_unknowns import is_unknown
from loan_default_assets.portfolio.profiling.label_words import counts_days_past_due
from loan_default_assets.portfolio.profiling.undecided import UndecidedError

# 90 days past due is a default by the Basel definition (CRR article 178).
DAYS_PAST_DUE = 90.0
ONE_LOAN_PER_ROW = (
    "A row must be one loan: a table of sums, such as loans and defaults per group, has no outcome of a loan."
)
# Above this share of defaults the reading may be the wrong way round.
MOST_DEFAULTS = 0.5


def threshold_reading(
    name: str, counts: Mapping[str, int], text: str, waiting: Sequence[str]
) -> LabelReading:
    written = text.strip()
    number = written.removeprefix(">=").strip()
    if not is_number(number):
        if is_number(written.removeprefix(">").strip()):
            raise PortfolioError(
                f"--positive: {text!r} would leave out the number itself, and a threshold is the smallest number that "
                "is a default. Next: give that one, such as --positive '>=1' for counts above 0"
            )
        raise PortfolioError(f"--positive: {text!r} is not a threshold; write it as --positive '>=90'")
    others = tuple(value for value in counts if not is_number(value) or value in waiting)
    if any(not is_unknown(value, counts) and value not in waiting for value in others):
        raise PortfolioError(f"--positive {text}: the label {name!r} has values that are not numbers")
    return LabelReading(name, counts, pending=others, at_least=float(number), why="--positive")


def refuse_one_outcome(reading: LabelReading, text: str, complete: bool) -> None:
    """Raise PortfolioError where a threshold takes every loan for a default, or none of them."""
    if complete and reading.defaults in (0, reading.known):
        count = "none" if not reading.defaults else "every one"
        raise PortfolioError(
            f"--positive {text}: of {reading.known:,} loans, {count} would be a default. Next: give a threshold that "
            f"tells the loans apart, or name another column than {reading.column!r} with --label"
        )


def reading_of_many_numbers(name: str, counts: Mapping[str, int], waiting: Sequence[str]) -> LabelReading:
    if counts_days_past_due(name):
        reading = threshold_reading(name, counts, f">={DAYS_PAST_DUE:g}", waiting)
        if 0 < reading.rate <= MOST_DEFAULTS:
            return replace(
                reading, why="the name, and 90 days past due being a default by the Basel definition"
            )
    raise UndecidedError(
        "positive",
        f"the label {name!r} has {len(counts)} different numbers: a default must be a number from a threshold on. "
        f"{ONE_LOAN_PER_ROW}",
        (),
        hint=f"--positive '>=NUMBER', which becomes `label: {{column: {name}, at_least: NUMBER}}`",
    )
