"""Which columns hold numbers that name something, such as a year or a postal code: written without separators."""

import re

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.description import Column

_YEAR = re.compile(r"\b(?:year|yr|fy|jahr|ano|anno|vintage)\b|년도|연도")
# "Income per year" is an amount, "years" a duration.
_NO_YEAR = re.compile(
    r"\b(?:per|a|each|every|in|of) (?:year|yr)\b|/ ?(?:year|yr)\b|\b(?:year|yr) (?:count|number)\b"
)
_CALENDAR = range(1000, 3000)
_IDENTIFIER = re.compile(
    r"(?:^| )(?:id|no|nr|nbr|identifier|code|cd|zip|plz|postcode|naics|sic)$|\b(?:zip|postal|post) ?code\b"
    r"|(?:번호|식별자|코드)$|우편"
)
# "number of the account" identifies, "number of accounts" counts.
_NUMBERED = re.compile(
    r"\b(?:account|acct|contract|loan|application|customer|client|card|branch|office|policy|reference|ref)"
    r" ?(?:number|num)$"
)


def is_ungrouped(name: str, column: Column) -> bool:
    """Whether the numbers of a column are years, codes or identifiers by its name and its bounds.

    Args:
        name: Name of the column.
        column: Its description. With a unit other than a year it is a quantity, and so is a year outside 1000 to 2999.

    Examples:
        >>> [is_ungrouped(name, Column(kind="number")) for name in ("build_year", "ZipCode", "income_per_year")]
        [True, True, False]
        >>> is_ungrouped("year", Column(kind="number", min=0, max=40)), is_ungrouped("설립연도", Column(kind="number"))
        (False, True)
        >>> is_ungrouped("opened_year", Column(kind="number", unit="USD"))
        False
    """
    if column.kind != "number" or (column.unit and column.unit.casefold() not in ("year", "연도", "년")):
        return False
    words = words_of(name)
    if _IDENTIFIER.search(words) or _NUMBERED.search(words):
        return True
    bounds = [bound for bound in (column.min, column.max) if bound is not None]
    return (
        bool(_YEAR.search(words))
        and not _NO_YEAR.search(words)
        and all(bound in _CALENDAR for bound in bounds)
    )
