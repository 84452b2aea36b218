"""Words in dates that say the same as others: month names of other languages, times of day, weekdays, ordinals."""

import re

# Full names and abbreviations in German, French, Spanish, Italian, Portuguese and Dutch, by the English month.
_MONTH_WORDS = {
    "January": "januar januari janvier enero gennaio janeiro",
    "Jan": "jänner janv ene gen",
    "February": "februar februari février fevrier febrero febbraio fevereiro",
    "Feb": "févr fevr fév fev",
    "March": "märz maerz mars marzo março marco maart",
    "Mar": "mrz mär mrt",
    "April": "avril abril aprile",
    "Apr": "avr abr",
    "May": "mai mayo maggio maio mei mag",
    "June": "juni juin junio giugno junho",
    "Jun": "giu",
    "July": "juli juillet julio luglio julho",
    "Jul": "juil lug",
    "August": "août aout agosto augustus",
    "Aug": "ago",
    "September": "septembre septiembre setiembre settembre setembro",
    "Sep": "sept set",
    "October": "oktober octobre octubre ottobre outubro",
    "Oct": "okt ott out",
    "November": "novembre noviembre novembro",
    "December": "dezember décembre decembre diciembre dicembre dezembro",
    "Dec": "dez déc dic",
}
_ENGLISH = {word: month for month, words in _MONTH_WORDS.items() for word in words.split()}
_OTHER_MONTH = re.compile(rf"(?<![^\W\d_])({'|'.join(sorted(_ENGLISH, key=len, reverse=True))})(?![^\W\d_])")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_SAME = (
    (re.compile(r"\s+"), " "),
    (re.compile(r"오전|a\.m\.", re.IGNORECASE), "AM"),
    (re.compile(r"오후|p\.m\.", re.IGNORECASE), "PM"),
    (re.compile(r"\s*(?:\([월화수목금토일]\)|\(?[월화수목금토일]요일\)?)"), ""),
    (re.compile(r"(?<=\d)(?:st|nd|rd|th|er)\b", re.IGNORECASE), ""),
    (re.compile(r"(?<= )de (?=[^\W\d_]|\d{4})", re.IGNORECASE), ""),
    (re.compile(rf"(?<![A-Za-z])({_MONTHS})\.(?=\D)", re.IGNORECASE), r"\1"),
    (re.compile(r"(?<=:\d\d)[.,]\d+"), ""),
    (re.compile(r"(?<=:\d\d)( ?[AP]M)? ?(?:UTC|GMT|KST|Z|[+-]\d\d(?::?\d\d)?)$", re.IGNORECASE), r"\1"),
    # Wed Jan 03 10:20:30 KST 2018, as programs print it.
    (re.compile(r"(?<=\d) \d\d:\d\d:\d\d(?: [A-Z]{3,4})?(?= \d{4}$)"), ""),
)


def same_text(text: str) -> str:
    """A date's text with English month names, and without what says nothing about the day."""
    text = text.strip()
    if _OTHER_MONTH.search(text.lower()):
        text = _OTHER_MONTH.sub(lambda match: _ENGLISH[match[1]], text.lower())
    for pattern, same in _SAME:
        text = pattern.sub(same, text)
    return text
