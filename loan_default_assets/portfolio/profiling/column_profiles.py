"""What the columns of a file hold, found by reading its cells as text once."""

import csv
import math
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from loan_default_assets.portfolio.description import Column, Label, Source
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.features import category_text
from loan_default_assets.portfolio.ingest.file_readers import file_chunks, open_text
from loan_default_assets.portfolio.ingest.text_encodings import detect
from loan_default_assets.portfolio.ingest.type_conversion import is_number, parse_day
from loan_default_assets.portfolio.spec import Portfolio

_MOST_VALUES = 1000
# "" is ISO 8601; day first and month first are both kept while the cells allow both.
_FORMATS = (
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
class Profile:
    """One column: rows, missing cells, range, and values with their counts (None: over 1000 different ones)."""

    rows: int = 0
    missing: int = 0
    number: bool = True
    whole: bool = True
    low: float = float("inf")
    high: float = float("-inf")
    values: dict[str, int] | None = field(default_factory=dict)
    formats: tuple[str, ...] = _FORMATS
    days: dict[str, tuple[date, date]] = field(default_factory=dict)

    @property
    def dates(self) -> str | None:
        """How its dates are written ("" for ISO 8601), or None when not every cell is a date."""
        return self.formats[0] if self.days and self.formats else None

    @property
    def ambiguous(self) -> bool:
        """Whether its dates can be read with the day first and with the month first."""
        return {"%m/%d/%Y", "%d/%m/%Y"} <= set(self.formats) and bool(self.days)

    @property
    def first(self) -> date | None:
        """The earliest date."""
        return None if self.dates is None else self.days[self.dates][0]

    @property
    def last(self) -> date | None:
        """The latest date."""
        return None if self.dates is None else self.days[self.dates][1]


def profile(path: Path) -> tuple[str, dict[str, Profile]]:
    """The file's separator and a profile of every column; SourceError when the file cannot be read."""
    delimiter, names = _header(path)
    kind: Literal["csv", "parquet"] = "parquet" if _is_parquet(path) else "csv"
    # Every column as a category, so that it comes as text; nothing of this description is checked.
    everything = Portfolio.model_construct(
        name="profile",
        source=Source(kind=kind, path=str(path), delimiter=delimiter),
        label=Label(column=names[0]),
        columns={name: Column(kind="category", values=("-",)) for name in names[1:]},
    )
    found = {name: Profile() for name in names}
    for chunk in file_chunks(everything):
        for name, cells in chunk.items():
            _look(found[name], cells)
    return delimiter, found


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _header(path: Path) -> tuple[str, list[str]]:
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    if _is_parquet(path):
        try:
            return ",", list(pq.read_schema(path).names)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{path}: not readable as Parquet") from error
    with open_text(path, detect(path)) as text:
        line = text.readline()
    delimiter = max(",;\t|", key=line.count)
    return delimiter, [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]


def _look(found: Profile, cells: pa.Array) -> None:
    """Adds one chunk of a column to its profile."""
    coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    counts = np.bincount(coded.indices.drop_null().to_numpy(), minlength=len(coded.dictionary))
    found.rows += len(cells)
    found.missing += len(cells)
    for value, count in zip(coded.dictionary.to_pylist(), counts.tolist(), strict=True):
        text = category_text(value)
        if text is None or count == 0:
            continue
        found.missing -= count
        _add(found, text, count)


def _add(found: Profile, text: str, count: int) -> None:
    number = float(text) if found.number and is_number(text) else None
    found.number = number is not None and math.isfinite(number)
    if found.number and number is not None:
        found.whole = found.whole and number.is_integer()
        found.low, found.high = min(found.low, number), max(found.high, number)
    if found.values is not None:
        found.values[text] = found.values.get(text, 0) + count
        found.values = found.values if len(found.values) <= _MOST_VALUES else None
    for written in found.formats:
        day = parse_day(text, written or None)
        if not isinstance(day, date):
            found.formats = tuple(other for other in found.formats if other != written)
        else:
            first, last = found.days.get(written, (day, day))
            found.days[written] = (min(first, day), max(last, day))
