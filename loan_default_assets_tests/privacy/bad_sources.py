"""Files and queries of loans with every kind of fault; the number of a case is its position."""

import gzip
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loan_default_assets_tests.portfolio.ingest.loan_files import workbook
from loan_default_assets_tests.privacy.bad_cells import CELLS, HEADER, Cells


@dataclass(frozen=True)
class BadSource:
    """One bad source.

    Attributes:
        name: What is wrong with it.
        kind: The kind of the portfolio's source.
        write: Writes a file into a folder, given the cells of two good rows and of one whose values are canaries, and
            returns the other keys of the portfolio's source.
    """

    name: str
    kind: str
    write: Callable[[Path, list[Cells]], dict[str, Any]]


def _csv_line(cells: Sequence[Any]) -> str:
    quoted = ('"' + str(cell).replace('"', '""') + '"' if "," in str(cell) else str(cell) for cell in cells)
    return ",".join("" if cell == "None" else cell for cell in quoted)


def csv_text(given: list[Cells]) -> str:
    """The rows as a CSV file."""
    return "\n".join([",".join(HEADER), *(_csv_line(list(row.values())) for row in given), ""])


def _as_csv(given: list[Cells], folder: Path) -> dict[str, Any]:
    return _csv(lambda text: text)(folder, given)


def _csv(edit: Callable[[str], str | bytes], name: str = "loans.csv") -> Callable[..., dict[str, Any]]:
    """A CSV file whose text is edited."""

    def write(folder: Path, given: list[Cells]) -> dict[str, Any]:
        edited = edit(csv_text(given))
        (folder / name).write_bytes(edited if isinstance(edited, bytes) else edited.encode())
        return {"path": str(folder / name)}

    return write


def _last_row(edit: Callable[[str], str | bytes]) -> Callable[..., dict[str, Any]]:
    def edited(text: str) -> bytes:
        before, last = text.rstrip("\n").rsplit("\n", 1)
        changed = edit(last)
        data = changed if isinstance(changed, bytes) else changed.encode()
        return before.encode() + b"\n" + data + b"\n"

    return _csv(edited)


def _as_jsonl(given: list[Cells], folder: Path) -> dict[str, Any]:
    return _jsonl(lambda line: line)(folder, given)


def _jsonl(edit: Callable[[str], str]) -> Callable[..., dict[str, Any]]:
    """JSON lines of which the last is edited."""

    def write(folder: Path, given: list[Cells]) -> dict[str, Any]:
        *before, last = (json.dumps(row, ensure_ascii=False) for row in given)
        (folder / "loans.jsonl").write_text("\n".join([*before, edit(last), ""]), errors="surrogatepass")
        return {"path": str(folder / "loans.jsonl")}

    return write


def _named_by_values(line: str) -> str:
    """A JSON object whose names are the values of another one."""
    return json.dumps({str(value): value for value in json.loads(line).values()}, ensure_ascii=False)


def _names_are_values(folder: Path, given: list[Cells]) -> dict[str, Any]:
    lines = [_named_by_values(json.dumps(row, ensure_ascii=False)) for row in reversed(given)]
    (folder / "loans.jsonl").write_text("\n".join([*lines, ""]))
    return {"path": str(folder / "loans.jsonl")}


def _column(cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells)
    except pa.ArrowException:
        return pa.array([None if cell is None else str(cell) for cell in cells])


def _as_parquet(given: list[Cells], folder: Path) -> dict[str, Any]:
    return _parquet(lambda columns: columns)(folder, given)


def _parquet(
    edit: Callable[[dict[str, pa.Array]], dict[str, pa.Array]],
    cut: Callable[[bytes], bytes] = lambda data: data,
) -> Callable[..., dict[str, Any]]:
    """A Parquet file whose columns and bytes are edited."""

    def write(folder: Path, given: list[Cells]) -> dict[str, Any]:
        path = folder / "loans.parquet"
        columns = {name: _column([row[name] for row in given]) for name in HEADER}
        pq.write_table(pa.table(edit(columns)), path, compression="none")
        path.write_bytes(cut(path.read_bytes()))
        return {"path": str(path)}

    return write


def _replaced(name: str, make: Callable[[list[Any]], pa.Array]) -> Callable[..., dict[str, Any]]:
    return _parquet(lambda columns: columns | {name: make(columns[name].to_pylist())})


def _as_excel(given: list[Cells], folder: Path) -> dict[str, Any]:
    return _excel()(folder, given)


def _excel(
    beyond: bool = False, cut: Callable[[bytes], bytes] = lambda data: data
) -> Callable[..., dict[str, Any]]:
    def write(folder: Path, given: list[Cells]) -> dict[str, Any]:
        table = [list(row.values()) for row in given]
        if beyond:
            table[-1].append(given[-1]["remarks"])
        (folder / "loans.xlsx").write_bytes(cut(workbook({"loans": [list(HEADER), *table]})))
        return {"path": str(folder / "loans.xlsx")}

    return write


def _as_query(given: list[Cells], folder: Path) -> dict[str, Any]:
    path = folder / "loans.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as connection:
        names = ", ".join(f'"{name}"' for name in HEADER)
        connection.execute(f"CREATE TABLE loans ({names})")
        marks = ", ".join("?" * len(HEADER))
        connection.executemany(f"INSERT INTO loans VALUES ({marks})", [list(row.values()) for row in given])
    connection.close()
    return {"url": f"sqlite:///{path}", "query": "SELECT * FROM loans"}


def _query(expression: str) -> Callable[..., dict[str, Any]]:
    """A query of PostgreSQL whose column `hired` is an expression of the canary's text `remarks` or number `debt`."""

    def write(folder: Path, _: list[Cells]) -> dict[str, Any]:
        columns = ", ".join(f'"{name}"' for name in HEADER if name != "hired")
        hired = f"CASE WHEN debt > 10000 THEN {expression} END AS hired"
        query = f"SELECT {columns}, {hired} FROM people.{folder.name} ORDER BY decided"
        return {"query": query.replace(":", r"\:"), "in_postgres": True}

    return write


def _cells_of(
    kind: str, write: Callable[[list[Cells], Path], dict[str, Any]], omitted: Sequence[str] = ()
) -> list[BadSource]:
    """Every fault of a single cell in a source of this kind."""

    def writer(change: Callable[[list[Cells]], list[Cells]]) -> Callable[..., dict[str, Any]]:
        return lambda folder, given: write(change(given), folder)

    return [
        BadSource(f"{kind}: {name}", kind, writer(change))
        for name, change in CELLS.items()
        if name not in omitted
    ]


_OTHERS: dict[str, dict[str, Callable[..., dict[str, Any]]]] = {
    "csv": {
        "a cell too many": _last_row(lambda row: row + "," + row.split(",")[0]),
        "a cell too few": _last_row(lambda row: row.rsplit(",", 2)[0]),
        "a quote that does not end": _last_row(lambda row: row.replace("Canaryq", '"Canaryq')),
        "not UTF-8": _last_row(lambda row: row.encode().replace(b" Street", b" Stra\xdfe \xe9\xff\x81")),
        "a cell too many and a NUL byte": _last_row(lambda row: row + ",\0" + row.split(",")[0]),
        "an over-long cell": _last_row(lambda row: row.replace(" Street", " Street" * 40_000)),
        "an over-long cell beside a cell too many": _last_row(
            lambda row: row.replace(" Street", " Street" * 40_000) + ",x"
        ),
        "an over-long number": _last_row(lambda row: row.replace(",30000,", f",{'826193000547' * 500},")),
        "another separator": _csv(lambda text: text.replace(",", ";")),
        "the header of another file": _csv(lambda text: text.replace("income", "salary")),
        "a truncated archive": _csv(lambda text: gzip.compress(text.encode(), mtime=0)[:-12], "loans.csv.gz"),
        "text in UTF-16 cut in half": _csv(lambda text: text.encode("utf-16")[:-1]),
        "a Parquet file by its name": _csv(lambda text: b"PAR1" + text.encode() + b"PAR1"),
        "no header line": _csv(lambda text: text.split("\n", 1)[1]),
        "no header line and one loan": _csv(lambda text: text.rstrip("\n").rsplit("\n", 1)[1] + "\n"),
        "a line of JSON": _csv(lambda text: json.dumps(text.splitlines()[-1].split(",")) + "\n"),
    },
    "jsonl": {
        "a truncated line": _jsonl(lambda line: line[:-20]),
        "a name twice": _jsonl(lambda line: line[:-1] + ', "income": "Canaryq"}'),
        "a line whose names are values": _jsonl(lambda line: _named_by_values(line)),
        "a name more that is a value": _jsonl(
            lambda line: json.dumps(json.loads(line) | {str(json.loads(line)["remarks"]): 1})
        ),
        "all names are values": _names_are_values,
        "a line that is a text": _jsonl(lambda line: json.dumps(line)),
        "an object in a cell": _jsonl(lambda line: line.replace('"grade": 2', '"grade": {"x": "Canaryq"}')),
        "half of a character": _jsonl(lambda line: line.replace(" Street", r" \ud800 Street")),
        "an over-long number": _jsonl(lambda line: line.replace("30000", "826193000547" * 500)),
    },
    "parquet": {
        "bytes that are not text": _replaced(
            "remarks", lambda c: pa.array([x.encode() + b"\xff" for x in c])
        ),
        "a list in a cell": _replaced("remarks", lambda cells: pa.array([[cell] for cell in cells])),
        "a date too early": _replaced("hired", lambda cells: pa.array([date(1, 1, 1) for _ in cells])),
        "a time too late": _replaced(
            "hired", lambda cells: pa.array([datetime(9999, 12, 31)] * len(cells), pa.timestamp("us"))
        ),
        "a time out of all bounds": _replaced(
            "hired", lambda cells: pa.array([(1 << 62) + 826193000547] * len(cells), pa.timestamp("us"))
        ),
        "a large decimal": _replaced(
            "income", lambda cells: pa.array([Decimal("826193000547" * 3)] * len(cells), pa.decimal128(38))
        ),
        "a time zone": _replaced(
            "decided",
            lambda cells: pa.array([datetime(1931, 3, 17)] * len(cells), pa.timestamp("ns", "Nowhere/X")),
        ),
        "a damaged page": _parquet(
            lambda columns: columns, lambda data: data.replace(b" Street", b"\xff\xfe\xfd\0\0\0\0")
        ),
        "damaged lengths": _parquet(
            lambda columns: columns, lambda data: data[:400] + b"\xff" * 200 + data[600:]
        ),
        "a truncated file": _parquet(lambda columns: columns, lambda data: data[:-40]),
    },
    "excel": {
        "a cell right of the header": _excel(beyond=True),
        "a truncated workbook": _excel(cut=lambda data: data[:-200]),
    },
    "sql": {
        "a cast that fails": _query("remarks::integer"),
        "a date that does not exist": _query("remarks::date"),
        "a number that overflows": _query("debt::integer"),
        "a date that Python does not know": _query("date '2000-01-01' + (debt % 1000000 + 4000000)::integer"),
        "an infinite date": _query("date 'infinity'"),
        "a domain that does not hold": _query("remarks::information_schema.yes_or_no"),
        "a document that is none": _query("remarks::jsonb"),
        "a document": _query("jsonb_build_object('name', remarks)"),
        "an array of texts": _query("ARRAY[remarks]"),
        "bytes": _query("remarks::bytea"),
        "a query in a query that fails": _query(
            "query_to_xml('SELECT ''' || remarks || '''::integer', true, true, '')::text"
        ),
        "an unknown table": _query("remarks::regclass::text"),
        "an invalid pattern": _query("regexp_replace('x', remarks || '(', '')"),
        "a syntax error": _query("remarks nonsense"),
    },
}


def _others(kind: str) -> list[BadSource]:
    return [BadSource(f"{kind}: {name}", kind, write) for name, write in _OTHERS[kind].items()]


SOURCES: list[BadSource] = [
    *_cells_of("csv", _as_csv),
    *_others("csv"),
    *_cells_of("jsonl", _as_jsonl),
    *_others("jsonl"),
    *_cells_of("parquet", _as_parquet),
    *_others("parquet"),
    *_cells_of("excel", _as_excel, omitted=["a NUL byte", "a key that is too long for an index"]),
    *_others("excel"),
    *_cells_of("sql", _as_query),
    *_others("sql"),
]
