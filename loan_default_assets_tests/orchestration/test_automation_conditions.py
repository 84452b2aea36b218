"""What the automation conditions request, and when; evaluated as by the daemon, at simulated times."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration.jobs import PORTFOLIO
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.settings import Settings
from loan_default_assets_tests.warehouse import samples

NOON = datetime(2024, 2, 10, 12, 3, 7, tzinfo=UTC)
NEWEST = "2024-02-09"
ROWS, FEATURES, CLASSIFIER, EVALUATION = "raw_loans", "processed_features", "classifier", "evaluation"


class Automation:
    """The conditions of a portfolio; `tick` is a tick of the automation sensor."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, **changes: Any) -> None:
        self.instance = instance
        self.definitions = build_definitions(
            settings=Settings(loan_default_home=folder), portfolio=samples.portfolio(**changes)
        )
        self.now = NOON
        self._cursor: Any = None

    def tick(self, minutes: float = 0.5) -> dict[str, set[str | None]]:
        """The requested partitions by asset, so many minutes later."""
        self.now += timedelta(minutes=minutes)
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, evaluation_time=self.now, cursor=self._cursor
        )
        self._cursor = result.cursor
        requested = {}
        for name in (ROWS, FEATURES, CLASSIFIER, EVALUATION):
            if result.get_num_requested(_key(name)):
                requested[name] = set(result.get_requested_partitions(_key(name)))
        return requested

    def materialized(self, *names: str, partition: str = NEWEST) -> None:
        """Materialize these assets, in the given partition of rows and features."""
        for name in names:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(_key(name), partition=partition if name in (ROWS, FEATURES) else None)
            )

    def fresh(self, *names: str) -> None:
        self._report_freshness(FreshnessState.PASS, *names)

    def stale(self, *names: str) -> None:
        self._report_freshness(FreshnessState.FAIL, *names)

    def _report_freshness(self, state: FreshnessState, *names: str) -> None:
        for name in names:
            self.instance._report_runless_asset_event(
                FreshnessStateChange(
                    key=_key(name),
                    previous_state=FreshnessState.UNKNOWN,
                    new_state=state,
                    state_change_timestamp=self.now.timestamp(),
                )
            )


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["sample", name])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def growing(instance: dg.DagsterInstance, tmp_path: Path) -> Automation:
    """A portfolio whose rows are due every morning, completely materialized."""
    automation = Automation(instance, tmp_path, refresh="0 6 * * *")
    day = datetime(2024, 2, 1, tzinfo=UTC)
    while day.date().isoformat() <= NEWEST:
        automation.materialized(ROWS, FEATURES, partition=day.date().isoformat())
        day += timedelta(days=1)
    automation.materialized(CLASSIFIER, EVALUATION)
    automation.fresh(ROWS, FEATURES, EVALUATION)
    automation.tick()
    return automation


def test_fresh_assets_are_not_requested(growing: Automation) -> None:
    assert growing.tick() == {}
    assert growing.tick(60) == {}


def test_a_new_day_is_not_requested_before_its_rows_are_due(growing: Automation) -> None:
    assert growing.tick(15 * 60) == {}


def test_stale_rows_are_requested_once_together_with_features(growing: Automation) -> None:
    growing.stale(ROWS, FEATURES, EVALUATION)
    assert growing.tick() == {ROWS: {NEWEST}, FEATURES: {NEWEST}}
    assert [growing.tick() for _ in range(5)] == [{}] * 5


def test_the_lag_of_the_freshness_daemon_causes_no_further_request(growing: Automation) -> None:
    growing.stale(ROWS, FEATURES, EVALUATION)
    growing.tick()
    growing.materialized(ROWS, FEATURES)
    ticks = [growing.tick() for _ in range(5)]
    assert [requested for requested in ticks if requested] == [{EVALUATION: {None}}]
    growing.materialized(EVALUATION)
    growing.fresh(ROWS, FEATURES, EVALUATION)
    assert [growing.tick(10) for _ in range(5)] == [{}] * 5


def test_a_failed_run_is_requested_again_once_per_ten_minutes(growing: Automation) -> None:
    growing.stale(ROWS, FEATURES, EVALUATION)
    ticks = [growing.tick() for _ in range(60)]  # half an hour of ticks without any materialization
    assert sum(ROWS in requested for requested in ticks) == 4
    assert not any(EVALUATION in requested for requested in ticks)


def test_missing_days_are_requested_too(growing: Automation) -> None:
    growing.stale(ROWS, FEATURES, EVALUATION)
    assert growing.tick(2 * 24 * 60)[ROWS] == {"2024-02-10", "2024-02-11"}


def test_a_new_partition_is_followed_by_features_then_by_one_evaluation(growing: Automation) -> None:
    growing.tick(24 * 60)
    growing.materialized(ROWS, partition="2024-02-10")
    assert growing.tick() == {FEATURES: {"2024-02-10"}}
    growing.materialized(FEATURES, partition="2024-02-10")
    assert growing.tick() == {EVALUATION: {None}}
    growing.materialized(EVALUATION)
    assert [growing.tick() for _ in range(3)] == [{}] * 3


def test_a_run_that_materializes_the_features_itself_is_not_followed_again(growing: Automation) -> None:
    growing.tick(24 * 60)

    @dg.asset(key=_key(ROWS), partitions_def=partitions_of(samples.portfolio()))
    def rows() -> None: ...

    dg.materialize([rows], instance=growing.instance, partition_key="2024-02-10", tags={PORTFOLIO: "sample"})
    assert [growing.tick() for _ in range(3)] == [{}] * 3


def test_a_file_that_does_not_grow_is_never_stale_but_followed(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    static = Automation(instance, tmp_path)
    assert not any(
        spec.freshness_policy
        for asset in static.definitions.assets or ()
        for spec in asset.specs  # type: ignore[union-attr]
    )
    assert static.tick() == {}
    static.materialized(ROWS)
    assert static.tick() == {FEATURES: {NEWEST}}
    static.materialized(FEATURES)
    assert static.tick() == {}, "there is no model to evaluate"
    static.materialized(CLASSIFIER)
    assert static.tick() == {EVALUATION: {None}}


def test_an_empty_platform_requests_the_last_days_once(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    automation = Automation(instance, tmp_path, refresh="0 6 * * *")
    first = automation.tick()
    assert NEWEST in first[ROWS]
    assert len(first[ROWS]) <= 8
    assert automation.tick() == {}
    automation.materialized(ROWS)
    assert automation.tick() == {FEATURES: {NEWEST}}


def test_rows_that_arrive_by_the_minute_are_evaluated_once_an_hour(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    automation = Automation(instance, tmp_path, source={"kind": "csv", "path": "deliveries/*.csv"})
    automation.materialized(ROWS, FEATURES, CLASSIFIER)
    automation.tick()
    requested = []
    for _ in range(180):
        automation.materialized(FEATURES)
        if automation.tick(minutes=1).keys() & {EVALUATION}:
            requested.append(automation.now.hour)
            automation.materialized(EVALUATION)
    assert requested == [12, 13, 14, 15]
