"""One bounded queue between the transports and the model.

A batch takes what has queued while the last one ran. A lone request never waits; a busy service gives requests that
are on their way a moment, for as long as they keep coming: few full batches cost less than many small ones.
A big request is served in turns with the small ones behind it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

# A batch waits for more only where at least so many loans were in it or behind it a moment ago.
BUSY_ROWS = 8
PAUSE_SECONDS = 0.003


class Overloaded(Exception):
    """The queue is full, or the service is stopping; nothing was scored."""


@dataclass(eq=False, slots=True)
class Job:
    """The loans of one request, all scored by `model`, however many batches that takes."""

    model: Any
    items: Sequence[Any]
    context: Any
    future: asyncio.Future[list[Any]]
    taken: int = 0
    results: list[Any] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        return len(self.items) - self.taken


class Batcher:
    """Runs `infer` on one thread, a batch at a time.

    `infer(model, items)` gives one result an item. `commit(jobs)` is called on the same thread with the jobs
    that the batch has completed, before their futures resolve: what it raises, those requests get.
    """

    def __init__(
        self,
        infer: Callable[[Any, Sequence[Any]], Sequence[Any]],
        commit: Callable[[Sequence[Job]], None],
        *,
        max_rows: int = 64,
        max_queue_rows: int = 4096,
    ) -> None:
        self._infer, self._commit = infer, commit
        self._max_rows, self._max_queue_rows = max_rows, max_queue_rows
        self._queue: deque[Job] = deque()
        self._rows, self._expected, self._closed = 0, 0.0, False
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    @property
    def rows(self) -> int:
        """Loans that wait to be scored."""
        return self._rows

    async def submit(self, model: Any, items: Sequence[Any], context: Any = None) -> list[Any]:
        """The results of `items` (at least one), in order.

        A request that alone exceeds the queue is taken when the queue is empty. Raises: Overloaded.
        """
        if self._closed or (self._rows and self._rows + len(items) > self._max_queue_rows):
            raise Overloaded
        job = Job(model, items, context, self._loop.create_future())
        self._queue.append(job)
        self._rows += len(items)
        self._wake.set()
        return await job.future

    async def close(self) -> None:
        """Scores what waits, then ends the thread. New requests are refused."""
        self._closed = True
        self._wake.set()
        await self._task
        self._thread.shutdown()

    def _take(self) -> list[tuple[Job, Sequence[Any]]]:
        """The next slices of the longest waiting jobs, all of one model."""
        slices: list[tuple[Job, Sequence[Any]]] = []
        room = self._max_rows
        unfinished: list[Job] = []
        while self._queue and room:
            job = self._queue[0]
            if slices and job.model is not slices[0][0].model:
                break
            self._queue.popleft()
            if job.future.done():  # the client left
                self._rows -= job.waiting
                continue
            part = job.items[job.taken : job.taken + room]
            slices.append((job, part))
            job.taken += len(part)
            self._rows -= len(part)
            room -= len(part)
            if job.waiting:
                unfinished.append(job)
        self._queue.extend(unfinished)
        return slices

    async def _gather(self) -> None:
        """Lets requests in that have arrived, and those that a busy service's clients are about to send."""
        await asyncio.sleep(0)
        while self._expected >= BUSY_ROWS and 0 < self._rows < self._expected:
            before = self._rows
            await asyncio.sleep(PAUSE_SECONDS)
            if self._rows <= before:
                return

    async def _run(self) -> None:
        while self._queue or not self._closed:
            await self._gather()
            slices = self._take()
            if not slices:
                self._wake.clear()
                if not self._closed and not self._queue:
                    await self._wake.wait()
                continue
            try:
                finished = await self._loop.run_in_executor(self._thread, self._execute, slices)
            except Exception as error:  # noqa: BLE001 - a failed batch is its requests' error, not the service's end
                for job, _ in slices:
                    self._fail(job, error)
                continue
            seen = sum(len(part) for _, part in slices) + self._rows
            self._expected = min(self._max_rows, max(seen, 0.75 * self._expected))
            for job, failure in finished:
                if failure is not None:
                    self._fail(job, failure)
                elif not job.future.done():
                    job.future.set_result(job.results)

    def _execute(self, slices: list[tuple[Job, Sequence[Any]]]) -> list[tuple[Job, Exception | None]]:
        """On the thread: scores the slices, then commits the jobs that are complete."""
        results = self._infer(slices[0][0].model, [item for _, part in slices for item in part])
        at = 0
        for job, part in slices:
            job.results.extend(results[at : at + len(part)])
            at += len(part)
        finished = [job for job, _ in slices if len(job.results) == len(job.items)]
        try:
            if finished:
                self._commit(finished)
        except Exception as error:  # noqa: BLE001 - the scores are there, the requests are not acknowledged
            return [(job, error) for job in finished]
        return [(job, None) for job in finished]

    @staticmethod
    def _fail(job: Job, error: Exception) -> None:
        if not job.future.done():
            job.future.set_exception(error)
