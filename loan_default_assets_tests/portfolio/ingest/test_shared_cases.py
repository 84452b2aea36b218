"""Small files in the layouts that banks and spreadsheets produce, where available: their rows or the stated error."""

import os
from pathlib import Path

import pytest

from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets_tests.portfolio.ingest.loan_files import read_inspected

FOLDER = Path(os.environ.get("LOAN_CASES_DIR", Path(__file__).parents[4] / "shared" / "cases"))

# Rows, columns that are read, the keys of `source` apart from the kind, and a cell as (row, column, value).
READ: dict[str, tuple[int, int, dict[str, object], tuple[int, int, object]]] = {
    "blank_comma_rows": (130, 11, {}, (129, 0, "100130")),
    "cols_empty_last": (130, 11, {}, (0, 10, "1")),
    "cols_newline": (130, 12, {}, (0, 11, "656")),
    "comma_in_header_semicolon": (130, 5, {"delimiter": ";"}, (0, 2, "14,54")),
    "comment_head": (130, 11, {"comment": "#"}, (0, 0, "100001")),
    "dup_cols": (130, 12, {}, (0, 11, "19.53")),
    "enc_cp1251": (130, 12, {"encoding": "cp1251"}, (0, 11, "Казань")),
    "enc_latin1": (130, 12, {"encoding": "cp1252"}, (0, 11, "São Paulo")),
    "enc_utf16": (110, 12, {}, (0, 11, "São Paulo")),
    "enc_utf16_tab": (110, 12, {"delimiter": "\t"}, (109, 11, "Zürich")),
    "german_12": (130, 7, {}, (0, 6, "2")),
    "jsonl": (90, 13, {}, (0, 10, "5 years")),
    "lc_body": (70, 25, {}, (0, 1, "100001")),
    "lc_prose": (70, 25, {"header": 2, "skip_footer": 2}, (0, 1, "100001")),
    "pipe_headerless": (130, 12, {"delimiter": "|", "header": 0}, (0, 0, "R")),
    "pq_filtered_index": (65, 11, {}, (0, 0, 100001)),
    "sep_line": (130, 11, {"delimiter": ";", "header": 2}, (0, 0, "100001")),
    "single_quotes": (130, 11, {"quote": "'"}, (0, 0, "100001")),
    "total_row": (130, 11, {"skip_footer": 1}, (129, 0, "100130")),
    "two_headers": (130, 7, {"header": 2}, (0, 0, "100001")),
    "unnamed_index": (130, 6, {}, (0, 0, "1")),
    "ws_aligned": (130, 7, {"delimiter": " "}, (0, 0, "A12")),
    "xls": (60, 11, {"header": 2}, (0, 0, 100001)),
    "xlsx": (80, 11, {}, (0, 8, "credit_card")),
    "zip_file": (130, 11, {}, (0, 0, "100001")),
}
REFUSED = {
    "enc_gbk": "likely: gb18030",
    "html_xls": "is an HTML page",
    "nul_cells": r"column note: zero bytes in 1 cell \(row 100\), line 101",
    "nul_tail": "ends in zero bytes from line 132 on: it is damaged",
    "short_rows": r"\(row 99\), line 100; .* `fill_short_rows: true`",
}


def file_of(case: str) -> Path:
    """The input file of a case; the test is skipped where it does not exist."""
    if not (FOLDER / case).is_dir():
        pytest.skip(f"{FOLDER / case} does not exist")
    return next(
        path for path in sorted((FOLDER / case).iterdir()) if path.name not in ("COMMAND.txt", "EXPECTED.txt")
    )


@pytest.mark.parametrize("case", READ)
def test_a_file_is_read(case: str) -> None:
    count, width, keys, (row, column, value) = READ[case]
    layout, rows = read_inspected(file_of(case))
    found = layout.source_keys()
    assert {key: found[key] for key in found if key not in ("kind", "names")} == keys
    assert (len(rows), len(rows[0]), rows[row][column]) == (count, width, value)


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_is_refused(case: str) -> None:
    with pytest.raises(SourceError, match=REFUSED[case]):
        read_inspected(file_of(case))
