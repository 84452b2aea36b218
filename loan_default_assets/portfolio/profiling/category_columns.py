"""Columns of texts: a category of the values that are frequent enough, ordered bands, or no feature at all."""

import re
from collections.abc import Mapping
from typing import Any

from loan_default_assets.portfolio.ingest.missing_values import (
    DEFAULT_MARKS,
    is_usual_missing,
    propose_missing,
)
from loan_default_assets.portfolio.profiling.band_values import (
    MOST_BANDS,
    bands_as_categories,
    bands_as_numbers,
    ordered_bands,
    with_neighbours,
)
from loan_default_assets.portfolio.profiling.code_columns import MOST_CATEGORIES, MOSTLY_DISTINCT
from loan_default_assets.portfolio.profiling.column_profiles import MOST_VALUES, ColumnProfile
from loan_default_assets.portfolio.profiling.column_role import ColumnRole

_FREE_TEXT_WORDS, _FREE_TEXT_SHARE = 4, 0.2
_CATEGORY_CAP, _ROWS_PER_CATEGORY, _MOST_UNKNOWN = 1000, 20, 0.7

# 1,200.00 CR, $5 or 7 pcs, but no code such as 00100, 12-34 or 0x1F.
_NUMBER_LIKE = re.compile(r"[^\w\s]{0,3}\s?\d+(?:[.,]\d+)*(?:$|\s)")


def category_role(
    source_name: str, name: str, profile: ColumnProfile, present: Mapping[str, int]
) -> ColumnRole:
    """Decide what a column of texts becomes.

    Args:
        source_name: Its name as read from the file.
        name: Its name in the portfolio.
        profile: Its cells.
        present: Number of cells per text that is no usual spelling of a missing value.
    """
    marks = [mark for mark in propose_missing(profile.counts) if mark not in DEFAULT_MARKS]
    folded = {mark.casefold() for mark in marks}
    # "none" may be a value of its own, although it is a usual spelling of a missing one.
    values = {
        text: count
        for text, count in profile.counts.items()
        if text in present or (is_usual_missing(text) and text.casefold() not in folded)
    }
    total = sum(values.values())
    distinct = len(values) if profile.complete else max(len(values), int(MOSTLY_DISTINCT * total) + 1)
    many_words = sum(
        n for text, n in values.items() if len(text.split()) > _FREE_TEXT_WORDS or len(text) > 60
    )
    differ = distinct > _FREE_TEXT_SHARE * total and (distinct > 20 or distinct > MOSTLY_DISTINCT * total)
    if differ and many_words > 0.3 * total:
        return ColumnRole(source_name, name, "ignored", reason="free text")
    if not profile.complete:
        return ColumnRole(
            source_name, name, "ignored", reason=f"text of more than {MOST_VALUES:,} different values"
        )
    if distinct > max(20, MOSTLY_DISTINCT * total):
        like = _number_like(values)
        note = f"; {like:,} begin like numbers, in a way that is not read" if like else ""
        return ColumnRole(
            source_name,
            name,
            "ignored",
            reason=f"text whose values hardly repeat ({distinct:,} different){note}",
        )
    remarks = []
    kept = _frequent(values)
    if len(kept) < distinct:
        share = 1 - sum(kept.values()) / total
        if share > _MOST_UNKNOWN:
            return ColumnRole(
                source_name, name, "ignored", reason=f"text of many rare values ({distinct:,} different)"
            )
        remarks.append(
            f"the {len(kept)} most frequent of {distinct:,} values; the others ({100 * share:.1f} % of rows) are the "
            "unknown category"
        )
    if like := _number_like(values):
        remarks.append(
            f"could also be numbers, in a way that is not read: {like} of {len(values)} values begin so"
        )
    bands = ordered_bands(kept)
    if bands and len(bands) == distinct and len(bands) > MOST_BANDS:
        given: dict[str, Any] = {"replace": with_neighbours(bands)} | ({"missing": marks} if marks else {})
        return ColumnRole(
            source_name,
            name,
            "feature",
            "number",
            given | {"nullable": True},
            remarks=(bands_as_numbers(bands),),
        )
    if bands:
        remarks.append(bands_as_categories(bands))
    ordered = list(bands or sorted(kept, key=_numeric_first))
    keys: dict[str, Any] = {"values": [as_code(value) for value in ordered]}
    keys |= {"missing": [as_code(mark) for mark in marks]} if marks else {}
    return ColumnRole(
        source_name, name, "feature", "category", keys | {"nullable": True}, remarks=tuple(remarks)
    )


def _number_like(values: Mapping[str, int]) -> int:
    """How many of many values begin like a number and end in words: amounts and quantities in no known writing."""
    like = [text for text in values if not text.isdecimal() and _NUMBER_LIKE.match(text)]
    return len(like) if len(values) > 20 and len(like) > 0.9 * len(values) else 0


def _frequent(values: Mapping[str, int]) -> dict[str, int]:
    """The values to keep: the 200 most frequent, and those of at least 20 rows, up to 1,000."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    return {
        value: count
        for rank, (value, count) in enumerate(ordered[:_CATEGORY_CAP])
        if rank < MOST_CATEGORIES or count >= _ROWS_PER_CATEGORY
    }


def _numeric_first(text: str) -> tuple[bool, float, str]:
    number = float(text) if re.fullmatch(r"-?\d{1,15}(?:\.\d+)?", text, re.ASCII) else None
    return number is None, number or 0.0, text


def as_code(text: str) -> str | int:
    """A value as it is written into a portfolio: codes without leading zeros as YAML integers, for easy reading."""
    return int(text) if re.fullmatch(r"-?(?:0|[1-9]\d{0,8})", text, re.ASCII) and text != "-0" else text
