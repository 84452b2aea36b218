"""Days until an outcome is final in a draft: never below the usual 12 months without the user's word."""

from datetime import date

import numpy as np
import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.draft_horizon import Horizon, days_from, draft_horizon

FIRST = np.datetime64("2019-01-01")


def horizon_of(span: int, *, without: int = 0, given: int | None = None, all_known: bool = True) -> Horizon:
    """The horizon of a file with ten loans per day, those of the last `without` days without an outcome."""
    days = FIRST + np.repeat(np.arange(span), 10)
    known = days < FIRST + (span - without)
    counts = DayCounts()
    counts.add(days, known if all_known else np.zeros(len(days), bool))
    cutoff: date = (FIRST + span).item()
    return draft_horizon(counts, cutoff, given)


@pytest.mark.parametrize(
    ("span", "without", "days", "mature", "certain"),
    [
        (1461, 0, 365, 10 * (1461 - 364), False),
        (800, 0, 365, 10 * (800 - 364), False),
        (730, 0, 365, 10 * (730 - 364), False),
        (1000, 200, 200, 8000, True),
        (400, 40, 40, 3600, True),
    ],
    ids=["4 years", "800 days", "2 years", "shown, 200 days", "shown, 40 days"],
)
def test_a_horizon_that_the_file_carries_is_drafted_with_the_loans_that_count(
    span: int, without: int, days: int, mature: int, certain: bool
) -> None:
    found = horizon_of(span, without=without)
    assert (found.days, found.mature, found.certain, found.asked) == (days, mature, certain, None)
    young = found.known - mature
    assert f"{mature:,} of {found.known:,} loans with an outcome are that old" in found.text
    assert f"{young:,} are immature" in found.text


@pytest.mark.parametrize(
    ("span", "offered"),
    [
        (10, {}),
        (31, {30: 20}),
        (95, {90: 60, 60: 360, 30: 660}),
        (300, {180: 1210, 90: 2110, 60: 2410, 30: 2710}),
        (600, {365: 2360, 180: 4210, 90: 5110, 60: 5410, 30: 5710}),
    ],
)
def test_where_most_loans_are_younger_than_the_usual_horizon_it_is_asked_for(
    span: int, offered: dict[int, int]
) -> None:
    asked = horizon_of(span).asked
    assert asked is not None
    assert {int(choice.value): choice.text for choice in asked.choices} == {
        days: f"--horizon-days {days}: {mature:,} of {10 * span:,} loans with an outcome count"
        for days, mature in offered.items()
    }
    usual = max(10 * (span - 364), 0)
    assert f"loans of {span:,} days: of the usual 365 days, {usual:,} of {10 * span:,}" in str(asked)
    assert "take a file with older loans too" in str(asked)


@pytest.mark.parametrize("given", [0, 30, 90, 400])
def test_a_given_horizon_is_taken_and_nothing_is_asked(given: int) -> None:
    found = horizon_of(95, given=given)
    mature = max(10 * (96 - max(given, 1)), 0)
    assert (found.days, found.certain, found.mature, found.asked) == (given, True, mature, None)


def test_loans_of_one_date_and_loans_without_any_outcome_leave_nothing_to_ask() -> None:
    assert horizon_of(1).asked is None
    assert horizon_of(95, all_known=False).asked is None


@pytest.mark.parametrize("answer", ["", "a year", "-1", "1.5", "1000000"])
def test_an_answer_that_is_no_number_of_days_is_refused(answer: str) -> None:
    with pytest.raises(PortfolioError, match="--horizon-days DAYS"):
        days_from(answer)


@pytest.mark.parametrize(
    ("every", "said"),
    [(2, "label: 5,555 of the 11,110 loans that are older than 365 days have no outcome"), (20, ""), (0, "")],
)
def test_loans_that_are_old_enough_and_have_no_outcome_are_asked_about(every: int, said: str) -> None:
    """Outcomes of closed loans alone: those that are still repaid are no defaults, and are missing."""
    days = FIRST + np.repeat(np.arange(1475), 10)
    counts = DayCounts()
    counts.add(days, np.arange(len(days)) % every > 0 if every else np.ones(len(days), bool))
    text = "".join(draft_horizon(counts, (FIRST + 1475).item()).gaps)
    assert (said in text, bool(said)) == (True, bool(text))
