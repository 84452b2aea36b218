"""Words for the outcome of a loan in values and in names of columns: English and Korean, the usual ones of others."""

import re
from collections.abc import Collection
from enum import Enum

from loan_default_assets.portfolio.column_words import words_of


class Meaning(Enum):
    """What a value says about a loan's outcome; the STRONG ones are final."""

    STRONG_DEFAULT = "default"
    WEAK_DEFAULT = "late"
    STRONG_GOOD = "repaid"
    WEAK_GOOD = "performing"
    PENDING = "no outcome yet"


# A negation before or after a word turns its meaning: "not paid", "non performing", "no default", "미상환".
_NO = (
    r"(?:(?:no|not|non|never|without|un|kein\w*|nicht|ohne|sin|sans|sem|não|nao|senza)[ ]"
    r"|(?:no|not|non|un)(?=performing|collect|default))"
)
# German, French, Spanish, Portuguese, Italian and Dutch.
_FOREIGN_DEFAULT = (
    r"(?:zahlungs)?ausf[aä]lle?|(?:zahlungs)?ausgefallen|insolvenz|d[eé]faut|impay[eé]e?s?|incumplid[oa]s?"
    r"|incumplimientos?|impagos?|impagad[oa]s?|moros[oa]s?|morosidad|fallid[oa]s?|inadimplente|inadimpl[eê]ncia"
    r"|sofferenz[ae]|insolut[oi]|wanbetaling"
)
_FOREIGN_GOOD = (
    r"zurückgezahlt|zurückbezahlt|getilgt|abbezahlt|rembours[eé]e?s?|pagad[oa]s?|quitad[oa]|rimborsat[oi]|saldat[oi]"
    r"|terugbetaald|afgelost"
)
_STRONG_DEFAULT = re.compile(
    r"\b(?:charge[sd]? ?offs?|chg ?offs?|chgd ?off|chargeoff|wr(?:ite|itten|ote) ?offs?|default(?:ed|s|er|ing)?|dflt"
    r"|bad(?:s| debt| loan)?|npl|npa|loss(?:es)?|insolven\w*|bankrupt\w*|foreclos\w*|repossess\w*|uncollect\w*|unpaid"
    r"|failed|fail(?:ure)?|foreclosure|chapter (?:7|11|13))\b"
    rf"|\b(?:{_FOREIGN_DEFAULT})\b"
    r"|부도|불량|부실|대손|상각|채무불이행|손실|파산|미상환|상환불능|회수불능|디폴트"
    # The guarantor pays, the loan falls due at once, the bank ends the contract.
    r"|대위 ?변제|기한 ?이익 ?상실|(?:강제|직권) ?해지"
)
_NEGATED_GOOD = re.compile(
    rf"\b{_NO}(?:fully |completely |yet )*(?:paid|repaid|pay|perform\w*|good|settled|creditworthy"
    rf"|{_FOREIGN_GOOD})"
    r"|\b(?:unpaid|nonperforming|notpaid|nonpayment)\b|미상환|미납|미변제|미완납|비정상"
)
_NEGATED_BAD = re.compile(
    rf"\b{_NO}(?:in |a |been )*(?:default\w*|bad|late|delinquen\w*|overdue|past due|charged? ?off|loss|np[la]|arrears"
    rf"|{_FOREIGN_DEFAULT})"
    r"|\b(?:free|absence) of (?:default|arrears|delinquency)|\bdefault (?:absent|avoided|not occurred)\b"
    r"|\b(?:nondefault\w*|notdefault\w*|good standing|(?:default|delinquency|arrears|loss) ?free|ausfallfrei)\b"
    r"|[미무비](?:연체|부도|불량)|(?:연체|부도|불량|부실) ?(?:없음|아님|안함|미발생)"
)
_WEAK_DEFAULT = re.compile(
    r"\b(?:late(?:ness|d)?|delinq\w*|dlq\w*|overdue|past ?due|arrears?|serious|dpd|in grace period|grace|dunning"
    r"|collections?|missed|risky|high risk)\b|연체|미납|추심|독촉|상환 ?지연"
)
_STRONG_GOOD = re.compile(
    r"\b(?:(?:fully )?(?:re)?paid(?: (?:in full|off|back|up))?|p ?i ?f|repaid|good|settled|closed|completed?|matured"
    r"|redeemed|pay(?:ed)? ?back|creditworthy)\b"
    rf"|\b(?:{_FOREIGN_GOOD})\b"
    r"|상환(?! ?(?:중|유예|예정))|완납|변제|우량|양호|해지|종결"
)
_WEAK_GOOD = re.compile(
    r"\b(?:perform(?:ing|s)?|current|ok|okay|normal|healthy|regular|on ?time|up to date|clean|low risk|active)\b"
    r"|정상|유지|진행|상환 ?중"
)
_PENDING = re.compile(
    r"\b(?:unknown|pending|issued|open|ongoing|in progress|in review|not yet\w*|tbd|undetermined|undecided|missing"
    r"|not available|n/?a|none|null|not applicable|approved|disbursed|funded|new|in funding|unresolved|censored"
    # No loan was made.
    r"|reject(?:ed)?|decline[ds]?|denied|refused|withdrawn|cancell?ed|void(?:ed)?|indeterminate"
    r"|en cours|en curso|in corso|em andamento|vigente|laufend|lopend)\b"
    r"|미정|심사|진행중|진행 중|대기|미상|모름|신규|실행|거절|부결|철회|취소"
)
_YES = frozenset({
    "1", "y", "yes", "true", "t", "예", "네", "o", "여", "+1", "해당", "있음", "유", "j", "ja", "wahr", "oui", "vrai",
    "s", "si", "sí", "sim", "verdadero", "verdadeiro", "vero", "да", "有",
})  # fmt: skip
_NO_VALUES = frozenset({
    "0", "n", "no", "false", "f", "아니오", "아니요", "x", "부", "-1", "미해당", "없음", "해당없음", "해당 없음", "무",
    "nein", "falsch", "non", "faux", "não", "nao", "falso", "нет", "无", "無",
})  # fmt: skip
# Answers no that alone are a usual spelling of a missing value, with the yes that makes them one.
_DENIED = {"없음": "있음", "해당없음": "해당", "해당 없음": "해당"}
# Names: words that only a column's name uses.
_NAME_DEFAULT = re.compile(
    r"(?:default|delinq|dlq|chargeoff|charged?off|badloan|npl|ausfall|ausgefallen|연체|부도|불량)"
)
_NAME_GOOD = re.compile(
    r"\b(?:re)?paid\b|\brepaid\b|\bgood\b|\bperforming\b|\bcurrent\b|\b(?:pay|paid) ?back\b|\brepay(?:ment|ed|s)?\b"
    r"|creditworth\w*|creditability|\bsettled\b|\bredeemed\b"
    r"|상환(?! ?(?:불능|지연|유예))|완납|정상|우량|양호|(?<!대위)(?<!대위 )변제"
)
# What a name may say beside the outcome without saying that it is of another time, another loan or another person.
_BESIDE_OUTCOME = re.compile(
    r"\b(?:is|was|has|been|were|in|the|this|loan|account|acct|contract|credit|customer|client|borrower|debtor|flag|flg"
    r"|ind|indicator|yn|y/n|y n|or|not|fully|final|payment)\b|대출|고객|차주|계좌|여부|구분|플래그|발생"
)
_DURATION = r"\b(?:\d+ ?)?(?:m|mths?|months?|y|yrs?|years?)\b"
_HORIZON = re.compile(rf"\b(?:in|within|next|the| )+{_DURATION}")
# Names of what a model is to predict, by convention 1 for the event; a status, class, result or flag may be either.
_TARGET_NAME = re.compile(
    r"^(?:y|target|label|event|dependent|dep var|ground truth)"
    r"(?: (?:y|flag|var|variable|value|ind|indicator|col|column))?$"
    r"|^(?:타겟|타깃|목표|라벨|레이블|종속)(?: ?(?:변수|값|여부))?$"
)
# Events after the decision; not the end of a contract, which is agreed on before.
_LATER_EVENT = re.compile(
    r"\b(?:disburs\w*|(?:chg|charge|write) ?off|default|recover\w*|collect\w*|settle\w*|foreclos\w*|repossess\w*"
    r"|liquidat\w*|payoff|prepay\w*|last (?:pymnt|payment|paid)|closed|closing|closure|bankrupt\w*)$"
    r"|(?:상각|회수|연체|해지|부도|추심)$"
)
_DAYS = re.compile(r"\b(?:dpd|days?)\b|\d ?일")
_DATE_WORD = re.compile(r" ?(?:date|dt|d|day|time|on|일자|일|날짜)$")
_THRESHOLD = re.compile(
    r"days? (?:past due|late|overdue|delinquent|in arrears)|\bdpd\b|\bpast due days\b|연체 ?일수"
)

_TIME_UNTIL = re.compile(
    r"\b(?:time|days?|weeks?|months?|mths?|years?|yrs?|periods?) ?(?:to|till|until|before) (?:the |first )*"
    r"(?:event|default\w*|charge ?off|failure|bad|delinq\w*|arrears|loss|churn|death|ausfall)\b|까지"
)


def meaning_of(value: str) -> Meaning | None:
    """What a value says about the outcome; None for a value without such a word, such as 1 or A.

    Examples:
        >>> [str(meaning_of(value).value) for value in ("Charged Off", "not paid", "No default", "연체", "정상")]
        ['default', 'default', 'repaid', 'late', 'performing']
    """
    text = words_of(value)
    # "Does not meet the credit policy. Status:Fully Paid": the part after it is the status.
    text = text.rpartition("status ")[2] or text
    if _NEGATED_BAD.search(text):
        return Meaning.STRONG_GOOD
    if _NEGATED_GOOD.search(text):
        return Meaning.STRONG_DEFAULT
    for pattern, meaning in (
        (_STRONG_DEFAULT, Meaning.STRONG_DEFAULT),
        (_WEAK_DEFAULT, Meaning.WEAK_DEFAULT),
        (_STRONG_GOOD, Meaning.STRONG_GOOD),
        (_PENDING, Meaning.PENDING),
        (_WEAK_GOOD, Meaning.WEAK_GOOD),
    ):
        if pattern.search(text):
            return (
                Meaning.STRONG_DEFAULT if meaning is Meaning.WEAK_DEFAULT and _is_past_90(text) else meaning
            )
    return None


def _is_past_90(text: str) -> bool:
    """Whether a value counts days past due from 90 on, a default by the Basel definition (CRR article 178)."""
    days = [int(number) for number in re.findall(r"\d+", text)]
    return bool(_DAYS.search(text)) and bool(days) and min(days) >= 90


def yes_or_no(value: str) -> bool | None:
    """Whether a value says yes (1, Y, true, 예) or no (0, -1, N, false, 아니오); None for another value."""
    text = value.strip().casefold()
    return True if text in _YES else False if text in _NO_VALUES else None


def denies(text: str, texts: Collection[str]) -> bool:
    """Whether a text is the answer no beside a yes, as 없음 ("none") beside 있음; alone it stands for a missing value.

    Examples:
        >>> denies("없음", ["있음", "없음"]), denies("없음", ["없음", "1"]), denies("none", ["yes", "none"])
        (True, False, False)
    """
    return _DENIED.get(text) in texts


def yes_is_default(name: str) -> bool | None:
    """Whether "yes" in a column of this name is a default; None where the name does not say.

    Examples:
        >>> [yes_is_default(name) for name in ("SeriousDlqin2yrs", "loan_paid_back", "not.fully.paid", "y")]
        [True, False, True, None]
    """
    text = words_of(name)
    if _NEGATED_GOOD.search(text):
        return True
    if _NEGATED_BAD.search(text):
        return False
    bad = bool(_STRONG_DEFAULT.search(text) or _WEAK_DEFAULT.search(text) or _NAME_DEFAULT.search(text))
    good = bool(_NAME_GOOD.search(text))
    return None if bad == good else bad


def is_target_name(name: str) -> bool:
    """Whether a column of this name holds what a model is to predict, by convention 1 for the event.

    Examples:
        >>> [is_target_name(name) for name in ("y", "TARGET", "목표변수", "x17", "status", "class")]
        [True, True, True, False, False, False]
    """
    return bool(_TARGET_NAME.search(words_of(name)))


def names_outcome_alone(name: str) -> bool:
    """Whether a name says nothing but the outcome of the loan itself.

    Examples:
        >>> [names_outcome_alone(name) for name in ("Charged off?", "is_bankrupt", "부실여부", "not.fully.paid")]
        [True, True, True, True]
        >>> [names_outcome_alone(name) for name in ("prior_default", "default_rate_region", "과거연체여부", "loan")]
        [False, False, False, False]
    """
    text = words_of(name)
    rest = text
    for pattern in (_NEGATED_GOOD, _NEGATED_BAD, _STRONG_DEFAULT, _WEAK_DEFAULT, _STRONG_GOOD, _NAME_DEFAULT):
        rest = pattern.sub(" ", rest)
    if rest == text:
        return False
    # Delinquent within 12 months is an outcome; "delinquent 12 months" counts back from the application.
    rest = _BESIDE_OUTCOME.sub(" ", _HORIZON.sub(" ", rest))
    if _STRONG_DEFAULT.search(text):
        rest = re.sub(_DURATION, " ", rest)
    return not re.sub(r"[\W_]", "", rest)


def later_event(name: str) -> str | None:
    """The event after the decision that a date of this name is of; None for other dates.

    Examples:
        >>> [later_event(name) for name in ("Disbursement_Date", "chg_off_d", "상각일", "maturity_date", "issue_d")]
        ['disbursement', 'chg off', '상각', None, None]
    """
    event = _DATE_WORD.sub("", words_of(name))
    return event if _LATER_EVENT.search(event) else None


def counts_days_past_due(name: str) -> bool:
    """Whether a column of this name holds the number of days that a payment is late."""
    return bool(_THRESHOLD.search(words_of(name)))


def counts_time_until(name: str) -> bool:
    """Whether a column of this name holds the time until an event, which is short where the loan defaults.

    Examples:
        >>> [counts_time_until(name) for name in ("months_to_default", "TimeToEvent", "부도까지개월", "months_on_book")]
        [True, True, True, False]
    """
    return bool(_TIME_UNTIL.search(words_of(name)))
