"""The separator and the quote character of delimited text, by how evenly each divides the lines."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from loan_default_assets.portfolio.ingest.table_location import table_width

_DELIMITERS = (",", ";", "\t", "|")
_OTHER_DELIMITERS = ("^", "~", "\x01", "\x1f", ":")
_NUMBER = re.compile(r"[-+(]?[^\w]{0,3}[\d.,'\s\xa0]+[^\w]{0,3}\Z")
_SEP_LINE = re.compile(r"\"?sep=(.)\"?\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How lines are divided into cells.

    Attributes:
        delimiter: The separator; a blank stands for runs of blanks and tabs.
        quote: The character around cells that may hold the separator.
        records: The cells of each line with this separator, with the index of the record's first line.
    """

    delimiter: str
    quote: str
    records: tuple[tuple[int, list[str]], ...]


def sep_line(line: str) -> str | None:
    """The separator that a first line `sep=;` names, as Excel writes and reads it."""
    found = _SEP_LINE.match(line.rstrip("\r\n"))
    return found.group(1) if found else None


def detect_dialect(lines: Sequence[str]) -> Dialect:
    """Detect the separator and the quote character of lines that keep their ends.

    The separator is the one that divides most lines into the same number of cells, at least two, with few cells that
    hold another separator; runs of blanks only where no other one divides the lines.
    """
    quote = _quote(lines)
    candidates = [_Candidate(d, quote, divide(lines, d, quote)) for d in _DELIMITERS]
    best = max(candidates, key=lambda candidate: candidate.score)
    if best.score < 0.4:
        others = [_Candidate(d, quote, divide(lines, d, quote)) for d in (*_OTHER_DELIMITERS, " ")]
        even = [other for other in others if other.evenness >= 0.9]
        best = max((best, *even), key=lambda candidate: candidate.score)
    return Dialect(best.delimiter if best.score else ",", quote, tuple(best.records))


def divide(lines: Sequence[str], delimiter: str, quote: str) -> list[tuple[int, list[str]]]:
    """The cells of each record, with the index of its first line; a record that cannot be read ends the list."""
    if delimiter == " ":
        lines = [re.sub(r"[ \t]+", " ", line.strip()) for line in lines]
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=delimiter == " ")
    records, start = [], 0
    try:
        for cells in reader:
            records.append((start, cells))
            start = reader.line_num
    except csv.Error:
        pass
    return records


def _quote(lines: Sequence[str]) -> str:
    single = sum(len(re.findall(r"(?:^|[,;\t|])'[^']*'(?=$|[,;\t|\r\n])", line)) for line in lines)
    double = sum(line.count('"') for line in lines)
    return "'" if single >= len(lines) and single > double else '"'


class _Candidate:
    """One separator and the cells that it gives."""

    def __init__(self, delimiter: str, quote: str, records: list[tuple[int, list[str]]]) -> None:
        self.delimiter = delimiter
        self.records = records
        rows = [cells for _, cells in records if any(cell.strip() for cell in cells)]
        width = table_width(rows)
        even = [row for row in rows if len(row) == width]
        self.evenness = len(even) / len(rows) if rows else 0.0
        self.score = 0.0
        if width > 1 and even:
            rivals = [d for d in _DELIMITERS if d != delimiter]
            cells = [cell for row in even for cell in row]
            clean = sum(_is_clean(cell, rivals) for cell in cells) / len(cells)
            # The header counts like several rows: a decimal comma divides the rows evenly, but not the header.
            header = any(len(row) in (width, width - 1) for row in rows[:1])
            self.score = self.evenness * clean**2 * (1 - 1 / width) * (1.0 if header else 0.85)


def _is_clean(cell: str, rivals: Sequence[str]) -> bool:
    """Whether the cell holds no other separator, except within a number or a sentence."""
    if not any(alternative in cell for alternative in rivals):
        return True
    return bool(_NUMBER.match(cell)) or (", " in cell and not any(r in cell for r in rivals if r != ","))
