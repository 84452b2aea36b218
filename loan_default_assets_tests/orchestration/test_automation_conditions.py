"""What is asked for, and when: the conditions evaluated as the daemon does, with the clock in our hand."""

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
ROWS, FEATURES, MODEL, JUDGED = "raw_loans", "processed_features", "classifier", "evaluation"


class Watched:
    """The conditions of a portfolio; `look` is a tick of the automation sensor."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, **changes: Any) -> None:
        self.instance = instance
        self.definitions = build_definitions(
            settings=Settings(loan_default_home=folder), portfolio=samples.portfolio(**changes)
        )
        self.now = NOON
        self._cursor: Any = None

    def look(self, minutes: float = 0.5) -> dict[str, set[str | None]]:
        """What is asked for, by asset; after so many minutes."""
        self.now += timedelta(minutes=minutes)
        found = dg.evaluate_automation_conditions(
            self.definitions, self.instance, evaluation_time=self.now, cursor=self._cursor
        )
        self._cursor = found.cursor
        wanted = {}
        for name in (ROWS, FEATURES, MODEL, JUDGED):
            if found.get_num_requested(_key(name)):
                wanted[name] = set(found.get_requested_partitions(_key(name)))
        return wanted

    def made(self, *names: str, partition: str = NEWEST) -> None:
        """One run materializes these assets."""
        for name in names:
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(_key(name), partition=partition if name in (ROWS, FEATURES) else None)
            )

    def fresh(self, *names: str) -> None:
        self._becomes(FreshnessState.PASS, *names)

    def late(self, *names: str) -> None:
        self._becomes(FreshnessState.FAIL, *names)

    def _becomes(self, state: FreshnessState, *names: str) -> None:
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
def growing(instance: dg.DagsterInstance, tmp_path: Path) -> Watched:
    """A portfolio whose rows are due every morning, all of it materialized."""
    watched = Watched(instance, tmp_path, refresh="0 6 * * *")
    day = datetime(2024, 2, 1, tzinfo=UTC)
    while day.date().isoformat() <= NEWEST:
        watched.made(ROWS, FEATURES, partition=day.date().isoformat())
        day += timedelta(days=1)
    watched.made(MODEL, JUDGED)
    watched.fresh(ROWS, FEATURES, JUDGED)
    watched.look()
    return watched


def test_fresh_assets_are_left_alone(growing: Watched) -> None:
    assert growing.look() == {}
    assert growing.look(60) == {}


def test_a_new_day_is_not_fetched_before_its_rows_are_due(growing: Watched) -> None:
    assert growing.look(15 * 60) == {}


def test_what_is_late_is_asked_for_once_and_features_go_along(growing: Watched) -> None:
    growing.late(ROWS, FEATURES, JUDGED)
    assert growing.look() == {ROWS: {NEWEST}, FEATURES: {NEWEST}}
    assert [growing.look() for _ in range(5)] == [{}] * 5


def test_the_lag_of_the_freshness_daemon_asks_for_nothing_more(growing: Watched) -> None:
    growing.late(ROWS, FEATURES, JUDGED)
    growing.look()
    growing.made(ROWS, FEATURES)
    asked = [growing.look() for _ in range(5)]
    assert [a for a in asked if a] == [{JUDGED: {None}}]
    growing.made(JUDGED)
    growing.fresh(ROWS, FEATURES, JUDGED)
    assert [growing.look(10) for _ in range(5)] == [{}] * 5


def test_a_run_that_failed_is_tried_again_once_each_ten_minutes(growing: Watched) -> None:
    growing.late(ROWS, FEATURES, JUDGED)
    asked = [growing.look() for _ in range(60)]  # half an hour of ticks, and nothing is ever materialized
    assert sum(ROWS in a for a in asked) == 4
    assert not any(JUDGED in a for a in asked)


def test_days_that_were_missed_are_fetched_too(growing: Watched) -> None:
    growing.late(ROWS, FEATURES, JUDGED)
    assert growing.look(2 * 24 * 60)[ROWS] == {"2024-02-10", "2024-02-11"}


def test_a_new_partition_is_followed_by_features_then_by_one_evaluation(growing: Watched) -> None:
    growing.look(24 * 60)
    growing.made(ROWS, partition="2024-02-10")
    assert growing.look() == {FEATURES: {"2024-02-10"}}
    growing.made(FEATURES, partition="2024-02-10")
    assert growing.look() == {JUDGED: {None}}
    growing.made(JUDGED)
    assert [growing.look() for _ in range(3)] == [{}] * 3


def test_a_run_that_makes_the_features_itself_is_not_followed_twice(growing: Watched) -> None:
    growing.look(24 * 60)

    @dg.asset(key=_key(ROWS), partitions_def=partitions_of(samples.portfolio()))
    def rows() -> None: ...

    dg.materialize([rows], instance=growing.instance, partition_key="2024-02-10", tags={PORTFOLIO: "sample"})
    assert [growing.look() for _ in range(3)] == [{}] * 3


def test_a_file_that_does_not_grow_is_never_late_but_followed(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    still = Watched(instance, tmp_path)
    assert not any(
        spec.freshness_policy
        for asset in still.definitions.assets or ()
        for spec in asset.specs  # type: ignore[union-attr]
    )
    assert still.look() == {}
    still.made(ROWS)
    assert still.look() == {FEATURES: {NEWEST}}
    still.made(FEATURES)
    assert still.look() == {}, "there is no model to judge"
    still.made(MODEL)
    assert still.look() == {JUDGED: {None}}


def test_an_empty_platform_fetches_the_last_days_once(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    watched = Watched(instance, tmp_path, refresh="0 6 * * *")
    first = watched.look()
    assert NEWEST in first[ROWS]
    assert len(first[ROWS]) <= 8
    assert watched.look() == {}
    watched.made(ROWS)
    assert watched.look() == {FEATURES: {NEWEST}}
