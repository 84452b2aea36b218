"""JSON lines as chunks of Arrow columns: one object per line, its values as text exactly as they are written.

The json module and not pyarrow.json, which rounds integers above 2^63 and fixes the types by the first block.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from loan_default_assets.portfolio.errors import EXPORT_AGAIN, ROWS_SHOWN, SourceError, row_list
from loan_default_assets.portfolio.ingest.csv_reader import Chunk, SelectColumns
from loan_default_assets.portfolio.ingest.record_reader import text_of
from loan_default_assets.portfolio.ingest.text_encodings import encoding_of
from loan_default_assets.portfolio.ingest.text_stream import utf8_stream

_ROWS = 50_000


def json_chunks(
    path: Path, encoding: str | None, select: SelectColumns, missing: frozenset[str]
) -> Iterator[Chunk]:
    """Yield the selected columns as text, in chunks of rows; a key that a row lacks is missing there.

    Raises:
        SourceError: A line is no JSON object, or a selected column holds lists or objects.
    """
    wanted: dict[str, str] = {}
    seen: set[str] = set()
    row = 0
    for rows in json_rows(path, encoding):
        names = list(dict.fromkeys(name for cells in rows for name in cells))
        if not seen.issuperset(names):
            # A key that first occurs in a later chunk is checked like those of the first.
            seen.update(names)
            rare = {name for name in names if 2 * sum(name in cells for cells in rows) < len(rows)}
            wanted = dict(select(tuple(dict.fromkeys([*wanted, *names])), rare=rare))
        chunk = {
            name: pa.array([_text(cells.get(given), missing) for cells in rows], pa.string())
            for given, name in wanted.items()
        }
        for given in wanted:
            nested = [n for n, cells in enumerate(rows, row + 1) if isinstance(cells.get(given), list | dict)]
            if nested:
                raise SourceError(
                    f"{path}: column {given}: a list or an object, not one value: {len(nested)} cells "
                    f"({row_list(nested[:ROWS_SHOWN], len(nested))}); list the column under `ignore`, or write its "
                    "values as columns of their own"
                )
        row += len(rows)
        yield chunk
    if row == 0:
        raise SourceError(f"{path}: the file has no rows. {EXPORT_AGAIN}")


def json_rows(path: Path, encoding: str | None = None, most: int = _ROWS) -> Iterator[list[dict[str, Any]]]:
    """Yield the objects in lists of at most `most`; numbers and booleans are texts, as they are written.

    Raises:
        SourceError: A line is no JSON object.
    """
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object)
    rows: list[dict[str, Any]] = []
    with utf8_stream(path, encoding_of(path, encoding).encoding, nul_allowed=True) as stream:
        for line, text in enumerate(text_of(stream), start=1):
            if not text.strip():
                continue
            try:
                value = decoder.decode(text)
            except _RepeatedName as error:
                raise SourceError(
                    f"{path}: line {line}: the name {error} occurs twice in one object"
                ) from None
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise SourceError(
                    f"{path}: line {line}: not a JSON object; JSON lines have one object per line "
                    "(a truncated last line means that the copy is incomplete)"
                )
            rows.append({str(name).strip(): cell for name, cell in value.items()})
            if len(rows) == most:
                yield rows
                rows = []
    if rows:
        yield rows


class _RepeatedName(Exception):
    """A name that an object has twice: one of its values would be lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedName(next(repr(name) for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i])))
    return found


def _text(value: Any, missing: frozenset[str]) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or not isinstance(value, str) or value in missing else value
