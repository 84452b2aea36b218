"""Text files in the layouts that people have: what `inspect_file` decides, and the rows that `file_chunks` gives."""

import re
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.portfolio.ingest.file_inspection import inspect_file
from loan_default_assets_tests.portfolio.ingest.loan_files import (
    HEADER,
    LOANS,
    csv_text,
    loan,
    read_inspected,
)

PLAIN = csv_text()
WORDS = [[f"P{n:02d}", ("good", "bad")[n % 2], ("a", "b", "c")[n % 3]] for n in range(30)]
GROUPS = "loan,,,,borrower,\n"
UNITS = ",YYYY-MM-DD,USD,%,,\n"
TOTAL = f"Total,,{10**6},,,\n"
DECIMAL_COMMA = [[row[0], row[2].replace("0", "0,5"), row[3].replace(".", ","), row[5]] for row in LOANS]
BLANK_ROWS = (
    csv_text(LOANS[:5]) + "\n,,,,,\n" + csv_text(LOANS[5:], None) + ',,,,,\n"","","","","",""\n , , ,,,\n\n'
)
ALIGNED = "".join(
    "  ".join(f"{cell:>12}" for cell in row) + "  \n"
    for row in [["id", "issued", "amount", "y"], *([r[0], r[1], r[2], r[5]] for r in LOANS)]
)
NEWLINES = [loan(n, purpose='a "note",\nof two lines\r\n# or three') for n in range(40)]

LAYOUTS: dict[str, tuple[str, dict[str, Any], list[list[str]]]] = {
    "plain": (PLAIN, {}, LOANS),
    "semicolon": (csv_text(delimiter=";"), {"delimiter": ";"}, LOANS),
    "tab": (csv_text(delimiter="\t"), {"delimiter": "\t"}, LOANS),
    "pipe": (csv_text(delimiter="|"), {"delimiter": "|"}, LOANS),
    "two rows": (csv_text(LOANS[-2:]), {}, LOANS[-2:]),
    "decimal commas": (
        csv_text(DECIMAL_COMMA, ["id", "amount", "rate", "y"], delimiter=";"),
        {"delimiter": ";"},
        DECIMAL_COMMA,
    ),
    "commas in the header": (
        csv_text([[r[0], r[5]] for r in LOANS], ["id, number, text, more", "y"], delimiter=";"),
        {"delimiter": ";"},
        [[r[0], r[5]] for r in LOANS],
    ),
    "aligned": (ALIGNED, {"delimiter": " "}, [[r[0], r[1], r[2], r[5]] for r in LOANS]),
    "sep line": ("sep=|\n" + csv_text(delimiter="|"), {"delimiter": "|", "header": 2}, LOANS),
    "quoted sep line": (
        '"sep=;"\r\n' + csv_text(delimiter=";", end="\r\n"),
        {"delimiter": ";", "header": 2},
        LOANS,
    ),
    "comment": ("# core system 4.2\n# rows: 60, all branches\n" + PLAIN, {"comment": "#"}, LOANS),
    "slashes": ("// made by hand\n\n" + PLAIN, {"comment": "//", "header": 2}, LOANS),
    "comment between": (
        "# a\n" + csv_text(LOANS[:9]) + "# b, c\n" + csv_text(LOANS[9:], None),
        {"comment": "#"},
        LOANS,
    ),
    "comment without header": (
        "# a\n# b\n" + csv_text(header=None),
        {"comment": "#", "header": 0, "names": [f"x{n}" for n in range(1, 7)]},
        LOANS,
    ),
    "marked header": ("#" + PLAIN, {}, LOANS),
    "prose": ("Loans of all branches, as of 2019\nPrinted by 7\n\n" + PLAIN, {"header": 4}, LOANS),
    "prose with quotes": ('All "loans", and "more\n' + PLAIN, {"header": 2}, LOANS),
    "blank first": ("\n\n" + PLAIN, {"header": 3}, LOANS),
    "total": (PLAIN + TOTAL, {"skip_footer": 1}, LOANS),
    "totals and prose": (
        "Report\n" + PLAIN + "\n" + TOTAL + "합계,,5,,,\nPrinted on 2019-01-01\n\n",
        {"header": 2, "skip_footer": 3},
        LOANS,
    ),
    "lines after": (PLAIN + "Total amount: 4717\nTotal amount 2: 0\n", {"skip_footer": 2}, LOANS),
    "codes above names": ("," + ",".join(f"X{n}" for n in range(1, 6)) + "\n" + PLAIN, {"header": 2}, LOANS),
    "groups above names": (GROUPS + PLAIN, {"header": 2}, LOANS),
    "units below names": (
        ",".join(HEADER) + "\n" + UNITS + csv_text(header=None),
        {"header": 2, "names": HEADER},
        LOANS,
    ),
    "no header": (csv_text(header=None), {"header": 0, "names": [f"x{n}" for n in range(1, 7)]}, LOANS),
    "no header, words": (csv_text(WORDS, None), {"header": 0, "names": ["x1", "x2", "x3"]}, WORDS),
    "words": (csv_text(WORDS, ["code", "state", "class"]), {}, WORDS),
    "single quotes": (csv_text(quote="'", quote_all=True), {"quote": "'"}, LOANS),
    "all quoted": (csv_text(quote_all=True, delimiter=";"), {"delimiter": ";"}, LOANS),
    "newlines in cells": (csv_text(NEWLINES), {}, NEWLINES),
    "cr": (csv_text(end="\r"), {}, LOANS),
    "crlf": (csv_text(end="\r\n"), {}, LOANS),
    "blank rows": (BLANK_ROWS, {}, LOANS),
    "no last line end": (PLAIN.rstrip("\n"), {}, LOANS),
    "row names": (
        csv_text([[str(n + 1), *row] for n, row in enumerate(LOANS)], HEADER),
        {"names": ["row_name", *HEADER]},
        LOANS,
    ),
    "extra blank cells": (
        csv_text([[*row, ""] if (n + 1) % 3 else row for n, row in enumerate(LOANS)]),
        {},
        LOANS,
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_found_and_read(tmp_path: Path, name: str, encoding: str) -> None:
    text, keys, rows = LAYOUTS[name]
    if encoding == "utf-16-le" and len(text) < 200:
        pytest.skip("too short to tell UTF-16 without its mark")
    path = tmp_path / "loans.csv"
    path.write_bytes(text.encode(encoding))
    layout, read = read_inspected(path)
    assert {key: value for key, value in layout.source_keys().items() if key != "kind"} == keys
    assert [[cell or "" for cell in row] for row in read] == rows
    assert layout.notes or not keys
    assert all(note.endswith(".") for note in layout.notes)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_found_in_a_long_file(tmp_path: Path, name: str) -> None:
    text, keys, _ = LAYOUTS[name]
    if name == "newlines in cells":
        pytest.skip("its rows are not lines of their own")
    line = next(
        line for line in reversed(re.split(r"[\r\n]+", text)) if "100059" in line or line.startswith("P29")
    )
    end = "\r\n" if "\r\n" in text else "\r" if "\r" in text else "\n"
    place = text.index(line) + len(line)
    longer = text[:place] + (end + line) * 40_000 + text[place:]
    path = tmp_path / "loans.csv"
    path.write_bytes(longer.encode())
    layout, read = read_inspected(path)
    assert {key: value for key, value in layout.source_keys().items() if key != "kind"} == keys
    assert len(read) == len(LAYOUTS[name][2]) + 40_000


def test_what_is_decided_is_said(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text(
        "Report\n" + csv_text(delimiter=";", header=[*HEADER[:3], "id", *HEADER[4:]]) + "Total;;9;;;\n"
    )
    assert inspect_file(path).notes == (
        "The header is line 2; the lines before it are omitted.",
        "The separator is a semicolon.",
        "The last line is no loan: totals or remarks after the table, which are omitted (skip_footer: 1).",
        "The name id occurs more than once; column 4 is read as id.1.",
    )
