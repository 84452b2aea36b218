"""Which encoding before Unicode a text is in: decided where the characters make it clear, else the likely ones."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# The syllables that Korean text mostly consists of; Chinese text read as cp949 gives others.
_COMMON_SYLLABLES = frozenset(
    "이다는의에가을하고지기로한사은대자어서도리나시인그스해과일구정보전제원부수동주조상관장경성비안세아연신용금출"
    "만들를면라여것마게소진공무모업국생개유재계내방오바중문실회분우민당학교물행요위발음입무선산남북울강김박최"
    "글메거래처담율값액월년건명직택차량매각월임카드은행저축캐피탈론증권협농협새마을호인천광주대구부산"
)
_WESTERN_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœŒ")
_WESTERN_SIGNS = frozenset("€£¥§°´·•™®©±²³½¼¿¡ªºµ×÷")
_QUOTES_AND_DASHES = "«»–—‘’“”…\xa0"
_CAPITALISED_RUSSIAN = re.compile(r"[А-ЯЁ][а-яё]+")
_RUSSIAN_WORD = re.compile(r"[А-ЯЁ]?[а-яё]+|[А-ЯЁ]+")


@dataclass(frozen=True)
class EncodingEstimate:
    """What the characters of a text say about its encoding.

    Attributes:
        encoding: The encoding, or None where the text does not decide it.
        likely: Encodings that the text may be in, the likeliest first.
    """

    encoding: str | None
    likely: tuple[str, ...]


def estimate_encoding(sample: bytes) -> EncodingEstimate:
    """Estimate the encoding of text that is not UTF-8 from lines that contain bytes above 0x7F."""
    rules: dict[str, Callable[[str], bool]] = {
        "cp949": _is_korean,
        "cp932": _is_japanese,
        "cp1251": _is_russian,
        "cp1252": _is_western,
    }
    if _is_damaged_utf8(sample):
        return EncodingEstimate(None, ("utf-8",))
    for encoding, rule in rules.items():
        text = _decoded(sample, encoding)
        if text is not None and rule(text):
            return EncodingEstimate(encoding, (encoding,))
    return EncodingEstimate(None, _likely(sample))


def _likely(sample: bytes) -> tuple[str, ...]:
    """The encodings in which most characters are usual ones of the language, the likeliest first."""
    shares = {}
    for encoding, share in _USUAL.items():
        text = _decoded(sample, encoding)
        if text is not None:
            shares[encoding] = share(text)
    ranked = sorted(shares, key=lambda encoding: -shares[encoding])
    return tuple(encoding for encoding in ranked if shares[encoding] > 0.5)[:4] or tuple(ranked[:3])


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_damaged_utf8(sample: bytes) -> bool:
    """Whether most characters above ASCII are UTF-8, so that a few damaged bytes are the fault."""
    text = sample.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    sound = sum(not c.isascii() for c in text) - damaged
    return sound > 4 * damaged


def _is_ideograph(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff"


def _is_korean(text: str) -> bool:
    syllables = [c for c in text if "\uac00" <= c <= "\ud7a3"]
    others = sum(not c.isascii() for c in text) - len(syllables)
    ideographs = sum(map(_is_ideograph, text))
    letters = sum("\u3131" <= c <= "\u318e" for c in text)
    if len(syllables) <= others or 10 * ideographs > len(syllables) or 5 * letters > len(syllables):
        return False
    distinct = set(syllables)
    return 5 * sum(c in _COMMON_SYLLABLES for c in distinct) >= len(distinct)


def _is_japanese(text: str) -> bool:
    foreign = [c for c in text if not c.isascii()]
    kana = sum("ぁ" <= c <= "ヿ" for c in foreign)
    half_width = sum("\uff61" <= c <= "\uff9f" for c in foreign)
    ideographs = sum(_is_ideograph(c) for c in foreign)
    return 5 * kana >= len(foreign) and 10 * half_width <= len(foreign) <= 2 * (kana + ideographs)


def _is_russian(text: str) -> bool:
    words = set(re.findall(r"[^\x00-\x7f]+", text))
    letters = [re.sub(r"[№«»–—\xa0]", "", word) for word in words]
    sound = sum(bool(_RUSSIAN_WORD.fullmatch(word)) for word in letters if word)
    capitalised = sum(bool(_CAPITALISED_RUSSIAN.fullmatch(word)) for word in letters)
    return capitalised > 0 and sound == sum(map(bool, letters)) and sum(map(len, letters)) >= 8


def _is_western(text: str) -> bool:
    """Whether the characters above ASCII are letters in words of Latin letters, or signs that stand alone."""
    letters, rare_sign = 0, False
    for found in re.finditer(r"[^\x00-\x7f]+", text):
        run = found.group().strip(_QUOTES_AND_DASHES)
        before, after = text[: found.start()][-1:], text[found.end() :][:1]
        in_word = before.isalpha(), after.isalpha()
        if not run:
            rare_sign = rare_sign or not set(found.group()) <= set("’“”–—…\xa0")
            continue
        if set(run) <= _WESTERN_SIGNS:
            if len(run) > 1 or (all(in_word) and run not in "\xb4\xb7"):
                return False
            rare_sign = rare_sign or run not in "€£§°"
        elif set(run) <= _WESTERN_LETTERS:
            same_case = run.replace("ß", "") in (run.replace("ß", "").lower(), run.upper())
            # Two letters above ASCII follow one another within words (ção), more in none.
            if len(run) > 2 or not same_case or (len(run) == 2 and not any(in_word)):
                return False
            # A letter alone is a word (à, É) only in some languages, and a quote beside it the half of a character.
            if not any(in_word) and (run not in "ÀÁÉÈÍÓÚÖÅÆØÔÜàáéèíóúöåæøôü" or run != found.group()):
                return False
            # Within a word only Central European languages have the letters that share these codes.
            if "ì" in run and after.isalpha():
                return False
            if before.islower() and run[0].isupper():
                return False
            letters += 1
        else:
            return False
    # Signs alone may be halves of characters of two bytes.
    return letters > 0 or not rare_sign


def _share(text: str, usual: Callable[[str], bool]) -> float:
    """The share of the distinct characters above ASCII that are usual."""
    foreign = {c for c in text if not c.isascii()}
    return sum(map(usual, foreign)) / len(foreign) if foreign else 0.0


def _lead_bytes(encoding: str, first: int, last: int) -> Callable[[str], float]:
    """The share of characters whose first byte lies in a range, as that of the common ones does."""

    def usual(character: str) -> bool:
        coded = character.encode(encoding, "ignore")
        return len(coded) == 2 and first <= coded[0] <= last

    return lambda text: _share(text, usual)


def _russian_share(text: str) -> float:
    words = set(re.findall(r"[^\W\d_a-zA-Z]+|[^\x00-\x7f]", text))
    return sum(bool(_RUSSIAN_WORD.fullmatch(word)) for word in words) / len(words) if words else 0.0


def _latin_share(text: str) -> float:
    """The share of letters above ASCII that stand in a word of Latin letters, alone and in its case."""
    runs = re.findall(r"(?=([a-zA-Z]?)([^\x00-\x7f]+)([a-zA-Z]?))(?<![^\x00-\x7f])", text)
    sound = sum(
        len(run) <= 2
        and run.isalpha()
        and bool(before or after)
        and not (before.islower() and run[0].isupper())
        for before, run, after in runs
    )
    return 0.95 * sound / len(runs) if runs else 0.0


_USUAL: dict[str, Callable[[str], float]] = {
    "cp949": lambda text: _share(text, _COMMON_SYLLABLES.__contains__),
    "gb18030": _lead_bytes("gb2312", 0xB0, 0xD7),
    "big5": _lead_bytes("big5", 0xA4, 0xC6),
    "cp932": lambda text: _share(text, lambda c: _is_ideograph(c) or "ぁ" <= c <= "ヿ"),
    "cp1251": _russian_share,
    "koi8_r": _russian_share,
    "cp866": _russian_share,
    "cp1252": _latin_share,
    "cp1250": _latin_share,
    "cp1254": _latin_share,
    "cp850": _latin_share,
    "mac_roman": _latin_share,
}
