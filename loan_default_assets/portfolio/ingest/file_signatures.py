"""What a file is by its content: one of the kinds that can be read, or a format that is named in the error."""

import json
import re
from pathlib import Path
from typing import Literal

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.compression import (
    is_zipped_workbook,
    open_decompressed,
    refuse_document,
)

FileKind = Literal["csv", "excel", "parquet", "jsonl"]

_FIRST_BYTES = 1 << 16
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Formats that are not read: first bytes, name, and what the user can do.
_OTHER_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "export the table as CSV or Excel"),
    (b"SQLite format 3\x00", "an SQLite database", "use source.kind: sql with url sqlite:///FILE"),
    (b"\x00\x01\x00\x00Standard", "an Access database", "export the table as CSV"),
    (b"$FL2", "an SPSS file", "save it as CSV or Parquet (pandas.read_spss)"),
    (b"$FL3", "an SPSS file", "save it as CSV or Parquet (pandas.read_spss)"),
    (b"<stata_dta>", "a Stata file", "save it as CSV or Parquet (pandas.read_stata)"),
    (b"RDX", "an R data file", "save it with write.csv(data, FILE, row.names = FALSE)"),
    (b"X\n\x00\x00", "an R object (RDS)", "save it with write.csv(data, FILE, row.names = FALSE)"),
    (b"HEADER RECORD*******", "a SAS transport file", "save it as CSV or Parquet (pandas.read_sas)"),
    (b"\x89HDF\r\n", "an HDF5 file", "save it as Parquet (pandas.read_hdf)"),
    (b"\x93NUMPY", "an array of NumPy", "save it as Parquet, with names of the columns"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    (b"ARROW1", "an Arrow (Feather) file", "save it as Parquet"),
    (b"ORC", "an ORC file", "save it as Parquet"),
    (b"Obj\x01", "an Avro file", "save it as Parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it and give the file inside"),
    (b"Rar!", "a RAR archive", "unpack it and give the file inside"),
    (b"\x89PNG", "a picture (PNG)", "give the table as CSV or Excel"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "give the table as CSV or Excel"),
    (b"\x1f\x8b\x08", "compressed twice", "decompress it once and give the file inside"),
    (b"\xfd7zXZ\x00", "compressed twice", "decompress it once and give the file inside"),
    (b"\x28\xb5\x2f\xfd", "compressed twice", "decompress it once and give the file inside"),
    (b"\x1f\x9d", "compressed by compress (.Z)", "decompress it: uncompress FILE"),
    (b"\x04\x22\x4d\x18", "compressed by LZ4", "decompress it: lz4 -d FILE"),
    (b"{\\rtf", "a text document (RTF)", "save the table as CSV"),
)
_LIKE_TEXT = (b"RDX", b"ORC", b"ARROW1")
# The version, the order of bytes and the type of the file; later versions are in _OTHER_FORMATS.
_OLD_STATA = re.compile(rb"[\x69-\x73][\x01\x02]\x01\x00")
# The version of the protocol, and the first instruction.
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x95}\](c\x8c]")
_TAR, _TAR_AT = b"ustar", 257
_DUCKDB, _DUCKDB_AT = b"DUCK", 8
_SAS = b"\x00" * 12 + b"\xc2\xea\x81\x60"
# Texts that hold a table in another way: what they begin with, name, and what the user can do.
_OTHER_TEXTS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"(?:%[^\n]*\n|\s)*@relation\b", re.IGNORECASE),
        "an ARFF file (Weka, OpenML)",
        "save it as CSV, for example in Weka, or download the same table as CSV or Parquet",
    ),
    (
        re.compile(
            rb"(?:--[^\n]*\n|/\*.*?\*/;?|\s|(?:set|begin|use|drop|start|lock|alter|select)\b[^;]*;)*"
            rb"(?:create table\s[^;(]{1,200}\(|insert into\s+\S+\s*(?:\(|values\b))",
            re.IGNORECASE | re.DOTALL,
        ),
        "a script of SQL statements (a dump)",
        "load it into a database and use source.kind: sql, or export the table as CSV",
    ),
    (
        re.compile(rb"\+(?:[-=]+\+)+\r?\n|[^\n]*\|[^\n]*\n-+(?:\+-+)+\r?\n"),
        "a table as a database client prints it",
        "let the client write it as CSV: psql --csv, mysql --batch (tabs), SET MARKUP CSV ON in SQL*Plus",
    ),
)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def kind_by_content(path: Path) -> FileKind:
    """The kind of the file by its first bytes, decompressed; csv for text that is nothing else.

    Raises:
        SourceError: The file is in a format that is not read; the message names it.
    """
    refuse_document(path)
    if is_zipped_workbook(path):
        return "excel"
    with open_decompressed(path) as file:
        first = file.read(_FIRST_BYTES)
    # A header of text may begin like a signature; a control character follows only in the binary format.
    if first.startswith(b"PAR1") and first[4:5] < b" ":
        return "parquet"
    if first.startswith(b"PK\x03\x04") or first.startswith(_OLE2):
        return "excel"
    for signature, name, remedy in _OTHER_FORMATS:
        if first.startswith(signature) and (signature not in _LIKE_TEXT or b"\x00" in first):
            raise SourceError(f"{path}: the file is {name}, not a table of text; {remedy}")
    for found, name, remedy in (
        (_OLD_STATA.match(first), "a Stata file", "save it as CSV or Parquet (pandas.read_stata)"),
        (
            _PICKLE.match(first),
            "a pickle of Python",
            "save it as Parquet where you trust it: a pickle can run code",
        ),
        (first.startswith(_TAR, _TAR_AT), "a tar archive", "unpack it and give the file inside"),
        (
            first.startswith(_DUCKDB, _DUCKDB_AT),
            "a DuckDB database",
            "export it: COPY loans TO 'loans.parquet'",
        ),
    ):
        if found:
            raise SourceError(f"{path}: the file is {name}, not a table of text; {remedy}")
    if _is_dbase(first):
        raise SourceError(
            f"{path}: the file is a dBase file (DBF); open it in a spreadsheet and save it as CSV"
        )
    if first.startswith(_SAS):
        raise SourceError(f"{path}: the file is a SAS data set; save it as CSV or Parquet (pandas.read_sas)")
    return _kind_of_text(path, first)


def _kind_of_text(path: Path, first: bytes) -> FileKind:
    for mark in _BYTE_ORDER_MARKS:
        first = first.removeprefix(mark)
    text = first.replace(b"\x00", b"").lstrip()
    start = text[:2000].lower()
    if start.startswith(b"<"):
        if b"urn:schemas-microsoft-com:office:spreadsheet" in start:
            raise SourceError(
                f"{path}: the file is an XML spreadsheet, not a table of text; open it in Excel and save it as .xlsx"
            )
        if start.startswith(b"<?xml") and b"<html" not in start:
            raise SourceError(
                f"{path}: the file is an XML document, not a table of text; save the table as CSV"
            )
        if any(tag in start for tag in (b"<html", b"<!doctype", b"<table", b"<head", b"<body", b"<meta")):
            raise SourceError(
                f"{path}: the file is an HTML page, not a table of text or an Excel workbook; "
                "open it in Excel and save it as .xlsx or CSV, or download the data themselves"
            )
    for pattern, name, remedy in _OTHER_TEXTS:
        if pattern.match(text):
            raise SourceError(f"{path}: the file is {name}, not a table of text; {remedy}")
    if text.startswith(b"{") and _is_object(text.split(b"\n", 1)[0], complete=b"\n" in text):
        return "jsonl"
    if text.startswith(b"{") and text[1:].lstrip()[:1] in (b'"', b"}"):
        raise SourceError(
            f"{path}: the file is JSON, but not one object per line; write one object per line (JSON lines), "
            "for example with: jq -c '.[]' FILE"
        )
    if text.startswith(b"[") and text[1:].lstrip()[:1] in (b"{", b"["):
        raise SourceError(
            f"{path}: the file is a JSON array, not a table; write one object per line (JSON lines), "
            "for example with: jq -c '.[]' FILE"
        )
    return "csv"


def _is_object(line: bytes, *, complete: bool) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        # A first line longer than the bytes that were read.
        return not complete and len(line) > _FIRST_BYTES // 2


def _is_dbase(first: bytes) -> bool:
    """Whether the bytes begin with a header of dBase: its date, and field descriptions of 32 bytes that end in 0x0D."""
    if (
        len(first) < 65
        or first[0] not in b"\x03\x30\x83\x8b\xf5"
        or not (0 < first[2] < 13 and 0 < first[3] < 32)
    ):
        return False
    length = int.from_bytes(first[8:10], "little")
    return length > 64 and b"\r" in first[length - 2 : length]
