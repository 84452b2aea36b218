"""Files without a loan, and files of formats that are not read: each is named with what to do."""

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets.portfolio.profiling.column_profiles import profile_file
from loan_default_assets.portfolio.source_options import Source
from loan_default_assets_tests.portfolio.ingest.loan_files import everything, rows_of, workbook, zipped

NAMES: list[object] = ["id", "amount", "bad"]
HEADER = pd.DataFrame(columns=NAMES)


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.astype("float64").to_parquet(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("loans.xlsx", workbook({"A": [NAMES]}), "the sheet has a header but no rows"),
        ("loans.xlsx", workbook({"A": [["Loans of 2024"], [], NAMES]}), "the sheet has a header but no rows"),
        ("loans.xlsx", workbook({"A": [["id"]]}), "the sheet has a header but no rows"),
        ("loans.xlsx", workbook({"A": [NAMES], "B": [NAMES]}), "sheet 'A' has a header but no rows"),
        ("loans.xlsx", workbook({"A": []}), "the workbook has no visible sheet with cells"),
        ("loans.csv", b"id,amount,bad\n", "the file has a header but no rows"),
        ("loans.csv", b"id,amount,bad\r\n\r\n,,\r\n", "the file has a header but no rows"),
        ("loans.csv.gz", gzip.compress(b"id,amount,bad\n", mtime=0), "the file has a header but no rows"),
        ("loans.parquet", parquet(HEADER), "the file has columns but no rows"),
        ("loans.csv", b"", "the file is empty"),
    ],
)
def test_a_file_without_a_loan_says_so_and_what_to_do(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError) as error:
        profile_file(path)
    assert str(error.value) == f"{path}: {said}. Next: export it again with its loans, or give another file"


def test_a_sheet_of_a_title_alone_is_not_taken_before_a_table(tmp_path: Path) -> None:
    path = tmp_path / "loans.xlsx"
    path.write_bytes(workbook({"Cover": [["Loans of 2024"]], "Loans": [NAMES, [1, 2.5, 0], [2, 3.5, 1]]}))
    assert inspect_file(path).source_keys() == {"kind": "excel"}


def test_a_sheet_that_the_portfolio_names_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "loans.xlsx"
    path.write_bytes(workbook({"A": [], "B": [NAMES, [1, 2.5, 0]]}))
    source = Source(kind="excel", path=str(path), sheet="A")
    with pytest.raises(SourceError, match=r"sheet 'A' has no cells\. Next: "):
        rows_of(everything(source, list(map(str, NAMES))))


def packed_by_tar(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo("loans.csv")
        entry.size = 14
        archive.addfile(entry, io.BytesIO(b"id,bad\n1,SECRET"))
    return out.getvalue()


def stata() -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"id": [1, 2], "bad": [0, 1]}).to_stata(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (stata(), "a Stata file, not a table of text; save it as CSV or Parquet"),
        (pickle.dumps({"id": ["SECRET"]}, 4), "a pickle of Python"),
        (pickle.dumps(HEADER, 2), "a pickle of Python"),
        (packed_by_tar("w"), "a tar archive, not a table of text; unpack it"),
        (packed_by_tar("w:gz"), "a tar archive, not a table of text; unpack it"),
        (gzip.compress(b"X\n\x00\x00\x00\x03\x00\x04" + bytes(400), mtime=0), "an R object (RDS)"),
        (b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!" + b"0" * 200, "a SAS transport file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(400), "an HDF5 file"),
        (b"\x93NUMPY\x01\x00SECRET", "an array of NumPy"),
        (bytes(8) + b"DUCK" + bytes(400), "a DuckDB database"),
        (b"\x1f\x9d\x90SECRET", "compressed by compress (.Z)"),
        (b"\x04\x22\x4d\x18SECRET", "compressed by LZ4"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 123\n", "git lfs pull"),
        (zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<w/>"}), "a Word document"),
        (zipped({"[Content_Types].xml": b"<x/>", "ppt/presentation.xml": b"<w/>"}), "a PowerPoint document"),
        (zipped({"Index/Document.iwa": b"\x00", "Metadata/x.plist": b"x"}), "an Apple Numbers document"),
        (zipped({"x.npy": b"\x93NUMPY", "y.npy": b"\x93NUMPY"}), "an archive of NumPy arrays"),
        (b"MZ\x90" + bytes(range(256)) * 20, "is no text, and of no format that is read"),
    ],
)
def test_a_format_that_is_not_read_is_named_with_what_to_do(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "loans.data"
    path.write_bytes(data)
    with pytest.raises(SourceError) as error:
        profile_file(path)
    assert said in str(error.value)
    assert str(error.value).startswith(f"{path}: ")
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    "head", ["X,id,bad", "HEADER RECORD,id,bad", "version,id,bad", "DUCK,ustar,bad", "i,j,bad"]
)
def test_a_header_that_only_begins_like_such_a_format_is_read(tmp_path: Path, head: str) -> None:
    path = tmp_path / "loans.csv"
    path.write_text(head + "\n" + "1,2,0\n3,4,1\n" * 30)
    assert profile_file(path).rows == 60


def test_text_in_a_legacy_encoding_is_not_taken_for_binary(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes("id,цель,bad\n1,ж,0\n2,ё,1\n".encode("koi8_r"))
    with pytest.raises(SourceError, match=r"the text does not decide the encoding|koi8"):
        profile_file(path)
