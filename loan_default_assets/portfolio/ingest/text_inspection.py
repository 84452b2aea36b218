"""The layout of a delimited text file: encoding, comments, separator, header line, and lines after the table."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError
from loan_default_assets.portfolio.ingest.column_names import names_as_read
from loan_default_assets.portfolio.ingest.compression import compression_of
from loan_default_assets.portfolio.ingest.delimiter_detection import detect_dialect, divide, sep_line
from loan_default_assets.portfolio.ingest.table_location import (
    footer_rows,
    locate_table,
    split_amounts,
    table_width,
)
from loan_default_assets.portfolio.ingest.text_encodings import detect, encoding_of
from loan_default_assets.portfolio.ingest.text_stream import utf8_stream

_PREFIX = 1 << 20
_TAIL = 1 << 16
_SAMPLE_LINES = 400
_COMMENTS = ("#", "//", "--", "%")
_DELIMITER_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "|", " ": "runs of blanks"}


@dataclass(frozen=True)
class TextLayout:
    """The layout of a text file; the attributes are those of `file_inspection.FileLayout`.

    Attributes:
        sample: The first rows below the header.
    """

    columns: tuple[str, ...]
    encoding: str | None
    delimiter: str
    quote: str
    comment: str | None
    header: int
    names: tuple[str, ...] | None
    skip_footer: int
    sample: tuple[list[str], ...]
    notes: tuple[str, ...]


def inspect_text(path: Path, given: str | None = None) -> TextLayout:
    """Decide the layout of a text file.

    Args:
        path: The file.
        given: Its encoding, if it is known.

    Raises:
        SourceError: The file is empty or damaged, or its text does not decide its encoding.
    """
    encoding = encoding_of(path, given) if given else detect(path)
    notes = []
    if encoding.encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"The text is read as {encoding.encoding}: {encoding.reason}.")
    prefix, complete = _prefix(path, encoding.encoding)
    lines = _lines(prefix)
    # The last line of a prefix may be cut off.
    lines = lines if complete or len(lines) < 2 else lines[:-1]
    named = sep_line(lines[0]) if lines else None
    comment, skipped = _comments(lines)
    first = 1 if named else skipped
    sample = lines[first : first + _SAMPLE_LINES]
    dialect = detect_dialect(sample)
    delimiter, quote, records = dialect.delimiter, dialect.quote, list(dialect.records)
    if named:
        delimiter, records = named, divide(sample, named, quote)
    if comment:
        header_in_comment = divide([lines[skipped - 1].removeprefix(comment)], delimiter, quote)
        width = max((len(cells) for _, cells in records), default=0)
        if width > 2 and header_in_comment and len(header_in_comment[0][1]) == width:
            # The header line itself begins with the comment mark.
            comment, first = None, skipped - 1
            sample = lines[first : first + _SAMPLE_LINES]
            records = divide(sample, delimiter, quote)
    filled = [(at, cells) for at, cells in records if any(cell.strip() for cell in cells)]
    if not filled:
        raise SourceError(f"{path}: the file has no rows. {EXPORT_AGAIN}")
    rows = [cells for _, cells in filled]
    if complete and len(lines) <= first + _SAMPLE_LINES:
        after = footer_rows(rows[1:], table_width(rows))
        rows = rows[: len(rows) - after]
    place = locate_table(rows)
    notes += place.notes
    if place.header is None:
        at, header = -1, 0
        notes.append(
            f"The file has no header line; its columns are named x1 to x{len(rows[0])} (key source.names)."
        )
    else:
        at, line = place.header, first + filled[place.header][0] + 1
        header = line - sum(comment is not None and text.startswith(comment) for text in lines[:line])
        if line > 1 and not comment:
            notes.append(f"The header is line {line}; the lines before it are omitted.")
    split = split_amounts(rows[at + 1 :]) if place.names and place.names[0] == "row_name" else None
    if split is not None:
        raise SourceError(
            f"{path}: the rows have one cell more than the header, as cells {split + 1} and {split + 2} are one number "
            "that holds the separator; export the file again with quotes around such cells, or with another separator"
        )
    names = names_as_read(place.names) if place.names else None
    columns = names or names_as_read(rows[at])
    if comment:
        notes.append(f"Lines that start with {comment} are comments; they are omitted.")
    if delimiter != ",":
        notes.append(f"The separator is {_DELIMITER_NAMES.get(delimiter, repr(delimiter))}.")
    if len(columns) == 1:
        notes.append("No separator divides the lines into cells: the file has one column.")
    if quote != '"':
        notes.append(f"Cells are quoted with {quote}.")
    footer = _footer(path, encoding.encoding, prefix if complete else None, delimiter, quote, len(columns))
    if footer:
        those = "line is" if footer == 1 else f"{footer} lines are"
        notes.append(
            f"The last {those} no loan: totals or remarks after the table, which are omitted (skip_footer: {footer})."
        )
    return TextLayout(
        columns=columns,
        encoding=encoding.encoding if encoding.needs_key or encoding.encoding == given else None,
        delimiter=delimiter,
        quote=quote,
        comment=comment,
        header=header,
        names=names,
        skip_footer=footer,
        sample=tuple(rows[at + 1 :]),
        notes=tuple(notes),
    )


def _prefix(path: Path, encoding: str) -> tuple[str, bool]:
    """The start of the text, and whether it is the whole text."""
    with utf8_stream(path, encoding, nul_allowed=True) as stream:
        start = stream.read(_PREFIX)
        complete = not stream.read(1)
    return start.decode("utf-8", "replace").replace("\x00", ""), complete


def _lines(text: str) -> list[str]:
    """The lines with their ends."""
    return list(io.StringIO(text, newline=""))


def _comments(lines: Sequence[str]) -> tuple[str | None, int]:
    """The mark of the comment lines at the start, and the number of lines up to the last of them."""
    for mark in _COMMENTS:
        count = last = 0
        for count, line in enumerate(lines, start=1):
            if line.startswith(mark):
                last = count
            elif line.strip():
                break
        if last and lines[0].startswith(mark):
            return mark, last
    return None, 0


def _footer(path: Path, encoding: str, whole: str | None, delimiter: str, quote: str, width: int) -> int:
    """The number of lines after the table."""
    text = _tail(path, encoding) if whole is None else whole
    lines = _lines(text)[-_SAMPLE_LINES:]
    rows = [cells for _, cells in divide(lines, delimiter, quote) if any(cell.strip() for cell in cells)]
    # The first line may be cut off, or is the header.
    return footer_rows(rows[1:], width)


def _tail(path: Path, encoding: str) -> str:
    """The end of the text."""
    if compression_of(path) is None and not encoding.startswith(("utf-16", "utf-32")):
        with path.open("rb") as file:
            file.seek(-_TAIL, 2)
            return file.read().decode(encoding, "replace").replace("\x00", "")
    held = b""
    with utf8_stream(path, encoding, nul_allowed=True) as stream:
        while block := stream.read(_PREFIX):
            held = (held + block)[-_TAIL:]
    return held.decode("utf-8", "replace")
