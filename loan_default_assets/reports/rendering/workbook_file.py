"""The validation workbook as an XLSX file: values only, English with Korean beside, the same figures the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from loan_default_assets.reports.figures.validation_figures import ValidationFigures
from loan_default_assets.reports.figures.validation_tests import ValidationTest
from loan_default_assets.reports.rendering.blocks import Cell, Number, Quotation, Table
from loan_default_assets.reports.rendering.messages import LANGUAGES, Message, message, titled
from loan_default_assets.reports.rendering.number_format import UNDEFINED, Format
from loan_default_assets.reports.rendering.workbook_sheets import Sheet, sheets

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

# A text is a text and a number a number, whatever it looks like; write_string says so too.
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}
_NUMBERS: dict[Format, str] = {
    "number": "0.0000",
    "count": "#,##0",
    "percent": "0.00%",
    "p_value": "0.0000",
    "ungrouped": "0",
}
# Widths of columns in characters: the first names the row, the one of definitions is the last of the tests.
_OTHER_WIDTH = 20
_WIDTHS = (36, *(_OTHER_WIDTH,) * 6, 64)
_COLUMNS = 30
# Of a line of text, in points.
_LINE = 15
_MOST_LINES = 20


def workbook(figures: ValidationFigures) -> bytes:
    """The file.

    Args:
        figures: All figures of the workbook.
    """
    from xlsxwriter import Workbook

    content = BytesIO()
    with Workbook(content, _OPTIONS) as book:
        # The time of the evaluation, so that the file does not depend on when it is written.
        evaluated = datetime.fromisoformat(figures.report.evaluation.evaluated_at).replace(tzinfo=None)
        book.set_properties({"title": message("workbook.title").text("en"), "created": evaluated})
        styles = _Styles(book)
        for sheet in sheets(figures):
            _SheetWriter(book.add_worksheet(both(message(sheet.name), " ")), styles).write(sheet, figures)
    return content.getvalue()


def both(text: Message, between: str = "\n") -> str:
    """A message in English with the Korean one beside it; once where they are the same."""
    english, korean = text.text("en"), text.text("ko")
    return english if english == korean else f"{english}{between}{korean}"


class _Styles:
    """The formats of a workbook."""

    def __init__(self, book: Workbook) -> None:
        wrapped = {"text_wrap": True, "valign": "top"}
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.heading = book.add_format({"bold": True, "font_size": 12})
        self.column = book.add_format({**wrapped, "bold": True, "bg_color": "#E8ECF1", "bottom": 1})
        self.text = book.add_format(wrapped)
        self.note = book.add_format({"font_color": "#555555"})
        self.numbers = {
            kind: book.add_format({"num_format": text, "valign": "top"}) for kind, text in _NUMBERS.items()
        }


class _SheetWriter:
    """Writes blocks below each other."""

    def __init__(self, sheet: Worksheet, styles: _Styles) -> None:
        self._sheet, self._styles, self._row = sheet, styles, 0
        sheet.set_column(0, _COLUMNS, _OTHER_WIDTH)
        for column, width in enumerate(_WIDTHS):
            sheet.set_column(column, column, width)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)

    def write(self, sheet: Sheet, figures: ValidationFigures) -> None:
        model, evaluation = figures.report.model, figures.report.evaluation
        self._line(both(message(sheet.name), " "), self._styles.title)
        named = message("page.model", version=model.version).text("en")
        self._line(f"{model.title}; {named}; model_performance id={evaluation.id}", self._styles.note)
        self._row += 1
        if sheet.tests:
            self._tests(sheet.tests)
        for block in sheet.blocks:
            if isinstance(block, Table):
                self._table(block)
                continue
            texts = (
                [block.text]
                if isinstance(block, Quotation)
                else dict.fromkeys(block.message.text(language) for language in LANGUAGES)
            )
            for text in texts:
                self._line(text, self._styles.note)
            self._row += 1

    def _tests(self, tests: Sequence[ValidationTest]) -> None:
        self._line(both(message("workbook.tests"), " "), self._styles.heading)
        titles = titled(
            "workbook.test",
            "metric.value",
            "workbook.pass_line",
            "workbook.result",
            "workbook.sheet",
            "workbook.table",
            "workbook.row",
            "workbook.definition",
        )
        self._cells([both(title) for title in titles], self._styles.column)
        for test in tests:
            line = message("workbook.no_line") if test.limit is None else None
            self._cells(
                [
                    both(message(f"validation.{test.name}")),
                    Number(test.value, "count" if float(test.value).is_integer() else "number"),
                    both(line) if line else f"{test.relation} {test.limit:.6g}",
                    both(_result(test)),
                    both(message(f"sheet.{test.subject}"), " "),
                    test.source.table,
                    test.source.row,
                    both(message(f"validation.{test.name}_means")),
                ],
                self._styles.text,
            )
        self._row += 1

    def _table(self, table: Table) -> None:
        self._line(both(table.title, " / "), self._styles.heading)
        source = both(message("page.source"), " ")
        self._line(f"{source}: {table.source.table}, {table.source.row}", self._styles.note)
        self._cells([both(title) for title in table.columns], self._styles.column)
        for row in table.rows:
            self._cells([_content(cell) for cell in row], self._styles.text)
        self._row += 1

    def _line(self, text: str, style: Any) -> None:
        self._sheet.write_string(self._row, 0, text, style)
        self._row += 1

    def _cells(self, contents: Sequence[str | Number], style: Any) -> None:
        # Spreadsheet programs differ in whether they fit the heights of rows to wrapped texts.
        widths = chain(_WIDTHS, repeat(_OTHER_WIDTH))
        lines = max(_lines(content, width) for content, width in zip(contents, widths, strict=False))
        self._sheet.set_row(self._row, _LINE * min(lines, _MOST_LINES))
        for column, content in enumerate(contents):
            if isinstance(content, str):
                self._sheet.write_string(self._row, column, content, style)
            elif math.isfinite(content.value):
                number = self._styles.numbers[content.kind]
                self._sheet.write_number(self._row, column, float(content.value), number)
            else:
                self._sheet.write_string(self._row, column, UNDEFINED, style)
        self._row += 1


def _lines(content: str | Number, width: int) -> int:
    """Lines that a text needs in a column; a Korean letter is two characters wide."""
    if isinstance(content, Number):
        return 1
    parts = content.split("\n")
    return sum(max(1, math.ceil(sum(1 + (letter > "\u1100") for letter in part) / width)) for part in parts)


def _content(cell: Cell) -> str | Number:
    return cell if isinstance(cell, Number) else both(cell.message)


def _result(test: ValidationTest) -> Message:
    if test.limit is None:
        return message("workbook.reported")
    if test.passed is None:
        return message("workbook.undefined")
    return message("workbook.passed" if test.passed else "workbook.failed")
