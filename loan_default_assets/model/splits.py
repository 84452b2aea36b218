"""Which rows a model may learn from, stop on, and be judged on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np

WINDOW_SHARE = 0.20
WINDOW_CEILING = 0.40
VALIDATION_SHARE = 0.20


@dataclass(frozen=True)
class SplitLimits:
    """What a window needs before it may judge: rows with a matured label, and defaults among them."""

    min_rows: int = 1000
    min_positives: int = 100


@dataclass(frozen=True)
class Split:
    """Positions of rows, ascending. The first three are matured and disjoint; dates are inclusive.

    `immature` rows carry a label that was not known at the clock, `unlabelled` ones carry none: both may be
    pretrained on, never trained or judged on. `trained_from` and `trained_to` span training and validation.
    """

    train: np.ndarray
    validation: np.ndarray
    window: np.ndarray
    immature: np.ndarray
    unlabelled: np.ndarray
    window_from: date | None
    window_to: date | None
    trained_from: date | None
    trained_to: date | None
    enough: bool


def split(
    as_of: np.ndarray,
    loan_id: np.ndarray,
    label: np.ndarray,
    label_observed_at: np.ndarray,
    cutoff: date | None,
    limits: SplitLimits = SplitLimits(),
) -> Split:
    """Train < validation < window in time when rows have dates, otherwise 64/16/20 by a hash of the loan id.

    `as_of`, `label_observed_at`: (n,) datetime64 with NaT; `label`: (n,) with -1 for none. A label counts when it was
    observed on or before `clock`, or has no such date. The window is the newest 20 % of the matured rows in whole
    days, between `min_rows` and five times that, further back for `min_positives`, at most 40 %; the validation rows
    are the newest 20 % of the rest, by hash where the rest is one day. Raises ValueError when only some matured rows
    have dates.
    """
    labelled = label >= 0
    known = np.isnat(label_observed_at)
    if cutoff is None:
        known[:] = True
    else:
        known |= label_observed_at.astype("datetime64[D]") <= np.datetime64(cutoff, "D")
    mature = np.flatnonzero(labelled & known)
    days = as_of.astype("datetime64[D]")
    undated = np.isnat(days[mature])
    if undated.any() and not undated.all():
        raise ValueError(
            f"as_of: {int(undated.sum())} of {len(mature)} matured rows have no date; give all of them one, or none"
        )
    if len(mature) and not undated.any():
        train, validation, window = _by_time(mature, days, label, loan_id, limits)
    else:
        train, validation, window = _by_hash(mature, loan_id)
    fitted = np.concatenate([train, validation])
    window_from, window_to = _span(days[window])
    trained_from, trained_to = _span(days[fitted])
    positives = int((label[window] == 1).sum())
    return Split(
        train=train,
        validation=validation,
        window=window,
        immature=np.flatnonzero(labelled & ~known),
        unlabelled=np.flatnonzero(~labelled),
        window_from=window_from,
        window_to=window_to,
        trained_from=trained_from,
        trained_to=trained_to,
        enough=len(window) >= limits.min_rows and positives >= limits.min_positives,
    )


def _by_time(
    mature: np.ndarray, days: np.ndarray, label: np.ndarray, loan_id: np.ndarray, limits: SplitLimits
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    share = int(len(mature) * WINDOW_SHARE)
    wanted = min(max(share, limits.min_rows), 5 * limits.min_rows)
    ceiling = int(len(mature) * WINDOW_CEILING)
    start = _newest(days[mature], label[mature] == 1, wanted, limits.min_positives, ceiling)
    rest = mature[days[mature] < start]
    window = mature[days[mature] >= start]
    if not len(rest):
        return rest, rest, window
    inner = _newest(days[rest], label[rest] == 1, int(len(rest) * VALIDATION_SHARE), 1, len(rest) // 2)
    if (days[rest] < inner).all():
        bucket = _bucket(rest, loan_id)
        return rest[bucket < 80], rest[bucket >= 80], window
    return rest[days[rest] < inner], rest[days[rest] >= inner], window


def _newest(days: np.ndarray, positive: np.ndarray, rows: int, positives: int, ceiling: int) -> np.datetime64:
    """First of the newest whole days that reach `rows` and `positives`; as many as fit under `ceiling`."""
    day, position, count = np.unique(days, return_inverse=True, return_counts=True)
    newest_rows = count[::-1].cumsum()
    newest_positives = np.bincount(position, weights=positive)[::-1].cumsum()
    reached = np.flatnonzero((newest_rows >= rows) & (newest_positives >= positives))
    wanted = int(reached[0]) + 1 if len(reached) else len(day)
    taken = min(wanted, int((newest_rows <= ceiling).sum()))
    return day[len(day) - taken] if taken else day[-1] + np.timedelta64(1, "D")


def _by_hash(mature: np.ndarray, loan_id: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bucket = _bucket(mature, loan_id)
    return mature[bucket < 64], mature[(bucket >= 64) & (bucket < 80)], mature[bucket >= 80]


def _bucket(rows: np.ndarray, loan_id: np.ndarray) -> np.ndarray:
    """0..99 of each row's loan id, the same on every machine and whatever the other rows are."""
    digests = (hashlib.sha256(str(loan_id[row]).encode()).digest() for row in rows)
    return np.array([int.from_bytes(digest[:4], "big") % 100 for digest in digests], dtype=np.int64)


def _span(days: np.ndarray) -> tuple[date | None, date | None]:
    if not len(days) or np.isnat(days).all():
        return None, None
    return days.min().astype(object), days.max().astype(object)
