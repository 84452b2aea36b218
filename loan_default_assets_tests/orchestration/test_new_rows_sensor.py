"""The sensor that loads new rows, evaluated tick by tick on an instance; its runs are executed in this process."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration import new_rows_sensor
from loan_default_assets.orchestration.jobs import INGEST, PORTFOLIO
from loan_default_assets.orchestration.new_rows_sensor import NEW_ROWS_SENSOR, NEW_ROWS_TAG
from loan_default_assets.orchestration.partitions import partitions_of
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.deliveries import DAYS, Folder, of_days, opened, rows_by_day, search

FIRST, SECOND, THIRD, FOURTH = DAYS


@dataclass(frozen=True)
class Watching:
    """A bank whose folder is watched; `tick` is what the daemon does every half minute."""

    steps: BankSteps
    folder: Folder
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    url: str

    def tick(self) -> SensorExecutionData:
        repository = self.definitions.get_repository_def()
        resources = {"warehouse": Warehouse(url=self.url)}
        with dg.build_sensor_context(
            instance=self.instance, repository_def=repository, resources=resources
        ) as context:
            return repository.get_sensor_def(NEW_ROWS_SENSOR).evaluate_tick(context)

    def requests(self) -> list[dg.RunRequest]:
        return list(self.tick().run_requests or [])

    def execute(self, request: dg.RunRequest) -> bool:
        """Execute the run that the daemon would launch; whether it succeeded."""
        job = self.definitions.resolve_job_def(INGEST)
        return job.execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            raise_on_error=False,
        ).success

    def run_of(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        tags = dict(request.tags) | {PORTFOLIO: self.steps.portfolio.name}
        return self.instance.add_run(dg.DagsterRun(job_name=INGEST, status=status, tags=tags))


@pytest.fixture
def watching(tmp_path: Path, database_url: str) -> Iterator[Watching]:
    (tmp_path / "in").mkdir()
    folder = Folder(tmp_path / "in")
    folder.deliver("a.csv", of_days(FIRST, SECOND))
    folder.deliver("b.csv", of_days(FOURTH, rows=slice(3)))
    steps = opened(tmp_path, database_url, folder.source())
    definitions = build_definitions(
        settings=small_bank.settings(tmp_path, database_url),
        portfolio=steps.portfolio,
        resources={"warehouse": Warehouse(url=database_url)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watching(steps, folder, instance, definitions, database_url)


def test_new_rows_are_loaded_with_their_features_and_once(watching: Watching) -> None:
    several, single = watching.requests()
    assert (several.partition_key, single.partition_key) == (None, FOURTH)
    assert [value for tag, value in several.tags.items() if "range" in tag] == [FIRST, SECOND]
    assert watching.execute(several)
    assert watching.execute(single)
    assert rows_by_day(watching.steps) == {FIRST: 6, SECOND: 6, FOURTH: 3}
    assert watching.tick().skip_message == "The source has no new rows."

    watching.folder.deliver("c.csv", of_days(FOURTH, rows=slice(3, None)))
    [request] = watching.requests()
    assert request.partition_key == FOURTH
    assert watching.execute(request)
    assert not watching.requests()
    assert rows_by_day(watching.steps) == {FIRST: 6, SECOND: 6, FOURTH: 6}


def test_two_ticks_at_once_ask_for_the_same_runs(watching: Watching) -> None:
    with ThreadPoolExecutor(2) as pool:
        ticks = [pool.submit(watching.requests) for _ in range(2)]
        first, second = ([request.run_key for request in tick.result()] for tick in ticks)
    assert len(set(first)) == 2
    assert first == second


def test_the_same_rows_twice_are_two_runs(watching: Watching) -> None:
    """Dagster starts no second run under a key, so that of rows that come back must differ."""
    keys, content = [], [of_days(FOURTH, rows=slice(3)), of_days(FOURTH)] * 2
    for frame in content:
        path = watching.folder.deliver("b.csv", frame)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        request = watching.requests()[-1]
        keys.append(request.run_key)
        assert watching.execute(request)
    assert len(set(keys)) == 4


IN_PROGRESS = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED]


@pytest.mark.parametrize("status", IN_PROGRESS, ids=str)
def test_nothing_starts_while_a_load_is_in_progress(watching: Watching, status: dg.DagsterRunStatus) -> None:
    watching.run_of(watching.requests()[0], status)
    assert watching.tick().skip_message == "1 loads are queued or running."


def test_a_failed_load_is_repeated_later(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    several, single = watching.requests()
    bad = of_days(FOURTH, rows=slice(3)).assign(income=-1.0)
    watching.folder.deliver("b.csv", bad)
    several, single = watching.requests()
    assert watching.execute(several)
    assert not watching.execute(single)
    assert watching.tick().skip_message == "1 failed loads are repeated after 10 minutes"
    assert rows_by_day(watching.steps) == {FIRST: 6, SECOND: 6}
    monkeypatch.setattr(new_rows_sensor, "_RETRY_SECONDS", 0)
    [again] = watching.requests()
    assert again.tags[NEW_ROWS_TAG] == single.tags[NEW_ROWS_TAG]
    assert again.run_key != single.run_key
    monkeypatch.undo()
    watching.folder.deliver("b.csv", of_days(FOURTH))
    [other] = watching.requests()
    assert watching.execute(other), "other rows are not waited for"
    assert search(watching.steps).keys == ()


def test_a_run_that_fails_after_its_load_is_repeated_later_too(watching: Watching) -> None:
    """The rows are stored and marked by then, and their features are missing."""
    several, single = watching.requests()
    assert watching.execute(several)
    watching.steps.load([FOURTH])
    watching.run_of(single, dg.DagsterRunStatus.FAILURE)
    assert watching.tick().skip_message == "1 failed loads are repeated after 10 minutes"


def test_a_load_that_ended_before_its_features_is_continued(watching: Watching) -> None:
    watching.steps.load([FIRST, SECOND, FOURTH])
    for request in watching.requests():
        assert watching.execute(request)
    assert rows_by_day(watching.steps) == {FIRST: 6, SECOND: 6, FOURTH: 3}
    assert not watching.requests()


def test_why_nothing_is_loaded_is_said(watching: Watching) -> None:
    for request in watching.requests():
        watching.execute(request)
    growing = watching.folder.deliver("c.csv", of_days(THIRD), age=0)
    (watching.folder.path / "a.csv").unlink()
    result = watching.tick()
    assert not result.run_requests
    assert "a.csv: rows were loaded from this file, and it is gone" in (result.skip_message or "")
    assert f"{growing} is being written" in (result.skip_message or "")


def test_a_source_that_is_not_watched_has_no_such_sensor(tmp_path: Path, database_url: str) -> None:
    portfolio = small_bank.bank(tmp_path)
    settings = small_bank.settings(tmp_path, database_url)
    definitions = build_definitions(settings=settings, portfolio=portfolio)
    assert NEW_ROWS_SENSOR not in {sensor.name for sensor in definitions.sensors or ()}


@pytest.mark.parametrize("cadence", ["daily", "weekly", "monthly", "quarterly", "yearly"])
def test_the_partition_of_today_exists_before_it_has_ended(watching: Watching, cadence: str) -> None:
    today = date(2026, 11, 26)
    watched = watching.steps.portfolio.model_copy(update={"cadence": cadence, "end": None})
    path = watched.source.model_copy(update={"path": "loans.csv"})
    unwatched = watched.model_copy(update={"source": path})
    with dg.partition_loading_context(effective_dt=datetime(2026, 11, 26, 12, tzinfo=UTC)):
        assert partitions_of(watched).get_last_partition_key() == watched.partition_of(today)
        assert partitions_of(unwatched).get_last_partition_key() < watched.partition_of(today)
    ended = watched.model_copy(update={"end": small_bank.START + timedelta(days=400)})
    last = partitions_of(ended).get_partition_keys()[-1]
    assert watched.partition_bounds(last)[1] <= ended.end
