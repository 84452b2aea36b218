"""Bands such as `690-694`, `< 600` or `10+ years` among a column's texts: categories that have an order."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?")
_BELOW = re.compile(r"<|≤|\b(?:less|under|below|up to|at most|unter|weniger|bis)\b|미만|이하", re.IGNORECASE)
_ABOVE = re.compile(r"\+|>|≥|\b(?:more|over|above|at least|plus|ab|über|mehr)\b|이상|초과", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:-|–|—|~|to|bis|and|<=? ?\.* ?<=?)\s*", re.IGNORECASE)
_MULTIPLIER = re.compile(r"\d\s*([km천만억])", re.IGNORECASE)
_LEAST_BANDS = 3
# With few bands a category discriminates as well as the number, and with fifty clearly worse.
MOST_BANDS = 12
_PLAIN = re.compile(r"(\d+)(\D+)(\d+)")

# Lower and upper bound; None where the band is open.
_Band = tuple[float | None, float | None]


def ordered_bands(values: Iterable[str]) -> dict[str, float] | None:
    """The number of each band, in order: its middle, or the bound of an open one.

    Args:
        values: The distinct texts of a column.

    Returns:
        None where a text is no band, bands overlap, or fewer than three are there.

    Examples:
        >>> ordered_bands(["700+", "< 600", "600-649", "650-699"])
        {'< 600': 600.0, '600-649': 624.5, '650-699': 674.5, '700+': 700.0}
        >>> ordered_bands(["A-1", "B-2", "C-3"]), ordered_bands(["2024-01", "2024-02", "2024-03"])
        (None, None)
    """
    texts = list(values)
    # Thousands and millions in one column would need their factors.
    if len({found.group(1).casefold() for text in texts for found in _MULTIPLIER.finditer(text)}) > 1:
        return None
    bands = {text: _band(text) for text in texts}
    found = {text: band for text, band in bands.items() if band is not None}
    if len(found) < max(_LEAST_BANDS, len(texts)) or not any(None not in band for band in found.values()):
        return None
    ordered = sorted(found, key=lambda text: _lower(found[text]))
    if any(not _follows(found[earlier], found[later]) for earlier, later in pairwise(ordered)):
        return None
    return {text: _middle(found[text]) for text in ordered}


def with_neighbours(bands: Mapping[str, float]) -> dict[str, float]:
    """Bands of one width with those between and a quarter as many beyond, which later loans may have.

    Args:
        bands: The number of each band, in order; others than `690-694` are returned as they are.

    Examples:
        >>> with_neighbours({"10-14": 12.0, "15-19": 17.0, "25-29": 27.0, "30-34": 32.0})
        {'5-9': 7.0, '10-14': 12.0, '15-19': 17.0, '20-24': 22.0, '25-29': 27.0, '30-34': 32.0, '35-39': 37.0}
    """
    found = [_PLAIN.fullmatch(text) for text in bands]
    parts = [(int(match[1]), match[2], int(match[3])) for match in found if match is not None]
    firsts = [low for low, _, _ in parts]
    step = min(later - earlier for earlier, later in pairwise(firsts)) if len(parts) > 1 else 0
    if len(parts) < len(bands) or step < 1 or len({(mark, high - low) for low, mark, high in parts}) > 1:
        return dict(bands)
    if any((low - firsts[0]) % step for low in firsts):
        return dict(bands)
    beyond, (_, mark, high) = len(bands) // 4 * step, parts[0]
    lows = range(firsts[0] - beyond, firsts[-1] + beyond + 1, step)
    width = high - firsts[0]
    listed = {f"{low}{mark}{low + width}": low + width / 2 for low in lows if low >= 0}
    # Written with leading zeros, the bands are not among those.
    return listed if listed.keys() >= bands.keys() else dict(bands)


def bands_as_numbers(bands: Mapping[str, float]) -> str:
    """What a human should know of bands that are drafted as numbers."""
    first, *_, last = bands
    return (
        f"{len(bands)} bands in order, {first} to {last}, read as their middle; a band that is not under replace is "
        "refused"
    )


def bands_as_categories(bands: Mapping[str, float]) -> str:
    """That the bands of a category have an order, and the keys that would give it to the model."""
    listed = ", ".join(f'"{band}": {number:.15g}' for band, number in bands.items())
    return (
        f"could also be numbers: its {len(bands)} values are bands, whose order the model does not see in a category. "
        f"To give it, write kind: number and replace: {{{listed}}} in place of the values; bands that are not listed "
        "are then refused"
    )


def _band(text: str) -> _Band | None:
    numbers = list(_NUMBER.finditer(text))
    bounds = [_value(number.group()) for number in numbers]
    if (
        len(bounds) == 2
        and bounds[0] < bounds[1]
        and _is_between(text[numbers[0].end() : numbers[1].start()])
    ):
        return bounds[0], bounds[1]
    if len(bounds) != 1:
        return None
    below, above = _BELOW.search(text), _ABOVE.search(text)
    if (below is None) == (above is None):
        return None
    return (None, bounds[0]) if below else (bounds[0], None)


def _is_between(text: str) -> bool:
    """Whether a text between two numbers joins them to a band: a dash or a word, beside signs of currency and unit."""
    words = re.sub(
        r"[$€£₩%]|\b(?:usd|eur|krw|dm|years?|yrs?|months?)\b|[km천만억원세년]", " ", text, flags=re.IGNORECASE
    )
    return bool(_BETWEEN.fullmatch(" ".join(words.split()) or "?"))


def _value(text: str) -> float:
    grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text)
    return float(text.replace(",", "") if grouped else text.replace(",", "."))


def _lower(band: _Band) -> float:
    return float("-inf") if band[0] is None else band[0]


def _follows(earlier: _Band, later: _Band) -> bool:
    return earlier[1] is not None and later[0] is not None and later[0] >= earlier[1]


def _middle(band: _Band) -> float:
    bounds = [bound for bound in band if bound is not None]
    return sum(bounds) / len(bounds)
