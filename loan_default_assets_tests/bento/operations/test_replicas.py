"""Replicas with separate homes agree on the champion through PostgreSQL, whatever happens to their connections."""

import asyncio
import dataclasses
import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from bento.inference import champion_loader
from bento.operations import replica_link
from bento.operations.replica_link import POOLED, ReplicaLink
from bento.operations.replica_states import counts
from bento.operations.worker_registry import WorkerReport
from bento.schemas.problems import Refused
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets_tests.bento.database_proxy import proxied
from loan_default_assets_tests.bento.running_replicas import replica, replicas, served_by_all, until
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder, small_server, start_apart


@pytest.fixture(scope="module")
def champions(make_bank: Callable[[], ServedBank]) -> ServedBank:
    """A bank with a champion."""
    bank = make_bank()
    bank.promote(bank.register(0))
    return bank


@pytest.fixture
def numbers(champions: ServedBank) -> Callable[[], str]:
    """Promotes another version at each call, and returns it."""

    def promote() -> str:
        record = champions.register(next(_numbers))
        champions.promote(record)
        return record.version

    return promote


_numbers = iter(range(1, 200))


# A worker that is lost after this time is lost when a test says so.
NEVER = 3600.0


def execute(bank: ServedBank, statement: str) -> None:
    with bank.database.transaction() as cursor:
        cursor.execute(statement)


@pytest.fixture(autouse=True)
def nobody_left(champions: ServedBank) -> None:
    """No rows of the tests before, some of whose workers were killed."""
    execute(champions, "DELETE FROM service_workers")


def seen(bank: ServedBank, worker: str) -> Any:
    """When the worker has last updated its row."""
    ((at,),) = bank.rows(f"SELECT seen_at FROM service_workers WHERE worker = '{worker}'")
    return at


async def updated(bank: ServedBank, *workers: str) -> None:
    """Wait until each of the workers has updated its row three times."""
    for worker in workers:
        for _ in range(3):
            before = seen(bank, worker)
            await until(lambda worker=worker, before=before: seen(bank, worker) > before)  # type: ignore[misc]


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 240))


def test_a_promotion_reaches_all_replicas_at_once_and_a_reload_names_what_each_serves(
    champions: ServedBank, numbers: Callable[[], str], tmp_path: Path
) -> None:
    async def work() -> None:
        async with replicas(champions, tmp_path) as both:
            first, second = both
            version = await asyncio.to_thread(numbers)
            await served_by_all(both, version)  # polling would take a minute
            states = await first.reload()
            assert (states["expected"], states["desired"], states["outdated"]) == (2, version, [])
            assert {s["replica"]: s["loaded"] for s in states["states"]} == {
                each.replicas.replica: version for each in both
            }
            assert {s["pid"] for s in states["states"]} == {os.getpid()}
            for each in both:
                each.replicas.nudge()
            await until(lambda: all(len(each.replicas.workers) == 2 for each in both))
            await until(lambda: all(w.loaded == version for each in both for w in each.replicas.workers))
            assert counts(second.replicas, second.champion.wanted) == {"alive": 2, "outdated": 0}
            info = await second.gather()
            assert [s["alive"] for s in info["replicas"]["states"]] == [True, True]
            assert (info["replicas"]["polling"], info["replicas"]["problem"]) == (None, None)
            # The files of a home have its own worker only.
            assert [s["worker"] for s in info["workers"]["states"]] == [second.worker_registry.worker]
        assert champions.rows("SELECT count(*) FROM service_workers") == [(0,)]

    run(work())


def test_a_notification_names_the_schema_and_nothing_else(
    champions: ServedBank, numbers: Callable[[], str]
) -> None:
    connection = psycopg2.connect(dsn(champions.url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("LISTEN loan_default_service")
        numbers()
        champions.registry.reject(champions.register(next(_numbers)).version, "a test")
        cursor.execute("SELECT 1")
    assert [(n.channel, n.payload) for n in connection.notifies] == [
        ("loan_default_service", champions.portfolio.name)
    ]
    connection.close()


def test_a_missed_notification_is_made_up_for_by_polling(
    champions: ServedBank, numbers: Callable[[], str], tmp_path: Path
) -> None:
    trigger = "ALTER TABLE model_metadata {} TRIGGER service_notified"

    async def work() -> None:
        async with replicas(champions, tmp_path, service_poll_seconds=0.2) as both:
            execute(champions, trigger.format("DISABLE"))
            try:
                await served_by_all(both, await asyncio.to_thread(numbers))
            finally:
                execute(champions, trigger.format("ENABLE"))

    run(work())


def test_what_was_promoted_while_the_connection_was_lost_is_read_when_it_is_back(
    champions: ServedBank, numbers: Callable[[], str], tmp_path: Path
) -> None:
    async def work() -> None:
        with proxied(champions.url) as proxy:
            async with replicas(champions, tmp_path, database_url=proxy.url) as both:
                proxy.refusing = True
                assert proxy.cut() >= 2
                await until(lambda: all(each.replicas.problem for each in both))
                version = await asyncio.to_thread(numbers)
                with pytest.raises(Refused, match="the workers cannot be told"):
                    await both[0].reload()
                proxy.refusing = False
                await served_by_all(both, version)
                assert not any(each.replicas.problem for each in both)

    run(work())


@pytest.mark.parametrize("direct", [False, True])
def test_behind_a_connection_pooler_replicas_poll_or_use_the_direct_url(
    champions: ServedBank, numbers: Callable[[], str], tmp_path: Path, direct: bool
) -> None:
    async def work() -> None:
        with proxied(champions.url, pools=True) as proxy:
            chosen = {"database_url": proxy.url}
            chosen |= (
                {"database_direct_url": champions.url} if direct else {"service_poll_seconds": 0.2}  # type: ignore[dict-item]
            )
            async with replicas(champions, tmp_path, **chosen) as both:
                assert [each.replicas.polling for each in both] == [None if direct else POOLED] * 2
                version = await asyncio.to_thread(numbers)
                await served_by_all(both, version)
                assert (await both[1].reload())["outdated"] == []

    run(work())


def test_without_the_direct_url_s_server_replicas_poll_and_return_to_it(
    champions: ServedBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica_link, "DIRECT_AGAIN_SECONDS", 0.5)

    async def work() -> None:
        with proxied(champions.url) as proxy:
            proxy.refusing = True
            chosen = {"database_direct_url": proxy.url, "service_poll_seconds": 0.2}
            async with replica(champions, tmp_path, **chosen) as one:
                await until(lambda: "DATABASE_DIRECT_URL: " in str(one.replicas.polling))
                assert one.replicas.problem is None
                assert (await one.reload())["outdated"] == []
                proxy.refusing = False
                await until(lambda: one.replicas.polling is None)

    run(work())


def _join(url: str, schema: str, started: Any) -> None:
    replica_link.LEAST_LOST_SECONDS = NEVER
    link = _link(url, schema, "killed", seconds=0.2)
    link.start()
    link.report(WorkerReport("killed", desired=None, loaded="c0", error=None, handled=0, loaded_at=None))
    while link.problem:
        time.sleep(0.02)
    started.set()
    signal.pause()


def _link(url: str, schema: str, name: str, seconds: float = 60.0, wake: Any = None) -> ReplicaLink:
    database = Database(url, schema)
    return ReplicaLink(
        database, None, worker=name, replica=f"{name}:8000", seconds=seconds, wake=wake or (lambda: None)
    )


def test_a_reload_waits_for_living_replicas_and_not_for_a_killed_one(
    champions: ServedBank, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    other = context.Process(target=_join, args=(champions.url, champions.portfolio.name, started))
    other.start()
    assert started.wait(240)

    async def work() -> None:
        async with replica(champions, tmp_path, service_reload_seconds=0.5) as one:
            # It is alive, and nothing in it handles reload requests; the other one does, perhaps later.
            while (outdated := (await one.reload())["outdated"]) != ["killed"]:
                assert set(outdated) == {"killed", one.worker_registry.worker}
        async with replica(champions, tmp_path, service_reload_seconds=60.0) as one:
            ((number,),) = champions.rows("SELECT last_value FROM service_reload_requests")
            looks, alive = itertools.count(), one.replicas.alive
            one.replicas.alive = lambda: (next(looks), alive())[1]  # type: ignore[method-assign]
            waiting = asyncio.create_task(one.reload())
            handled = f"SELECT worker FROM service_workers WHERE handled_reload > {number}"
            await until(lambda: champions.rows(handled) == [(one.worker_registry.worker,)])
            # A look that began after that has ended, and there is another one.
            enough = next(looks) + 3
            await until(lambda: next(looks) > enough)
            assert not waiting.done()
            await updated(champions, "killed")
            other.kill()
            await asyncio.to_thread(other.join)
            execute(
                champions,
                "UPDATE service_workers SET seen_at = seen_at - interval '2 hours' WHERE worker = 'killed'",
            )
            states = await waiting
            assert states["outdated"] == []
            assert [s["replica"] for s in states["states"]] == [one.replicas.replica]
            one.replicas.nudge()
            await until(lambda: any(not worker.alive for worker in one.replicas.workers))
            lost = (await one.gather())["replicas"]
            assert [(s["worker"], s["alive"]) for s in lost["states"] if s["worker"] == "killed"] == [
                ("killed", False)
            ]
            assert lost["outdated"] == []

    try:
        run(work())
    finally:
        other.kill()
        other.join()


def test_a_replica_that_loads_a_model_for_long_is_alive_and_waited_for(
    champions: ServedBank, numbers: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, loads, finish = champion_loader.load, [], threading.Event()

    def slow(*arguments: Any) -> Any:
        loads.append(arguments)
        finish.wait(60)
        return load(*arguments)

    async def work() -> None:
        chosen = {"service_poll_seconds": 0.2, "service_reload_seconds": 60.0}
        async with replicas(champions, tmp_path, **chosen) as both:
            monkeypatch.setattr(champion_loader, "load", slow)
            version = await asyncio.to_thread(numbers)
            waiting = asyncio.create_task(both[0].reload())
            await until(lambda: len(loads) == 2)
            await updated(champions, *(each.worker_registry.worker for each in both))
            assert not waiting.done()
            finish.set()
            states = await waiting
            assert [s["loaded"] for s in states["states"]] == [version] * 2
            assert states["outdated"] == []

    monkeypatch.setattr(replica_link, "LEAST_LOST_SECONDS", NEVER)
    try:
        run(work())
    finally:
        finish.set()


def test_the_row_of_a_lost_worker_goes_when_its_replica_is_back(champions: ServedBank) -> None:
    def rows() -> list[Any]:
        return champions.rows("SELECT worker FROM service_workers ORDER BY 1")

    execute(
        champions,
        "INSERT INTO service_workers VALUES "
        "('before', 'a:8000', 7, NULL, NULL, NULL, NULL, 0, 5, clock_timestamp() - interval '1 hour'), "
        "('elsewhere', 'b:8000', 7, NULL, NULL, NULL, NULL, 0, 5, clock_timestamp() - interval '1 hour'), "
        "('forgotten', 'c:8000', 7, NULL, NULL, NULL, NULL, 0, 5, clock_timestamp() - interval '25 hours'), "
        "('sibling', 'a:8000', 8, NULL, NULL, NULL, NULL, 0, 5, clock_timestamp())",
    )
    link = _link(champions.url, champions.portfolio.name, "a")
    link.start()
    until_seen(link)
    assert rows() == [("a",), ("elsewhere",), ("sibling",)]
    link.stop(20)
    assert rows() == [("elsewhere",), ("sibling",)]


def test_reload_requests_have_increasing_numbers(champions: ServedBank) -> None:
    first, second = (_link(champions.url, champions.portfolio.name, name) for name in ("one", "two"))
    numbers = [link.request_reload() for link in (first, second, first)]
    assert numbers == sorted(set(numbers))
    second.start()
    until_seen(second)
    assert second.newest_reload == numbers[-1]
    second.stop(20)


def until_seen(link: ReplicaLink) -> None:
    end = time.monotonic() + 20
    while link.problem:
        assert time.monotonic() < end, link.problem
        time.sleep(0.02)


def test_notifications_of_other_portfolios_wake_nobody(champions: ServedBank) -> None:
    woken = threading.Semaphore(0)
    link = _link(champions.url, champions.portfolio.name, "one", wake=woken.release)
    link.start()
    assert woken.acquire(timeout=20)  # once it is connected
    execute(champions, "SELECT pg_notify('loan_default_service', 'another_portfolio')")
    # What was sent before is received with the answer to a statement.
    for _ in range(2):
        before = seen(champions, "one")
        link.nudge()
        while seen(champions, "one") == before:
            time.sleep(0.02)
    assert not woken.acquire(blocking=False)
    execute(champions, f"SELECT pg_notify('loan_default_service', '{champions.portfolio.name}')")
    assert woken.acquire(timeout=20)
    link.stop(20)


def test_tables_of_an_earlier_release_leave_the_service_serving(
    champions: ServedBank, tmp_path: Path, numbers: Callable[[], str]
) -> None:
    async def work() -> None:
        async with replica(champions, tmp_path, service_poll_seconds=0.2) as one:
            await until(lambda: "service_workers" in str(one.replicas.problem))
            assert one.ready
            version = await asyncio.to_thread(numbers)
            await served_by_all([one], version)

    execute(champions, "ALTER TABLE service_workers RENAME TO hidden")
    try:
        run(work())
    finally:
        execute(champions, "ALTER TABLE hidden RENAME TO service_workers")


def test_replicas_survive_a_crash_of_postgresql(champions: ServedBank, tmp_path: Path) -> None:
    with accessible_folder() as folder:
        server = small_server(folder)
        try:
            with fresh_database(server) as url:
                _crash(dataclasses.replace(champions, url=url), server, tmp_path)
        finally:
            server.remove()


def _crash(bank: ServedBank, server: Any, tmp_path: Path) -> None:
    bank.database.migrate(bank.portfolio)
    first, second = bank.register(201), bank.register(202)
    bank.promote(first)

    async def work() -> None:
        async with replicas(bank, tmp_path) as both:
            await served_by_all(both, first.version)
            os.kill(server.pid(), signal.SIGKILL)
            await until(lambda: all(each.replicas.problem for each in both))
            assert all(each.ready for each in both)
            await asyncio.to_thread(start_apart, server.folder.parent)
            await until(lambda: not any(each.replicas.problem for each in both))
            await asyncio.to_thread(bank.promote, second)
            await served_by_all(both, second.version)
            states = await both[0].reload()
            assert (len(states["states"]), states["outdated"]) == (2, [])

    run(work())
