"""Chunks sent to a COPY of PostgreSQL, the next of them prepared while the server stores the ones before."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg2
from psycopg2 import extensions, sql

# Some chunks take longer to prepare than to store: those for which the next rows of a file are read and checked.
_CHUNKS_AHEAD = 4


def copy_in(cursor: extensions.cursor, statement: sql.Composable, chunks: Iterable[bytes]) -> int:
    """Send the chunks to a COPY ... FROM STDIN.

    Returns:
        The number of rows that PostgreSQL stored.

    Raises:
        psycopg2.Error: PostgreSQL refuses the rows. An error of `chunks` itself is raised unchanged.
    """
    source = _CopySource(_prefetch(iter(chunks)))
    try:
        cursor.copy_expert(statement, source, size=1 << 20)
    except psycopg2.Error:
        if source.error is not None:
            raise source.error from None
        raise
    finally:
        source.chunks.close()
    return cursor.rowcount


def _prefetch(chunks: Iterator[bytes]) -> Generator[bytes]:
    """The same chunks, computed in one thread while PostgreSQL processes previous ones."""
    worker = ThreadPoolExecutor(1)
    upcoming: deque[Future[bytes]] = deque()
    try:
        while True:
            while len(upcoming) < _CHUNKS_AHEAD:
                upcoming.append(worker.submit(next, chunks, b""))
            chunk = upcoming.popleft().result()
            if not chunk:
                return
            yield chunk
    finally:
        worker.shutdown(cancel_futures=True)


class _CopySource:
    """A file for COPY that keeps the error of its chunks, which psycopg2 would replace by one of PostgreSQL's."""

    def __init__(self, chunks: Generator[bytes]) -> None:
        self.chunks = chunks
        self.error: BaseException | None = None

    def read(self, _size: int = -1, /) -> bytes:
        try:
            return next(self.chunks, b"")
        except BaseException as error:
            self.error = error
            raise

    readline = read
