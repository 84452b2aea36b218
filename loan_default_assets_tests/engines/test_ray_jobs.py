"""Dagster's runs as jobs of a Ray cluster of two nodes, launched with the `dagster.yaml` of ENGINE=ray."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration

from loan_default_assets.commands.dagster_home import ROOT, instance_of
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.dagster_internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    WILL_RETRY_TAG,
    workspace_context,
)
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.engines.two_nodes import TwoNodes, head_node, two_nodes

pytest.importorskip("ray")
pytest.importorskip("dagster_ray")
pytestmark = pytest.mark.slow

DAYS = [f"2025-01-{day:02d}" for day in range(1, 31)]
ROWS = "SELECT partition_key, count(*), count(DISTINCT loan_id) FROM raw_data GROUP BY 1 ORDER BY 1"
WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'raw_data'::regclass AND NOT granted"
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)


@pytest.fixture
def nodes(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoNodes]:
    """Nodes that have the database, the source and the program `dagster` from their environment."""
    small_bank.bank(tmp_path)
    program = tmp_path / "bin" / "dagster"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dagster "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("LOAN_SOURCE", str(tmp_path / "loans.csv"))
    monkeypatch.setenv("ENGINE", "ray")
    with head_node(include_dashboard=True) as cluster, two_nodes(cluster) as found:
        yield found


class Launched:
    """Runs on the cluster."""

    def __init__(self, instance: dg.DagsterInstance, workspace: Any) -> None:
        self.instance, self._workspace = instance, workspace
        self.context = workspace.create_request_context()
        (location,) = self.context.code_locations
        (self.repository,) = location.get_repositories().values()

    def launch(self, first: str, last: str) -> str:
        """A run that loads these partitions."""
        return self.launch_job(
            jobs.INGEST, {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
        )

    def launch_job(self, name: str, tags: dict[str, str]) -> str:
        job = self.repository.get_full_job(name)
        run = create_run_for_test(
            self.instance,
            name,
            tags=tags,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
        )
        eventually(lambda: self._is_submitted(run.run_id))
        return run.run_id

    def _is_submitted(self, run: str) -> bool:
        try:
            self.instance.launch_run(run, self.context)
        except RuntimeError as error:
            # A new cluster accepts jobs a few seconds after tasks.
            if "No available agent" not in str(error):
                raise
            return False
        return True

    def status(self, run: str) -> dg.DagsterRunStatus:
        found = self.instance.get_run_by_id(run)
        assert found is not None
        return found.status

    def monitored(self, run: str) -> dg.DagsterRunStatus:
        """The status of the run after Dagster's daemon has asked for its job."""
        for _ in execute_run_monitoring_iteration(self._workspace, logging.getLogger(__name__)):
            pass
        return self.status(run)

    def node(self, run: str) -> str:
        """The node that executes the run, once it is one."""
        job = self.instance.run_launcher.client.get_job_info(f"dagster-run-{run}")
        return job.driver_node_id or ""


def eventually(condition: Callable[[], Any], seconds: float = 240) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


@contextmanager
def launching(folder: Path, url: str) -> Iterator[tuple[Session, Launched]]:
    """The small bank with an instance whose runs are jobs of the cluster."""
    settings = small_bank.settings(folder, url)
    with (
        open_session(settings) as session,
        instance_of(settings, session.url) as instance,
        workspace_context(instance, ROOT / "workspace.yaml") as workspace,
    ):
        yield session, Launched(instance, workspace)


def select(session: Session, statement: str) -> list[tuple[Any, ...]]:
    with session.database.transaction() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_partitions_are_loaded_by_runs_on_both_nodes(
    nodes: TwoNodes, database_url: str, tmp_path: Path
) -> None:
    with launching(tmp_path, database_url) as (session, launched):
        runs = [launched.launch(DAYS[0], DAYS[14]), launched.launch(DAYS[15], DAYS[29])]
        for run in runs:
            eventually(lambda run=run: launched.status(run) in ENDED)
        assert [launched.status(run) for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 2
        assert select(session, ROWS) == [(day, 60, 60) for day in DAYS]
        assert {launched.node(run) for run in runs} == set(nodes.nodes)

        # A run inside the cluster fits the transformers as tasks of it.
        training = launched.launch_job(jobs.TRAIN, {})
        eventually(lambda: launched.status(training) in ENDED)
        assert launched.status(training) == dg.DagsterRunStatus.SUCCESS
        assert session.registry.champion() is not None


def test_a_run_on_a_killed_node_has_stored_nothing_and_is_retried(
    nodes: TwoNodes, database_url: str, tmp_path: Path
) -> None:
    with launching(tmp_path, database_url) as (session, launched):
        with session.database.transaction() as cursor:
            cursor.execute("LOCK TABLE raw_data IN SHARE MODE")
            run = launched.launch(DAYS[0], DAYS[9])
            eventually(lambda: select(session, WAITING) != [(0,)])
            nodes.kill(launched.node(run))
        eventually(lambda: launched.monitored(run) in ENDED)
        failed = launched.instance.get_run_by_id(run)
        assert failed is not None
        assert failed.status == dg.DagsterRunStatus.FAILURE
        assert failed.tags[WILL_RETRY_TAG] == "true"
        assert select(session, ROWS) == []
        # What the daemon does with a run that it is to retry.
        again = launched.launch(DAYS[0], DAYS[9])
        eventually(lambda: launched.status(again) in ENDED)
        assert launched.status(again) == dg.DagsterRunStatus.SUCCESS
        assert launched.node(again) != launched.node(run)
        assert select(session, ROWS) == [(day, 60, 60) for day in DAYS[:10]]
