"""The batcher: order, bounds, fairness, one model per batch, and failures of single requests."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from bento.inference.batcher import PAUSE_SECONDS, Batcher, Job, Overloaded


class RecordingModel:
    """Doubles numbers and records its batches; it waits until `released` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.committed: list[list[int]] = []
        self.released = threading.Event()
        self.released.set()

    def infer(self, model: Any, items: Sequence[int]) -> list[tuple[Any, int]]:
        self.released.wait(10)
        self.batches.append(list(items))
        if -1 in items:
            raise ValueError("a poisoned batch")
        return [(model, 2 * item) for item in items]

    def commit(self, jobs: Sequence[Job]) -> None:
        self.committed.extend([list(job.items) for job in jobs])
        if any(-2 in job.items for job in jobs):
            raise OSError("no space left")


def run(scenario: Any, **limits: int) -> tuple[RecordingModel, Any]:
    """Run `scenario(batcher, model)` on a new batcher and close it."""

    async def main() -> tuple[RecordingModel, Any]:
        model = RecordingModel()
        batcher = Batcher(model.infer, model.commit, **limits)
        try:
            outcome = await scenario(batcher, model)
        finally:
            model.released.set()
            await batcher.close()
        assert batcher.rows == 0
        return model, outcome

    return asyncio.run(main())


async def _tasks(batcher: Batcher, jobs: list[tuple[str, list[int]]]) -> list[asyncio.Task[list[Any]]]:
    tasks = [asyncio.create_task(batcher.submit(version, items)) for version, items in jobs]
    await asyncio.sleep(0)
    return tasks


async def _running(batcher: Batcher) -> list[asyncio.Task[list[Any]]]:
    """A request of one item that the model has started."""
    tasks = await _tasks(batcher, [("v1", [0])])
    while batcher.rows:
        await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("sizes", [[1], [1, 1, 1], [5, 1, 9], [64, 1], [100, 3, 250]])
def test_every_request_gets_its_own_rows_in_order(sizes: list[int]) -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> list[list[Any]]:
        jobs = [("v1", [1000 * n + i for i in range(size)]) for n, size in enumerate(sizes)]
        return await asyncio.gather(*await _tasks(batcher, jobs))

    model, results = run(scenario, max_rows=8)
    for n, (size, result) in enumerate(zip(sizes, results, strict=True)):
        assert result == [("v1", 2 * (1000 * n + i)) for i in range(size)]
    assert max(map(len, model.batches)) <= 8
    assert sorted(map(len, model.committed)) == sorted(sizes)


def test_requests_that_queue_during_a_batch_are_the_next_batch() -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> None:
        model.released.clear()
        first = await _running(batcher)
        rest = await _tasks(batcher, [("v1", [n]) for n in range(1, 6)])
        model.released.set()
        await asyncio.gather(*first, *rest)

    model, _ = run(scenario, max_rows=8)
    assert model.batches == [[0], [1, 2, 3, 4, 5]]


def test_a_large_request_does_not_block_a_small_one() -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> None:
        model.released.clear()
        tasks = await _tasks(batcher, [("v1", list(range(40))), ("v1", [100])])
        model.released.set()
        await asyncio.gather(*tasks)

    model, _ = run(scenario, max_rows=8)
    assert [100] in [batch[:1] for batch in model.batches[:2]]


def test_a_batch_never_mixes_models() -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> list[list[Any]]:
        versions = [("v1" if n % 3 else "v2", [n]) for n in range(30)]
        return await asyncio.gather(*await _tasks(batcher, versions))

    _, results = run(scenario, max_rows=8)
    assert [result[0][0] for result in results] == ["v1" if n % 3 else "v2" for n in range(30)]


def test_a_full_queue_refuses_and_recovers() -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> list[Any]:
        model.released.clear()
        running = await _running(batcher)
        waiting = await _tasks(batcher, [("v1", [1, 2, 3])])
        with pytest.raises(Overloaded):
            await batcher.submit("v1", [4, 5])
        model.released.set()
        await asyncio.gather(*running, *waiting)
        return await batcher.submit("v1", list(range(50)))

    _, result = run(scenario, max_rows=8, max_queue_rows=4)
    assert len(result) == 50


@pytest.mark.parametrize(("poison", "error"), [(-1, ValueError), (-2, OSError)])
def test_a_failure_is_the_error_of_its_own_request(poison: int, error: type[Exception]) -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> list[Any]:
        with pytest.raises(error):
            await batcher.submit("v1", [1] * 20 + [poison])
        return await batcher.submit("v1", [7])

    assert run(scenario, max_rows=8)[1] == [("v1", 14)]


def test_a_cancelled_request_is_not_scored() -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> None:
        model.released.clear()
        running = await _running(batcher)
        cancelled, kept = await _tasks(batcher, [("v1", [1]), ("v1", [2])])
        cancelled.cancel()
        await asyncio.sleep(0)
        model.released.set()
        await asyncio.gather(*running, kept)

    model, _ = run(scenario)
    assert model.batches == [[0], [2]]


def test_closing_scores_queued_requests_and_refuses_new_ones() -> None:
    async def scenario(batcher: Batcher, model: RecordingModel) -> list[Any]:
        model.released.clear()
        tasks = await _tasks(batcher, [("v1", [n]) for n in range(20)])
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.submit("v1", [99])
        model.released.set()
        await closing
        return await asyncio.gather(*tasks)

    assert run(scenario, max_rows=4)[1] == [[("v1", 2 * n)] for n in range(20)]


def test_a_busy_service_waits_for_arriving_requests_and_an_idle_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleep, queued_at_pause = asyncio.sleep, []

    async def scenario(batcher: Batcher, model: RecordingModel) -> None:
        arrivals: list[int] = []
        tasks: list[asyncio.Task[list[Any]]] = []

        async def pause(seconds: float) -> None:
            """Let requests arrive in place of a wait of the batcher, so that the test depends on no clock."""
            if seconds != PAUSE_SECONDS:
                await sleep(seconds)
                return
            queued_at_pause.append(batcher.rows)
            if arrivals:
                tasks.extend(await _tasks(batcher, [("v1", [n]) for n in range(arrivals.pop(0))]))

        monkeypatch.setattr(asyncio, "sleep", pause)
        model.released.clear()
        tasks += await _running(batcher)
        tasks += await _tasks(batcher, [("v1", [n]) for n in range(16)])
        model.released.set()
        await asyncio.gather(*tasks)
        arrivals += [7, 8]
        tasks += await _tasks(batcher, [("v1", [0])])
        await asyncio.gather(*tasks)
        await asyncio.gather(*tasks)
        for single in range(20):
            await batcher.submit("v1", [single])

    model, _ = run(scenario)
    # The first request does not wait. The batch after it would wait for a 17th item, and none arrives.
    assert [len(batch) for batch in model.batches] == [1, 16, 16] + [1] * 20
    # Once few requests arrive, the batcher expects fewer, until single requests no longer wait.
    assert queued_at_pause == [16, 1, 8, 1, 1, 1]
