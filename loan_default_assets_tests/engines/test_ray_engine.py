"""Calls as tasks of a cluster of two CPUs on this machine; skipped where Ray is not installed."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from loan_default_assets.engines.engine_choice import engine_of
from loan_default_assets.engines.ray_engine import RayEngine
from loan_default_assets.engines.task_engine import EngineError
from loan_default_assets.model.training import fit
from loan_default_assets_tests.engines import calls
from loan_default_assets_tests.engines.two_nodes import ray_variables
from loan_default_assets_tests.model.examples import loans, pretrained, tiny
from loan_default_assets_tests.model.test_member_processes import assert_equal

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    with ray_variables():
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(
            "local", num_cpus=2, object_store_memory=100 << 20, include_dashboard=False, log_to_driver=False
        )
        signal.signal(signal.SIGTERM, handler)
        yield RayEngine(None)
        ray.shutdown()


def test_results_come_in_the_order_of_the_items_from_other_processes(engine: RayEngine) -> None:
    taken: list[int] = []
    items = (taken.append(item) or item for item in range(20))
    results = engine.map_tasks(calls.scaled, np.array([10]), items)
    first, process = next(results)
    assert first == 0
    assert len(taken) < 10
    found = [(first, process), *results]
    assert [value for value, _ in found] == [10 * item for item in range(20)]
    assert psutil.Process().pid not in {process for _, process in found}


def test_reports_come_before_the_results(engine: RayEngine) -> None:
    seen: list[tuple[int, Any]] = []
    results = engine.run_tasks(calls.counted, 3, ["a", "b", "c"], lambda *report: seen.append(report))
    assert results == ["A", "B", "C"]
    assert sorted(seen) == [(item, step) for item in range(3) for step in range(3)]
    assert engine.run_tasks(calls.counted, 3, [], lambda *report: None) == []


def test_an_error_of_a_call_is_the_same_exception(engine: RayEngine) -> None:
    with pytest.raises(calls.OddError) as mapped:
        list(engine.map_tasks(calls.refusing_odd, None, range(4)))
    with pytest.raises(calls.OddError) as run:
        engine.run_tasks(calls.counted, 1, ["a", "odd"], lambda *report: None)
    assert [(type(error), str(error)) for error in (mapped.value, run.value)] == [
        (calls.OddError, "item 1 is odd"),
        (calls.OddError, "this item is odd"),
    ]


def test_what_the_callback_raises_ends_the_tasks(engine: RayEngine, tmp_path: Path) -> None:
    processes: list[int] = []

    def stop(_: int, process: int) -> None:
        processes.append(process)
        if len(processes) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run_tasks(calls.endless, str(tmp_path), [0, 1], stop)
    deadline = time.monotonic() + 20
    while any(map(psutil.pid_exists, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(psutil.pid_exists, processes))


def test_a_lost_process_is_repeated_and_one_that_is_lost_always_is_an_error(
    engine: RayEngine, tmp_path: Path
) -> None:
    found = list(engine.map_tasks(calls.killed_once, str(tmp_path), range(6)))
    assert found == [item * item for item in range(6)]
    with pytest.raises(EngineError, match=r"lost a task.*WorkerCrashedError\nNext: "):
        list(engine.map_tasks(calls.killed_always, None, [1]))


def test_a_call_that_is_repeated_with_fewer_reports_still_returns(engine: RayEngine, tmp_path: Path) -> None:
    seen: list[tuple[int, Any]] = []
    found = engine.run_tasks(
        calls.killed_after_reports, str(tmp_path), [7], lambda *report: seen.append(report)
    )
    assert found == ["done"]
    assert [report for _, report in seen][:2] == ["0", "1"]


def test_members_and_stacks_are_the_same_bit_for_bit(engine: RayEngine) -> None:
    rows, validation, config = loans(300), loans(200, seed=1), tiny(boosting_rounds=4)
    encoder, seen = pretrained(rows, config), []
    alone = fit(encoder, rows, validation, config)
    as_tasks = fit(encoder, rows, validation, config, run_tasks=engine.run_tasks, on_epoch=seen.append)
    assert_equal(alone, as_tasks)
    assert alone.trees is not None
    assert as_tasks.trees is not None
    assert np.array_equal(alone.trees.value, as_tasks.trees.value)
    assert {(epoch.member, epoch.number) for epoch in seen} == {(1, 1), (1, 2), (2, 1), (2, 2)}


def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(*_: object, **__: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise ConnectionError("no answer")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(EngineError, match=r"ENGINE=ray://nowhere:10001 cannot be used: no answer\nNext: "):
        engine_of("ray://nowhere:10001").workers()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(("failures", "connected"), [(1, True), (2, False)])
def test_a_head_node_that_was_too_busy_for_a_client_is_asked_once_more(
    monkeypatch: pytest.MonkeyPatch, failures: int, connected: bool
) -> None:
    asked: list[object] = []

    def init(address: str, **_: object) -> None:
        asked.append(address)
        if len(asked) <= failures:
            raise ConnectionAbortedError("Starting Ray client server failed")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    engine = engine_of("ray://head:10001")
    if connected:
        assert engine.workers() == 2
    else:
        with pytest.raises(EngineError, match="Starting Ray client server failed"):
            engine.workers()
    assert asked == ["ray://head:10001"] * 2
