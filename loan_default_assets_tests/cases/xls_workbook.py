"""A minimal writer of old .xls workbooks of texts and numbers (BIFF8 in a compound file)."""

import struct
from collections.abc import Sequence
from typing import Any

_SECTOR, _SMALLEST_STREAM = 512, 4096
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_BOUNDSHEET, _BOF, _EOF, _LABEL, _NUMBER = 0x85, 0x809, 0x0A, 0x204, 0x203


def xls_workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook of one sheet; None is an empty cell."""
    name = struct.pack("<BB", 5, 0) + b"Loans"
    begin, end = _begin(0x05), _record(_EOF, b"")
    sheet_at = len(begin) + len(_record(_BOUNDSHEET, bytes(6) + name)) + len(end)
    book = begin + _record(_BOUNDSHEET, struct.pack("<IH", sheet_at, 0) + name) + end
    cells = [
        _cell(r, c, cell) for r, row in enumerate(rows) for c, cell in enumerate(row) if cell is not None
    ]
    return _compound_file(book + _begin(0x10) + b"".join(cells) + end)


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _begin(part: int) -> bytes:
    return _record(_BOF, struct.pack("<HHHHII", 0x600, part, 0, 0, 0, 6))


def _cell(row: int, column: int, cell: Any) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(cell, str):
        return _record(_LABEL, place + struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le"))
    return _record(_NUMBER, place + struct.pack("<d", cell))


def _compound_file(stream: bytes) -> bytes:
    """The stream `Workbook` in a compound file of one directory sector."""
    stream = stream.ljust(max(_SMALLEST_STREAM, -(-len(stream) // _SECTOR) * _SECTOR), b"\0")
    sectors, tables = len(stream) // _SECTOR, 1
    while tables * 128 < sectors + 1 + tables:
        tables += 1
    first = tables + 1
    chain = [*range(first + 1, first + sectors), _END]
    table = [_FAT] * tables + [_END] + chain
    table += [_FREE] * (tables * 128 - len(table))
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(10)
    )
    header += struct.pack("<IIIIIIII", tables, tables, 0, _SMALLEST_STREAM, _END, 0, _END, 0)
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _FREE, first, len(stream))
    return header + struct.pack(f"<{len(table)}I", *table) + directory.ljust(_SECTOR, b"\0") + stream


def _entry(name: str, kind: int, child: int, start: int, length: int) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII", len(raw), kind, 1, _FREE, _FREE, child)
    return raw.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, length)
