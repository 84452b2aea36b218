"""Chunks on their way to COPY: their order, their errors, and how many are prepared ahead."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2 import sql

from loan_default_assets.warehouse.copy import copy_stream


class SlowServer:
    """A cursor that reads chunk by chunk and notes how far the chunks were prepared when it has read each."""

    def __init__(self, prepared: list[int]) -> None:
        self.prepared = prepared
        self.read: list[bytes] = []
        self.ahead: list[int] = []
        self.rowcount = 0

    def copy_expert(self, _statement: Any, source: Any, size: int) -> None:
        """Read all chunks."""
        while chunk := source.read(size):
            self.read.append(chunk)
            self.ahead.append(len(self.prepared) - len(self.read))
        self.rowcount = len(self.read)


@pytest.mark.parametrize("count", [0, 1, 3, 50])
def test_all_chunks_arrive_in_order_and_few_are_held(count: int) -> None:
    prepared: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(count):
            prepared.append(number)
            yield f"chunk {number}".encode()

    server = SlowServer(prepared)
    assert copy_stream.copy_in(server, sql.SQL("COPY"), chunks()) == count  # type: ignore[arg-type]
    assert server.read == [f"chunk {number}".encode() for number in range(count)]
    assert max(server.ahead, default=0) <= 4


def test_an_error_of_the_chunks_comes_unchanged_after_the_chunks_before() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"good"
        raise KeyError("unreadable")

    server = SlowServer([])
    with pytest.raises(KeyError, match="unreadable"):
        copy_stream.copy_in(server, sql.SQL("COPY"), chunks())  # type: ignore[arg-type]
    assert server.read == [b"good"]
