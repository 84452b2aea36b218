"""One file of the spool: its name, what of it is delivered, and its complete lines."""

import os
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

READ_BYTES = 1 << 20
_NAME = re.compile(r"[0-9a-f]{32}\.jsonl")


@dataclass(eq=False, slots=True)
class Segment:
    """An open, locked file: `written` bytes hold records, of which the first `delivered` are in PostgreSQL."""

    path: Path
    descriptor: int
    written: int
    delivered: int = 0
    sealed: bool = False
    opened_at: float = field(default_factory=time.monotonic)


def segment_name() -> str:
    """A name that no other segment has."""
    return f"{uuid.uuid4().hex}.jsonl"


def is_segment(path: Path) -> bool:
    """Whether a file has the name of a segment; nothing else is opened, delivered or removed."""
    return _NAME.fullmatch(path.name) is not None


def read_records(descriptor: int, start: int, end: int) -> bytes:
    """The next complete lines; a rest without the end of a line, which a damaged file has, is returned as it is."""
    size = READ_BYTES
    while True:
        data = os.pread(descriptor, min(size, end - start), start)
        if (last := data.rfind(b"\n")) >= 0:
            return data[: last + 1]
        if len(data) < size:
            return data
        size *= 4


def complete_bytes(descriptor: int) -> int:
    """The size of a file up to the end of its last complete line."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - READ_BYTES)
        if (last := os.pread(descriptor, end - start, start).rfind(b"\n")) >= 0:
            return start + last + 1
        end = start
    return 0
