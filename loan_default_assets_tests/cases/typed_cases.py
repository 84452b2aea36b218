"""Workbooks, Parquet files and JSON lines: cells with types, and those of which the type is not the meaning."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loan_default_assets_tests.cases.case_files import UNDATED, Case, file
from loan_default_assets_tests.cases.xls_workbook import xls_workbook
from loan_default_assets_tests.portfolio.ingest.loan_files import workbook

_COUNT = 60
_NUMBERS = range(_COUNT)
_HEADER = ["id", "issued", "amount", "purpose", "bad"]
_ROWS: list[list[Any]] = [
    [f"K{n}", date(2018, n % 12 + 1, n % 28 + 1), 1000 + 13 * n, ("car", "home")[n % 2], int(n % 7 == 0)]
    for n in _NUMBERS
]
_CELLS = {"amount": {1: 1000.0, 2: 1013.0}, "as_of": {1: date(2018, 1, 1)}}


def _with(column: int, cells: Mapping[int, Any]) -> list[list[Any]]:
    """The rows with other cells in a column, by row number."""
    return [
        [*row[:column], cells.get(n, row[column]), *row[column + 1 :]] for n, row in enumerate(_ROWS, start=1)
    ]


def _sheet(name: str, rows: Sequence[Sequence[Any]], **expected: Any) -> Case:
    data = workbook({"Loans": rows})
    return Case(name, file(data, "loans.xlsx"), **({"cells": _CELLS} | expected))


def _edited(old: str, new: str, member: str = "xl/worksheets/1.xml") -> bytes:
    """The plain workbook with a changed piece of XML."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook({"Loans": [_HEADER, *_ROWS]}))) as plain,
        zipfile.ZipFile(made, "w") as edited,
    ):
        for entry in plain.namelist():
            text = plain.read(entry).decode()
            assert entry != member or old in text
            edited.writestr(entry, text.replace(old, new) if entry == member else text)
    return made.getvalue()


def _parquet(name: str, column: str, cells: Any, use: str, expected: Mapping[int, Any], **more: Any) -> Case:
    table = {
        "id": [row[0] for row in _ROWS], "issued": [row[1] for row in _ROWS],
        "amount": [float(row[2]) for row in _ROWS], "bad": [row[4] for row in _ROWS],
    } | {column: cells}  # fmt: skip
    data = io.BytesIO()
    pq.write_table(
        pa.table(
            {key: value if isinstance(value, pa.Array) else pa.array(value) for key, value in table.items()}
        ),
        data,
    )
    cells = {column: expected} if expected else {}
    return Case(
        name, file(data.getvalue(), "loans.parquet"), uses={column: use} if use else {}, cells=cells, **more
    )


def _json(name: str, objects: Sequence[Mapping[str, Any]], **expected: Any) -> Case:
    return Case(name, file("".join(json.dumps(dict(o)) + "\n" for o in objects), "loans.jsonl"), **expected)


_OBJECTS = [dict(zip(_HEADER, [row[0], str(row[1]), *row[2:]], strict=True)) for row in _ROWS]
_SEOUL = [datetime(2015, 1, 1, tzinfo=UTC) + timedelta(hours=37 * n) for n in _NUMBERS]
_DOUBTFUL = '<c r="C2"><v>1000</v></c>'

_XLS = [["X1", "X2", "X3", "Y"], ["id", "금액", "purpose", "bad"]]
_XLS += [[row[0], float(row[2]), row[3], float(row[4])] for row in _ROWS]

TYPED_CASES = [
    Case(
        "xls",
        file(xls_workbook(_XLS), "loans.xls"),
        replace(UNDATED, key="id"),
        cells={"금액": {1: 1000.0, 2: 1013.0}, "label": {1: 1.0, 2: 0.0}},
        source={"header": 2},
        said=["an error such as #N/A is read as an empty cell"],
    ),
    _sheet("xlsx", [_HEADER, *_ROWS], source={}),
    _sheet("xlsx_title", [["Loan report"], [], _HEADER, *_ROWS], source={"header": 3}),
    _sheet("xlsx_total", [_HEADER, *_ROWS, ["Total", None, 90_000]], source={"skip_footer": 1}),
    _sheet("xlsx_groups", [["Loan", None, "Terms", None, "Outcome"], _HEADER, *_ROWS], source={"header": 2}),
    _sheet(
        "xlsx_divided_header",
        [["id", "issued", "Terms", None, "bad"], [None, None, "amount", "purpose", None], *_ROWS],
        uses={"amount": "number", "purpose": "category"},
    ),
    _sheet("xlsx_texts", [_HEADER, *_with(2, {n: f"{1000 + 13 * (n - 1):,}" for n in range(1, 61)})]),
    _sheet("xlsx_iso_texts", [_HEADER, *_with(1, {2: "2018-02-02", 5: "2018-05-05"})]),
    _sheet(
        "xlsx_typo",
        [_HEADER, *_with(2, {7: "12a"})],
        violations=["column amount: not a number: 1 cell (row 7)"],
        bad_cells={"amount": 7},
    ),
    _sheet("xlsx_dash", [_HEADER, *_with(2, {7: "-"})], cells={"amount": {6: 1065.0, 7: None}}),
    _sheet(
        "xlsx_truth",
        [[*_HEADER[:4], "own", "bad"], *([*row[:4], n % 2 == 0, row[4]] for n, row in enumerate(_ROWS))],
        cells={"own": {1: "true", 2: "false"}},
    ),
    Case(
        "xlsx_remarks_first",
        file(workbook({"Info": [["About"], ["these loans"]], "Loans": [_HEADER, *_ROWS]}), "l.xlsx"),
        cells=_CELLS,
        source={"sheet": "Loans"},
        said=["several sheets; 'Loans' is read, not 'Info'"],
    ),
    Case(
        "xlsx_a_sheet_per_year",
        file(
            workbook(
                {"2017": [["Loans"], [], _HEADER, *_ROWS], "2018": [_HEADER, *_ROWS], "Sums": [["a"], [1]]}
            ),
            "l.xlsx",
        ),
        said=["sheets: '2018' has the same columns as '2017', and only that one is read"],
    ),
    Case(
        "xlsx_hidden_first",
        file(workbook({"Old": [_HEADER], "Loans": [_HEADER, *_ROWS]}, hidden=["Old"]), "l.xlsx"),
        cells=_CELLS,
        source={},
    ),
    Case(
        "xlsx_error_cell",
        file(_edited(_DOUBTFUL, '<c r="C2" t="e"><v>#N/A</v></c>'), "loans.xlsx"),
        cells={"amount": {1: None, 2: 1013.0}},
        said=["missing ['#N/A']"],
    ),
    Case(
        "xlsx_error_of_a_formula",
        file(_edited(_DOUBTFUL, '<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c>'), "loans.xlsx"),
        cells={"amount": {1: None, 2: 1013.0}},
        said=["missing ['#DIV/0!']"],
    ),
    Case(
        "xlsx_formula",
        file(_edited(_DOUBTFUL, '<c r="C2"><f>500*2</f><v>1000</v></c>'), "loans.xlsx"),
        cells=_CELLS,
    ),
    Case(
        "xlsx_never_calculated",
        file(_edited(_DOUBTFUL, '<c r="C2"><f>500*2</f></c>'), "loans.xlsx"),
        refused=["sheet 'Loans'", "(C2)", "Open it in Excel, save it"],
    ),
    Case(
        "xlsx_1904",
        file(_edited("<sheets>", '<workbookPr date1904="1"/><sheets>', "xl/workbook.xml"), "loans.xlsx"),
        cells={"as_of": {1: date(2022, 1, 2)}},
    ),
    _parquet(
        "pq_strnum",
        "income",
        [f"{20_000 + 977 * n:,}" for n in _NUMBERS],
        "number",
        {1: 20_000.0, 2: 20_977.0},
    ),
    _parquet("pq_strrate", "rate", [f"{n + 1}.54%" for n in _NUMBERS], "number", {1: 1.54}),
    _parquet(
        "pq_nullable",
        "income",
        pa.array([None if n % 5 == 0 else n * 300 for n in _NUMBERS]),
        "number",
        {1: None, 2: 300.0},
    ),
    _parquet(
        "pq_decimal",
        "income",
        pa.array([Decimal(n * 1000 + 7) / 100 for n in _NUMBERS], pa.decimal128(12, 2)),
        "number",
        {1: 0.07, 2: 10.07},
    ),
    _parquet(
        "pq_dictionary",
        "grade",
        pa.array([["A", "B", None][n % 3] for n in _NUMBERS]).dictionary_encode(),
        "category",
        {1: "A", 3: None},
    ),
    _parquet("pq_truth", "own", [n % 2 == 0 for n in _NUMBERS], "category", {1: "true", 2: "false"}),
    _parquet(
        "pq_zone",
        "opened",
        pa.array(_SEOUL, pa.timestamp("us", "Asia/Seoul")),
        "date",
        {1: date(2015, 1, 1), 2: date(2015, 1, 2), 3: date(2015, 1, 4)},
    ),
    _parquet(
        "pq_date64",
        "opened",
        pa.array([date(2015, 1, 1) + timedelta(days=n) for n in _NUMBERS], pa.date64()),
        "date",
        {2: date(2015, 1, 2)},
    ),
    _parquet("pq_nested", "history", pa.array([[1, 2]] * _COUNT), "ignored", {}, said=["lists or objects"]),
    _parquet(
        "pq_object", "person", pa.array([{"age": 30}] * _COUNT), "ignored", {}, said=["lists or objects"]
    ),
    _parquet(
        "pq_filtered_index",
        "__index_level_0__",
        [2 * n for n in _NUMBERS],
        "",
        {},
        said=["the row index of pandas"],
    ),
    _parquet(
        "pq_large_account",
        "account",
        pa.array([2**53 + n for n in _NUMBERS]),
        "ignored",
        {},
        said=["an identifier"],
    ),
    _parquet(
        "pq_infinite",
        "income",
        [float("inf") if n == 3 else n * 1.5 for n in _NUMBERS],
        "number",
        {},
        said=["an infinite number: 1 cell (row 4)"],
        violations=["column income: must be finite; fails on 1 row: 4"],
    ),
    _json(
        "jsonl", _OBJECTS, cells={"amount": {1: 1000.0}, "purpose": {1: "car"}}, said=["one object per line"]
    ),
    _json(
        "jsonl_null",
        [o | {"income": None if n % 3 else n * 100.5} for n, o in enumerate(_OBJECTS)],
        cells={"income": {1: 0.0, 2: None, 4: 301.5}},
    ),
    _json("jsonl_nested", [o | {"tags": ["a"]} for o in _OBJECTS], uses={"tags": "ignored"}),
    _json(
        "jsonl_account",
        [o | {"account": 1234567890123450000 + n} for n, o in enumerate(_OBJECTS)],
        uses={"account": "ignored"},
        said=["an identifier"],
    ),
    _json("json_inside", [{"loans": _OBJECTS}], refused=["inside 'loans'", "jq -c '.loans[]' FILE"]),
    Case(
        "json_array", file(json.dumps(_OBJECTS), "loans.json"), refused=["a JSON array", "jq -c '.[]' FILE"]
    ),
    Case(
        "json_twice",
        file('{"id": "1", "amount": 5, "amount": 6, "bad": 1}\n', "loans.jsonl"),
        UNDATED,
        refused=["line 1: the name 'amount' occurs twice"],
    ),
]
