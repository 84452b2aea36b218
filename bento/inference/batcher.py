"""One bounded queue between the transports and the model; see docs/decisions/batcher.md.

A batch consists of what was queued while the batch before ran. A lone request never waits. A busy service waits briefly
for requests that are about to arrive, as long as they keep arriving: few full batches cost less than many small ones.
A large request is scored in slices, in turn with the small requests behind it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

# The batcher waits for more loans only if at least this many were in or behind the batch before.
BUSY_ROWS = 8
PAUSE_SECONDS = 0.003


class Overloaded(Exception):
    """The queue is full, or the service is stopping; nothing was scored."""


@dataclass(eq=False, slots=True)
class Job:
    """The loans of one request, all scored by `model`. `batched` counts those that a batch has included."""

    model: Any
    items: Sequence[Any]
    context: Any
    future: asyncio.Future[list[Any]]
    batched: int = 0
    results: list[Any] = field(default_factory=list)

    @property
    def waiting(self) -> int:
        return len(self.items) - self.batched


class Batcher:
    """Runs `infer` on one thread, one batch at a time.

    Args:
        infer: `infer(model, items)` returns one result per item.
        commit: Called on the same thread with the jobs that a batch has completed, before their futures resolve; its
            error becomes the error of those requests.
        max_rows: The most items per batch.
        max_queue_rows: The most items that wait.
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
        self._rows, self._expected_rows, self._closed = 0, 0.0, False
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    @property
    def rows(self) -> int:
        """Loans that wait to be scored."""
        return self._rows

    async def submit(self, model: Any, items: Sequence[Any], context: Any = None) -> list[Any]:
        """Queue a request and wait for its results.

        Args:
            model: Passed to `infer`; a batch never mixes models.
            items: At least one. More than the queue's limit are accepted when the queue is empty.
            context: Passed to `commit` with the job.

        Returns:
            One result per item, in order.

        Raises:
            Overloaded: The queue is full or closed.
        """
        if self._closed or (self._rows and self._rows + len(items) > self._max_queue_rows):
            raise Overloaded
        job = Job(model, items, context, self._loop.create_future())
        self._queue.append(job)
        self._rows += len(items)
        self._wake.set()
        return await job.future

    async def close(self) -> None:
        """Score the queued requests, then end the thread. New requests are refused."""
        self._closed = True
        self._wake.set()
        await self._task
        self._thread.shutdown()

    def _next_slices(self) -> list[tuple[Job, Sequence[Any]]]:
        """The next slices of the longest waiting jobs, all of one model."""
        slices: list[tuple[Job, Sequence[Any]]] = []
        free_rows = self._max_rows
        unfinished: list[Job] = []
        while self._queue and free_rows:
            job = self._queue[0]
            if slices and job.model is not slices[0][0].model:
                break
            self._queue.popleft()
            if job.future.done():  # the client has cancelled
                self._rows -= job.waiting
                continue
            part = job.items[job.batched : job.batched + free_rows]
            slices.append((job, part))
            job.batched += len(part)
            self._rows -= len(part)
            free_rows -= len(part)
            if job.waiting:
                unfinished.append(job)
        self._queue.extend(unfinished)
        return slices

    async def _gather(self) -> None:
        """Accept requests that have arrived and, in a busy service, those that are about to arrive."""
        await asyncio.sleep(0)
        while self._expected_rows >= BUSY_ROWS and 0 < self._rows < self._expected_rows:
            before = self._rows
            await asyncio.sleep(PAUSE_SECONDS)
            if self._rows <= before:
                return

    async def _run(self) -> None:
        while self._queue or not self._closed:
            await self._gather()
            slices = self._next_slices()
            if not slices:
                self._wake.clear()
                if not self._closed and not self._queue:
                    await self._wake.wait()
                continue
            try:
                finished = await self._loop.run_in_executor(self._thread, self._execute, slices)
            except Exception as error:  # noqa: BLE001 - a failed batch fails its own requests only
                for job, _ in slices:
                    self._fail(job, error)
                continue
            demand = sum(len(part) for _, part in slices) + self._rows
            self._expected_rows = min(self._max_rows, max(demand, 0.75 * self._expected_rows))
            for job, failure in finished:
                if failure is not None:
                    self._fail(job, failure)
                elif not job.future.done():
                    job.future.set_result(job.results)

    def _execute(self, slices: list[tuple[Job, Sequence[Any]]]) -> list[tuple[Job, Exception | None]]:
        """On the thread: score the slices, then commit the jobs that are complete."""
        results = self._infer(slices[0][0].model, [item for _, part in slices for item in part])
        offset = 0
        for job, part in slices:
            job.results.extend(results[offset : offset + len(part)])
            offset += len(part)
        finished = [job for job, _ in slices if len(job.results) == len(job.items)]
        try:
            if finished:
                self._commit(finished)
        except Exception as error:  # noqa: BLE001 - scored but not logged, so the requests fail
            return [(job, error) for job in finished]
        return [(job, None) for job in finished]

    @staticmethod
    def _fail(job: Job, error: Exception) -> None:
        if not job.future.done():
            job.future.set_exception(error)
