"""The formats that a date's text may have, from the shape of the text."""

import re
from collections.abc import Iterator

from loan_default_assets.portfolio.ingest.date_parsing import date_reader
from loan_default_assets.portfolio.ingest.date_words import same_text

# Formats of dates without separators, by their number of digits.
DIGITS = {
    4: ("%Y",),
    6: ("%Y%m", "%y%m%d", "%d%m%y", "%m%d%y", "%m%Y"),
    7: ("%Y%j",),
    8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"),
    12: ("%Y%m%d%H%M",),
    14: ("%Y%m%d%H%M%S",),
}

_TIME = re.compile(r"(.*?)([T :_]?)((?:[AP]M ?)?)(\d{1,2}:\d\d(?::\d\d)?)(?:( ?)([AP]M))?", re.IGNORECASE)
_TOKEN = re.compile(r"\d+|[A-Za-z]+|[^A-Za-z\d]+", re.ASCII)
_SEPARATOR = re.compile(r"[-/., '년월일年月日_]*")
_MONTH_NAMES = "january february march april may june july august september october november december"
_DAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
_MONTHS, _WEEKDAYS = _MONTH_NAMES.split(), _DAY_NAMES.split()
_WORDS = {word[:3]: "%b" for word in _MONTHS} | {word: "%B" for word in _MONTHS if word != "may"}
_WORDS |= {word[:3]: "%a" for word in _WEEKDAYS} | dict.fromkeys(_WEEKDAYS, "%A")
# Number of digits per field, and the fields they may be, by the order of day, month and year.
_FIELDS = {
    (4, 2, 2): {"ymd": "Y m d"},
    (2, 2, 4): {"mdy": "m d Y", "dmy": "d m Y"},
    (2, 2, 2): {"mdy": "m d y", "dmy": "d m y", "ymd": "y m d"},
    (4, 2): {"ymd": "Y m"},
    (2, 4): {"": "m Y"},
}
_FIELDS_WITH_MONTH = {
    (2, 4): {"": "d Y"},
    (4, 2): {"": "Y d"},
    (2, 2): {"": "d y", "ymd": "y d"},
    (4,): {"": "Y"},
    (2,): {"": "y"},
}


def formats_of(text: str) -> Iterator[tuple[str, str]]:
    """Formats of one text, each with its order of day, month and year ("" where a name or a quarter decides it)."""
    if date_reader("quarter")(text):
        yield "", "quarter"
    if text[4:5] == "-" and date_reader("iso")(text):
        yield "ymd", "iso"
    text = same_text(text)
    time = _TIME.fullmatch(text)
    day, suffix = (time[1], _time_format(time)) if time and time[1] else (text, "")
    if day.isascii() and day.isdecimal():
        yield from (("", fmt + suffix) for fmt in DIGITS.get(len(day), ()))
        return
    tokens = _TOKEN.findall(day)
    words = [_WORDS.get(token.lower()) for token in tokens]
    if any(
        token.isascii() and token.isalpha() and not word for token, word in zip(tokens, words, strict=True)
    ):
        return
    digits = [index for index, token in enumerate(tokens) if token.isascii() and token.isdecimal()]
    between = [i for i in range(len(tokens)) if i not in digits and not words[i]]
    if not all(_SEPARATOR.fullmatch(tokens[i]) for i in between):
        return
    lengths = tuple(2 if len(tokens[i]) <= 2 else len(tokens[i]) for i in digits)
    year_sign = "년" in day or "年" in day
    has_month = any(word in ("%b", "%B") for word in words)
    orders = (_FIELDS_WITH_MONTH if has_month else _FIELDS).get(lengths, {})
    if not has_month and lengths == (2, 2) and year_sign:
        orders = {"ymd": "y m"}
    elif not has_month and lengths == (2, 2) and re.fullmatch(r"\d\d[-/]\d\d", day):
        orders = {"": "m y"}
    if year_sign:
        orders = {order: fields for order, fields in orders.items() if order == "ymd"}
    for order, fields in orders.items():
        parts = dict(zip(digits, (f"%{field}" for field in fields.split()), strict=True))
        yield order, "".join(parts.get(i) or words[i] or tokens[i] for i in range(len(tokens))) + suffix


def _time_format(time: re.Match[str]) -> str:
    seconds = ":%S" if time[4].count(":") == 2 else ""
    if time[3]:
        return f"{time[2]}%p{time[3][2:]}%I:%M{seconds}"
    return f"{time[2]}%I:%M{seconds}{time[5]}%p" if time[6] else f"{time[2]}%H:%M{seconds}"
