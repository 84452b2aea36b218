"""Values of a label that stand for an outcome that is not known: usual spellings of a missing value, and codes."""

import re
from collections.abc import Collection

from loan_default_assets.portfolio.ingest.missing_values import is_usual_missing
from loan_default_assets.portfolio.profiling.label_words import denies, yes_or_no

# Negative numbers, and runs of nines, eights or sevens, as surveys and bureaus code what is not known.
_CODE = re.compile(r"-[1-9]|-?(?:9+|8+|7{2,}|9[678])")
_LETTERS = frozenset({"u", "uk", "unk", "unkn", "nk", "nd", "dk"})
# Letters that say nothing beside answers yes and no; beside words they may be anything.
_BESIDE_ANSWERS = frozenset({"x", "z"})
_PLAIN_NUMBERS = frozenset({"-1", "0", "1", "+1", "2"})
# Codes that are an outcome themselves beside the value on the right.
_OUTCOME_BESIDE = {"-1": frozenset({"1", "+1"}), "x": frozenset({"o"})}


def is_unknown(value: str, values: Collection[str]) -> bool:
    """Whether a value of a label is a usual spelling of a missing one, beside its other values."""
    return is_usual_missing(value) and not denies(value, values)


def is_unknown_code(value: str) -> bool:
    """Whether a value is one that often stands for what is not known, such as 9, -1 or U."""
    plain = _plain(value)
    return bool(_CODE.fullmatch(plain)) or plain in _LETTERS or plain in _BESIDE_ANSWERS


def unknown_codes(values: Collection[str]) -> tuple[str, ...]:
    """The codes of an outcome that is not known, where two outcomes are left without them.

    Beside other values a code may be one of a scale: the draft then asks.

    Args:
        values: The distinct values of a label.

    Examples:
        >>> unknown_codes(["0", "1", "9"]), unknown_codes(["Y", "N", "U"]), unknown_codes(["0.0", "1.0", "-1.0"])
        (('9',), ('U',), ('-1.0',))
        >>> unknown_codes(["-1", "1"]), unknown_codes(["3", "5", "9"]), unknown_codes(["0", "1", "2", "9"])
        ((), (), ())
    """
    known = [
        value for value in values if not is_usual_missing(value) or denies(value, dict.fromkeys(values, 1))
    ]
    codes = [value for value in known if is_unknown_code(value)]
    outcomes = [value for value in known if value not in codes]
    if len(outcomes) == 1:
        beside = [code for code in codes if _plain(outcomes[0]) in _OUTCOME_BESIDE.get(_plain(code), ())]
        outcomes += beside
        codes = [code for code in codes if code not in beside]
    numbers = [_plain(value) for value in outcomes if re.fullmatch(r"[-+]?[\d.]+", value)]
    if len(outcomes) != 2 or not _PLAIN_NUMBERS.issuperset(numbers):
        return ()
    if any(yes_or_no(value) is None for value in outcomes) and _BESIDE_ANSWERS.intersection(
        map(_plain, codes)
    ):
        return ()
    return tuple(codes)


def _plain(value: str) -> str:
    return value.strip().casefold().removesuffix(".0")
