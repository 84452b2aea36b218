"""Texts of a CSV file that a spreadsheet would otherwise execute as formulas."""

import re

# The first characters of a formula in spreadsheet programs, and those that they skip before one.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?")


def neutral(text: str) -> str:
    """The text with an apostrophe in front if it could be a formula; a plain number stays as it is.

    >>> neutral("=HYPERLINK(1)"), neutral("-12"), neutral("A-12")
    ("'=HYPERLINK(1)", '-12', 'A-12')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
