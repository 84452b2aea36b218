"""Pairs of features that tell the outcome together: their difference, sum, ratio, or the cell of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.leakage_evidence import UnivariateEvidence, univariate_evidence

SCREENED_ROWS, FEWEST_SCREENED_ROWS = 4_000, 400
# Rows times pairs that are screened: those of 100 features. Of more features, fewer rows are screened, in which a pair
# that decides the outcome is still the first.
SCREENED_CELLS = SCREENED_ROWS * 4_950
EXAMINED_PAIRS = 20
CELL_BINS = 8


@dataclass(frozen=True)
class PairEvidence:
    """What two features tell together.

    Attributes:
        features: Their positions.
        combination: Difference, sum, ratio or cell.
        evidence: That of the combination as one feature.
    """

    features: tuple[int, int]
    combination: str
    evidence: UnivariateEvidence


def discriminating_pairs(
    table: np.ndarray,
    numerical: int,
    features: Sequence[int],
    outcome: np.ndarray,
    fold: np.ndarray,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[PairEvidence]:
    """The pairs that discriminate most, the best first, examined on all rows.

    Args:
        table: (n, N + C) numerical features with NaN, then codes.
        numerical: N.
        features: Positions of the features to pair.
        outcome: (n,) bool, True for a default.
        fold: (n,) fold of each row.
        progress: Receives how many of the features are paired with all others, and how many there are.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> due, outcome = rng.normal(size=600), np.arange(600) % 3 == 0
        >>> table = np.stack([due, np.where(outcome, due - 1, due)], 1)
        >>> [best] = discriminating_pairs(table, 2, (0, 1), outcome, np.arange(600) // 3 % 3)
        >>> best.combination, best.evidence.roc_auc
        ('difference', 1.0)
    """
    rng = np.random.default_rng(0)
    # In random order: ties are ranked in the order of the rows.
    some = rng.permutation(len(outcome))
    pairs = len(features) * (len(features) - 1) // 2
    most = min(max(SCREENED_CELLS // max(pairs, 1), FEWEST_SCREENED_ROWS), SCREENED_ROWS)
    if len(some) > most:
        defaults = some[outcome[some]][: most // 2]
        some = rng.permutation(np.append(defaults, some[~outcome[some]][: most - len(defaults)]))
    sample, result = table[some], outcome[some]
    medians = np.nan_to_num(np.nanmedian(np.where(np.isnan(sample).all(0), 0.0, sample), axis=0))
    filled = np.where(np.isnan(sample), medians, sample).astype(np.float64)
    cells = {feature: _cells(sample[:, feature]) for feature in features}
    half_rows = rng.random(len(some)) < 0.5

    screened = []
    for position, (one, other) in _pairs(features):
        if other == features[position + 1]:
            progress(position, len(features))
        if max(one, other) < numerical:
            for combination, values in _combine(filled[:, one], filled[:, other]):
                screened.append((_quick_auc(values, result), (one, other), combination))
            equal = filled[:, one] == filled[:, other]
            if 0.05 < equal.mean() < 0.95:
                screened.append((_quick_auc(equal, result) + 0.2, (one, other), "difference"))
        code = cells[one] * (CELL_BINS + 2) + cells[other]
        screened.append((_cell_auc(code, result, half_rows), (one, other), "cell"))
    screened.sort(key=lambda entry: -entry[0])

    found: dict[tuple[int, int], PairEvidence] = {}
    for _, pair, combination in screened[:EXAMINED_PAIRS]:
        evidence = _examine(table, pair, combination, outcome, fold)
        best = found.get(pair)
        if best is None or (evidence.decided_share, evidence.roc_auc) > (
            best.evidence.decided_share,
            best.evidence.roc_auc,
        ):
            found[pair] = PairEvidence(pair, combination, evidence)
    return sorted(found.values(), key=lambda entry: -entry.evidence.roc_auc)


def _pairs(features: Sequence[int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Every pair once, with the position of its first feature."""
    for position, one in enumerate(features):
        for other in features[position + 1 :]:
            yield position, (one, other)


def _examine(
    table: np.ndarray, pair: tuple[int, int], combination: str, outcome: np.ndarray, fold: np.ndarray
) -> UnivariateEvidence:
    one, other = (table[:, feature].astype(np.float64) for feature in pair)
    if combination == "cell":
        return univariate_evidence(
            (_cells(one) * (CELL_BINS + 2) + _cells(other)).astype(np.float64), outcome, fold
        )
    return univariate_evidence(dict(_combine(one, other))[combination], outcome, fold)


def _combine(one: np.ndarray, other: np.ndarray) -> list[tuple[str, np.ndarray]]:
    with np.errstate(all="ignore"):
        ratio = np.where(other != 0, one / other, np.nan)
    return [("difference", one - other), ("sum", one + other), ("ratio", ratio)]


def _cells(values: np.ndarray) -> np.ndarray:
    """Bin of each row for the cell of a pair: missing 0, then quantile bins, a frequent value in one of them."""
    missing = np.isnan(values)
    distinct = np.unique(values[~missing])
    if len(distinct) > CELL_BINS:
        distinct = np.unique(np.quantile(values[~missing], np.linspace(0, 1, CELL_BINS + 1)[:-1]))
    return np.where(missing, 0, np.searchsorted(distinct, values, side="right").clip(1, CELL_BINS + 1))


def _quick_auc(values: np.ndarray, outcome: np.ndarray) -> float:
    """ROC-AUC of values or of their negative, ties in the order of the rows."""
    order = np.argsort(np.nan_to_num(values, nan=0.0), kind="stable")
    rank = np.empty(len(values))
    rank[order] = np.arange(len(values))
    defaults = int(outcome.sum())
    area = (rank[outcome].sum() - defaults * (defaults - 1) / 2) / (defaults * (len(values) - defaults))
    return max(area, 1 - area)


def _cell_auc(code: np.ndarray, outcome: np.ndarray, fitted: np.ndarray) -> float:
    """ROC-AUC on the other half of the rows, scored by the default rate of the cell in the fitted half."""
    count = np.bincount(code[fitted], minlength=(CELL_BINS + 2) ** 2)
    defaults = np.bincount(code[fitted], weights=outcome[fitted], minlength=len(count))
    rate = (defaults + outcome.mean()) / (count + 1)
    held = outcome[~fitted]
    if held.all() or not held.any():
        return 0.5
    return _quick_auc(rate[code[~fitted]], held)
