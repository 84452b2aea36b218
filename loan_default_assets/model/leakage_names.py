"""Words in column names that usually belong to what happens after the outcome; weak evidence, never alone."""

from __future__ import annotations

import re

_ENGLISH = (
    r"recover(y|ies|ed)|collection_(fee|recovery|cost|amount)|collected",
    r"charge_?d?_?off|chg_?off|write_?off|written_?off|default_(date|amount|amnt|day|month)|loss_(amount|given)|lgd",
    r"last_(pay|pymnt|fico|credit_pull|repay|instal)|next_(pay|pymnt)|(pay|pymnt|repay)(ment)?_received",
    r"total_(rec|received|paid|pymnt|payment|repaid)|(principal|interest|amount|fees?)_(received|paid|repaid|rec)",
    r"late_(fee|charge|payment_fee)s?|penalty|out_prncp|outstanding_(principal|balance)_(now|today|current)",
    r"settle(d|ment)|hardship|debt_relief|foreclos|repossess|liquidat|bankruptcy_date|legal_action",
    r"(loan|account|contract|mis|final|current|closing)_(state|status)|closed?_(date|at|on)|paid_off|payoff|outcome",
    r"days_past_due|dpd|arrears_(now|current|days)|delinquent_(now|amount)|months_(paid|on_book)",
)
_KOREAN = (
    r"회수|추심|상각|대손|손실|부실|변제|대위변제",
    r"연체(이자|료|일수|금액|시작)|상환(액|금액|일|완료|원금)|완납|납입(액|금액)|최종납입|마지막",
    r"해지|종결|채무조정|개인회생|파산|경매|압류|소송|사후|계좌상태|대출상태",
)
_PATTERN = re.compile("|".join((*_ENGLISH, *_KOREAN)))


def named_after_outcome(name: str) -> bool:
    """Whether a column's name holds a word for what happens after the outcome.

    Args:
        name: Name in any case, its words joined by blanks, `_`, `-`, `.` or camel case.

    Examples:
        >>> [named_after_outcome(name) for name in ("total_rec_prncp", "lastPaymentAmount", "회수금액", "income")]
        [True, True, True, False]
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return bool(_PATTERN.search(re.sub(r"[\s\-.]+", "_", words)))
