"""Files that are no plain text: compressed files, workbooks, JSON lines, and formats that are refused."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets_tests.portfolio.ingest.loan_files import (
    LOANS,
    csv_text,
    everything,
    read_inspected,
    rows_of,
    workbook,
    zipped,
    zstd,
)

PLAIN = csv_text().encode()
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
    "zip": lambda data: zipped({"loans.csv": data}),
}


@pytest.mark.parametrize("name", ["loans.csv", "loans.csv.gz"])
@pytest.mark.parametrize("compression", COMPRESS)
def test_compression_is_recognised_by_content(tmp_path: Path, compression: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(COMPRESS[compression](PLAIN))
    layout, rows = read_inspected(path)
    assert (layout.kind, layout.compression, rows) == ("csv", compression, LOANS)
    assert layout.notes == (f"The file is compressed ({compression}).",)


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_truncated_compressed_file_is_refused(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "loans.csv.x"
    path.write_bytes(COMPRESS[compression](PLAIN)[:-30])
    with pytest.raises(SourceError, match=rf"loans\.csv\.x: the {compression} file is (truncated|damaged)"):
        read_inspected(path)


def test_a_compressed_file_may_have_any_layout(tmp_path: Path) -> None:
    path = tmp_path / "loans.zip"
    text = "Report\n" + csv_text(delimiter="\t") + "Total\t\t9\t\t\t\n"
    path.write_bytes(zipped({"__MACOSX/._a": b"x", "a.csv": text.encode("utf-16"), "folder/.DS_Store": b"y"}))
    layout, rows = read_inspected(path)
    assert (layout.header, layout.delimiter, layout.skip_footer, rows) == (2, "\t", 1, LOANS)


@pytest.mark.parametrize(
    "documents",
    [("README.md",), ("data/ReadMe_first.txt", "LICENSE"), ("german.names", "description.PDF", "read.R")],
)
def test_documentation_beside_the_table_of_an_archive_is_named_and_not_read(
    tmp_path: Path, documents: tuple[str, ...]
) -> None:
    path = tmp_path / "loans.zip"
    path.write_bytes(
        zipped({documents[0]: b"# Loans", "data/a.csv": PLAIN, **dict.fromkeys(documents[1:], b"x")})
    )
    layout, rows = read_inspected(path)
    assert rows == LOANS
    assert layout.notes == (
        "The file is compressed (zip).",
        f"Documentation in the archive is not read: {', '.join(documents)}.",
    )


@pytest.mark.parametrize(
    "names",
    [("a.csv", "codes.txt"), ("loans", "b.csv", "README.md"), ("readme.csv", "b.csv"), ("a.xlsx", "b.xlsx")],
)
def test_an_archive_in_which_another_file_may_be_the_table_is_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = tmp_path / "loans.zip"
    path.write_bytes(zipped(dict.fromkeys(names, PLAIN)))
    with pytest.raises(SourceError, match=r"the ZIP archive holds 2 files .*; it must hold one"):
        inspect_file(path)


@pytest.mark.parametrize("name", ["README", "loans.names"])
def test_a_table_named_like_documentation_is_read_where_it_is_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / "loans.zip"
    path.write_bytes(zipped({name: PLAIN}))
    layout, rows = read_inspected(path)
    assert (rows, len(layout.notes)) == (LOANS, 1)


def test_an_archive_of_several_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loans.zip"
    path.write_bytes(zipped({"a.csv": PLAIN, "b.csv": PLAIN}))
    with pytest.raises(SourceError, match=r"holds 2 files \('a.csv', 'b.csv'\); it must hold one"):
        inspect_file(path)


TYPED = [
    [n, date(2018, 1 + n % 12, 3), 1000.5 + n, n % 3 == 0, None if n % 5 == 0 else "car", f"{n:05d}"]
    for n in range(1, 40)
]


def sheet(*before: list[object], after: tuple[list[object], ...] = ()) -> list[list[object]]:
    return [*before, ["id", "issued", "amount", "paid", "purpose", "code"], *TYPED, *after]


@pytest.mark.parametrize(
    ("sheets", "keys"),
    [
        ({"Loans": sheet()}, {}),
        ({"Loans": sheet(["Loans of all branches"], [])}, {"header": 3}),
        ({"Loans": sheet(["a", "b", "c", "d", "e", "f"])}, {"header": 2}),
        ({"Loans": sheet(after=([None], ["Total", None, 99], ["Printed today"]))}, {"skip_footer": 2}),
        ({"Empty": [], "Loans": sheet()}, {"sheet": None}),
        ({"Loans": sheet(), "More": sheet()}, {"sheet": "Loans"}),
        ({"Secret": sheet(), "Loans": sheet()}, {}),
        ({"Loans": [[None, *row] for row in sheet()]}, {}),
    ],
    ids=["plain", "title", "codes", "totals", "empty sheet", "two sheets", "hidden sheet", "blank column"],
)
@pytest.mark.parametrize("name", ["loans.xlsx", "loans.csv", "loans.xlsx.gz"])
def test_a_workbook_is_read(
    tmp_path: Path, sheets: dict[str, list[list[object]]], keys: dict[str, object], name: str
) -> None:
    path = tmp_path / name
    data = workbook(sheets, hidden=["Secret"])
    path.write_bytes(gzip.compress(data, mtime=0) if name.endswith("gz") else data)
    layout, rows = read_inspected(path)
    found = layout.source_keys()
    assert found.pop("kind") == "excel"
    assert found == {key: value for key, value in keys.items() if value is not None}
    assert rows == TYPED


def test_cells_of_several_types_are_text(tmp_path: Path) -> None:
    path = tmp_path / "loans.xlsx"
    rows = [
        ["id", "when", "code"],
        [1, date(2018, 1, 2), 7],
        [2, "03.01.2018", "A7"],
        [3.5, None, 123456789012345],
    ]
    path.write_bytes(workbook({"A": rows}))
    assert read_inspected(path)[1] == [
        [1, "2018-01-02", "7"],
        [2, "03.01.2018", "A7"],
        [3.5, None, "123456789012345"],
    ]


def test_a_workbook_is_refused_with_the_key_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "loans.xlsx"
    path.write_bytes(workbook({"Loans": sheet(), "More": sheet()}))
    names = ["id", "issued", "amount", "paid", "purpose", "code"]
    with pytest.raises(
        SourceError, match=r"source\.sheet: the workbook has no sheet 'Loan'; did you mean 'Loans'"
    ):
        rows_of(everything(Source(kind="excel", path=str(path), sheet="Loan"), names))
    with pytest.raises(SourceError, match=r"source\.skip_footer: 2, but one of these rows looks like a row"):
        rows_of(everything(Source(kind="excel", path=str(path), skip_footer=2), names))
    with pytest.raises(
        SourceError, match="not readable as text: it is an Excel workbook; write `kind: excel`"
    ):
        rows_of(everything(Source(kind="csv", path=str(path)), names))
    path.write_bytes(workbook({"Loans": sheet(["Report"])}))
    with pytest.raises(SourceError, match="set under source header: 2"):
        rows_of(everything(Source(kind="excel", path=str(path)), names))
    path.write_bytes(zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<"}))
    with pytest.raises(SourceError, match="not readable as an Excel workbook"):
        inspect_file(path)


def test_json_lines_are_text_as_written(tmp_path: Path) -> None:
    path = tmp_path / "loans.txt"
    lines = [
        '{"id": 12345678901234567890, "rate": 1.50, "ok": true, "purpose": "가 나"}',
        "",
        '{"id": 123456789012345678901, "rate": null, "tags": ["a"], "purpose": ""}',
        '{"ok": false, "id": "007", "late": 1}',
    ]
    path.write_text("\n".join(lines), "utf-8")
    layout, rows = read_inspected(path)
    assert layout.columns == ("id", "rate", "ok", "purpose", "tags", "late")
    assert (layout.kind, layout.not_needed) == ("jsonl", (("tags", "lists or objects"),))
    assert rows == [
        ["12345678901234567890", "1.50", "true", "가 나", None],
        ["123456789012345678901", None, None, None, None],
        ["007", None, "false", None, "1"],
    ]
    with pytest.raises(
        SourceError, match=r"column tags: a list or an object, not one value: 1 cells \(row 2\)"
    ):
        rows_of(everything(layout.source(path), layout.columns))
    path.write_text("\n".join([*lines, '{"id": "SECRET']))
    with pytest.raises(SourceError, match="line 5: not a JSON object") as error:
        read_inspected(path)
    assert "SECRET" not in str(error.value)


REFUSED: dict[str, tuple[bytes, str]] = {
    "html": (b"<html><body><table><tr><td>SECRET</td></tr></table></html>", "is an HTML page"),
    "html with bom": ("\ufeff \n<!DOCTYPE html><html>SECRET</html>".encode(), "is an HTML page"),
    "html utf-16": ("<html><table>SECRET</table></html>".encode("utf-16"), "is an HTML page"),
    "xml spreadsheet": (
        b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "is an XML spreadsheet",
    ),
    "xml": (b'<?xml version="1.0"?><loans><loan/></loans>', "is an XML document"),
    "json array": (json.dumps([{"id": "SECRET"}]).encode(), "is a JSON array"),
    "json array of lines": (b'[\n {"id": "SECRET"},\n {"id": 2}\n]\n', "is a JSON array"),
    "json object": (
        json.dumps({"loans": [{"id": "SECRET"}]}, indent=1).encode(),
        "JSON, but not one object per line",
    ),
    "pdf": (b"%PDF-1.7 SECRET", "is a PDF document"),
    "sqlite": (b"SQLite format 3\x00SECRET", "is an SQLite database"),
    "7z": (b"7z\xbc\xaf\x27\x1cSECRET", "is a 7z archive"),
    "zeros": (b"\x00" * 5000, "only zero bytes or blanks"),
    "empty": (b"", "the file is empty"),
    "blank": (b"\xef\xbb\xbf \r\n", "the file is empty"),
    "zip of nothing": (zipped({}), "the ZIP archive|the file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_format_is_named(tmp_path: Path, name: str) -> None:
    data, message = REFUSED[name]
    path = tmp_path / "loans.xls"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=message) as error:
        inspect_file(path)
    assert "SECRET" not in str(error.value)
    assert "loans.xls: " in str(error.value)
    with pytest.raises(SourceError) as error:
        rows_of(everything(Source(kind="csv", path=str(path)), ["id", "y"]))
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.csv", PLAIN, "csv"),
        ("a.xls", PLAIN, "csv"),
        ("a.csv", b'{"id": 1}\n{"id": 2}\n', "jsonl"),
        ("a.jsonl.gz", gzip.compress(b'{"id": 1}\n', mtime=0), "jsonl"),
        ("a.csv", workbook({"A": [["id"]]}), "excel"),
        ("a.xls", b"<html></html>", "excel"),
        ("a.jsonl", b"", "jsonl"),
        ("a.csv", b"ORCID,PAR1\n1,2\n", "csv"),
        ("a.csv", b"PAR1,BZh\n1,2\n", "csv"),
        ("a.csv", b"BZh9,x\n1,2\n", "csv"),
    ],
)
def test_the_kind_is_that_of_the_content(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert file_format(tmp_path / name) == kind


_ROWS = "1,car,0\n2,home,1\n" * 30
_DBASE = b"\x03\x7c\x01\x1f" + (60).to_bytes(4, "little") + (65).to_bytes(2, "little") + bytes(22)
_DBASE += b"LOANID".ljust(32, b"\x00") + b"\r" + b" 100".ljust(20) * 60


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f"% credit\n@RELATION credit\n@attribute n numeric\n@data\n{_ROWS}", "an ARFF file"),
        (
            "-- dump\nDROP TABLE IF EXISTS `x`;\nCREATE TABLE `x` (n int);\nINSERT INTO `x` VALUES (1);\n",
            "dump",
        ),
        ("/*!40101 SET NAMES utf8 */;\nINSERT INTO loans VALUES ('K1',1,0);\n", "use source.kind: sql"),
        (" id | purpose | bad\n----+---------+-----\n  1 | car     |   0\n(1 row)\n", "psql --csv"),
        ("+----+-----+\n| id | bad |\n+----+-----+\n|  1 |   0 |\n+----+-----+\n", "mysql --batch"),
        (_DBASE, "a dBase file"),
    ],
)
def test_a_table_in_another_writing_is_named_with_what_to_do(
    tmp_path: Path, data: str | bytes, said: str
) -> None:
    path = tmp_path / "loans.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(SourceError, match=said):
        inspect_file(path)


@pytest.mark.parametrize(
    "head",
    [
        "relation,purpose,bad",
        "select,create table,bad",
        "use;insert into;bad",
        "id|purpose|bad\n--|--|--",
        "-,+,bad",
    ],
)
def test_a_header_that_only_resembles_such_a_writing_is_read(tmp_path: Path, head: str) -> None:
    path = tmp_path / "loans.csv"
    mark = next(mark for mark in "|;," if mark in head)
    path.write_text(head + "\n" + _ROWS.replace(",", mark))
    assert inspect_file(path).kind == "csv"
