"""Profiles of the columns of a file: ranges, values and date formats, from one pass over its cells as text."""

import csv
import math
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from loan_default_assets.portfolio.description import Column, Label, Source
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.features import category_text
from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.ingest.file_readers import file_chunks, open_text
from loan_default_assets.portfolio.ingest.text_encodings import detect
from loan_default_assets.portfolio.ingest.type_conversion import is_number, parse_date
from loan_default_assets.portfolio.spec import Portfolio

_MOST_VALUES = 1000
# "" is ISO 8601; formats with the day first and with the month first are both kept while the cells allow both.
_DATE_FORMATS = (
    "",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
)


@dataclass
class ColumnProfile:
    """What the cells of one column have in common.

    Attributes:
        rows: Number of cells.
        missing: Number of missing cells.
        numeric: Whether every cell is a finite number.
        integral: Whether every number is a whole number.
        low: The smallest number.
        high: The largest number.
        values: Number of cells per value; None for more than 1000 distinct values.
        date_formats: The formats in which every cell is a date; "" is ISO 8601.
        date_ranges: First and last date per format.
    """

    rows: int = 0
    missing: int = 0
    numeric: bool = True
    integral: bool = True
    low: float = float("inf")
    high: float = float("-inf")
    values: dict[str, int] | None = field(default_factory=dict)
    date_formats: tuple[str, ...] = _DATE_FORMATS
    date_ranges: dict[str, tuple[date, date]] = field(default_factory=dict)

    @property
    def date_format(self) -> str | None:
        """The format of its dates ("" for ISO 8601), or None when not every cell is a date."""
        return self.date_formats[0] if self.date_ranges and self.date_formats else None

    @property
    def ambiguous(self) -> bool:
        """Whether its dates are valid both with the day first and with the month first."""
        return {"%m/%d/%Y", "%d/%m/%Y"} <= set(self.date_formats) and bool(self.date_ranges)

    @property
    def first_date(self) -> date | None:
        """The earliest date."""
        return None if self.date_format is None else self.date_ranges[self.date_format][0]

    @property
    def last_date(self) -> date | None:
        """The latest date."""
        return None if self.date_format is None else self.date_ranges[self.date_format][1]


def profile_columns(path: Path) -> tuple[str, dict[str, ColumnProfile]]:
    """Profile every column of a CSV or Parquet file.

    Returns:
        The separator of the file, and the profile per column name.

    Raises:
        SourceError: The file cannot be read.
    """
    delimiter, names = _read_header(path)
    # Every column is a category, so that its cells are read as text; model_construct skips all checks.
    everything = Portfolio.model_construct(
        name="profile",
        source=Source(kind=file_format(path), path=str(path), delimiter=delimiter),
        label=Label(column=names[0]),
        columns={name: Column(kind="category", values=("-",)) for name in names[1:]},
    )
    profiles = {name: ColumnProfile() for name in names}
    for chunk in file_chunks(everything):
        for name, cells in chunk.items():
            _add_cells(profiles[name], cells)
    return delimiter, profiles


def _read_header(path: Path) -> tuple[str, list[str]]:
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    if file_format(path) == "parquet":
        try:
            return ",", list(pq.read_schema(path).names)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{path}: not readable as Parquet") from error
    with open_text(path, detect(path)) as text:
        line = text.readline()
    delimiter = max(",;\t|", key=line.count)
    return delimiter, [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]


def _add_cells(profile: ColumnProfile, cells: pa.Array) -> None:
    """Add one chunk of a column to its profile."""
    coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    counts = np.bincount(coded.indices.drop_null().to_numpy(), minlength=len(coded.dictionary))
    profile.rows += len(cells)
    profile.missing += len(cells)
    for value, count in zip(coded.dictionary.to_pylist(), counts.tolist(), strict=True):
        text = category_text(value)
        if text is None or count == 0:
            continue
        profile.missing -= count
        _add_value(profile, text, count)


def _add_value(profile: ColumnProfile, text: str, count: int) -> None:
    number = float(text) if profile.numeric and is_number(text) else None
    profile.numeric = number is not None and math.isfinite(number)
    if profile.numeric and number is not None:
        profile.integral = profile.integral and number.is_integer()
        profile.low, profile.high = min(profile.low, number), max(profile.high, number)
    if profile.values is not None:
        profile.values[text] = profile.values.get(text, 0) + count
        profile.values = profile.values if len(profile.values) <= _MOST_VALUES else None
    for date_format in profile.date_formats:
        day = parse_date(text, date_format or None)
        if not isinstance(day, date):
            profile.date_formats = tuple(other for other in profile.date_formats if other != date_format)
        else:
            first, last = profile.date_ranges.get(date_format, (day, day))
            profile.date_ranges[date_format] = (min(first, day), max(last, day))
