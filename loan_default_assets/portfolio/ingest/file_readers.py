"""Files of loans as chunks of Arrow columns, and the check of a header against the portfolio."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

from loan_default_assets.portfolio.errors import SourceError, did_you_mean
from loan_default_assets.portfolio.ingest.csv_reader import Chunk, CsvReader
from loan_default_assets.portfolio.ingest.excel_reader import excel_chunks
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.ingest.file_signatures import kind_by_content
from loan_default_assets.portfolio.ingest.json_reader import json_chunks
from loan_default_assets.portfolio.ingest.missing_values import DEFAULT_MARKS
from loan_default_assets.portfolio.ingest.parquet_reader import parquet_chunks
from loan_default_assets.portfolio.ingest.table_location import is_number_like
from loan_default_assets.portfolio.ingest.text_encodings import mojibake
from loan_default_assets.portfolio.ingest.type_conversion import converters
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.yaml_loader import PLACEHOLDER

__all__ = ["Chunk", "ColumnsNotFound", "columns_to_read", "file_chunks", "missing_marks"]

_KIND_NAMES = {
    "csv": "text",
    "excel": "an Excel workbook",
    "parquet": "a Parquet file",
    "jsonl": "JSON, one object per line",
}


class ColumnsNotFound(SourceError):
    """A header that is not the portfolio's."""


def file_chunks(
    p: Portfolio, needed: Collection[str] | None = None, new_columns: set[str] | None = None
) -> Iterator[Chunk]:
    """Yield the columns of the portfolio's file in chunks of rows, in the file's order.

    Cells of text files and of JSON lines are texts as they are written, those of Parquet files and workbooks typed.

    Args:
        p: The portfolio; its source names the file.
        needed: If given, only these columns must be present, columns that are not described are ignored, and a file
            whose layout is not that of the portfolio's source is read in the layout that `inspect_file` finds.
        new_columns: Receives the names of columns that are not described and are ignored, as `columns_to_read` does.

    Raises:
        SourceError: The file is missing, empty, damaged or changed while it was read, its header is not the
            portfolio's, or rows cannot be parsed.
    """
    path = _existing_file(p.source.path or "")
    before = _file_state(path)
    try:
        _check_kind(path, p.source)
        try:
            yield from _chunks(p, path, p.source, needed, new_columns)
        except ColumnsNotFound as error:
            other = _other_layout(path, p.source)
            if other is None:
                raise
            if needed is None:
                raise SourceError(f"{error}{_advice(other, p.source)}") from None
            try:
                yield from _chunks(p, path, other, needed, new_columns)
            except ColumnsNotFound:
                raise error from None
    finally:
        # Raised in place of any other error, because a file that is being written explains it.
        if not path.exists() or _file_state(path) != before:
            raise SourceError(f"{path}: the file changed while it was read; run again when it is complete")


def _chunks(
    p: Portfolio, path: Path, source: Source, needed: Collection[str] | None, new_columns: set[str] | None
) -> Iterator[Chunk]:
    select = partial(columns_to_read, str(path), p, needed=needed, new_columns=new_columns)
    missing, scoring = frozenset(missing_marks(p)), needed is not None
    if source.kind == "parquet":
        yield from parquet_chunks(path, select)
    elif source.kind == "excel":
        yield from excel_chunks(path, source, select, keep_rows=scoring)
    elif source.kind == "jsonl":
        yield from json_chunks(path, source.encoding, select, missing)
    else:
        plain = frozenset(name for name, column in p.columns.items() if column.kind in ("number", "text"))
        plain |= {p.key} if p.key else frozenset()
        yield from CsvReader(path, source, select, plain, missing, keep_rows=scoring).chunks()


def columns_to_read(
    location: str,
    p: Portfolio,
    given: Sequence[str],
    needed: Collection[str] | None = None,
    new_columns: set[str] | None = None,
    rare: Collection[str] = (),
) -> dict[str, str]:
    """Check a header and select the columns to read.

    Args:
        location: The file or database, for the message.
        p: The portfolio.
        given: The names in the header.
        needed: As in `file_chunks`.
        new_columns: Receives the names of columns that are not described, where those are ignored.
        rare: Names that few rows have; they are not shown, because they may be values of a loan.

    Returns:
        The portfolio's name of a column per name in the header, in the portfolio's order.

    Raises:
        ColumnsNotFound: Columns are missing, not described, or duplicated; the message names them.
    """
    names = {_name_in(given, p, name): name for name in converters(p)}
    wanted = {own: name for own, name in names.items() if needed is None or name in needed or own in given}
    problems = [f"{name!r} appears twice" for name, count in Counter(given).items() if count > 1]
    extra = [name for name in given if name not in wanted and name not in p.ignore and needed is None]
    # A file's second `rate` is read as `rate.1`.
    shown = [name for name in extra if name not in rare]
    twice = [name.rpartition(".")[0] for name in shown if re.search(r"\.\d+$", name)]
    problems += [f"{name!r} appears twice" for name in dict.fromkeys(twice) if name in given]
    for name in [name for name in wanted if name not in given]:
        problems.append(f"{name!r} is missing{did_you_mean(name, shown, otherwise_all=False)}")
    if extra and 2 * sum(map(is_number_like, extra)) > len(extra):
        # Names that look like cells may be those of an applicant.
        problems.append(
            "the line that is read as the header looks like a row of data (a file without a header line: "
            "write `header: 0` and `names: [...]` under source)"
        )
    elif extra and not set(given) & set(wanted):
        problems = [
            f"none of the portfolio's {len(wanted)} columns is among the file's {len(given)}, which are not shown, "
            "because they may be values of a loan: it is another table, or has no header line (then write `header: 0` "
            "and `names: [...]` under source)"
        ]
    elif extra and p.new_columns == "ignore" and not problems:
        (set() if new_columns is None else new_columns).update(_described(shown, extra))
    elif extra:
        problems.append(
            f"not described in the portfolio: {', '.join(_described(shown, extra))} (add to columns, or to ignore)"
        )
    if problems and mojibake(given):
        problems.append("the header was decoded with the wrong encoding before it was saved")
    if problems:
        raise ColumnsNotFound(f"{location}: columns: {'; '.join(problems)}")
    return wanted


def _described(shown: Sequence[str], extra: Sequence[str]) -> list[str]:
    """The names that may be shown in quotes, and the number of the others."""
    hidden = len(extra) - len(shown)
    others = f"{hidden} names of few rows, which are not shown, because they may be values of a loan"
    return [*map(repr, shown), *([others] if hidden else [])]


def missing_marks(p: Portfolio) -> list[str]:
    """Cells that mean `missing`: the usual ones, except those that are a value of some category."""
    values = {value for column in p.columns.values() for value in column.values or ()}
    return [mark for mark in DEFAULT_MARKS if mark not in values]


def _name_in(given: Sequence[str], p: Portfolio, name: str) -> str:
    """The name of a column of the portfolio in a file: its source_name, unless only its own name is there."""
    own = p.columns[name].source_name if name in p.columns else None
    return name if own is None or (own not in given and name in given) else own


def _existing_file(given: str) -> Path:
    if PLACEHOLDER.search(given):
        raise SourceError(f"source.path: {given} is not set; give the file with --source FILE or LOAN_SOURCE")
    path = Path(given)
    if not path.is_file():
        fault = "is a folder" if path.is_dir() else "no such file"
        raise SourceError(
            f"{path}: {fault}; give the file with --source FILE or in the portfolio's source.path"
        )
    return path


def _file_state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _check_kind(path: Path, source: Source) -> None:
    """Refuse a file whose content is of another kind than the portfolio says."""
    found = kind_by_content(path)
    if found != source.kind and path.stat().st_size:
        wanted = {"parquet": "Parquet", "excel": "Excel", "jsonl": "JSON lines"}.get(source.kind, "text")
        raise SourceError(
            f"{path}: not readable as {wanted}: it is {_KIND_NAMES[found]}; write `kind: {found}` under source, "
            "or give the right file"
        )


def _other_layout(path: Path, source: Source) -> Source | None:
    """The source for the layout that the file seems to have, where that is not the given one."""
    try:
        found = inspect_file(path).source(path)
    except (SourceError, ValueError):
        return None
    return None if _layout(found) == _layout(source) else found


def _layout(source: Source) -> dict[str, object]:
    keys = {"delimiter", "quote", "comment", "header", "names", "sheet"}
    return source.model_dump(include=keys)


def _advice(found: Source, source: Source) -> str:
    """What to write under `source` for the layout that the file seems to have."""
    given, seen = _layout(source), _layout(found)
    lines = [f"{key}: {value!r}" for key, value in seen.items() if value != given[key] and key != "names"]
    if found.header == 0 or not lines:
        return ""
    if set(lines) == {f"delimiter: {found.delimiter!r}"}:
        return f"; the file uses another separator: set source.delimiter: {found.delimiter!r}"
    return f"; the file seems to be laid out differently: set under source {', '.join(lines)}"
