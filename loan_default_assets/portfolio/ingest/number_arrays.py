"""Many numbers at once: distinct texts read by Arrow where it can, and one by one where it cannot."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loan_default_assets.portfolio.ingest.missing_values import MissingValues
from loan_default_assets.portfolio.ingest.number_parsing import NumberFormat, parse_number

_PLAIN_DECIMAL = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_PLAIN_WHOLE = r"^[+-]?[0-9]+$"
# From so many distinct texts on they are read by Arrow.
_MANY = 100


def parse_numbers(
    texts: Sequence[str | None] | pa.Array, number_format: NumberFormat, missing: MissingValues
) -> tuple[np.ndarray, list[int]]:
    """The numbers in distinct texts.

    Args:
        texts: Cells; None is missing.
        number_format: How they are written.
        missing: Texts and numbers that are missing.

    Returns:
        Float64 numbers, NaN for a missing cell and for one that is not a number; and the positions of the latter.
    """
    cells = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    trimmed = pc.utf8_trim_whitespace(cells)
    plain = _PLAIN_DECIMAL if number_format.decimal == "." != number_format.thousands else _PLAIN_WHOLE
    is_plain = pc.match_substring_regex(trimmed, plain).fill_null(False)
    numbers = pc.if_else(is_plain, trimmed, None).cast(pa.float64())
    values = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
    others = np.flatnonzero(pc.and_not(trimmed.is_valid(), is_plain).to_numpy(zero_copy_only=False))
    if len(others) > _MANY and number_format.is_affixed:
        values[others] = _affixed(trimmed.take(pa.array(others)), number_format)
        others = others[np.isnan(values[others])]
    bad = []
    for index, text in zip(others.tolist(), trimmed.take(pa.array(others)).to_pylist(), strict=True):
        if missing.has(text):
            continue
        value = parse_number(text, number_format)
        if value is None:
            bad.append(index)
        else:
            values[index] = value
    if missing.texts:
        listed = pc.is_in(pc.utf8_lower(trimmed), pa.array(sorted(missing.texts), pa.string()))
        values[listed.to_numpy(zero_copy_only=False)] = np.nan
    return without_missing(values, missing), bad


def _affixed(texts: pa.Array, number_format: NumberFormat) -> np.ndarray:
    """The numbers in texts of the usual form, NaN for the others: what `parse_number` gives, for many at once."""
    parts = pc.extract_regex(texts, number_format.affixed_pattern)
    marks = pc.binary_join_element_wise(parts.field("first"), parts.field("second"), "")
    digits = parts.field("number")
    if number_format.thousands:
        digits = pc.replace_substring(digits, number_format.thousands, "")
    digits = pc.replace_substring(digits, number_format.decimal, ".")
    one_mark = pc.less(pc.binary_length(marks), 2)
    numbers = pc.if_else(pc.and_(parts.is_valid(), one_mark), digits, None).cast(pa.float64())
    values = np.array(numbers.to_numpy(zero_copy_only=False), np.float64)
    negative = pc.equal(marks, "-").fill_null(False).to_numpy(zero_copy_only=False)
    return np.where(negative, -values, values)


def without_missing(values: np.ndarray, missing: MissingValues) -> np.ndarray:
    """The numbers with NaN in place of those that are listed as missing."""
    absent = np.zeros(len(values), bool)
    for number in missing.numbers:
        absent |= values == number
    return np.where(absent, np.nan, values) if absent.any() else values
