"""The local, append-only files in which predictions wait until PostgreSQL has them.

A response is sent after its record is in the file, so a killed process loses none: another process adopts the file once
no process has it locked. A record is a line; a line without its end was never acknowledged.
"""

import errno
import os
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bento.prediction_log import file_locks

READ_BYTES = 1 << 20


class SpoolFull(OSError):
    """The spool holds as many undelivered bytes as it may; nothing was written."""


def take_in(files: Iterable[Path], folder: Path) -> None:
    """Let the next adoption deliver files of records, which an earlier release kept beside the spool's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        # Another worker may have been faster.
        with suppress(FileNotFoundError):
            file.rename(folder / f"{uuid.uuid4().hex}.jsonl")


@dataclass(eq=False, slots=True)
class _Segment:
    path: Path
    descriptor: int
    written: int
    delivered: int = 0
    sealed: bool = False


class Spool:
    """The segments of one worker: one thread appends, another reads the oldest and drops delivered ones.

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
        self._segments: deque[_Segment] = deque()
        self._active = self._open()
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
            waiting = sum(segment.written - segment.delivered for segment in self._segments)
            if waiting + len(data) > self._limit:
                raise SpoolFull(errno.ENOSPC, "the spool is full", str(self._folder))
            if self._active.written >= self._segment_bytes:
                following = self._open()
                self._active.sealed = True
                self._active = following
            segment = self._active
            try:
                written = os.write(segment.descriptor, data)
            except OSError:
                os.ftruncate(segment.descriptor, segment.written)
                raise
            if written < len(data):
                os.ftruncate(segment.descriptor, segment.written)
                raise OSError(errno.ENOSPC, "no space left for the spool", str(self._folder))
            segment.written += written

    def read(self) -> tuple[list[bytes], int]:
        """The oldest undelivered records, and their size for `done`; ([], 0) when there are none."""
        with self._lock:
            segment = next((s for s in self._segments if s.delivered < s.written), None)
            if segment is None:
                return [], 0
            descriptor, start, end = segment.descriptor, segment.delivered, segment.written
        size = READ_BYTES
        while True:
            data = os.pread(descriptor, min(size, end - start), start)
            if (last := data.rfind(b"\n")) >= 0:
                return data[:last].split(b"\n"), last + 1
            size *= 4

    def done(self, size: int) -> None:
        """Mark what `read` returned as delivered; the space of a segment that is completely delivered is freed."""
        with self._lock:
            segment = next(s for s in self._segments if s.delivered < s.written)
            segment.delivered += size
            if segment is self._active and segment.delivered == segment.written:
                # Otherwise a disk that this segment has filled would stay full after delivery.
                os.ftruncate(segment.descriptor, 0)
                segment.written = segment.delivered = 0
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
        adopted = self._adopt(self._folder)
        if self._former_folder and self._former_folder.exists():
            adopted += self._adopt(self._former_folder)
            # Not empty until its last segment is delivered, nor while a process of that release writes to it.
            with suppress(OSError):
                self._former_folder.rmdir()
        return adopted

    def close(self) -> None:
        """Release the files; one that still holds records stays for another process."""
        with self._lock:
            self._active.sealed = True
            self._drop_delivered()
            for segment in self._segments:
                os.close(segment.descriptor)
            self._segments.clear()

    def _open(self) -> _Segment:
        path = self._folder / f"{uuid.uuid4().hex}.jsonl"
        segment = _Segment(path, file_locks.create(path), 0)
        self._segments.append(segment)
        return segment

    def _adopt(self, folder: Path) -> int:
        file_locks.remove_abandoned(folder)
        with self._lock:
            own = {segment.path for segment in self._segments}
        adopted = 0
        for path in sorted(folder.glob("*.jsonl")):
            if path in own or (descriptor := file_locks.acquire(path)) is None:
                continue
            segment = _Segment(path, descriptor, _complete_bytes(descriptor), sealed=True)
            with self._lock:
                self._segments.appendleft(segment)
                self._drop_delivered()
            adopted += 1
        return adopted

    def _drop_delivered(self) -> None:
        for segment in [s for s in self._segments if s.sealed and s.delivered >= s.written]:
            segment.path.unlink(missing_ok=True)
            os.close(segment.descriptor)
            self._segments.remove(segment)


def _complete_bytes(descriptor: int) -> int:
    """The size of a file up to the end of its last complete line."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - READ_BYTES)
        if (last := os.pread(descriptor, end - start, start).rfind(b"\n")) >= 0:
            return start + last + 1
        end = start
    return 0
