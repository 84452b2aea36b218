"""When an asset is late, and when it is made again without anybody asking."""

from datetime import timedelta

import dagster as dg

from loan_default_assets.orchestration.jobs import PORTFOLIO
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

AC = dg.AutomationCondition

# How far back partitions that were missed while nothing ran are still fetched.
_LOOK_BACK = {"daily": timedelta(days=7), "weekly": timedelta(days=28), "monthly": timedelta(days=92)}


def freshness(portfolio: Portfolio, settings: Settings) -> dg.FreshnessPolicy | None:
    """When rows are due: by the portfolio's `refresh` schedule. None: a file that does not grow is never late."""
    if portfolio.refresh is None:
        return None
    if settings.freshness_seconds is not None:
        return dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=settings.freshness_seconds))
    return dg.FreshnessPolicy.cron(portfolio.refresh, lower_bound_delta=timedelta(minutes=1))


def of(portfolio: Portfolio, settings: Settings) -> dict[str, dg.AutomationCondition]:
    """By asset name. Without `refresh`, features and evaluation follow, and nothing is ever stale."""
    follow = {"processed_features": _follow_partition(), "evaluation": _follow_rows(portfolio)}
    if portfolio.refresh is None:
        return follow
    quiet = _quiet(settings)
    newest = AC.in_latest_time_window()
    missed = AC.in_latest_time_window(_LOOK_BACK[portfolio.cadence]) & AC.missing()
    # A state that is neither of these is unknown: nothing has been made yet.
    late = AC.freshness_failed() | (AC.missing() & ~AC.freshness_passed() & ~AC.freshness_warned())
    # What is upstream comes first; its new rows are followed, and the state of freshness lags behind them.
    settled = ~AC.any_deps_match(AC.freshness_failed() | AC.in_progress() | AC.will_be_requested())
    return {
        "raw_loans": (newest | missed) & late & quiet,
        "processed_features": follow["processed_features"]
        | ((newest | missed) & late & settled & ~AC.any_deps_missing() & quiet),
        "evaluation": follow["evaluation"]
        | (AC.freshness_failed() & settled & _has_classifier(portfolio) & quiet),
    }


def _follow_partition() -> dg.AutomationCondition:
    # Runs of the platform's own jobs make the features too; Dagster cannot tell that of a job's runs by itself.
    alone = ~AC.executed_with_root_target() & ~AC.executed_with_tags(tag_keys={PORTFOLIO})
    return (
        AC.any_deps_match((AC.newly_updated() & alone) | AC.will_be_requested()).since_last_handled()
        & ~AC.any_deps_missing()
        & ~AC.any_deps_in_progress()
        & ~AC.in_progress()
    )


def _follow_rows(portfolio: Portfolio) -> dg.AutomationCondition:
    return (
        AC.any_deps_updated().since_last_handled()
        & _has_classifier(portfolio)
        & ~AC.any_deps_in_progress()
        & ~AC.in_progress()
    )


def _has_classifier(portfolio: Portfolio) -> dg.AutomationCondition:
    """Most partitions of the rows may be missing; the model may not."""
    rows = dg.AssetSelection.assets(dg.AssetKey([portfolio.name, "processed_features"]))
    return ~AC.any_deps_missing().ignore(rows)


def _quiet(settings: Settings) -> dg.AutomationCondition:
    """Neither under way nor asked for since the last tick of the retry schedule: a failing run is no storm."""
    recently = (AC.newly_requested() | AC.newly_updated()).since(
        AC.cron_tick_passed(settings.freshness_retry_cron)
    )
    return ~AC.in_progress() & ~recently
