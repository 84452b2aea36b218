"""Which rows a model is trained on, validated on and evaluated on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np

from loan_default_assets.model.split_bounds import (
    ANY_PART,
    TRAIN,
    VALIDATION,
    VALIDATION_FROM,
    WINDOW,
    WINDOW_FROM,
    MaturedDays,
    SplitLimits,
    find_bounds,
)


@dataclass(frozen=True)
class Split:
    """Positions of rows, ascending; training, validation and window are matured and disjoint.

    Attributes:
        train: Rows to fit on.
        validation: Rows for early stopping, calibration and threshold.
        window: Rows of the evaluation window.
        immature: Rows whose label was not known by the cutoff: used for pretraining only.
        unlabelled: Rows without a label: used for pretraining only.
        excluded: Matured rows of a loan with several rows that belongs to another part: not used.
        window_from: First date of the window, inclusive; None without dates.
        window_to: Last date of the window, inclusive.
        trained_from: First date of training and validation rows, inclusive.
        trained_to: Last date of training and validation rows, inclusive.
        enough: Whether the window reaches its limits.
    """

    train: np.ndarray
    validation: np.ndarray
    window: np.ndarray
    immature: np.ndarray
    unlabelled: np.ndarray
    excluded: np.ndarray
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
    """Split rows in time, training before validation before window; without dates 64/16/20 by a hash of the loan id.

    The window is the newest 20 % of the matured rows in whole days, between `min_rows` and five times that, extended
    into the past for `min_positives`, at most 40 %. The validation rows are the newest 20 % of the rest, by hash
    where the rest is one day.

    No loan lies in two parts, as its rows have outcome and features in common: a loan with several matured rows may be
    in one part only, chosen 64/16/20 by the hash of its id, so that no later split moves it to another.

    Args:
        as_of: (n,) datetime64, NaT for a row without a date.
        loan_id: (n,) identifiers.
        label: (n,) 1 for a default, 0 for none, -1 for an outcome that is not known.
        label_observed_at: (n,) datetime64. A label counts when it was observed on or before the cutoff, or is NaT.
        cutoff: Data cutoff; None counts every label.
        limits: Size of the window.

    Raises:
        ValueError: Only some matured rows have dates.

    Examples:
        >>> days = np.datetime64("2026-01-01") + np.arange(10)
        >>> label = np.array([0, 1] * 5)
        >>> found = split(days, np.arange(10), label, days, date(2026, 1, 9), SplitLimits(2, 1))
        >>> found.train, found.validation, found.window, found.immature
        (array([0, 1, 2, 3, 4]), array([5, 6]), array([7, 8]), array([9]))
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
        excluded=np.setdiff1d(mature, np.concatenate([fitted, window]), assume_unique=True),
        window_from=window_from,
        window_to=window_to,
        trained_from=trained_from,
        trained_to=trained_to,
        enough=len(window) >= limits.min_rows and positives >= limits.min_positives,
    )


def _by_time(
    mature: np.ndarray, days: np.ndarray, label: np.ndarray, loan_id: np.ndarray, limits: SplitLimits
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    part, days = _part_of_loans(mature, loan_id), days[mature]
    bounds = find_bounds(MaturedDays.count(days, part, label[mature] == 1), limits)
    window = mature[(days >= bounds.window_from) & np.isin(part, (ANY_PART, WINDOW))]
    earlier = (days < bounds.window_from) & (part != WINDOW)
    rest, part = mature[earlier], part[earlier]
    if bounds.validation_from is None:
        validates = np.where(part == ANY_PART, _bucket(rest, loan_id) >= WINDOW_FROM, part == VALIDATION)
    else:
        validates = days[earlier] >= bounds.validation_from
    return rest[~validates & (part != VALIDATION)], rest[validates & (part != TRAIN)], window


def _part_of_loans(mature: np.ndarray, loan_id: np.ndarray) -> np.ndarray:
    """The only part that each row may be in, by the hash of its loan; any part for a loan with one row."""
    ids = loan_id[mature].tolist()
    counts = Counter(ids)
    part = np.full(len(mature), ANY_PART)
    repeated = np.array([counts[loan] > 1 for loan in ids], dtype=bool)
    bounds = (VALIDATION_FROM, WINDOW_FROM)
    part[repeated] = TRAIN + np.searchsorted(bounds, _bucket(mature[repeated], loan_id), side="right")
    return part


def _by_hash(mature: np.ndarray, loan_id: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bucket = _bucket(mature, loan_id)
    part = np.searchsorted((VALIDATION_FROM, WINDOW_FROM), bucket, side="right")
    return mature[part == 0], mature[part == 1], mature[part == 2]


def _bucket(rows: np.ndarray, loan_id: np.ndarray) -> np.ndarray:
    """0 to 99 by each row's loan id alone: independent of the machine and of the other rows."""
    digests = (hashlib.sha256(str(loan_id[row]).encode()).digest() for row in rows)
    return np.array([int.from_bytes(digest[:4], "big") % 100 for digest in digests], dtype=np.int64)


def _span(days: np.ndarray) -> tuple[date | None, date | None]:
    if not len(days) or np.isnat(days).all():
        return None, None
    return days.min().astype(object), days.max().astype(object)


def one_row_per_loan(loan_id: np.ndarray, label: np.ndarray, seed: int = 0) -> np.ndarray:
    """Choose at random one row per loan and outcome, for what takes rows to be independent of each other.

    Args:
        loan_id: (n,) identifiers.
        label: (n,) outcomes.
        seed: Seed of the choice.

    Returns:
        (m,) positions, ascending.

    Examples:
        >>> len(one_row_per_loan(np.array(["a", "a", "a", "b"]), np.array([0, 0, 1, 0])))
        3
    """
    order = np.random.default_rng(seed).permutation(len(loan_id))
    first = dict(zip(zip(loan_id[order].tolist(), label[order].tolist(), strict=True), order, strict=True))
    return np.sort(np.fromiter(first.values(), np.int64, len(first)))
