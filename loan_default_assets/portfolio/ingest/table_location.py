"""Where a table lies among rows of cells: prose before it, its header, lines of totals after it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Row = Sequence[str]

_TOTAL = re.compile(
    r"^\W*(?:grand |sub|sub-|sub )?(?:totals?|sums?|count|average|mean|records?|rows?|end of (?:file|report)|eof)\b"
    r"|^\W*(?:합\s*계|총\s*계|소\s*계|누\s*계|총합계|평균|合\s*计|总\s*计|小\s*计|合\s*計|総\s*計|小\s*計)"
    r"|^\W*(?:gesamt|summe|total général|totale|итого|всего|razem|suma)\b",
    re.IGNORECASE,
)
# A cell that says no more than that its row is one of totals, wherever it stands in the row.
_TOTAL_CELL = re.compile(
    r"\W*(?:(?:grand|sub|sub-|overall)[ ]?)?(?:totals?|sums?|합\s*계|총\s*계|소\s*계|누\s*계|총합계"
    r"|合\s*计|总\s*计|合\s*計|総\s*計|gesamt|summe|gesamtsumme|totale|total général|итого|всего|razem|suma)\W*",
    re.IGNORECASE,
)
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "--", ".", "?", "#n/a", "missing"))
_NUMBER_LIKE = re.compile(r"[^\w]*(?:rs\.?|usd|eur|krw|r\$|us\$)?[^\w]*\d", re.IGNORECASE)
_MONTH_LIKE = re.compile(r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-. /]\d", re.IGNORECASE)
_MOST_FOOTER_LINES = 20
_BODY_ROWS = 300


@dataclass(frozen=True)
class TableLocation:
    """The place of a table among the first rows of a file.

    Attributes:
        header: Index of the header row; None for a table without a header.
        names: The names of the columns where they are not simply the cells of the header row.
        notes: What was decided, one sentence each.
    """

    header: int | None
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


def is_number_like(cell: str) -> bool:
    """Whether the cell begins like a number, an amount or a date."""
    return bool(_NUMBER_LIKE.match(cell) or _MONTH_LIKE.match(cell))


def is_like_row(cells: Row, width: int) -> bool:
    """Whether the cells look like a row of a table of `width` columns rather than like a line after it."""
    filled = [cell for cell in cells if cell.strip()]
    if len(cells) < width or not filled or _TOTAL.match(filled[0]):
        return False
    if not cells[0].strip() and any(map(_TOTAL_CELL.fullmatch, filled)):
        return False
    return len(cells) == width and 3 * len(filled) > width


def footer_rows(rows: Sequence[Row], width: int) -> int:
    """The number of rows at the end, blank ones apart, that are prose or totals and no rows of the table.

    Args:
        rows: The last rows of the file, none of them blank.
        width: The number of columns of the table.
    """
    body = [
        sum(bool(c.strip()) for c in row) for row in rows[:-_MOST_FOOTER_LINES] or rows if len(row) == width
    ]
    usual = sorted(body)[len(body) // 2] if body else width
    last = 0
    for count, row in enumerate(reversed(rows[-_MOST_FOOTER_LINES:]), start=1):
        if _is_footer(row, width, usual):
            last = count
        elif count - last > 1:
            break
    return last


def _is_footer(row: Row, width: int, usual: int) -> bool:
    filled = [cell.strip() for cell in row if cell.strip()]
    if len(row) > width and len(filled) > width:
        return False
    if row and not row[0].strip() and len(filled) < usual and any(map(_TOTAL_CELL.fullmatch, filled)):
        return True
    if _TOTAL.match(filled[0]):
        return width > 1 and (len(filled) < width or len(row) < width)
    prose = len(filled) == 1 and bool(re.search(r"[^\W\d_]{2}", filled[0]))
    # Prose with the separator in it: short, without a number, its first cell of several words.
    parted = (
        2 * len(row) < width
        and not any(map(is_number_like, filled))
        and bool(re.search(r"\w[ :]", filled[0]))
    )
    return parted or (prose and (len(row) < width or usual > 2))


def split_amounts(rows: Sequence[Row]) -> int | None:
    """The index of two neighbouring columns that are one amount, divided at its thousands separator: 10 and 025.

    None where there are none: every second part has three digits, and some have a leading zero as only parts have.
    """
    width = len(rows[0]) if rows else 0
    for index in range(width - 1):
        parts = [(row[index].strip(), row[index + 1].strip()) for row in rows if len(row) == width]
        whole = all(
            re.fullmatch(r"-?[1-9]\d{0,2}", left) and re.fullmatch(r"\d{3}", right) for left, right in parts
        )
        if whole and len(parts) > 1 and any(right.startswith("0") for _, right in parts):
            return index
    return None


def table_width(rows: Sequence[Row]) -> int:
    """The number of cells that most rows have."""
    counts = Counter(len(row) for row in rows)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def locate_table(rows: Sequence[Row]) -> TableLocation:
    """Locate the header among the first rows of a file.

    Args:
        rows: The first rows, none of them blank, without comments.
    """
    width = table_width(rows)
    first = next((i for i, row in enumerate(rows) if _may_be_header(row, width)), 0)
    body = [row for row in rows[first + 1 : first + 1 + _BODY_ROWS] if len(row) == width]
    if not body:
        return TableLocation(first, None, ())
    one_less = len(rows[first]) == width - 1
    if one_less and not any(row[-1].strip() for row in body):
        # A separator at the end of each row, but not of the header.
        width -= 1
        body = [row[:width] for row in body]
    elif one_less and (width < 4 or (len(body) > 1 and _is_header(body[0], body[1:]))):
        # A line of prose before the table that happens to hold separators.
        first = next(i for i in range(first + 1, len(rows)) if len(rows[i]) == width)
        body = body[1:] or body
    elif one_less:
        names = ("row_name", *rows[first])
        return TableLocation(
            first, names, ("The rows have one cell more than the header: the first is named row_name.",)
        )
    if not _is_header(rows[first], body[2:] or body[1:] or body):
        # The line before a table without a header stands for it; the names replace its own.
        first = next(i for i, row in enumerate(rows) if len(row) == width)
        return TableLocation(first - 1 if first else None, tuple(f"x{i}" for i in range(1, width + 1)), ())
    if len(body) < 2 or not _is_second_header(body[0], body[1:], rows[first]):
        return TableLocation(first, None, ())
    lines = [i for i in range(first + 1, len(rows)) if len(rows[i]) >= width]
    # A line of types may follow one of units.
    further = 0
    while len(body) > further + 2 and _is_second_header(body[further + 1], body[further + 2 :], rows[first]):
        further += 1
    place = _of_two_headers(rows[first], body[0], lines[further])
    if not further:
        return place
    names = place.names or tuple(rows[lines[0]])
    return TableLocation(
        lines[further], names, (*place.notes, f"Header rows after the second: {further}, omitted.")
    )


def _of_two_headers(upper: Row, lower: Row, second: int) -> TableLocation:
    """The names from two header rows: the lower row, unless it holds units rather than names."""
    filled = [cell.strip() for cell in lower if cell.strip()]
    unique = len(set(filled)) == len(filled)
    if unique and len(filled) == len(lower):
        note = "The table has two header rows; the names are those of the second."
        return TableLocation(second, None, (note,))
    # Merged cells of the upper row are blank but for the first: the lower row divides them.
    divided = any(low.strip() and not up.strip() for up, low in zip(upper, lower, strict=True))
    if (unique and 2 * len(filled) > len(lower)) or divided:
        names = tuple(low.strip() or up.strip() for up, low in zip(upper, lower, strict=True))
        note = "The table has two header rows; a name that is blank in the second is that of the first."
        return TableLocation(second, names, (note,))
    note = "The table has a second header row (units or remarks); the names are those of the first."
    return TableLocation(second, tuple(upper), (note,))


def _may_be_header(row: Row, width: int) -> bool:
    filled = sum(bool(cell.strip()) for cell in row)
    return len(row) in (width, width - 1) and filled >= min(2, width) and 2 * filled >= width


def _number_columns(body: Sequence[Row]) -> list[int]:
    columns = []
    for index in range(len(body[0])):
        cells = [row[index].strip() for row in body]
        given = [cell for cell in cells if cell.lower() not in _MISSING]
        if given and 5 * sum(map(is_number_like, given)) >= 4 * len(given):
            columns.append(index)
    return columns


def _words_and_numbers(row: Row, body: Sequence[Row], columns: Sequence[int]) -> tuple[int, int]:
    """How many cells of the row are words, and how many are numbers as those below them are.

    `30DPD` and `0/1` above plain numbers are words, `36 months` above `60 months` is a number.
    """
    words = numbers = 0
    for index in columns:
        cell = row[index].strip()
        below = {c for other in body for c in other[index].lower() if c.isalpha() or c == "/"}
        if is_number_like(cell) and {c for c in cell.lower() if c.isalpha() or c == "/"} <= below:
            numbers += 1
        elif cell.lower() not in _MISSING:
            words += 1
    return words, numbers


def _is_header(row: Row, body: Sequence[Row]) -> bool:
    columns = _number_columns(body)
    words, numbers = _words_and_numbers(row, body, columns)
    if words or numbers:
        return words > numbers or (
            words > 0 and _has_years(row, columns) and not _recurs(row, body, exclude=())
        )
    return not _recurs(row, body, exclude=columns)


def _has_years(row: Row, columns: Sequence[int]) -> bool:
    """Whether the numbers of the row are different years, as the names of columns may be."""
    numbers = [row[index].strip() for index in columns if is_number_like(row[index])]
    return len(set(numbers)) == len(numbers) and all(re.fullmatch(r"(?:19|20)\d\d", text) for text in numbers)


def _recurs(row: Row, body: Sequence[Row], exclude: Sequence[int]) -> bool:
    """Whether cells of the row occur again below it, as values do and names do not."""
    columns = [i for i in range(len(row)) if i not in exclude and row[i].strip()]
    return any(row[i].strip() in {other[i].strip() for other in body} for i in columns)


def _is_second_header(row: Row, body: Sequence[Row], upper: Row) -> bool:
    columns = _number_columns(body)
    words, numbers = _words_and_numbers(row, body, columns)
    pairs = [(low.strip(), up.strip()) for low, up in zip(row, upper, strict=False)]
    # The row fills what the upper one leaves blank, and leaves blank most of what that one fills.
    divides = (
        all(map(any, pairs)) and any(not up for _, up in pairs) and 2 * sum(map(all, pairs)) < len(pairs)
    )
    if numbers or (not (divides and words) and (len(columns) < 2 or words < 2)):
        return False
    return not _recurs(row, body, exclude=columns)
