"""The queue: order, bounds, fairness, one model a batch, failures that stay where they belong."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from bento.inference.batcher import Batcher, Job, Overloaded


class Model:
    """Doubles numbers, and remembers the batches it was given; `gate` holds it until it is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.committed: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()

    def infer(self, model: Any, items: Sequence[int]) -> list[tuple[Any, int]]:
        self.gate.wait(10)
        self.batches.append(list(items))
        if -1 in items:
            raise ValueError("poisoned batch")
        return [(model, 2 * item) for item in items]

    def commit(self, jobs: Sequence[Job]) -> None:
        self.committed.extend([list(job.items) for job in jobs])
        if any(-2 in job.items for job in jobs):
            raise OSError("no room")


def run(scenario: Any, **limits: int) -> tuple[Model, Any]:
    """Runs `scenario(batcher, model)` on a fresh batcher and closes it."""

    async def main() -> tuple[Model, Any]:
        model = Model()
        batcher = Batcher(model.infer, model.commit, **limits)
        try:
            outcome = await scenario(batcher, model)
        finally:
            model.gate.set()
            await batcher.close()
        assert batcher.rows == 0
        return model, outcome

    return asyncio.run(main())


async def _tasks(batcher: Batcher, jobs: list[tuple[str, list[int]]]) -> list[asyncio.Task[list[Any]]]:
    tasks = [asyncio.create_task(batcher.submit(version, items)) for version, items in jobs]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("sizes", [[1], [1, 1, 1], [5, 1, 9], [64, 1], [100, 3, 250]])
def test_every_request_gets_its_own_rows_in_order(sizes: list[int]) -> None:
    async def scenario(batcher: Batcher, model: Model) -> list[list[Any]]:
        jobs = [("v1", [1000 * n + i for i in range(size)]) for n, size in enumerate(sizes)]
        return await asyncio.gather(*await _tasks(batcher, jobs))

    model, answers = run(scenario, max_rows=8)
    for n, (size, answer) in enumerate(zip(sizes, answers, strict=True)):
        assert answer == [("v1", 2 * (1000 * n + i)) for i in range(size)]
    assert max(map(len, model.batches)) <= 8
    assert sorted(map(len, model.committed)) == sorted(sizes)


def test_what_queues_during_a_batch_is_the_next_batch() -> None:
    async def scenario(batcher: Batcher, model: Model) -> None:
        model.gate.clear()
        first = await _tasks(batcher, [("v1", [0])])
        await asyncio.sleep(0.05)
        rest = await _tasks(batcher, [("v1", [n]) for n in range(1, 6)])
        model.gate.set()
        await asyncio.gather(*first, *rest)

    model, _ = run(scenario, max_rows=8)
    assert model.batches == [[0], [1, 2, 3, 4, 5]]


def test_a_big_request_does_not_hold_up_a_small_one() -> None:
    async def scenario(batcher: Batcher, model: Model) -> None:
        model.gate.clear()
        tasks = await _tasks(batcher, [("v1", list(range(40))), ("v1", [100])])
        model.gate.set()
        await asyncio.gather(*tasks)

    model, _ = run(scenario, max_rows=8)
    assert [100] in [batch[:1] for batch in model.batches[:2]]


def test_a_batch_never_mixes_models() -> None:
    async def scenario(batcher: Batcher, model: Model) -> list[list[Any]]:
        versions = [("v1" if n % 3 else "v2", [n]) for n in range(30)]
        return await asyncio.gather(*await _tasks(batcher, versions))

    _, answers = run(scenario, max_rows=8)
    assert [answer[0][0] for answer in answers] == ["v1" if n % 3 else "v2" for n in range(30)]


def test_a_full_queue_refuses_and_recovers() -> None:
    async def scenario(batcher: Batcher, model: Model) -> list[Any]:
        model.gate.clear()
        running = await _tasks(batcher, [("v1", [0])])
        await asyncio.sleep(0.05)
        waiting = await _tasks(batcher, [("v1", [1, 2, 3])])
        with pytest.raises(Overloaded):
            await batcher.submit("v1", [4, 5])
        model.gate.set()
        await asyncio.gather(*running, *waiting)
        return await batcher.submit("v1", list(range(50)))

    _, answer = run(scenario, max_rows=8, max_queue_rows=4)
    assert len(answer) == 50


@pytest.mark.parametrize(("poison", "error"), [(-1, ValueError), (-2, OSError)])
def test_a_failure_is_its_own_requests_error(poison: int, error: type[Exception]) -> None:
    async def scenario(batcher: Batcher, model: Model) -> list[Any]:
        with pytest.raises(error):
            await batcher.submit("v1", [1] * 20 + [poison])
        return await batcher.submit("v1", [7])

    assert run(scenario, max_rows=8)[1] == [("v1", 14)]


def test_a_client_that_left_is_not_scored() -> None:
    async def scenario(batcher: Batcher, model: Model) -> None:
        model.gate.clear()
        running = await _tasks(batcher, [("v1", [0])])
        await asyncio.sleep(0.05)
        left, stays = await _tasks(batcher, [("v1", [1]), ("v1", [2])])
        left.cancel()
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(*running, stays)

    model, _ = run(scenario)
    assert model.batches == [[0], [2]]


def test_closing_serves_what_waits_and_refuses_what_comes() -> None:
    async def scenario(batcher: Batcher, model: Model) -> list[Any]:
        model.gate.clear()
        tasks = await _tasks(batcher, [("v1", [n]) for n in range(20)])
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.submit("v1", [99])
        model.gate.set()
        await closing
        return await asyncio.gather(*tasks)

    assert run(scenario, max_rows=4)[1] == [[("v1", 2 * n)] for n in range(20)]


def test_a_busy_service_waits_for_those_that_are_on_their_way_and_a_lone_request_for_nobody() -> None:
    async def scenario(batcher: Batcher, model: Model) -> None:
        async def late(turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            await batcher.submit("a", [turns])

        for _ in range(2):
            await asyncio.gather(*(late(2 * turn) for turn in range(16)))
        for lone in range(20):
            await batcher.submit("a", [lone])

    model, _ = run(scenario)
    first_burst, second_burst = model.batches[:-21], model.batches[-21]
    assert len(first_burst) > 1
    assert len(second_burst) == 16
    assert [len(batch) for batch in model.batches[-20:]] == [1] * 20
