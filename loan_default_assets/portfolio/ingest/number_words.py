"""Words and signs around the numbers of cells: currencies, units of time, multipliers, relations, and quotes."""

import re

CURRENCIES = {
    "USD": "$ us$ u$s usd dollar dollars",
    "EUR": "€ eur euro euros",
    "GBP": "£ gbp",
    "KRW": "₩ krw won 원",
    "JPY": "jpy yen 円 엔",
    "CNY": "cny rmb 元 위안",
    "INR": "₹ rs. rs inr re. rupees",
    "CHF": "chf sfr. sfr fr.",
    "SEK": "sek",
    "NOK": "nok",
    "DKK": "dkk",
    "kr": "kr kr.",
    "PLN": "zł zl pln",
    "CZK": "kč czk",
    "HUF": "ft huf",
    "RUB": "₽ rub руб. руб",
    "TRY": "₺ tl try",
    "BRL": "r$ brl",
    "MXN": "mx$ mxn",
    "CAD": "c$ ca$ cad",
    "AUD": "a$ au$ aud",
    "NZD": "nz$ nzd",
    "SGD": "s$ sgd",
    "HKD": "hk$ hkd",
    "TWD": "nt$ twd",
    "ZAR": "zar",
    "PHP": "₱ php",
    "THB": "฿ thb",
    "VND": "₫ vnd đ",
    "IDR": "rp. rp idr",
    "MYR": "rm myr",
    "NGN": "₦ ngn",
    "KES": "kes ksh",
    "ILS": "₪ ils",
    "UAH": "₴ uah грн",
    "DM": "dm dem",
    "¥": "¥",
}
TIMES = {
    "years": "years year yrs. yrs yr. yr jahre jahr ans 년 세 y",
    "months": "months month mths mth mons mon mos. mos mo. mo monate monat 개월 m",
    "weeks": "weeks week wks wk 주 w",
    "days": "days day tage tag 일 d",
}
UNITS = {
    "percent": "% percent pct. pct 퍼센트 %p.a. p.a. pa",
    "basis points": "bps bp",
    "count": "건 회 명 개",
    "grade": "등급",
}
# Letters that stand for months or millions: the other units of the column decide.
AMBIGUOUS = "m"
MULTIPLIERS = {
    1e3: "k thousand thousands tsd tsd. тыс тыс. 천 천원 千",
    1e4: "만 만원 万 万円 万元 萬",
    1e5: "lakh lakhs lac lacs 십만원",
    1e6: "mm mn mln mio mio. million millions mil млн млн. 백만 백만원",
    1e7: "crore crores cr cr. 천만 천만원",
    1e8: "억 억원 億 亿 億円 亿元",
    1e9: "b bn bln billion billions mrd mrd. млрд",
    1e12: "tn trn trillion 조 조원 兆",
}
BELOW = "< less_than under below unter weniger_als 미만"
RELATIONS = (
    "+ > >= <= ≥ ≤ => =< ~ ≈ ca. ca approx. approx about over above more_than greater_than up_to at_least at_most "
    "or_more or_less or_above or_over and_above and_over plus mehr_als 이상 이하 초과 약"
)
QUOTES = '" \' =" = _ ,- .- ,-- /- ,– .–'

# Credit and debit of accounting, not crores.
_ACCOUNTING = ("CR", "CR.")

# Longest first, so that "months" is not "mo" and a rest.
_KINDS: dict[str, tuple[str, str | float]] = {}


def _add(kind: str, words: str, meaning: str | float) -> None:
    for word in words.split():
        _KINDS.setdefault(word.replace("_", " ") if len(word) > 1 else word, (kind, meaning))


for _code, _words in CURRENCIES.items():
    _add("currency", _words, _code)
for _name, _words in TIMES.items():
    _add("time", _words, _name)
for _name, _words in UNITS.items():
    _add("unit", _words, _name)
for _factor, _words in MULTIPLIERS.items():
    _add("multiplier", _words, _factor)
_add("below", BELOW, "")
_add("relation", RELATIONS, "")
_add("quote", QUOTES, "")

_WORD = re.compile(
    r"\s*(?P<word>" + "|".join(map(re.escape, sorted(_KINDS, key=len, reverse=True))) + r")\s*", re.IGNORECASE
)


def words_in(text: str) -> list[tuple[str, str, str | float]] | None:
    """The known words of a text that has no digits.

    Returns:
        (the word as written, its kind, its meaning) in order; None when anything else is in the text.
    """
    found, position = [], 0
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            return None
        word = match["word"]
        if word in _ACCOUNTING:
            return None
        end = match.end("word")
        # A word of letters ends where the letters end, except in scripts that do not separate words.
        if (
            word[-1].isascii()
            and word[-1].isalpha()
            and end < len(text)
            and text[end].isalpha()
            and text[end].isascii()
        ):
            return None
        found.append((word, *_KINDS[word.casefold()]))
        position = match.end()
    return found
