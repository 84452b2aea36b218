"""The local, append-only files in which predictions wait until PostgreSQL has them.

A response is sent after its record is in the file, so a killed process loses none: another process adopts the file once
no process has it locked. A record is a line; a line without its end was never acknowledged.
"""

import errno
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bento.prediction_log import file_locks
from bento.prediction_log.spool_segment import (
    READ_BYTES,
    Segment,
    complete_bytes,
    is_segment,
    read_records,
    segment_name,
)

logger = logging.getLogger("bentoml.loan_default.prediction_log")

# Records that are delivered leave the disk with their segment; without this limit, under load, with its last byte only.
SEGMENT_SECONDS = 10.0


class SpoolFull(OSError):
    """The spool holds as many undelivered bytes as it may; nothing was written."""


def take_in(files: Iterable[Path], folder: Path) -> None:
    """Let the next adoption deliver files of records, which an earlier release kept beside the spool's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        # Another worker may have been faster.
        with suppress(FileNotFoundError):
            file.rename(folder / f"{uuid.uuid4().hex}.jsonl")


class Spool:
    """The segments of one worker: one thread appends, another reads the oldest and drops delivered ones.

    `fault` says why records cannot be written now; None while they can. `unreadable` holds the segments of earlier
    processes that could not be opened: their records are not delivered.

    Args:
        folder: Shared by all workers of a service.
        limit_bytes: The most undelivered bytes that this worker keeps.
        segment_bytes: A segment of at least this size is followed by a new one.
        former_folder: Where the release before kept its segments. They are adopted, and the folder is removed.
    """

    def __init__(
        self, folder: Path, limit_bytes: int, segment_bytes: int = 8 << 20, former_folder: Path | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # it holds applicants' data
        self._folder, self._former_folder = folder, former_folder
        self._limit, self._segment_bytes = limit_bytes, segment_bytes
        self._lock = threading.Lock()
        self._segments: deque[Segment] = deque()
        # Opened by the first record, so that a worker starts while the disk is full.
        self._active: Segment | None = None
        self._reading: Segment | None = None
        self._refused_bytes = 0
        self.fault: str | None = None
        self.unreadable: frozenset[str] = frozenset()
        self._foreign: set[str] = set()
        self.adopt()

    @property
    def waiting_bytes(self) -> int:
        """Undelivered bytes."""
        with self._lock:
            return sum(segment.written - segment.delivered for segment in self._segments)

    @property
    def filling(self) -> bool:
        """Whether enough records wait that they should be delivered at once."""
        return self.waiting_bytes >= min(READ_BYTES, self._limit // 4)

    def append(self, records: Sequence[bytes]) -> None:
        """Write all records, or none.

        Raises:
            SpoolFull: The records would exceed the limit.
            OSError: The disk is full or cannot be written.
        """
        data = b"\n".join(records) + b"\n"
        with self._lock:
            try:
                segment = self._write(data)
            except OSError as error:
                self._set_fault(error, len(data))
                raise
            segment.written += len(data)
            self._clear_fault()

    def recheck(self) -> None:
        """Clear `fault` where records can be written again, so that health does not wait for a request to try it."""
        with self._lock:
            if self.fault is None:
                return
            try:
                # Without the end of a line it is no record, whenever the process ends.
                self._cut(self._write(b" " * self._refused_bytes))
            except OSError as error:
                self._set_fault(error, self._refused_bytes)
                return
            self._clear_fault()

    def read(self) -> tuple[list[bytes], int]:
        """The oldest undelivered records, and their size for `done`; ([], 0) when there are none.

        Raises:
            OSError: No undelivered segment can be read.
        """
        with self._lock:
            pending = [(s, s.delivered, s.written) for s in self._segments if s.delivered < s.written]
        failure: OSError | None = None
        for segment, start, end in pending:
            try:
                data = read_records(segment.descriptor, start, end)
            except OSError as error:
                failure = error
                continue
            self._reading = segment
            if data:
                return data[:-1].split(b"\n") if data.endswith(b"\n") else [data], len(data)
            logger.error(
                "%s is shorter than what was written to it: %d bytes are lost", segment.path, end - start
            )
            self.done(end - start)
        if failure is not None:
            raise failure
        return [], 0

    def done(self, size: int) -> None:
        """Mark what `read` returned as delivered; the space of a segment that is completely delivered is freed."""
        with self._lock:
            segment = self._reading
            if segment is None:
                raise ValueError("nothing was read")
            segment.delivered += size
            if segment is self._active and segment.delivered == segment.written:
                # Otherwise a disk that this segment has filled would stay full after delivery.
                segment.written = segment.delivered = 0
                self._cut(segment)
            self._drop_delivered()

    def sync(self) -> None:
        """Wait until the disk has all undelivered records."""
        with self._lock:
            pending = [s.descriptor for s in self._segments if s.delivered < s.written]
        for descriptor in pending:
            os.fdatasync(descriptor)

    def adopt(self) -> int:
        """Take over the segments of processes that have ended.

        Returns:
            The number of adopted segments.
        """
        unreadable: set[str] = set()
        adopted = self._adopt(self._folder, unreadable)
        if self._former_folder and self._former_folder.exists():
            adopted += self._adopt(self._former_folder, unreadable)
            # Not empty until its last segment is delivered, nor while a process of that release writes to it.
            with suppress(OSError):
                self._former_folder.rmdir()
        self.unreadable = frozenset(unreadable)
        return adopted

    def close(self) -> None:
        """Release the files; one that still holds records stays for another process."""
        with self._lock:
            self._seal_active()
            self._drop_delivered()
            for segment in self._segments:
                os.close(segment.descriptor)
            self._segments.clear()

    def _write(self, data: bytes) -> Segment:
        """Write to the active segment, without counting the bytes as written."""
        waiting = sum(segment.written - segment.delivered for segment in self._segments)
        if waiting + len(data) > self._limit:
            raise SpoolFull(errno.ENOSPC, "the spool is full", str(self._folder))
        if self._active is None or self._full(self._active):
            following = self._open()
            self._seal_active()
            self._active = following
        segment = self._active
        try:
            written = os.write(segment.descriptor, data)
        except OSError:
            self._cut(segment)
            raise
        if written < len(data):
            self._cut(segment)
            raise OSError(errno.ENOSPC, "no space left for the spool", str(self._folder))
        return segment

    def _full(self, segment: Segment) -> bool:
        """Whether another segment follows: this one is large, or holds delivered records for some time."""
        return segment.written >= self._segment_bytes or (
            segment.delivered > 0 and time.monotonic() - segment.opened_at > SEGMENT_SECONDS
        )

    def _cut(self, segment: Segment) -> None:
        """Remove what follows the written records; a segment that cannot be cut is not written to again."""
        try:
            os.ftruncate(segment.descriptor, segment.written)
        except OSError:
            self._seal_active()

    def _seal_active(self) -> None:
        if self._active is not None:
            self._active.sealed = True
            self._active = None

    def _set_fault(self, error: OSError, size: int) -> None:
        if self.fault is None:
            logger.error("predictions are refused: the spool cannot be written: %s", error.strerror)
        self.fault, self._refused_bytes = str(error.strerror), min(size, READ_BYTES)

    def _clear_fault(self) -> None:
        if self.fault is not None:
            logger.warning("the spool can be written again")
        self.fault = None

    def _open(self) -> Segment:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / segment_name()
        segment = Segment(path, file_locks.create(path), 0)
        self._segments.append(segment)
        return segment

    def _adopt(self, folder: Path, unreadable: set[str]) -> int:
        if not folder.exists():
            return 0
        file_locks.remove_abandoned(folder)
        with self._lock:
            own = {segment.path for segment in self._segments}
        adopted = 0
        for path in sorted(folder.iterdir()):
            if not is_segment(path):
                self._report_foreign(path)
                continue
            if path in own:
                continue
            try:
                if (descriptor := file_locks.acquire(path)) is None:
                    continue
                segment = Segment(path, descriptor, complete_bytes(descriptor), sealed=True)
            except OSError as error:
                unreadable.add(path.name)
                if path.name not in self.unreadable:
                    logger.error("%s cannot be delivered (%s)", path, type(error).__name__)
                continue
            with self._lock:
                self._segments.appendleft(segment)
                self._drop_delivered()
            adopted += 1
        return adopted

    def _report_foreign(self, path: Path) -> None:
        if not path.name.startswith(".") and path.name not in self._foreign:
            self._foreign.add(path.name)
            logger.warning("%s is no file of the prediction log and is ignored", path)

    def _drop_delivered(self) -> None:
        for segment in [s for s in self._segments if s.sealed and s.delivered >= s.written]:
            try:
                segment.path.unlink(missing_ok=True)
            except OSError as error:
                # Tried again after the next delivery.
                logger.error("%s is delivered and cannot be removed (%s)", segment.path, type(error).__name__)
                continue
            os.close(segment.descriptor)
            self._segments.remove(segment)
