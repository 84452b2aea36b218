"""The validation workbook: read back by other libraries, values only, texts as texts, numbers those of the report."""

import io
import math
import re
import zipfile
from collections import Counter
from typing import Any

import pandas as pd
import pytest

from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.validation_tests import validation_tests
from loan_default_assets.reports.rendering.blocks import Figures, Number, Section, Table
from loan_default_assets.reports.rendering.html_page import sections
from loan_default_assets.reports.rendering.workbook_file import workbook
from loan_default_assets_tests.reports.sample_figures import report_figures
from loan_default_assets_tests.reports.sample_validation import FORMULAS, validation_figures

NAMES = (
    "Summary",
    "Discrimination",
    "Calibration",
    "Stability",
    "Representative",
    "Data quality",
    "Counts",
    "Champion changes",
    "Lineage",
)
# Sections of the report whose tables are in the workbook.
SHOWN = {
    "verdict": "Summary",
    "metrics": "Discrimination",
    "discrimination": "Discrimination",
    "calibration": "Calibration",
    "grades": "Calibration",
    "drift": "Stability",
    "history": "Stability",
    "groups": "Representative",
    "data": "Data quality",
    "vintages": "Data quality",
    "lineage": "Lineage",
}


def cells(content: bytes) -> dict[str, list[Any]]:
    """The filled cells of each sheet by the first words of its name, as pandas reads them."""
    read = pd.read_excel(io.BytesIO(content), sheet_name=None, header=None, engine="calamine", dtype=object)
    return {
        re.sub(r" [가-힣].*", "", name).replace(" PD", ""): [
            value for row in frame.to_numpy().tolist() for value in row if value == value and value != ""
        ]
        for name, frame in read.items()
    }


def tables(section: Section) -> list[Table]:
    """The tables of a section of the report, beside charts too."""
    blocks = [block.table if isinstance(block, Figures) else block for block in section.blocks]
    return [block for block in blocks if isinstance(block, Table)]


@pytest.fixture(scope="module")
def content() -> bytes:
    return workbook(validation_figures())


@pytest.fixture(scope="module")
def read(content: bytes) -> dict[str, list[Any]]:
    return cells(content)


def test_there_is_a_sheet_per_subject_and_every_one_is_filled(read: dict[str, list[Any]]) -> None:
    assert tuple(read) == NAMES
    assert min(len(values) for values in read.values()) >= 10


def test_the_same_figures_give_the_same_bytes(content: bytes) -> None:
    assert workbook(validation_figures()) == content


def test_there_are_values_only(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        parts = {name: file.read(name).decode("utf-8") for name in file.namelist()}
    assert len([name for name in parts if name.startswith("xl/worksheets/sheet")]) == len(NAMES)
    for name, text in parts.items():
        assert not re.search(r"<f[ >/]|<hyperlink|externalLink|t=\"(?:e|str)\"", text), name
    assert not [name for name in parts if "calcChain" in name or "vba" in name or "externalLinks" in name]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_like_a_formula_stays_a_text(read: dict[str, list[Any]], text: str) -> None:
    # As reason and as user of the decision.
    assert [value for value in read["Champion changes"] if value == text] == [text] * 2


def test_openpyxl_reads_texts_as_texts(content: bytes) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(content))
    found = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in found} == {"s", "n"}
    assert {"=1+1", "007"} <= {cell.value for cell in found}


def test_every_number_of_the_shown_sections_is_in_their_sheet(read: dict[str, list[Any]]) -> None:
    figures = report_figures()
    walked = 0
    for section in sections(figures):
        if section.id not in SHOWN:
            continue
        expected = Counter(
            float(cell.value)
            for table in tables(section)
            for row in table.rows
            for cell in row
            if isinstance(cell, Number) and math.isfinite(cell.value)
        )
        # XLSX keeps 16 or 17 digits of a number.
        there = Counter(rounded(value) for value in read[SHOWN[section.id]] if isinstance(value, int | float))
        missing = Counter(rounded(value) for value in expected.elements()) - there
        assert not missing, section.id
        walked += sum(expected.values())
    assert walked > 300


def rounded(value: float) -> float:
    return float(f"{value:.12g}")


def test_the_summary_and_the_sheets_have_every_test_with_its_result(read: dict[str, list[Any]]) -> None:
    tests = validation_tests(validation_figures())
    assert len(tests) > 15
    results = [value.split("\n")[0] for value in read["Summary"] if isinstance(value, str)]
    for name, passed in (("passed", True), ("not passed", False)):
        assert results.count(name) == sum(test.passed is passed for test in tests)
    by_sheet = [
        value
        for sheet in NAMES[1:]
        for value in read[sheet]
        if str(value).startswith(("passed", "not passed"))
    ]
    assert len(by_sheet) == sum(test.passed is not None for test in tests)
    for test in tests:
        assert rounded(test.value) in {rounded(v) for v in read["Summary"] if isinstance(v, int | float)}


def test_the_log_of_champions_and_the_counts_are_listed(read: dict[str, list[Any]]) -> None:
    assert {"c1", "c0", "promoted", "approved"} <= set(read["Champion changes"])
    assert {40, 9, 7, 1} <= set(read["Counts"])
    assert any(str(cell).startswith("4 overrides were recorded for the 80") for cell in read["Counts"])
    assert any("income was verified" in str(cell) for cell in read["Counts"])


@pytest.mark.parametrize(
    ("name", "sheet"), [("migration", "Stability"), ("profiles", "Representative"), ("now", "Discrimination")]
)
def test_a_part_without_figures_says_why(name: str, sheet: str) -> None:
    found = cells(workbook(validation_figures(**{name: Omitted("omitted.no_previous_champion")})))
    assert "There was no champion before this model to compare decisions with." in found[sheet]


def test_a_text_beyond_the_limit_of_a_cell_is_cut_off() -> None:
    figures = validation_figures()
    first = figures.changes[0]
    long = type(first)(**{**vars(first), "reason": "a" * 40_000})
    found = cells(workbook(validation_figures(changes=(long,))))["Champion changes"]
    assert max(len(str(value)) for value in found) == 32_767


def test_a_workbook_without_counts_and_changes_says_so() -> None:
    found = cells(workbook(validation_figures(changes=(), volume=())))
    assert "No decision on a champion is recorded." in found["Champion changes"]
    assert "This version has scored no loans for applicants." in found["Counts"]
