"""Freshness policies, and automation conditions under which assets materialize without a request."""

from datetime import timedelta

import dagster as dg

from loan_default_assets.orchestration.jobs import PORTFOLIO
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings

AC = dg.AutomationCondition

# An evaluation fits the references again; new rows of a watched source may come every minute.
_EVALUATIONS_OF_WATCHED = "0 * * * *"

# How far back missing partitions are materialized after a downtime.
_LOOKBACK = {
    "daily": timedelta(days=7),
    "weekly": timedelta(days=28),
    "monthly": timedelta(days=92),
    "quarterly": timedelta(days=275),
    "yearly": timedelta(days=1096),
}


def freshness_policy(portfolio: Portfolio, settings: Settings) -> dg.FreshnessPolicy | None:
    """The policy by the portfolio's `refresh` schedule; None for a file that does not grow, which is never stale."""
    if portfolio.refresh is None:
        return None
    if settings.freshness_seconds is not None:
        return dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=settings.freshness_seconds))
    return dg.FreshnessPolicy.cron(portfolio.refresh, lower_bound_delta=timedelta(minutes=1))


def conditions(portfolio: Portfolio, settings: Settings) -> dict[str, dg.AutomationCondition]:
    """Automation conditions by asset name.

    Features and evaluation follow their inputs, the evaluation at most once an hour where the source is watched. With a
    `refresh` schedule, stale assets are rematerialized as well.
    """
    evaluation: dg.AutomationCondition = _on_new_rows(portfolio)
    if portfolio.source.watched:
        evaluation = evaluation & _not_recently_requested(_EVALUATIONS_OF_WATCHED)
    updates = {"processed_features": _on_new_partition(), "evaluation": evaluation}
    if portfolio.refresh is None:
        return updates
    not_requested = _not_recently_requested(settings.freshness_retry_cron)
    newest = AC.in_latest_time_window()
    missing = AC.in_latest_time_window(_LOOKBACK[portfolio.cadence]) & AC.missing()
    # Without any of the three states freshness is unknown: the asset was never materialized.
    stale = AC.freshness_failed() | (AC.missing() & ~AC.freshness_passed() & ~AC.freshness_warned())
    # Upstream assets come first: the update condition follows their new rows, and freshness states lag behind.
    upstream_settled = ~AC.any_deps_match(AC.freshness_failed() | AC.in_progress() | AC.will_be_requested())
    return {
        "raw_loans": (newest | missing) & stale & not_requested,
        "processed_features": updates["processed_features"]
        | ((newest | missing) & stale & upstream_settled & ~AC.any_deps_missing() & not_requested),
        "evaluation": updates["evaluation"]
        | (AC.freshness_failed() & upstream_settled & _has_classifier(portfolio) & not_requested),
    }


def _on_new_partition() -> dg.AutomationCondition:
    # The platform's own jobs materialize the features too; Dagster does not detect that for runs of a job.
    rows_only = ~AC.executed_with_root_target() & ~AC.executed_with_tags(tag_keys={PORTFOLIO})
    return (
        AC.any_deps_match((AC.newly_updated() & rows_only) | AC.will_be_requested()).since_last_handled()
        & ~AC.any_deps_missing()
        & ~AC.any_deps_in_progress()
        & ~AC.in_progress()
    )


def _on_new_rows(portfolio: Portfolio) -> dg.AutomationCondition:
    return (
        AC.any_deps_updated().since_last_handled()
        & _has_classifier(portfolio)
        & ~AC.any_deps_in_progress()
        & ~AC.in_progress()
    )


def _has_classifier(portfolio: Portfolio) -> dg.AutomationCondition:
    """Whether no dependency is missing, apart from partitions of the rows."""
    rows = dg.AssetSelection.assets(dg.AssetKey([portfolio.name, "processed_features"]))
    return ~AC.any_deps_missing().ignore(rows)


def _not_recently_requested(cron: str) -> dg.AutomationCondition:
    """Neither in progress nor requested since the last tick of the schedule: limits repetitions."""
    recently = (AC.newly_requested() | AC.newly_updated()).since(AC.cron_tick_passed(cron))
    return ~AC.in_progress() & ~recently
