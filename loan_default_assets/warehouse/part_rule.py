"""The split of a training snapshot as SQL over `processed_data`: the rule of `model/splits.py`, for the database."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from psycopg2 import sql

# The bucket of a loan, 0 to 99, as model/splits.py computes it, and a row's fraction of 1. Both depend on the row's key
# alone, and not on each other.
_BUCKET = "('x' || left(encode(sha256(convert_to(loan_id, 'UTF8')), 'hex'), 8))::bit(32)::bigint % 100"
_FRACTION = (
    "('x' || left(encode(sha256(convert_to(partition_key || chr(31) || loan_id, 'UTF8')), 'hex'), 12))"
    "::bit(48)::bigint / 281474976710656.0::float8"
)


class SnapshotPart(IntEnum):
    """What a row is used for, in the numbers of `model/split_bounds.py` where that has one."""

    EXCLUDED = 0
    TRAINING = 1
    VALIDATION = 2
    WINDOW = 3
    IMMATURE = 4
    UNLABELLED = 5


@dataclass(frozen=True)
class PartRule:
    """How the matured rows are divided.

    Attributes:
        cutoff: Last day on which a label may have become known; None counts every label.
        buckets: First buckets of the loans that may be in the validation set, and of those that may be in the window.
        window_from: First day of the window; None without dates: the buckets decide alone.
        validation_from: First day of the validation set; None where the buckets decide.
    """

    cutoff: date | None
    buckets: tuple[int, int]
    window_from: date | None = None
    validation_from: date | None = None


def matured(rule: PartRule) -> sql.Composed:
    """Whether the outcome of a row is known by the cutoff."""
    return sql.SQL(
        "(label IS NOT NULL AND ({cutoff}::date IS NULL OR label_observed_at IS NULL OR label_observed_at <= {cutoff}))"
    ).format(cutoff=sql.Literal(rule.cutoff))


def restricted(rule: PartRule, *, dated: bool) -> sql.Composed:
    """The only part that a row's loan may be in; with dates, 0 for any part where the loan has one row.

    It needs the column `repeated`, true for loans with several matured rows.
    """
    by_bucket = sql.SQL("CASE WHEN {bucket} < {} THEN 1 WHEN {bucket} < {} THEN 2 ELSE 3 END").format(
        *map(sql.Literal, rule.buckets), bucket=sql.SQL(_BUCKET)
    )
    if not dated:
        return by_bucket
    return sql.SQL("CASE WHEN repeated THEN {} ELSE 0 END").format(by_bucket)


def part_number(rule: PartRule) -> sql.Composed:
    """The part of a row as a number of SnapshotPart; the rule of `model/splits.py`."""
    divided = restricted(rule, dated=False)
    if rule.window_from is not None:
        alone = sql.SQL("repeated IS NULL AND {} >= {}").format(
            sql.SQL(_BUCKET), sql.Literal(rule.buckets[1])
        )
        validates = (
            sql.SQL("({} OR {} = 2)").format(alone, restricted(rule, dated=True))
            if rule.validation_from is None
            else sql.SQL("as_of >= {}").format(sql.Literal(rule.validation_from))
        )
        divided = sql.SQL(
            "CASE WHEN as_of >= {window_from} THEN CASE WHEN {restricted} IN (0, 3) THEN 3 ELSE 0 END "
            "WHEN {restricted} = 3 THEN 0 "
            "WHEN {validates} THEN CASE WHEN {restricted} = 1 THEN 0 ELSE 2 END "
            "WHEN {restricted} = 2 THEN 0 ELSE 1 END"
        ).format(
            window_from=sql.Literal(rule.window_from),
            restricted=restricted(rule, dated=True),
            validates=validates,
        )
    return sql.SQL("CASE WHEN label IS NULL THEN 5 WHEN {} THEN {} ELSE 4 END").format(matured(rule), divided)


def chosen(share: float) -> sql.Composed:
    """Whether a row is among a share of all rows, by its key alone."""
    if share >= 1:
        return sql.Composed([sql.SQL("true")])
    return sql.SQL("{} < {}").format(sql.SQL(_FRACTION), sql.Literal(share))
