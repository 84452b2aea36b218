"""Discrimination and calibration of scores, each metric with its bootstrap interval; differences of two models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.auc_interval import auc_difference_interval
from loan_default_assets.model.biased_intervals import ece_interval_of_resamples, ks_interval_of_resamples
from loan_default_assets.model.count_intervals import f1_difference_interval, intervals_of_counts

# Names of all metrics, in the order in which they are shown.
METRICS = ("f1", "precision", "recall", "accuracy", "roc_auc", "pr_auc", "ks", "brier", "ece")
ECE_BINS = 15
# With fewer rows of a class, intervals by resampled rows miss the true figure too often;
# docs/decisions/roc-auc-of-few-defaults.md.
FEW_OF_A_CLASS = 100
RESAMPLED_CELLS_PER_BLOCK = 2_000_000


@dataclass(frozen=True)
class Metrics:
    """Metrics of the default class; one that the rows do not define, as ROC-AUC with one class, is NaN.

    Attributes:
        values: One value per name of METRICS.
        intervals: Their 95 % intervals; empty without a bootstrap.
        resampled_auc_low: Lower bound of ROC-AUC by resampled rows, also where that of `intervals` is another one.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    resampled_auc_low: float = float("nan")


@dataclass(frozen=True)
class PairedDifferences:
    """Candidate minus champion on the same rows: differences of F1 and ROC-AUC with their 95 % intervals."""

    df1: float
    dauc: float
    df1_low: float
    df1_high: float
    dauc_low: float
    dauc_high: float


def evaluate(
    label: np.ndarray, probability: np.ndarray, threshold: float, *, bootstrap: int = 500, seed: int = 0
) -> Metrics:
    """Compute all metrics.

    Args:
        label: (n,) 0 or 1.
        probability: (n,) probabilities of default.
        threshold: Probability from which a default is predicted.
        bootstrap: Resamples of the rows whose percentiles are the intervals; 0 for no intervals. Those of KS and ECE
            are corrected (`model/biased_intervals.py`). Where a class has fewer than 100 rows, those of all metrics but
            Brier score and ECE are `intervals_of_counts`.
        seed: Seed of the resamples.

    Raises:
        ValueError: There are no rows, a label is not 0 or 1, or a probability is not finite.

    Examples:
        >>> metrics = evaluate(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 0.5)
        >>> metrics.values["f1"], metrics.values["roc_auc"]
        (0.5, 0.75)
        >>> low, high = metrics.intervals["roc_auc"]
        >>> round(low, 3), round(high, 3)
        (0.227, 0.967)
    """
    ranked = _RankedScores(label, probability, threshold)
    values = {name: float(value[0]) for name, value in ranked.metrics(np.ones((1, len(label)))).items()}
    drawn = [ranked.metrics(weights) for weights in _resamples(len(label), bootstrap, seed)]
    if not drawn:
        return Metrics(values, {})
    resampled = {name: np.concatenate([part[name] for part in drawn]) for name in values}
    intervals = {name: _interval(sample) for name, sample in resampled.items()}
    resampled_low = intervals["roc_auc"][0]
    intervals["ks"] = ks_interval_of_resamples(label, probability, values["ks"], resampled["ks"])
    intervals["ece"] = ece_interval_of_resamples(probability, values["ece"], resampled["ece"], ECE_BINS, seed)
    if _few_of_a_class(label):
        intervals |= intervals_of_counts(values, label == 1, probability >= threshold)
    return Metrics(values, intervals, resampled_low)


def roc_auc(label: np.ndarray, score: np.ndarray) -> float:
    """Probability that a default scores above a loan without default, ties counted half.

    Args:
        label: (n,) 0 or 1.
        score: (n,) scores on any scale.

    Returns:
        ROC-AUC; NaN with one class.

    Raises:
        ValueError: There are no rows, a label is not 0 or 1, or a score is not finite.

    Examples:
        >>> roc_auc(np.array([0, 0, 1]), np.array([-2.0, 1.0, 1.0]))
        0.75
    """
    ranked = _RankedScores(label, np.asarray(score, dtype=np.float64), 0.0)
    return float(ranked.auc(np.ones((1, len(label))))[0])


def paired_differences(
    label: np.ndarray,
    candidate: np.ndarray,
    candidate_threshold: float,
    champion: np.ndarray,
    champion_threshold: float,
    *,
    bootstrap: int = 500,
    seed: int = 0,
) -> PairedDifferences:
    """Differences of F1 and ROC-AUC, with both models resampled on the same rows.

    Where a class has fewer than 100 rows, the intervals are those of `f1_difference_interval` and
    `auc_difference_interval`.

    Args:
        label: (n,) 0 or 1.
        candidate: (n,) probabilities of the candidate.
        candidate_threshold: Threshold of the candidate.
        champion: (n,) probabilities of the champion.
        champion_threshold: Threshold of the champion.
        bootstrap: Resamples of the rows.
        seed: Seed of the resamples.

    Raises:
        ValueError: There are no rows, a label is not 0 or 1, or a probability is not finite.

    Examples:
        >>> label, better, worse = np.array([0, 1] * 50), np.array([0.1, 0.9] * 50), np.array([0.6, 0.4] * 50)
        >>> found = paired_differences(label, better, 0.5, worse, 0.5)
        >>> found.df1, found.dauc, found.dauc_low
        (1.0, 1.0, 1.0)
    """
    left = _RankedScores(label, candidate, candidate_threshold)
    right = _RankedScores(label, champion, champion_threshold)

    def figures(weights: np.ndarray) -> np.ndarray:
        """F1 of both, and the difference in ROC-AUC, each of R resamples: (3, R)."""
        return np.stack([left.f1(weights), right.f1(weights), left.auc(weights) - right.auc(weights)])

    one, other, dauc = figures(np.ones((1, len(label))))[:, 0]
    drawn = np.hstack([figures(weights) for weights in _resamples(len(label), bootstrap, seed)])
    df1_low, df1_high = _interval(drawn[0] - drawn[1])
    dauc_low, dauc_high = _interval(drawn[2])
    if _few_of_a_class(label):
        dauc_low, dauc_high = auc_difference_interval(label, candidate, champion)
        predicted = candidate >= candidate_threshold, champion >= champion_threshold
        df1_low, df1_high = f1_difference_interval(label, *predicted, _correlation(drawn[0], drawn[1]))
    return PairedDifferences(float(one - other), float(dauc), df1_low, df1_high, dauc_low, dauc_high)


def psi(expected: np.ndarray, actual: np.ndarray, bins: int = 10) -> float:
    """Population stability index of two samples over the quantiles of the first.

    Rule of thumb: below 0.10 stable, above 0.25 shifted; weak evidence when the samples are large.

    Args:
        expected: (n,) reference values; NaN is a bin of its own.
        actual: (m,) values to compare.
        bins: Quantile bins.

    Examples:
        >>> sample = np.arange(100.0)
        >>> psi(sample, sample), psi(sample, sample + 50) > 0.25
        (0.0, True)
    """
    return psi_of_counts(*quantile_counts(expected, actual, bins))


def quantile_counts(
    expected: np.ndarray, actual: np.ndarray, bins: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Two samples counted over the quantiles of the first, in the bins that have a row of either.

    Args:
        expected: (n,) reference values; NaN is a bin of its own.
        actual: (m,) values to compare.
        bins: Quantile bins; there are fewer where values repeat.

    Returns:
        (k,) rows of the reference, and (k,) rows to compare.

    Examples:
        >>> before, after = quantile_counts(np.array([1.0, 1.0, 1.0, 2.0]), np.array([2.0, 3.0]), 2)
        >>> before.tolist(), after.tolist()
        ([3, 1], [0, 2])
    """
    present = expected[~np.isnan(expected)]
    edges = (
        np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1])) if len(present) else np.zeros(0)
    )

    def counts(sample: np.ndarray) -> np.ndarray:
        position = np.where(np.isnan(sample), len(edges) + 1, np.searchsorted(edges, sample, side="left"))
        return np.bincount(position, minlength=len(edges) + 2)

    before, after = counts(np.asarray(expected, np.float64)), counts(np.asarray(actual, np.float64))
    # Half a row in a bin that is empty in both samples is a larger share of the smaller one.
    occurs = before + after > 0
    return before[occurs], after[occurs]


def psi_of_counts(expected: np.ndarray, actual: np.ndarray) -> float:
    """Population stability index of two samples that are counted in the same bins.

    Half a row is added to every bin, so that an empty one gives no infinite index.

    Args:
        expected: (k,) rows of the reference per bin.
        actual: (k,) rows to compare per bin.

    Examples:
        >>> round(psi_of_counts(np.array([50, 50]), np.array([25, 75])), 3)
        0.269
    """
    before, after = ((count + 0.5) / (count.sum() + 0.5 * len(count)) for count in (expected, actual))
    return float(((after - before) * np.log(after / before)).sum())


class _RankedScores:
    """Rows sorted by falling score, so that R resamples, given as (R, n) row weights, cost a few cumulative sums."""

    def __init__(self, label: np.ndarray, score: np.ndarray, threshold: float) -> None:
        if not len(label) or len(label) != len(score):
            raise ValueError(
                f"labels and scores must be equally many and at least one, got {len(label)=}, {len(score)=}"
            )
        if not np.isin(label, (0, 1)).all() or not np.isfinite(score).all():
            raise ValueError("labels must be 0 or 1 and scores finite")
        self.order = np.argsort(-score, kind="stable")
        self.score = np.asarray(score, dtype=np.float64)[self.order]
        self.label = np.asarray(label, dtype=np.float64)[self.order]
        self.last_of_tie = np.flatnonzero(np.append(np.diff(self.score) != 0, True))
        self.above_threshold = int((self.score >= threshold).sum())
        bin_of_row = (self.score * ECE_BINS).astype(np.int64).clip(0, ECE_BINS - 1)
        self.bin_membership = np.eye(ECE_BINS)[bin_of_row]

    def auc(self, weights: np.ndarray) -> np.ndarray:
        _, true_positives, false_positives = self._cumulative(weights)
        return _area(true_positives, false_positives)

    def f1(self, weights: np.ndarray) -> np.ndarray:
        weights = weights[:, self.order]
        true_positives, positives = self._at_threshold(weights)
        predicted_positives = weights[:, : self.above_threshold].sum(1)
        return _ratio(2 * true_positives, predicted_positives + positives)

    def metrics(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        sorted_weights, cumulative_tp, cumulative_fp = self._cumulative(weights)
        total, positives = sorted_weights.sum(1), cumulative_tp[:, -1]
        true_positives, _ = self._at_threshold(sorted_weights)
        predicted_positives = sorted_weights[:, : self.above_threshold].sum(1)
        errors = predicted_positives + positives - 2 * true_positives
        tpr = _ratio(cumulative_tp, positives[:, None])
        fpr = _ratio(cumulative_fp, cumulative_fp[:, -1:])
        precision = _ratio(cumulative_tp, cumulative_tp + cumulative_fp, empty=0.0)
        gap = (sorted_weights * (self.label - self.score)) @ self.bin_membership
        return {
            "f1": _ratio(2 * true_positives, predicted_positives + positives),
            "precision": _ratio(true_positives, predicted_positives, empty=0.0),
            "recall": _ratio(true_positives, positives),
            "accuracy": 1 - errors / total,
            "roc_auc": _area(cumulative_tp, cumulative_fp),
            "pr_auc": (np.diff(tpr, axis=1, prepend=0) * precision).sum(1),
            "ks": (tpr - fpr).clip(0).max(1),
            "brier": sorted_weights @ (self.label - self.score) ** 2 / total,
            "ece": np.abs(gap).sum(1) / total,
        }

    def _at_threshold(self, sorted_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """True positives at the threshold, and positives, each (R,)."""
        above = self.above_threshold
        return sorted_weights[:, :above] @ self.label[:above], sorted_weights @ self.label

    def _cumulative(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sorted weights, and true and false positives down to each distinct score."""
        weights = weights[:, self.order]
        true_positives = (weights * self.label).cumsum(1)[:, self.last_of_tie]
        return weights, true_positives, weights.cumsum(1)[:, self.last_of_tie] - true_positives


def _area(true_positives: np.ndarray, false_positives: np.ndarray) -> np.ndarray:
    width = np.diff(false_positives, axis=1, prepend=0)
    before = true_positives - np.diff(true_positives, axis=1, prepend=0)
    area = (width * (true_positives + before)).sum(1) / 2
    return _ratio(area, true_positives[:, -1] * false_positives[:, -1])


def _ratio(numerator: np.ndarray, denominator: np.ndarray, empty: float = float("nan")) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(denominator > 0, numerator / safe, empty)


def _resamples(n: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """(R, n) multinomial counts in blocks that stay small in memory."""
    rng = np.random.default_rng(seed)
    block = max(1, RESAMPLED_CELLS_PER_BLOCK // n)
    for start in range(0, count, block):
        rows = min(block, count - start)
        drawn = rng.integers(n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _few_of_a_class(label: np.ndarray) -> bool:
    """Whether the rarer class has rows, but too few to resample."""
    positives = int((label == 1).sum())
    return 0 < min(positives, len(label) - positives) < FEW_OF_A_CLASS


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    known = ~(np.isnan(one) | np.isnan(other))
    if not known.any() or not one[known].std() or not other[known].std():
        return float("nan")
    return float(np.corrcoef(one[known], other[known])[0, 1])


def _interval(values: np.ndarray) -> tuple[float, float]:
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
