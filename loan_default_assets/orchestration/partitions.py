"""The portfolio's calendar as Dagster's partitions."""

from datetime import date, timedelta

import dagster as dg

from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.portfolio.spec import Portfolio


def partitions_of(portfolio: Portfolio) -> dg.PartitionsDefinition[str]:
    """Partitions by the date a row was known; a portfolio without dates has the one partition `snapshot`.

    Where new rows of the source are looked for, the partition of today is one of them before it has ended.
    """
    if portfolio.as_of is None:
        return dg.StaticPartitionsDefinition([UNDATED_PARTITION])
    # A start date inside a week or month includes the whole of it.
    start = portfolio.partition_of(portfolio.start or date.min)
    end = str(portfolio.end) if portfolio.end else None
    offset = int(portfolio.source.watched)
    if portfolio.cadence == "daily":
        return dg.DailyPartitionsDefinition(start_date=start, end_date=end, end_offset=offset)
    if portfolio.cadence == "weekly":
        return dg.WeeklyPartitionsDefinition(start_date=start, end_date=end, end_offset=offset, day_offset=1)
    if portfolio.cadence == "monthly":
        return dg.MonthlyPartitionsDefinition(start_date=start, end_date=end, end_offset=offset)
    months = "1,4,7,10" if portfolio.cadence == "quarterly" else "1"
    return dg.TimeWindowPartitionsDefinition(
        start=start, end=end, fmt="%Y-%m-%d", cron_schedule=f"0 0 1 {months} *", end_offset=offset
    )


def with_history(portfolio: Portfolio, first_stored: str | None, today: date) -> Portfolio:
    """The portfolio as the graph shows it: generated loans start where the stored ones do, and not at its `start`.

    Loans could be generated for every day since `start`; without this, the days for which none were ever wanted are
    shown as missing. Other portfolios are returned as they are: their `start` is where their data starts.

    Args:
        portfolio: The portfolio.
        first_stored: Key of the first partition that has rows, or is about to be given some; None without one.
        today: Where nothing is stored, the history starts `history_days` before, or before the portfolio's end.
    """
    if portfolio.source.kind != "synthetic":
        return portfolio
    start = portfolio.partition_of(_first_day(portfolio, today))
    first = min(start, first_stored) if first_stored else start
    return portfolio.model_copy(update={"start": date.fromisoformat(first)})


def completed_keys(portfolio: Portfolio, first: date | None, last: date | None, today: date) -> list[str]:
    """Keys of the completed partitions between two days, in order.

    Args:
        first: None for the portfolio's start; for a synthetic portfolio, the start of its history.
        last: None for the portfolio's end, or yesterday.
        today: Partitions that end after this day are not completed.

    Raises:
        ValueError: No completed partition lies between the two days.
    """
    if portfolio.as_of is None:
        return [UNDATED_PARTITION]
    start = portfolio.start or date.min
    first = _first_day(portfolio, today) if first is None else max(first, start)
    final = min(last or today, portfolio.end or today, today)
    keys = [
        key
        for key in (portfolio.partition_keys(first, final) if first <= final else [])
        if portfolio.partition_bounds(key)[1] <= min(today, portfolio.end or today)
    ]
    if not keys:
        raise ValueError(
            f"portfolio {portfolio.name} has no completed {portfolio.cadence} partition between {first} and {final}; "
            f"it starts on {start}" + (f" and ends before {portfolio.end}" if portfolio.end else "")
        )
    return keys


def _first_day(portfolio: Portfolio, today: date) -> date:
    """The first day of the history that is loaded without a request for an earlier one."""
    start = portfolio.start or date.min
    if portfolio.source.kind != "synthetic":
        return start
    after = min(today, portfolio.end or today)
    return max(start, after - timedelta(days=portfolio.source.history_days))
