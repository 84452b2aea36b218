"""Undelivered records without the features of a loan: files that no process has are rewritten, the others named."""

import fcntl
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from bento.prediction_log import file_locks

# Of a spool: segments of this release and of the one before, and records that a former release kept beside them.
FILES = ("spool/*.jsonl", "journal/*.jsonl", "refused*.jsonl")


def rewrite_lines(content: bytes, rewrite: Callable[[bytes], bytes]) -> bytes:
    """Lines as `rewrite` returns them; empty ones are dropped, and so is a last line without its end."""
    lines = (rewrite(line) for line in content.split(b"\n")[:-1])
    return b"".join(line + b"\n" for line in lines if line)


def rewrite_files(files: Iterable[Path], rewrite: Callable[[bytes], bytes]) -> tuple[int, list[Path]]:
    """Rewrite files of records in place.

    A process that opens a file at the same time finds the former or the new one, and delivers the same records.

    Args:
        files: Files of records.
        rewrite: A line after the change; the same line where nothing changes.

    Returns:
        The number of rewritten files, and those that would change and that a process has locked.

    Raises:
        OSError: A file cannot be read or written.
    """
    rewritten, in_use = 0, []
    for path in files:
        try:
            if not _changes(path.read_bytes(), rewrite):
                continue
            descriptor = file_locks.acquire(path)
        except FileNotFoundError:
            continue  # it was delivered meanwhile
        if descriptor is None:
            if path.exists():
                in_use.append(path)
            continue
        try:
            _replace(path, rewrite_lines(path.read_bytes(), rewrite))
        finally:
            os.close(descriptor)
        rewritten += 1
    return rewritten, in_use


def _changes(content: bytes, rewrite: Callable[[bytes], bytes]) -> bool:
    return any(rewrite(line) != line for line in content.split(b"\n"))


def _replace(path: Path, content: bytes) -> None:
    """Put a file with this content in the place of another one; a killed process leaves the former one."""
    hidden = path.with_name(f".{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        # So that a starting service does not remove it as one of a process that has ended.
        fcntl.flock(opened, fcntl.LOCK_EX)
        try:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
            hidden.rename(path)
        finally:
            hidden.unlink(missing_ok=True)
