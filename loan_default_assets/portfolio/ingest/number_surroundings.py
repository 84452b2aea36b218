"""What stands around the numbers of a column: units, multipliers, signs and words, and which belong together."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from loan_default_assets.portfolio.ingest.number_parsing import NumberFormat, parse_number, same_characters
from loan_default_assets.portfolio.ingest.number_words import AMBIGUOUS, words_in

_RUN = re.compile(r"[.,]?\d(?:[\d.,'_ ]*\d)?(?:[eE][+-]?\d+(?![\d.,]))?", re.ASCII)
_ONE_WORD = re.compile(r"\s+([^\W\d_]{2,20})")
_PLAIN = re.compile(r"[-+]?\d+(?:\.\d+)?", re.ASCII)
_MONTHS = {"years": 12.0, "months": 1.0}
_DAYS = {"weeks": 7.0, "days": 1.0}
_LONGEST_TERM = 600
_COMMON = 0.9


@dataclass
class Surroundings:
    """The words and signs around the numbers of a column.

    Attributes:
        words: Cells per (word, kind, meaning).
        negative: Ways of writing negative numbers.
        below: Texts such as `< 1 year`, with the text of their number.
        cells: Number of cells that are not plain numbers.
        unit: The unit of the numbers.
        notes: What a human should know.
    """

    words: Counter[tuple[str, str, str | float]] = field(default_factory=Counter)
    negative: dict[str, None] = field(default_factory=dict)
    below: dict[str, str] = field(default_factory=dict)
    cells: int = 0
    plain: int = 0
    unit: str | None = None
    notes: tuple[str, ...] = ()
    affixes: tuple[str, ...] = ()
    multipliers: tuple[tuple[str, float], ...] = ()

    def number_format(self, decimal: str, thousands: str | None, texts: Mapping[str, int]) -> NumberFormat:
        """The format with these separators; texts below a whole number become the next lower one."""
        made = NumberFormat(decimal, thousands, self.affixes, self.multipliers, tuple(self.negative))
        if not self.below:
            return made
        values = [value for text in texts if (value := parse_number(text, made)) is not None]
        limits = {text: parse_number(limit, made) for text, limit in self.below.items()}
        if all(value.is_integer() for value in values):
            lower = [(text, limit - self._step(text)) for text, limit in limits.items() if limit is not None]
            return replace(made, replace=tuple(lower))
        signs = {word for word, kind, _ in self.words if kind == "below"}
        return replace(made, affixes=_longest_first({*self.affixes, *signs}))

    def other_readings(self, chosen: NumberFormat) -> list[NumberFormat]:
        """Readings with another meaning of an ambiguous unit: `36m` is 36 months or 36 million."""
        letters = [word for word, _, _ in self.words if word.casefold() == AMBIGUOUS]
        if not letters or chosen.multipliers or self.unit != "months":
            return []
        affixes = tuple(affix for affix in chosen.affixes if affix not in letters)
        return [replace(chosen, affixes=affixes, multipliers=tuple((x, 1e6) for x in letters), unit=None)]

    def _step(self, text: str) -> float:
        return max((factor for word, factor in self.multipliers if word in text), default=1.0)


def look_around(texts: Mapping[str, int]) -> Surroundings:
    """Collect what stands around the numbers of a column's distinct texts."""
    found, unknown = Surroundings(), Counter[str]()
    for text, count in texts.items():
        if _PLAIN.fullmatch(text):
            found.plain += count
        else:
            found.cells += count
            _look_around_one(same_characters(text), text, count, found, unknown)
    total = found.cells + found.plain
    plural = Counter[str]()
    for word, count in unknown.items():
        plural[word.casefold().rstrip("s")] += count
    common = [word for word in unknown if plural[word.casefold().rstrip("s")] >= _COMMON * total]
    _decide(found, common)
    return found


def _look_around_one(text: str, written: str, count: int, found: Surroundings, unknown: Counter[str]) -> None:
    runs = list(_RUN.finditer(text))
    if not runs:
        return
    rests = [text[: runs[0].start()], *(text[a.end() : b.start()] for a, b in pairwise(runs))]
    last = text[runs[-1].end() :]
    first = rests[0]
    if "(" in first and ")" in last:
        found.negative.setdefault("parentheses")
        first, last = first.replace("(", "", 1), last.replace(")", "", 1)
    first = first.replace("-", "", 1).replace("+", "", 1) if first.strip() not in ("+", "-") else ""
    if last.strip().endswith("-") and words_in(last) is None:
        found.negative.setdefault("trailing")
        last = last.strip()[:-1]
    if len(runs) == 1 and words_in(last) is None and (word := _ONE_WORD.fullmatch(last)) is not None:
        # Credit and debit of accounting are signs, not units.
        if words_in(first) is not None and word[1].upper() not in ("CR", "DR"):
            unknown[word[1]] += count
        return
    known = [words_in(part) for part in (first, *rests[1:], last)]
    if any(words is None for words in known):
        return
    # Several numbers in one cell are one quantity only if each has a unit.
    if len(runs) > 1 and not all(
        any(kind in ("time", "multiplier") for _, kind, _ in words or ()) for words in known[1:]
    ):
        return
    for words in known:
        for entry in words or ():
            found.words[entry] += count
            if entry[1] == "below":
                found.below[written] = _without(written, entry[0])


def _without(text: str, word: str) -> str:
    return re.sub(re.escape(word), "", text, count=1, flags=re.IGNORECASE).strip()


def _decide(found: Surroundings, common: list[str]) -> None:
    """Choose the unit and the multipliers among the words that were found."""
    kinds: dict[str, Counter[str | float]] = {}
    for (_, kind, meaning), count in found.words.items():
        kinds.setdefault(kind, Counter())[meaning] += count
    spelled = {
        kind: {(w, m) for w, k, m in found.words if k == kind} for kind in (*kinds, "time", "multiplier")
    }
    times = set(kinds.get("time", ()))
    letters = {(word, meaning) for word, meaning in spelled["time"] if word.casefold() == AMBIGUOUS}
    if letters and (spelled["multiplier"] or (times == {"months"} and any(w == "M" for w, _ in letters))):
        # 300k and 1.2m; 25M: millions.
        spelled["time"] -= letters
        spelled["multiplier"] |= {(word, 1e6) for word, _ in letters}
        times = {meaning for _, meaning in spelled["time"]}
    affixes = set(common) | {word for word, _ in spelled.get("relation", set()) | spelled.get("quote", set())}
    multipliers = {(word, float(factor)) for word, factor in spelled["multiplier"]}
    notes, unit = [], common[0] if common else None
    if len(times) == 1:
        affixes |= {word for word, _ in spelled["time"]}
        unit = str(next(iter(times)))
    elif times:
        factors = _MONTHS if times & _MONTHS.keys() else _DAYS
        multipliers |= {(word, factors[str(name)]) for word, name in spelled["time"] if name in factors}
        unit = "months" if factors is _MONTHS else "days"
        notes.append(
            f"years and months are converted to {unit}" if unit == "months" else "weeks are converted to days"
        )
    for kind, name in (("unit", "unit"), ("currency", "currency")):
        if kind in kinds:
            chosen, cells = kinds[kind].most_common(1)[0]
            affixes |= {word for word, meaning in spelled[kind] if meaning == chosen}
            unit = unit or str(chosen)
            others = [str(meaning) for meaning in kinds[kind] if meaning != chosen]
            if others:
                notes.append(f"cells with another {name} ({', '.join(others)}) are not converted")
            if kind == "unit" and cells < found.cells + found.plain:
                notes.append(f"{found.cells + found.plain - cells} cells have no {chosen} sign")
    if multipliers and found.plain and not times:
        notes.append(f"{found.plain} cells have no multiplier and are read as they are")
    found.affixes = _longest_first(affixes)
    found.multipliers = tuple(sorted(multipliers, key=lambda pair: (-pair[1], pair[0])))
    found.unit, found.notes = unit, tuple(notes)


def _longest_first(words: set[str]) -> tuple[str, ...]:
    # Words are matched in any case, single letters as they are.
    by_word = {word.casefold() if len(word) > 1 else word: word for word in sorted(words, reverse=True)}
    return tuple(sorted(by_word.values(), key=lambda word: (-len(word), word)))
