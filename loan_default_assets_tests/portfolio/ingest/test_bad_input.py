"""Sources that must be refused, with a message that names file, column and row and never contains a cell."""

import gzip
import threading
from pathlib import Path

import pytest

from loan_default_assets.portfolio.checks.pandera_schema import Violation, partition_violations
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.spec import load
from loan_default_assets_tests.portfolio.five_columns import CSV, TODAY, bank, partitions, portfolio
from loan_default_assets_tests.portfolio.ingest.test_sources import query_of

OUTCOME = (
    "a value of bad that label.positive or label.negative names in the portfolio (list values without an outcome yet "
    "under label.pending)"
)

HEADER = CSV.splitlines()[0]


def edited(*changes: tuple[str, str]) -> bytes:
    text = CSV
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "loans.csv: the file is empty"),
        (b"\xef\xbb\xbf \r\n", "loans.csv: the file is empty"),
        (HEADER.encode(), "loans.csv: the file has a header but no rows"),
        (HEADER.encode() + b"\n\n", "loans.csv: the file has a header but no rows"),
        (edited((",income,", ",")), "columns: 'income' is missing"),
        (
            edited((",income,", ",incme,")),
            "'income' is missing; did you mean 'incme'?; not described in the portfolio",
        ),
        (
            edited(("note\n", "note,SECRET\n")),
            "not described in the portfolio: 'SECRET' (add to columns, or to ignore)",
        ),
        (edited(("hired,note", "note,note")), "'note' appears twice; 'hired' is missing"),
        (CSV.replace(",", ";").encode(), "the file uses another separator: set source.delimiter"),
        (
            edited(("70000", "SECRET"), ("999999", "12,SECRET".replace(",", "_"))),
            "column income: not a number: 2 cells (rows 3, 6)",
        ),
        (edited(("70000", '"70,000"')), "column income: not a number: 1 cell (row 3)"),
        (edited(("A,3,", "A,1_000,")), "column children: not a number: 1 cell (row 5)"),
        (edited(("L4,2024-01-02", "L4,SECRET")), "column issued: not a date written YYYY-MM-DD"),
        (edited(("L4,2024-01-02", "L4,24-01-02")), "column issued: not a date"),
        (edited(("1999-05-05", "31.12.1999")), "column hired: not a date"),
        (edited(("1999-05-05", "2023-02-30")), "column hired: not a date"),
        (edited(("1999-05-05", "9999-12-31")), "column hired: a date before 1678 or after 2261"),
        (
            edited(("L4,2024-01-02", "L4,")),
            "column issued: empty, but every loan needs a date: 1 cell (row 4)",
        ),
        (
            edited(("L4,2024-01-02", "L4,2024-06-02")),
            "column issued: after today, 2024-06-01: 1 cell (row 4)",
        ),
        (
            edited(("L4,2024-01-02", "L4,2023-12-31")),
            "column issued: before start, 2024-01-01: 1 cell (row 4)",
        ),
        (
            edited(("L5,2024-01-03,1,0,A,3,1999-05-05,x", "L5,2024-01-03,1,SECRET")),
            "1 row does not have the header's 8 cells (row 5)",
        ),
        (edited(("first", "SECRET,more")), "1 row does not have the header's 8 cells (row 1)"),
        (edited(("70000", "SECRET"), ("1999-05-05", "x")), "column income: not a number: 1 cell (row 3)"),
        (
            edited(("가", "é")).decode().encode("latin-1", "replace"),
            "line 4 is text neither in UTF-8 nor in cp949",
        ),
        (
            CSV.replace("한글 메모", "Zoë Müller Ångström").replace("가", "A").encode("latin-1"),
            "line 4 is text neither",
        ),
        (CSV.encode("utf-16")[:-1], "is not text in utf-16"),
        (
            edited(("한글 메모", "한글 메모".encode().decode("latin-1"))),
            "column note: text decoded with the wrong encoding",
        ),
        (
            edited(("가", "가".encode().decode("cp1252", "replace"))),
            "column grade: text decoded with the wrong encoding",
        ),
        (edited(("한글 메모", "?\ufffd\ufffd")), "column note: text decoded with the wrong encoding"),
        (
            edited(("note\n", "메모\n".encode().decode("latin-1"))),
            "the header was decoded with the wrong encoding",
        ),
        (gzip.compress(CSV.encode(), mtime=0)[:-20], "the gzip file is truncated; copy it again"),
        (gzip.compress(CSV.encode(), mtime=0)[:5], "the gzip file is truncated; copy it again"),
        (gzip.compress(CSV.encode(), mtime=0)[:-6] + b"\0" * 6, "the gzip file is damaged"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    p = bank(tmp_path, data)
    with pytest.raises(SourceError) as error:
        partitions(p)
    assert message in str(error.value)
    assert str(tmp_path / "loans.csv") in str(error.value)
    assert "SECRET" not in str(error.value).replace("'SECRET'", "")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("70000", "")], Violation("income", "not missing", 1, (3,))),
        ([("70000", "nan")], Violation("income", "not missing", 1, (3,))),
        ([("70000", "inf")], Violation("income", "finite", 1, (3,))),
        ([("A,3,", "A,2.5,")], Violation("children", "a whole number", 1, (5,))),
        ([("L6", "L5")], Violation("loan_id", "unique", 2, (5, 6))),
        ([("L5", " ")], Violation("loan_id", "not missing", 1, (5,))),
        ([(",A,3,", ",SECRET,3,")], Violation("grade", "one of the portfolio's values", 1, (5,))),
        ([("L5,2024-01-03,1", "L5,2024-01-03,2")], Violation("label", OUTCOME, 1, (5,))),
        ([("L5,2024-01-03,1", "L5,2024-01-03,Y")], Violation("label", OUTCOME, 1, (5,))),
        ([("70000", "-0.01")], Violation("income", "at least 0", 1, (3,))),
    ],
)
def test_a_bad_value_is_read_and_then_reported(
    tmp_path: Path, changes: list[tuple[str, str]], expected: Violation
) -> None:
    clean = (",,0,2001", ",B,0,2001"), (",10,C,", ",10,B,")
    p = bank(
        tmp_path, edited(*clean, *changes), ("values: [A, B, 가]", "unknown: forbid, values: [A, B, 가]")
    )
    [part] = partitions(p, ["2024-01-03"])
    violations = partition_violations(p, part.frame, part.key, TODAY)
    assert violations[0] == expected
    assert "SECRET" not in str(violations)


def test_every_bad_column_is_named_at_once(tmp_path: Path) -> None:
    data = edited(("L4,2024-01-02", "L4,x"), ("1999-05-05", "y"), ("한글 메모", "\ufffd"))
    with pytest.raises(SourceError) as error:
        partitions(bank(tmp_path, data))
    *columns, last = str(error.value).splitlines()
    assert [next(name for name in ("issued", "hired", "note") if name in line) for line in columns] == [
        "issued",
        "hired",
        "note",
    ]
    assert last == "8 rows were read, none of them was stored"


def test_rows_after_the_end_are_refused(tmp_path: Path) -> None:
    p = bank(tmp_path, CSV, ("start: 2024-01-01", "start: 2024-01-01\nend: 2024-01-03"))
    with pytest.raises(SourceError, match=r"on or after end, 2024-01-03: 3 cells \(rows 3, 5, 6\)"):
        partitions(p)


def test_a_file_that_is_being_written_is_refused(tmp_path: Path) -> None:
    line = "L,2024-01-01,0,1,A,0,,\n"
    p = bank(tmp_path, HEADER + "\n" + line * 20_000)
    stop = threading.Event()

    def write() -> None:
        with (tmp_path / "loans.csv").open("a") as file:
            while not stop.wait(0.001):
                file.write(line[:9])
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(SourceError, match=r"loans\.csv: the file changed while it was read; run again"):
            partitions(p)
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{kind: csv, path: none.csv}", "none.csv: no such file; give the file with --source FILE"),
        ("{kind: parquet, path: none.parquet}", "none.parquet: no such file"),
        ("{kind: csv, path: .}", "is a folder"),
        (
            "{kind: csv, path: '${LOAN_SOURCE}'}",
            r"${LOAN_SOURCE} is not set; give the file with --source FILE",
        ),
        ("{kind: parquet, path: bank.yaml}", "bank.yaml: not readable as Parquet"),
        ("{kind: sql, url: '${DB}', query: select 1}", "${DB} is not set; give the URL with --source URL"),
        ("{kind: sql, url: 'no url', query: select 1}", "source.url: not a usable SQLAlchemy URL"),
        (
            "{kind: sql, url: 'nosuchdialect://h/d', query: select 1}",
            "source.url: not a usable SQLAlchemy URL",
        ),
        ("{kind: sql, url: 'sqlite://', query: select * from loans}", "no such table: loans"),
        (
            "{kind: sql, url: 'sqlite://', query: 'select :since'}",
            "unknown parameter :since; allowed: :start, :end",
        ),
        ("{kind: sql, url: 'sqlite://', query: select 1 as id}", "'issued' is missing"),
        ("{kind: sql, url: 'sqlite:////no/where.db', query: select 1}", "unable to open database file"),
        (
            "{kind: sql, url: 'postgresql://me:SECRET@127.0.0.1:1/d', query: select 1}",
            "postgresql+psycopg2://me:***@127.0.0.1:1/d: connection to server",
        ),
    ],
)
def test_an_unreachable_source_is_refused(tmp_path: Path, source: str, message: str) -> None:
    p = portfolio(tmp_path, ("{kind: csv, path: loans.csv}", source))
    with pytest.raises(SourceError) as error:
        partitions(p)
    assert message in str(error.value)
    assert "SECRET" not in str(error.value)


def test_cells_of_a_query_are_checked_like_those_of_a_file(tmp_path: Path) -> None:
    row = "'L1' id, '2024-01-01' issued, 0 bad, {} income, 'A' grade, 0 children, NULL hired, 'x' note"
    query = "SELECT " + row.format("1") + " UNION ALL SELECT " + row.format("'SECRET'")
    with pytest.raises(SourceError, match=r"bank: column income: not a number: 1 cell \(row 2\)") as error:
        partitions(query_of(portfolio(tmp_path), "sqlite://", query))
    assert "SECRET" not in str(error.value)


def test_a_library_portfolio_without_its_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--source FILE"):
        partitions(load("taiwan_credit"), ["snapshot"])


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        # SQLite quotes the text of a path that is none; only words of the query itself are repeated.
        ("json_extract('{}', 'SEC' || 'RET')", "..."),
        ("json_extract('{}', 'note')", "'note'"),
        ("no_such_column", "no such column: no_such_column"),
    ],
)
def test_the_error_of_a_query_repeats_only_words_of_the_query(
    tmp_path: Path, expression: str, shown: str
) -> None:
    query = f"SELECT 'L1' id, '2024-01-01' issued, 0 bad, {expression} income"
    with pytest.raises(SourceError) as error:
        partitions(query_of(portfolio(tmp_path), "sqlite://", query))
    assert shown in str(error.value)
    assert "SECRET" not in str(error.value)
    assert error.value.__suppress_context__
