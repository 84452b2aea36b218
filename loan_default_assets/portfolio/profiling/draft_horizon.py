"""Days until the outcome of a drafted portfolio's loans is final: shown by the file, given, usual, or asked for."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.undecided import Choice, UndecidedError

# The performance window of 12 months of the definition of default (CRR article 178, EBA/GL/2016/07).
USUAL_DAYS = 365
_OFFERED_DAYS = (365, 180, 90, 60, 30)
# A usual window that leaves fewer of the loans with an outcome is a question for the user.
_LEAST_MATURE = 0.5
_LEAST_GAP = 28
_MOST_WITHOUT = 0.1
_SURE = 0.95


@dataclass(frozen=True)
class Horizon:
    """Days from a loan's date until its outcome is final, and why.

    Attributes:
        days: The number of days.
        why: What it rests on.
        certain: Whether the file shows it or the user gave it.
        mature: Number of loans with an outcome that are old enough by the data cutoff.
        known: Number of loans with an outcome.
        without: Number of loans that old without an outcome.
        asked: The question, where the usual horizon does not fit the file; None where nothing is to be asked.
    """

    days: int
    why: str
    certain: bool
    mature: int = 0
    known: int = 0
    without: int = 0
    asked: UndecidedError | None = None

    @property
    def text(self) -> str:
        """The days, why, and how many loans count."""
        young = self.known - self.mature
        return (
            f"label.horizon_days: {self.days} ({self.why}). {self.mature:,} of {self.known:,} loans with an outcome "
            f"are that old at the end of the file and count; {young:,} are immature, neither trained nor evaluated on. "
            "Another number of days: --horizon-days DAYS."
        )

    @property
    def gaps(self) -> tuple[str, ...]:
        """What to decide where loans are old enough for an outcome and have none: those that do default have one."""
        old = self.mature + self.without
        if not self.mature or self.without < _MOST_WITHOUT * old:
            return ()
        return (
            f"label: {self.without:,} of the {old:,} loans that are older than {self.days} days have no outcome. Where "
            "an outcome is entered only when a loan ends, loans that are still repaid as agreed are missing among "
            "those without default, so that every PD is too high: write the value of a loan without default for each "
            f"loan that was in none {self.days} days after its date.",
        )


def draft_horizon(counts: DayCounts, cutoff: date | None, given: int | None = None) -> Horizon:
    """The given days; the age of the newest loans with an outcome, where the file shows it; or the usual 12 months.

    Args:
        counts: The file's dates.
        cutoff: The data cutoff of a first run; None where it would load no loan.
        given: What the user has decided.
    """
    days, rows, known = counts.table()
    outcomes = int(known.sum())

    def made(length: int, why: str, *, certain: bool, asked: UndecidedError | None = None) -> Horizon:
        old = _mature(counts, length, cutoff, with_outcome=False)
        mature = _mature(counts, length, cutoff)
        return Horizon(length, why, certain, mature, outcomes, old - mature, asked)

    if given is not None:
        return made(given, "--horizon-days", certain=True)
    if not outcomes:
        return made(USUAL_DAYS, "a guess: the file shows no outcome", certain=False)
    last, newest_known = days[-1], days[known > 0][-1]
    gap = int((last - newest_known) / np.timedelta64(1, "D"))
    if gap >= _LEAST_GAP and outcomes / rows[days <= newest_known].sum() >= _SURE:
        why = f"the newest loans with an outcome are {gap} days older than the newest loans"
        return made(gap, why, certain=True)
    asked = None
    # Of loans of one date no horizon leaves any that could be evaluated.
    if len(days) > 1 and _mature(counts, USUAL_DAYS, cutoff) < _LEAST_MATURE * outcomes:
        asked = _question(counts, cutoff, outcomes, int((last - days[0]) / np.timedelta64(1, "D")) + 1)
    why = "the usual 12 months, a guess: the file does not show when an outcome is final"
    return made(USUAL_DAYS, why, certain=False, asked=asked)


def days_from(answer: str) -> int:
    """The days of an answer on the terminal.

    Raises:
        PortfolioError: It is no whole number of days.
    """
    if not (answer.isascii() and answer.isdecimal() and len(answer) < 6):
        raise PortfolioError(
            "the answer is no whole number of days; Next: init again, with --horizon-days DAYS"
        )
    return int(answer)


def _mature(counts: DayCounts, horizon: int, cutoff: date | None, *, with_outcome: bool = True) -> int:
    """Loans whose horizon is over by the data cutoff, those with an outcome or all."""
    if cutoff is None:
        return 0
    days, rows, known = counts.table()
    return int(
        (known if with_outcome else rows)[days + np.timedelta64(horizon, "D") <= np.datetime64(cutoff)].sum()
    )


def _question(counts: DayCounts, cutoff: date | None, known: int, span: int) -> UndecidedError:
    choices = [
        Choice(str(days), f"--horizon-days {days}: {mature:,} of {known:,} loans with an outcome count")
        for days in _OFFERED_DAYS
        if (mature := _mature(counts, days, cutoff))
    ]
    usual = _mature(counts, USUAL_DAYS, cutoff)
    return UndecidedError(
        "horizon_days",
        "after how many days is the outcome of a loan final (label.horizon_days)? Loans that are younger at the end of "
        f"the file are immature and do not count, as they may still default. The file holds loans of {span:,} days: of "
        f"the usual {USUAL_DAYS} days, {usual:,} of {known:,} loans with an outcome are that old",
        tuple(choices),
        hint="--horizon-days DAYS, the days after which the outcomes of this file were final; where that is not known, "
        "take a file with older loans too",
    )
