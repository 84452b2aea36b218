"""What one feature alone tells about the outcome: ROC-AUC, information value, and values that decide it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

QUANTILE_BINS = 20
_QUANTILES = np.linspace(0, 1, QUANTILE_BINS + 1)[1:-1]
# A value of at least this share of the rows, and of at least this many, is a bin of its own.
POINT_MASS_SHARE = 0.01
POINT_MASS_ROWS = 20
# A bin decides the outcome when its log-odds differ from those of the other rows by this much at least (lower bound),
# and it either holds defaults almost only, and a share of all of them, or almost no default and a share of the others.
DECIDING_LOG_ODDS = 3.0
PURITY = 0.95
SHARE_OF_DEFAULTS = 0.1
SHARE_OF_OTHERS = 0.15
DEFAULTS_AMONG_OTHERS = 0.02
# 1 in 1,000, one-sided: tens of features are examined at once.
Z = 3.09


@dataclass(frozen=True)
class UnivariateEvidence:
    """What one feature alone tells about the outcome.

    Attributes:
        roc_auc: ROC-AUC of the feature alone, at least that of its bins' default rates, out of fold.
        roc_auc_low: Lower bound of it, so that one of 1,000 features without information exceeds 0.5.
        information_value: Information value over the bins, a missing value in a bin of its own.
        decided_share: Share of the rows in which presence or a single value decides the outcome.
        marker_roc_auc: ROC-AUC of presence, of the most frequent value against all others, or of the codes of high
            default rates against all others.
    """

    roc_auc: float
    roc_auc_low: float
    information_value: float
    decided_share: float
    marker_roc_auc: float


def univariate_evidence(
    values: np.ndarray,
    outcome: np.ndarray,
    fold: np.ndarray,
    other_weight: float = 1.0,
    *,
    codes: bool = False,
) -> UnivariateEvidence:
    """Examine one feature alone.

    Codes of a category have no order: what they tell is the default rate of each code among the rows of other folds,
    shrunk towards the overall rate (Micci-Barreca 2001), and rows of high rates count as a single value does.

    Args:
        values: (n,) values or codes, NaN for a missing one.
        outcome: (n,) bool, True for a default.
        fold: (n,) fold of each row, each with the same default rate: a bin's default rate is that of other folds.
        other_weight: Loans that a row without default stands for, where they were sampled.
        codes: Whether the values are codes of a category.

    Examples:
        >>> outcome = np.arange(400) % 4 == 0
        >>> recovered = np.where(outcome & (np.arange(400) % 8 == 0), 1.0, 0.0)
        >>> found = univariate_evidence(recovered, outcome, np.arange(400) // 4 % 2)
        >>> found.roc_auc, found.decided_share
        (0.75, 0.125)
    """
    position, masses = _bins(values)
    marked = [position == mass for mass in masses]
    marked += [position != mass for mass in _markers(position, masses)]
    split = [position == mass for mass in _markers(position, masses)]
    if codes:
        rates = _out_of_fold_rates(np.unique(values, return_inverse=True)[1], outcome, fold)
        scores = [rates]
        # Bins of codes with like rates: a bin per code would make an information value of chance.
        position, _ = _bins(rates)
        tails = [rates >= edge for edge in np.unique(np.quantile(rates, _QUANTILES))]
        marked += [*tails, *(~tail for tail in tails)]
        split += tails
    else:
        scores = [_ranked(values), _ranked(-values), _out_of_fold_rates(position, outcome, fold)]
    found = [auc_with_error(outcome, score) for score in scores]
    auc, error = max(found, key=lambda pair: pair[0])
    size = int(position.max()) + 1
    defaults = np.bincount(position, weights=outcome, minlength=size)
    others = np.bincount(position, weights=~outcome, minlength=size)
    return UnivariateEvidence(
        auc,
        auc - Z * error,
        _information_value(defaults, others),
        _decided_share(marked, outcome, other_weight),
        _marker_auc(split, outcome),
    )


def filled_rows(values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Rows in which a feature says something: those with a value, and those with another than the most frequent one.

    Args:
        values: (n,) values or codes, NaN for a missing one.

    Returns:
        A phrase and (n,) bool per part that is neither nearly empty nor nearly all rows.

    Examples:
        >>> [(phrase, int(rows.sum())) for phrase, rows in filled_rows(np.array([np.nan] * 30 + [1.0, 2.0] * 20))]
        [('where it is present', 40)]
    """
    position, masses = _bins(values)
    phrases = {0: "where it is present"}
    parts = [
        (phrases.get(mass, "where it differs from its most frequent value"), position != mass)
        for mass in sorted(_markers(position, masses))
    ]
    return [(phrase, rows) for phrase, rows in parts if 0.01 < rows.mean() < 0.95]


def auc_with_error(outcome: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """ROC-AUC and its standard error by DeLong's method.

    Args:
        outcome: (n,) bool, both classes present.
        score: (n,) finite scores on any scale.

    Examples:
        >>> auc_with_error(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.3, 0.4]))
        (1.0, 0.0)
    """
    of_defaults, of_others = placements(outcome, score)
    error = math.sqrt(_mean_variance(of_defaults) + _mean_variance(of_others))
    return float(of_defaults.mean()), error


def fall_with_error(outcome: np.ndarray, before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Fall in ROC-AUC from one score to another on the same rows, and its standard error by DeLong's method.

    Examples:
        >>> outcome = np.array([False, False, True, True])
        >>> fall_with_error(outcome, np.array([1, 2, 3, 4]), np.array([1, 1, 1, 1]))
        (0.5, 0.0)
    """
    first, second = placements(outcome, before), placements(outcome, after)
    differences = [one - other for one, other in zip(first, second, strict=True)]
    return float(differences[0].mean()), math.sqrt(sum(_mean_variance(part) for part in differences))


def placements(outcome: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of non-defaults below each default, and of defaults above each non-default, ties counted half.

    Examples:
        >>> placements(np.array([False, True]), np.array([0.0, 1.0]))
        (array([1.]), array([1.]))
    """
    defaults, others = score[outcome], score[~outcome]
    sorted_defaults, sorted_others = np.sort(defaults), np.sort(others)
    below = np.searchsorted(sorted_others, defaults, "left") + np.searchsorted(
        sorted_others, defaults, "right"
    )
    above = np.searchsorted(sorted_defaults, others, "left") + np.searchsorted(
        sorted_defaults, others, "right"
    )
    return below / (2 * len(others)), 1 - above / (2 * len(defaults))


def _mean_variance(values: np.ndarray) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.25


def _ranked(values: np.ndarray) -> np.ndarray:
    """The values as finite scores, missing ones in the middle."""
    missing = np.isnan(values)
    if missing.all():
        return np.zeros(len(values))
    return np.where(missing, np.median(values[~missing]), values)


def _bins(values: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Bin of each row, missing values in bin 0, and the bins that hold a single value."""
    missing = np.isnan(values)
    present = values[~missing]
    if not len(present):
        return np.zeros(len(values), np.int64), [0]
    distinct, count = np.unique(present, return_counts=True)
    frequent = distinct[count >= max(POINT_MASS_ROWS, POINT_MASS_SHARE * len(values))]
    rare = present[~np.isin(present, frequent)]
    edges = np.zeros(0)
    if len(rare):
        edges = np.unique(np.quantile(rare, _QUANTILES))
    position = 1 + len(frequent) + np.searchsorted(edges, values)
    place = np.searchsorted(frequent, values).clip(0, max(len(frequent) - 1, 0))
    if len(frequent):
        position = np.where(frequent[place] == values, 1 + place, position)
    position[missing] = 0
    return position, [*([0] if missing.any() else []), *range(1, 1 + len(frequent))]


def _out_of_fold_rates(position: np.ndarray, outcome: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Default rate of each row's bin among the rows of other folds, shrunk towards the overall rate."""
    size = int(position.max()) + 1
    score = np.empty(len(position))
    for k in np.unique(fold):
        held = fold == k
        count = np.bincount(position[~held], minlength=size)
        defaults = np.bincount(position[~held], weights=outcome[~held], minlength=size)
        # Few rows may all be of one fold.
        overall = outcome[~held].mean() if not held.all() else outcome.mean()
        rate = (defaults + 5 * overall) / (count + 5)
        score[held] = rate[position[held]]
    return score


def _information_value(defaults: np.ndarray, others: np.ndarray) -> float:
    used = (defaults + others) > 0
    bad = (defaults[used] + 0.5) / (defaults.sum() + 0.5 * used.sum())
    good = (others[used] + 0.5) / (others.sum() + 0.5 * used.sum())
    return float(((bad - good) * np.log(bad / good)).sum())


def _decided_share(parts: Sequence[np.ndarray], outcome: np.ndarray, other_weight: float) -> float:
    """Share of rows in the parts (n,) that decide the outcome."""
    decided = np.zeros(len(outcome), bool)
    for inside in parts:
        if _decides(outcome, inside, other_weight):
            decided |= inside
    return float(decided.mean())


def _marker_auc(parts: Sequence[np.ndarray], outcome: np.ndarray) -> float:
    """The highest ROC-AUC of a part (n,) against all other rows."""
    areas = (0.5 + abs(inside[outcome].mean() - inside[~outcome].mean()) / 2 for inside in parts)
    return float(max(areas, default=0.5))


def _markers(position: np.ndarray, masses: list[int]) -> set[int]:
    """The bins whose rows are compared with all others: the missing values and the most frequent value."""
    if not masses:
        return set()
    return {max(masses, key=lambda mass: int((position == mass).sum())), 0} & set(masses)


def _decides(outcome: np.ndarray, inside: np.ndarray, other_weight: float) -> bool:
    defaults, others = int((outcome & inside).sum()), int((~outcome & inside).sum())
    all_defaults, all_others = int(outcome.sum()), int((~outcome).sum())
    if defaults + others < POINT_MASS_ROWS or defaults + others == len(outcome):
        return False
    cells = [n + 0.5 for n in (defaults, others, all_defaults - defaults, all_others - others)]
    log_odds = math.log(cells[0] / cells[1]) - math.log(cells[2] / cells[3])
    error = math.sqrt(sum(1 / n for n in cells))
    if abs(log_odds) - 1.645 * error < DECIDING_LOG_ODDS:
        return False
    if log_odds > 0:
        pure = defaults >= PURITY * (defaults + others * other_weight)
        return pure and defaults >= SHARE_OF_DEFAULTS * all_defaults
    return defaults <= DEFAULTS_AMONG_OTHERS * all_defaults and others >= SHARE_OF_OTHERS * all_others
