"""Names of quantities, which are neither identifiers nor personal data whatever else the name says."""

import re

_QUANTITY = re.compile(
    r"\b(?:balances?|bal|amounts?|amt|sum|total|income|inc|salary|wages?|values?|val|debts?|limit|payments?|pymnt|bill"
    r"|usage|fees?|costs?|price|rate|ratio|share|score|months?|mths?|days?|years?|yrs?|age|tenure|time|counts?|cnt"
    r"|avg|average|mean|max|min)\b"
    r"|금액|잔액|잔고|소득|급여|한도|점수|기간|개월|일수|건수|횟수|비율|요금|평균|합계|수$|율$|액$"
)


def names_quantity(words: str) -> bool:
    """Whether the words of a name are those of an amount, a duration, a count or a rate.

    Examples:
        >>> [names_quantity(words) for words in ("account balance", "계좌잔액", "months at address", "account no")]
        [True, True, True, False]
    """
    return bool(_QUANTITY.search(words))
