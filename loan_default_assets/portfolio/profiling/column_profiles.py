"""Profiles of the columns of a file: how often each text occurs, from one pass over its cells."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from loan_default_assets.portfolio.description import Column, Label
from loan_default_assets.portfolio.errors import EXPORT_AGAIN, SourceError, row_list
from loan_default_assets.portfolio.features import category_text
from loan_default_assets.portfolio.ingest.file_inspection import FileLayout, inspect_file
from loan_default_assets.portfolio.ingest.file_readers import file_chunks
from loan_default_assets.portfolio.ingest.missing_values import DEFAULT_MARKS, is_usual_missing
from loan_default_assets.portfolio.profiling.label_words import denies
from loan_default_assets.portfolio.spec import Portfolio

MOST_VALUES = 20_000


@dataclass
class ColumnProfile:
    """The cells of one column.

    Attributes:
        rows: Number of cells.
        counts: Number of cells per distinct text without surrounding blanks; of the first 20,000 distinct ones.
        complete: Whether `counts` has all distinct texts.
        empty: Number of cells without a text.
        typed: The type of the cells, where the file has one (Parquet, workbooks).
    """

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    complete: bool = True
    empty: int = 0
    typed: Literal["number", "date"] | None = None

    @cached_property
    def present(self) -> dict[str, int]:
        """The counts without usual spellings of a missing value; asked for once all cells were added."""
        return {
            text: count
            for text, count in self.counts.items()
            if not is_usual_missing(text) or denies(text, self.counts)
        }


@dataclass(frozen=True)
class FileProfile:
    """A file: its layout, number of rows, and the profile per column, by name as read."""

    path: Path
    layout: FileLayout
    rows: int
    columns: dict[str, ColumnProfile]


def profile_file(
    path: Path | str,
    *,
    encoding: str | None = None,
    fill_short_rows: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> FileProfile:
    """Profile every column of a file.

    Args:
        path: The file.
        encoding: As in `inspect_file`.
        fill_short_rows: As in `inspect_file`.
        progress: Receives the number of rows read so far.

    Raises:
        SourceError: The file cannot be read, or it has no rows.
    """
    path = Path(path)
    layout = inspect_file(path, encoding=encoding, fill_short_rows=fill_short_rows)
    skipped = {name for name, _ in layout.not_needed}
    names = [name for name in layout.columns if name not in skipped]
    if not names:
        nested = [name for name, reason in layout.not_needed if reason == "lists or objects"]
        inside = f"; the loans may be inside {nested[0]!r}: jq -c '.{nested[0]}[]' FILE" if nested else ""
        if len(nested) > 1:
            # Such names can be those of the loans or of applicants.
            inside = "; the loans may be the values of one object: jq -c '.[]' FILE"
        raise SourceError(f"{path}: no column with loans was found{inside}")
    # Every column is a category, so that its cells are read as they are written; model_construct skips all checks.
    everything = Portfolio.model_construct(
        name="profile",
        source=layout.source(path),
        label=Label(column=names[0]),
        columns={name: Column(kind="category", values=("-",)) for name in names[1:]},
        ignore=tuple(skipped),
    )
    profiles = {name: ColumnProfile() for name in names}
    rows, headers = 0, []
    for chunk in file_chunks(everything):
        headers += [rows + row for row in _repeated_headers(chunk)]
        rows += len(next(iter(chunk.values())))
        for name, cells in chunk.items():
            _add_cells(profiles[name], cells)
        progress(rows)
    if headers:
        raise SourceError(
            f"{path}: {len(headers)} {'row repeats' if len(headers) == 1 else 'rows repeat'} the header "
            f"({row_list(headers, len(headers))}, counted from the first line after it): files were put together with "
            "their header lines, or a report has one on every page. Next: delete these lines, then draft again"
        )
    if not rows:
        raise SourceError(f"{path}: the file has a header but no rows. {EXPORT_AGAIN}")
    return FileProfile(path, layout, rows, profiles)


def _repeated_headers(chunk: Mapping[str, pa.Array]) -> list[int]:
    """The rows of a chunk, 1 for the first, in which most columns hold their own name."""
    found: Counter[int] = Counter()
    for name, cells in chunk.items():
        coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
        if pa.types.is_string(coded.type.value_type) and (place := coded.dictionary.index(name).as_py()) >= 0:
            found.update((np.flatnonzero(coded.indices.fill_null(-1).to_numpy() == place) + 1).tolist())
    return sorted(row for row, count in found.items() if count > 1 and 2 * count > len(chunk))


def _add_cells(profile: ColumnProfile, cells: pa.Array) -> None:
    """Add one chunk of a column to its profile."""
    profile.rows += len(cells)
    value_type = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    if pa.types.is_temporal(value_type):
        profile.typed = "date"
    elif (
        pa.types.is_floating(value_type) or pa.types.is_integer(value_type) or pa.types.is_decimal(value_type)
    ):
        profile.typed = "number"
    if not profile.complete:
        profile.empty += cells.null_count
        return
    coded = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    found = np.bincount(coded.indices.drop_null().to_numpy(), minlength=len(coded.dictionary))
    present = 0
    for value, count in zip(coded.dictionary.to_pylist(), found.tolist(), strict=True):
        text = category_text(value)
        if text is not None and text not in DEFAULT_MARKS and count:
            present += count
            profile.counts[text] += count
    profile.empty += len(cells) - present
    profile.complete = len(profile.counts) <= MOST_VALUES
