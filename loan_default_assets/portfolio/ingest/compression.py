"""Compressed files: recognised by their first bytes and read as a stream of decompressed bytes."""

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, cast

import pyarrow as pa

from loan_default_assets.portfolio.errors import SourceError

Compression = Literal["gzip", "zip", "bz2", "xz", "zstd"]

_SIGNATURES: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
# Members that make a ZIP archive a workbook rather than a compressed file.
_WORKBOOK_MEMBERS = ("[Content_Types].xml", "xl/workbook.xml", "xl/workbook.bin", "content.xml")
# Other ZIP archives that are one file: how every member is named, what the file is, and what the user can do.
_OFFICE = r"\[Content_Types\].xml$|_rels/|docProps/|customXml/"
_DOCUMENTS = (
    (
        re.compile(rf"word/|{_OFFICE}"),
        "a Word document",
        "copy the table into a spreadsheet, or save it as CSV",
    ),
    (re.compile(rf"ppt/|{_OFFICE}"), "a PowerPoint document", "give the table as Excel or CSV"),
    (re.compile(r"Index/|Metadata/|Data/|preview"), "an Apple Numbers document", "export it as Excel or CSV"),
    (re.compile(r".*\.npy$"), "an archive of NumPy arrays", "save it as Parquet, with names of the columns"),
)
_SIDE_FILES = ("__MACOSX/", ".DS_Store", "Thumbs.db")
# What public data is often delivered with: never a table by its name.
_DOCUMENTATION = re.compile(
    r"(.*/)?((readme|licen[cs]e|copying|citation|changelog)[^/.]*(\.txt)?|[^/]*\.(md|rst|pdf|html?|docx?|rtf|names|py|r|ipynb|png|jpe?g))",
    re.IGNORECASE,
)


def is_zipped_workbook(path: Path) -> bool:
    """Whether the file is an .xlsx, .xlsm, .xlsb or .ods workbook, which are ZIP archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name in _WORKBOOK_MEMBERS for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def refuse_document(path: Path) -> None:
    """Raise SourceError for a ZIP archive that is a document or an array, and neither workbook nor compressed file."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return
    for pattern, name, remedy in _DOCUMENTS:
        if members and all(map(pattern.match, members)):
            raise SourceError(f"{path}: the file is {name}, not a table; {remedy}")


def compression_of(path: Path) -> Compression | None:
    """The compression of the file, by its first bytes; None for a workbook and for every other file."""
    with path.open("rb") as file:
        first = file.read(10)
    found = next((name for signature, name in _SIGNATURES if first.startswith(signature)), None)
    # A header of text may begin with BZh; only compressed blocks begin with the digits of pi, or it ends at once.
    if found == "bz2" and first[4:10] not in (b"1AY&SY", b"\x17rE8P\x90"):
        return None
    return None if found == "zip" and is_zipped_workbook(path) else found


@contextmanager
def open_decompressed(path: Path) -> Iterator[IO[bytes]]:
    """Open the file for reading, decompressed.

    Raises:
        SourceError: The compressed data are truncated or damaged (while reading, too), or a ZIP archive does not
            hold exactly one file beside documentation.
    """
    compression = compression_of(path)
    openers: dict[Compression | None, Callable[[Path], Any]] = {
        None: lambda plain: plain.open("rb"),
        "gzip": gzip.open,
        "bz2": bz2.open,
        "xz": lzma.open,
        "zstd": lambda packed: io.BufferedReader(pa.input_stream(packed, compression="zstd")),
        "zip": _only_member,
    }
    try:
        with openers[compression](path) as file:
            yield cast("IO[bytes]", file)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
        if compression is None or isinstance(error, FileNotFoundError | PermissionError):
            raise
        cut = isinstance(error, EOFError) or "runcated" in str(error)
        fault = "truncated" if cut else f"damaged ({error})"
        raise SourceError(f"{path}: the {compression} file is {fault}; copy it again") from None


def _only_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    members, _ = _members(archive)
    if len(members) != 1:
        archive.close()
        held = ", ".join(repr(entry.filename) for entry in members[:10]) or "nothing"
        raise SourceError(
            f"{path}: the ZIP archive holds {len(members)} files ({held}); it must hold one. "
            "Unzip it and give the file of loans"
        )
    if members[0].flag_bits & 1:
        archive.close()
        raise SourceError(f"{path}: the ZIP archive has a password; unzip it and give the file inside")
    try:
        return archive.open(members[0])
    except NotImplementedError as error:
        archive.close()
        raise SourceError(f"{path}: {error}; unzip it and give the file inside") from None


def documentation_beside(path: Path) -> tuple[str, ...]:
    """The names of documentation in a ZIP archive, which is not read beside its one file of loans."""
    if compression_of(path) != "zip":
        return ()
    with zipfile.ZipFile(path) as archive:
        return tuple(entry.filename for entry in _members(archive)[1])


def _members(archive: zipfile.ZipFile) -> tuple[list[zipfile.ZipInfo], list[zipfile.ZipInfo]]:
    """The files that may hold loans, and documentation beside them; without another file documentation is all."""
    files = [
        entry
        for entry in archive.infolist()
        if not entry.is_dir() and not any(part in entry.filename for part in _SIDE_FILES)
    ]
    documentation = [entry for entry in files if _DOCUMENTATION.fullmatch(entry.filename)]
    tables = [entry for entry in files if entry not in documentation]
    return (tables, documentation) if tables else (files, [])
