"""Cells of an .xlsx sheet that calamine gives as empty although they are not: errors, and formulas without a value.

Own code, because python-calamine returns both as an empty text; only sheets that hold such cells are parsed.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import join, normpath
from typing import IO
from xml.etree import ElementTree

from loan_default_assets.portfolio.ingest.compression import open_decompressed

_BLOCK = 1 << 20
_OVERLAP = 1 << 10
# An error; a formula that is followed by the end of its cell.
_NEEDED = re.compile(
    rb"""\st=["']e["']|</(?:\w+:)?f>\s*</(?:\w+:)?c>|<(?:\w+:)?f(?:\s[^<>]*)?/>\s*</(?:\w+:)?c>"""
)
_REFERENCE = re.compile(r"([A-Z]+)(\d+)")


@dataclass(frozen=True)
class BlankCells:
    """Cells by (row, column), from 0.

    Attributes:
        errors: The error per cell, such as `#N/A`.
        uncomputed: The reference of each formula without a stored value, such as `C3`.
    """

    errors: dict[tuple[int, int], str]
    uncomputed: tuple[str, ...]


def blank_cells(file: IO[bytes], sheet: str) -> BlankCells:
    """The errors and the formulas without a value of a sheet; none in a workbook of another format.

    Args:
        file: The workbook.
        sheet: The sheet's name.
    """
    errors: dict[tuple[int, int], str] = {}
    uncomputed: list[str] = []
    try:
        with zipfile.ZipFile(file) as archive:
            member = _member_of(archive, sheet)
            if member is None or not _holds_any(archive, member):
                return BlankCells({}, ())
            with archive.open(member) as xml:
                for row, column, kind, has_formula, value in _cells(xml):
                    if kind == "e":
                        errors[row, column] = value or "#N/A"
                    elif has_formula and value is None:
                        uncomputed.append(f"{_letters(column)}{row + 1}")
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError):
        # An old .xls workbook is no archive; a damaged one is refused by calamine with its own message.
        return BlankCells({}, ())
    return BlankCells(errors, tuple(uncomputed))


def tells_errors(path: Path) -> bool:
    """Whether the workbook is of the format in which errors are told from empty cells: .xlsx and .xlsm."""
    with open_decompressed(path) as file:
        held = file if file.seekable() else io.BytesIO(file.read())
        try:
            with zipfile.ZipFile(held) as archive:
                return "xl/workbook.xml" in archive.namelist()
        except zipfile.BadZipFile:
            return False


def _member_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The member of the archive that holds a sheet."""
    if "xl/workbook.xml" not in archive.namelist():
        return None
    relation = None
    # Python's expat reads no external entity and bounds the expansion of internal ones.
    for entry in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():  # noqa: S314
        if _local(entry.tag) == "sheet" and entry.get("name") == sheet:
            relation = next((value for key, value in entry.attrib.items() if _local(key) == "id"), None)
    for entry in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels")):  # noqa: S314
        if entry.get("Id") == relation:
            return normpath(join("xl", entry.get("Target", ""))).lstrip("/")
    return None


def _holds_any(archive: zipfile.ZipFile, member: str) -> bool:
    """Whether the sheet holds such a cell; a search of bytes, far cheaper than parsing a large sheet."""
    end = b""
    with archive.open(member) as xml:
        while block := xml.read(_BLOCK):
            if _NEEDED.search(end + block):
                return True
            end = block[-_OVERLAP:]
    return False


def _cells(xml: IO[bytes]) -> Iterator[tuple[int, int, str, bool, str | None]]:
    """Row, column, type, whether there is a formula, and the value of each cell."""
    row = column = -1
    for event, element in ElementTree.iterparse(xml, ("start", "end")):  # noqa: S314
        name = _local(element.tag)
        if event == "start" and name == "row":
            row, column = int(element.get("r", row + 2)) - 1, -1
        elif event == "end" and name == "c":
            match = _REFERENCE.fullmatch(element.get("r", ""))
            column = _index(match[1]) if match else column + 1
            texts = {_local(child.tag): child.text for child in element}
            held = "v" in texts or "is" in texts
            value = (texts.get("v") or "") if held else None
            yield row, column, element.get("t", "n"), "f" in texts, value
        elif event == "end" and name == "row":
            element.clear()


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _index(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _letters(index: int) -> str:
    text = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        text, index = chr(65 + rest) + text, index - 1
    return text
