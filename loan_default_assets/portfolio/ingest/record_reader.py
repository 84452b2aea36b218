"""The records of a delimited text file one by one, with their lines: exact in every layout, slower than Arrow."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError
from loan_default_assets.portfolio.ingest.column_names import names_as_read
from loan_default_assets.portfolio.source_options import Source


class TextLines(Protocol):
    """What records are read from: the lines of a text, with their ends."""

    def readline(self) -> str:
        """The next line, or an empty text at the end."""


@dataclass(frozen=True)
class Record:
    """One record of the file.

    Attributes:
        line: Its first line in the file, from 1.
        cells: Its cells as they are written, without quotes.
    """

    line: int
    cells: list[str]

    @property
    def blank(self) -> bool:
        """Whether every cell is blank: an empty line, or one of separators only."""
        return not "".join(self.cells).strip()


def read_records(path: Path, text: TextLines, source: Source, *, first_line: int = 1) -> Iterator[Record]:
    """Yield the records of a text that is opened with newline="", blank ones too, without comments.

    Args:
        path: The file, for messages.
        text: The text from the start of a line.
        source: Its delimiter, quote and comment are used.
        first_line: The number of the text's first line.

    Raises:
        SourceError: A quoted cell does not end.
    """
    lines = _Lines(text, source.comment, aligned=source.delimiter == " ")
    reader = csv.reader(
        lines,
        delimiter=source.delimiter,
        quotechar=source.quote,
        skipinitialspace=source.delimiter == " ",
    )
    while True:
        lines.at_record = True
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SourceError(
                f"{path}: line {first_line + lines.record_line - 1}: not readable as CSV ({error}); "
                "a quote that opens a cell must be closed, and quotes inside a quoted cell are doubled"
            ) from None
        yield Record(first_line + lines.record_line - 1, cells)


def read_header(path: Path, stream: io.BufferedReader, source: Source) -> tuple[tuple[str, ...], int]:
    """Read a stream of UTF-8 up to the end of the header line.

    Returns:
        The column names as read, or those of `source.names`, and the number of the first line after the header.

    Raises:
        SourceError: The file ends before its header.
    """
    if source.header == 0:
        line, mark = 1, (source.comment or "").encode()
        while mark and stream.peek(len(mark)).startswith(mark):
            line += bool(stream.readline())
        return tuple(source.names or ()), line
    text = _DecodedLines(stream)
    counted = 0
    while counted < source.header:
        # Lines are counted, not records: a quote in the prose before the table opens nothing.
        raw = text.readline()
        if not raw and counted == 0:
            raise SourceError(f"{path}: the file is empty. {EXPORT_AGAIN}")
        if not raw:
            raise SourceError(
                f"{path}: the file has no line {source.header}, where source.header says its header is"
            )
        if not (source.comment and raw.startswith(source.comment)):
            # Blank lines before a header on the first line are none.
            counted += bool(raw.strip()) or source.header > 1
    text.unread(raw)
    record = next(read_records(path, text, source.model_copy(update={"comment": None})))
    return tuple(source.names or names_as_read(record.cells)), text.lines + 1


class _DecodedLines:
    """The lines of a binary stream as text; the last one can be put back."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._again: str | None = None
        self.lines = 0

    def readline(self) -> str:
        self.lines += 1
        line, self._again = self._again, None
        return self._stream.readline().decode("utf-8", "surrogatepass") if line is None else line

    def unread(self, line: str) -> None:
        self._again = line
        self.lines -= 1


class _Lines:
    """The lines of a text for csv.reader; comments are omitted where a record may begin."""

    def __init__(self, text: TextLines, comment: str | None, *, aligned: bool) -> None:
        self._text = text
        self._comment = comment
        self._aligned = aligned
        self.at_record = True
        self.record_line = 0
        self._line = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        while True:
            line = self._text.readline()
            if not line:
                raise StopIteration
            self._line += 1
            if self.at_record:
                if self._comment and line.startswith(self._comment):
                    continue
                self.record_line = self._line
                self.at_record = False
            return re.sub(r"[ \t]+", " ", line.strip()) + "\n" if self._aligned else line


def text_of(stream: IO[bytes]) -> io.TextIOWrapper:
    """The text of a UTF-8 stream; line ends are kept, as the csv module requires."""
    return io.TextIOWrapper(stream, "utf-8", errors="surrogatepass", newline="")
