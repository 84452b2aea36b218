"""The local, append-only files in which answers wait until PostgreSQL has them.

An answer is given after its record is in the file, so a killed process loses none: the next one that finds
the file without a holder adopts it. A record is a line; a line without its end was never acknowledged.
"""

import errno
import os
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bento.prediction_log import file_locks

READ_BYTES = 1 << 20


class SpoolFull(OSError):
    """The spool holds as many undelivered bytes as it may; nothing was written."""


@dataclass(eq=False, slots=True)
class _Segment:
    path: Path
    descriptor: int
    written: int
    delivered: int = 0
    sealed: bool = False


class Spool:
    """One worker's segments: one thread appends, another reads from the oldest and drops the delivered."""

    def __init__(self, folder: Path, limit_bytes: int, segment_bytes: int = 8 << 20) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # it holds applicants' data
        self._folder, self._limit, self._segment_bytes = folder, limit_bytes, segment_bytes
        self._lock = threading.Lock()
        self._segments: deque[_Segment] = deque()
        self._active = self._open()
        self.adopt()

    @property
    def waiting_bytes(self) -> int:
        """Undelivered bytes."""
        with self._lock:
            return sum(segment.written - segment.delivered for segment in self._segments)

    def append(self, records: Sequence[bytes]) -> None:
        """Writes all records, or none. Raises: SpoolFull, OSError."""
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
        """Marks what `read` gave as delivered; a sealed segment without more is removed."""
        with self._lock:
            segment = next(s for s in self._segments if s.delivered < s.written)
            segment.delivered += size
            self._drop_delivered()

    def sync(self) -> None:
        """Waits until the disk has what is undelivered."""
        with self._lock:
            pending = [s.descriptor for s in self._segments if s.delivered < s.written]
        for descriptor in pending:
            os.fdatasync(descriptor)

    def adopt(self) -> int:
        """Takes over the segments of processes that are gone; how many."""
        with self._lock:
            own = {segment.path for segment in self._segments}
        found = 0
        for path in sorted(self._folder.glob("*.jsonl")):
            if path in own or (descriptor := file_locks.take(path)) is None:
                continue
            segment = _Segment(path, descriptor, _complete_bytes(descriptor), sealed=True)
            with self._lock:
                self._segments.appendleft(segment)
                self._drop_delivered()
            found += 1
        return found

    def close(self) -> None:
        """Lets go of the files; one that still holds records stays for the next process."""
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

    def _drop_delivered(self) -> None:
        for segment in [s for s in self._segments if s.sealed and s.delivered >= s.written]:
            segment.path.unlink(missing_ok=True)
            os.close(segment.descriptor)
            self._segments.remove(segment)


def _complete_bytes(descriptor: int) -> int:
    """How many bytes a file has up to the end of its last complete line."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - READ_BYTES)
        if (last := os.pread(descriptor, end - start, start).rfind(b"\n")) >= 0:
            return start + last + 1
        end = start
    return 0
