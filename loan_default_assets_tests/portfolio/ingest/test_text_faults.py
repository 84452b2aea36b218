"""Text files with faults: what is refused with row, line and the next step, and what an option repairs."""

from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets_tests.portfolio.five_columns import CSV, bank
from loan_default_assets_tests.portfolio.ingest.loan_files import (
    HEADER,
    LOANS,
    csv_text,
    everything,
    loan,
    read_applications,
    read_inspected,
    rows_of,
)

PLAIN = csv_text()


def with_row(text: str, row: int = 30) -> str:
    """The loans with one row replaced; the file's line is one more, for its header."""
    return csv_text(LOANS[: row - 1]) + text + "\n" + csv_text(LOANS[row:], None)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "loans.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


SHORT = "00100029,2018-06-02,SECRET"


def test_a_short_row_is_refused_or_filled(tmp_path: Path) -> None:
    path = written(tmp_path, with_row(SHORT))
    with pytest.raises(
        SourceError, match=r"1 row does not have the header's 6 cells \(row 30\), line 31"
    ) as error:
        read_inspected(path)
    assert "write `fill_short_rows: true` under `source`" in str(error.value)
    assert "SECRET" not in str(error.value)
    layout = inspect_file(path, fill_short_rows=True)
    assert layout.source_keys() == {"kind": "csv", "fill_short_rows": True}
    rows = rows_of(everything(layout.source(path), layout.columns))
    assert len(rows) == 60
    assert rows[29] == ["00100029", "2018-06-02", "SECRET", "", "", ""] or rows[29][3:] == [None] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            with_row(",".join(loan(29)) + ",SECRET"),
            r"1 row does not have the header's 6 cells \(row 30\), line 31; a cell",
        ),
        (
            with_row(SHORT) + SHORT + "\n",
            r"2 rows do not have the header's 6 cells \(rows 30, 61\), lines 31, 62",
        ),
        (with_row("Loans of another kind SECRET"), r"\(row 30\), line 31"),
        (
            PLAIN.replace("car", "c\x00r", 1),
            r"column purpose: zero bytes in 1 cell \(row 2\), line 3; remove them",
        ),
        (PLAIN + "\x00" * 200, "ends in zero bytes from line 62 on: it is damaged"),
        (PLAIN[:-9] + "\x00" * 5000, "ends in zero bytes from line 61 on: it is damaged"),
        (with_row('"00100029,2018-06-02,SECRET,5,car,1'), "line 31|line 61"),
        (with_row("00100029,2018-06-02,10,5,car,1\n\n  \n" + SHORT), r"\(row 31\), line 34"),
    ],
    ids=[
        "long",
        "two short",
        "prose between",
        "zero byte",
        "zeros after",
        "zeros in",
        "open quote",
        "blank lines",
    ],
)
def test_a_fault_is_refused_with_row_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SourceError, match=message) as error:
        read_inspected(path)
    assert str(error.value).startswith(str(path))
    assert "SECRET" not in str(error.value)


def test_a_fault_late_in_a_long_file_is_refused(tmp_path: Path) -> None:
    many = csv_text([loan(n) for n in range(200_000)])
    path = written(tmp_path, many + SHORT + "\n" + csv_text(LOANS, None))
    with pytest.raises(SourceError, match=r"\(row 200001\), line 200002"):
        read_inspected(path)
    rows = read_inspected(path, fill_short_rows=True)[1]
    assert [row[0] for row in rows[199_999:200_002]] == ["00299999", "00100029", "00100000"]
    assert len(rows) == 200_061


def test_a_footer_is_never_a_row(tmp_path: Path) -> None:
    path = written(tmp_path, PLAIN)
    source = Source(kind="csv", path=str(path), skip_footer=2)
    with pytest.raises(
        SourceError, match=r"source\.skip_footer: 2, but the line 2 from the end looks like a row"
    ):
        rows_of(everything(source, HEADER))
    path = written(tmp_path, PLAIN + "Total,,9,,,\n")
    with pytest.raises(SourceError, match="looks like a row"):
        rows_of(everything(source, HEADER))
    assert rows_of(everything(source.model_copy(update={"skip_footer": 1}), HEADER)) == LOANS


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (csv_text(delimiter=";"), "the file uses another separator: set source.delimiter: ';'"),
        ("Report\n" + PLAIN, "set under source header: 2"),
        ("# a\n" + PLAIN, "set under source comment: '#'"),
        (csv_text(quote="'", quote_all=True), 'set under source quote: "\'"'),
        (csv_text(header=None), "looks like a row of data (a file without a header line: write `header: 0`"),
    ],
)
def test_another_layout_is_refused_with_the_keys_to_write(tmp_path: Path, text: str, advice: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SourceError) as error:
        rows_of(everything(Source(kind="csv", path=str(path)), HEADER))
    assert advice in str(error.value)
    assert "00100000" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        CSV.replace('"with, comma"', "x").replace(",", ";"),
        "sep=;\n" + CSV.replace('"with, comma"', "x").replace(",", ";"),
        "Applications of today\n" + CSV,
        CSV.replace('"with, comma"', "x").replace(",", "\t"),
    ],
)
def test_applications_are_read_in_their_own_layout(tmp_path: Path, text: str) -> None:
    p = bank(tmp_path)
    expected = read_applications(p, str(tmp_path / "loans.csv"))
    (tmp_path / "new.txt").write_text(text, "utf-8")
    made = read_applications(p, str(tmp_path / "new.txt"))
    assert made["loan_id"].tolist() == expected["loan_id"].tolist()
    assert made["income"].tolist() == expected["income"].tolist()


def test_applications_need_no_footer(tmp_path: Path) -> None:
    p = bank(tmp_path, CSV, ("path: loans.csv", "path: loans.csv, skip_footer: 2"))
    assert len(read_applications(p, str(tmp_path / "loans.csv"))) == 8
    (tmp_path / "loans.csv").write_text(CSV + "Total,,,9,,,,\nEnd of report\n", "utf-8")
    assert len(read_applications(p, str(tmp_path / "loans.csv"))) == 8


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file; give a file of loans"):
        inspect_file(tmp_path / "none.csv")
    with pytest.raises(SourceError, match="is a folder"):
        inspect_file(tmp_path)


def test_long_numbers_and_leading_zeros_are_kept(tmp_path: Path) -> None:
    rows = [["00123", "1234567890123450001", "18446744073709551616", "1.0E+3", "-0"]]
    path = written(tmp_path, csv_text(rows * 3, ["id", "account", "more", "number", "zero"]))
    assert read_inspected(path)[1] == rows * 3
