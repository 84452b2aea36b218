"""Whether the records of a text file are rows of its table: the number of cells, zero bytes, lines after the table."""

import re
from collections.abc import Iterator
from pathlib import Path

from loan_default_assets.portfolio.errors import ROWS_SHOWN, SourceError, row_list
from loan_default_assets.portfolio.ingest.delimiter_detection import divide
from loan_default_assets.portfolio.ingest.record_reader import Record
from loan_default_assets.portfolio.ingest.table_location import is_like_row, table_width
from loan_default_assets.portfolio.source_options import Source

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")


class RowShapes:
    """The rows of the records, as many cells each as the header has; what does not fit is counted."""

    def __init__(self, path: Path, names: tuple[str, ...], *, fill: bool) -> None:
        self._path = path
        self._names = names
        self._fill = fill
        self._short: list[tuple[int, int]] = []
        self._long: list[tuple[int, int]] = []
        self._nul: dict[str, list[tuple[int, int]]] = {}
        self._last_line = 0

    @property
    def faulty(self) -> bool:
        """Whether a row did not fit."""
        return bool(self._short or self._long or self._nul)

    def rows(self, records: Iterator[Record]) -> Iterator[list[str]]:
        """Yield the cells of each row, also of those that do not fit."""
        width = len(self._names)
        for row, record in enumerate(records, start=1):
            cells = record.cells
            self._last_line = record.line
            if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
                cells = cells[:width]
            if len(cells) < width:
                if not self._fill:
                    self._short.append((row, record.line))
                cells = cells + [""] * (width - len(cells))
            elif len(cells) > width:
                self._long.append((row, record.line))
                cells = cells[:width]
            if "\x00" in "".join(cells):
                for name, cell in zip(self._names, cells, strict=True):
                    if "\x00" in cell:
                        self._nul.setdefault(name, []).append((row, record.line))
            yield cells

    def raise_if_any(self) -> None:
        """Raise SourceError with one line per fault, if there is any."""
        faults = []
        nul_rows = {at for found in self._nul.values() for at in found}
        if len(nul_rows) == 1 and next(iter(nul_rows))[1] == self._last_line and _ends_in_nul(self._path):
            raise SourceError(
                f"{self._path}: the file ends in zero bytes from line {self._last_line} on: it is damaged, "
                "for example by an interrupted copy; copy it again"
            )
        for name, found in self._nul.items():
            faults.append(
                f"column {name}: zero bytes in {_count(found, 'cell')} {_places(found)}; remove them, "
                "or export the file again"
            )
        uneven = sorted(self._short + self._long)
        if uneven and not nul_rows:
            faults.append(self._uneven(uneven))
        if faults:
            raise SourceError("\n".join(f"{self._path}: {fault}" for fault in faults))

    def _uneven(self, uneven: list[tuple[int, int]]) -> str:
        rows = f"{len(uneven)} rows do" if len(uneven) > 1 else "1 row does"
        fault = f"{rows} not have the header's {len(self._names)} cells {_places(uneven)}"
        remedies = []
        if self._long:
            remedies.append("a cell that contains the separator needs quotes")
        if self._short:
            remedies.append(
                "a row with fewer cells may be cut off or a line of text: correct or delete the line, or write "
                "`fill_short_rows: true` under `source` (init: --fill-short-rows) to read the cells it lacks as missing"
            )
            remedies.append("lines after the table are omitted with `skip_footer: N`")
        return f"{fault}; {'; '.join(remedies)}"


def _count(found: list[tuple[int, int]], noun: str) -> str:
    return f"{len(found)} {noun}{'s' if len(found) > 1 else ''}"


def _places(found: list[tuple[int, int]]) -> str:
    rows = [row for row, _ in found]
    lines = ", ".join(str(line) for _, line in found[:ROWS_SHOWN])
    more = ", ..." if len(found) > ROWS_SHOWN else ""
    return f"({row_list(rows, len(rows))}), line{'s' if len(found) > 1 else ''} {lines}{more}"


def _ends_in_nul(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\x00"


class Footer:
    """The lines after the table, cut from the last bytes of a text."""

    def __init__(self, path: Path, source: Source, *, keep_rows: bool) -> None:
        """Set what is cut.

        Args:
            path: The file, for messages.
            source: Its skip_footer says how many lines are cut; blank ones do not count.
            keep_rows: Keep lines that look like rows of the table, instead of raising SourceError.
        """
        self._path = path
        self._source = source
        self._keep_rows = keep_rows

    def cut(self, tail: bytes) -> bytes:
        """The last bytes of a text without the lines after the table.

        Raises:
            SourceError: One of these lines looks like a row of the table.
        """
        lines = list(_LINE.finditer(tail))
        filled = [line for line in lines if line.group().strip(b' \t\r\n,;|"')]
        footer = filled[-self._source.skip_footer :]
        before = self._cells(b"".join(line.group() for line in filled[: -len(footer)][-100:]))
        width = table_width(before)
        for count, line in enumerate(footer):
            cells = self._cells(line.group())
            if cells and len(before) > 1 and is_like_row(cells[0], width):
                if self._keep_rows:
                    continue
                raise SourceError(
                    f"{self._path}: source.skip_footer: {self._source.skip_footer}, but the "
                    f"{_ordinal(len(footer) - count)} looks like a row of the table; correct skip_footer"
                )
            return tail[: line.start()]
        return tail

    def _cells(self, lines: bytes) -> list[list[str]]:
        text = lines.decode("utf-8", "replace").splitlines(keepends=True)
        return [cells for _, cells in divide(text, self._source.delimiter, self._source.quote)]


def _ordinal(from_end: int) -> str:
    return "last line" if from_end == 1 else f"line {from_end} from the end"
