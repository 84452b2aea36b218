"""How good scores are, each figure with its bootstrap interval; how two models differ on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

ECE_BINS = 15
RESAMPLED_CELLS = 2_000_000


@dataclass(frozen=True)
class Metrics:
    """Figures by name (f1 precision recall accuracy roc_auc pr_auc ks brier ece) and their 95 % intervals.

    All are of the default class. A figure that the rows do not define, as ROC-AUC with one class, is NaN.
    """

    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Paired:
    """Candidate minus champion on the same rows: the differences and their 95 % intervals."""

    df1: float
    dauc: float
    df1_low: float
    df1_high: float
    dauc_low: float
    dauc_high: float


def evaluate(
    label: np.ndarray, probability: np.ndarray, threshold: float, *, bootstrap: int = 500, seed: int = 0
) -> Metrics:
    """All figures of (n,) probabilities against (n,) labels in {0, 1}, a default from `threshold` on.

    Intervals are percentiles over `bootstrap` resamples of the rows; 0 leaves them out. Raises ValueError for
    no rows, labels outside {0, 1} or probabilities that are not finite.
    """
    ranked = _Ranked(label, probability, threshold)
    values = {name: float(value[0]) for name, value in ranked.figures(np.ones((1, len(label)))).items()}
    drawn = [ranked.figures(weights) for weights in _resamples(len(label), bootstrap, seed)]
    intervals = {name: _interval(np.concatenate([part[name] for part in drawn])) for name in values if drawn}
    return Metrics(values, intervals)


def roc_auc(label: np.ndarray, score: np.ndarray) -> float:
    """Probability that a default scores above a good loan, ties counted half; NaN with one class."""
    ranked = _Ranked(label, np.asarray(score, dtype=np.float64), 0.0)
    return float(ranked.auc(np.ones((1, len(label))))[0])


def paired_bootstrap(
    label: np.ndarray,
    candidate: np.ndarray,
    candidate_threshold: float,
    champion: np.ndarray,
    champion_threshold: float,
    *,
    bootstrap: int = 500,
    seed: int = 0,
) -> Paired:
    """Differences of F1 and ROC-AUC, both models resampled on the same rows; arguments as for `evaluate`."""
    left = _Ranked(label, candidate, candidate_threshold)
    right = _Ranked(label, champion, champion_threshold)

    def differences(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return left.f1(weights) - right.f1(weights), left.auc(weights) - right.auc(weights)

    df1, dauc = differences(np.ones((1, len(label))))
    drawn = [differences(weights) for weights in _resamples(len(label), bootstrap, seed)]
    df1_low, df1_high = _interval(np.concatenate([part[0] for part in drawn]))
    dauc_low, dauc_high = _interval(np.concatenate([part[1] for part in drawn]))
    return Paired(float(df1[0]), float(dauc[0]), df1_low, df1_high, dauc_low, dauc_high)


def psi(expected: np.ndarray, actual: np.ndarray, bins: int = 10) -> float:
    """Population stability index of two samples over the quantiles of the first; NaN is a bin of its own.

    Rule of thumb: below 0.10 stable, above 0.25 shifted; weak evidence when the samples are large.
    """
    present = expected[~np.isnan(expected)]
    edges = (
        np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1])) if len(present) else np.zeros(0)
    )

    def shares(sample: np.ndarray) -> np.ndarray:
        slot = np.where(np.isnan(sample), len(edges) + 1, np.searchsorted(edges, sample, side="left"))
        count = np.bincount(slot, minlength=len(edges) + 2)
        return (count + 0.5) / (len(sample) + 0.5 * len(count))

    before, after = shares(np.asarray(expected, np.float64)), shares(np.asarray(actual, np.float64))
    return float(((after - before) * np.log(after / before)).sum())


class _Ranked:
    """Rows sorted by falling score, so that a resample, (R, n) weights, costs a few cumulative sums."""

    def __init__(self, label: np.ndarray, score: np.ndarray, threshold: float) -> None:
        if not len(label) or len(label) != len(score):
            raise ValueError(
                f"as many scores as labels are needed, at least one: {len(label)=}, {len(score)=}"
            )
        if not np.isin(label, (0, 1)).all() or not np.isfinite(score).all():
            raise ValueError("labels must be 0 or 1 and scores finite")
        self.order = np.argsort(-score, kind="stable")
        self.score = np.asarray(score, dtype=np.float64)[self.order]
        self.label = np.asarray(label, dtype=np.float64)[self.order]
        self.last_of_tie = np.flatnonzero(np.append(np.diff(self.score) != 0, True))
        self.flagged = int((self.score >= threshold).sum())
        slot = (self.score * ECE_BINS).astype(np.int64).clip(0, ECE_BINS - 1)
        self.slots = np.eye(ECE_BINS)[slot]

    def auc(self, weights: np.ndarray) -> np.ndarray:
        _, hits, misses = self._cumulative(weights)
        return _area(hits, misses)

    def f1(self, weights: np.ndarray) -> np.ndarray:
        weights = weights[:, self.order]
        hits, positives = self._hits(weights)
        return _ratio(2 * hits, weights[:, : self.flagged].sum(1) + positives)

    def figures(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        sorted_weights, hits, misses = self._cumulative(weights)
        total, positives = sorted_weights.sum(1), hits[:, -1]
        caught, _ = self._hits(sorted_weights)
        flagged = sorted_weights[:, : self.flagged].sum(1)
        wrong = flagged + positives - 2 * caught
        recall = _ratio(hits, positives[:, None])
        fallout = _ratio(misses, misses[:, -1:])
        gap = (sorted_weights * (self.label - self.score)) @ self.slots
        return {
            "f1": _ratio(2 * caught, flagged + positives),
            "precision": _ratio(caught, flagged, empty=0.0),
            "recall": _ratio(caught, positives),
            "accuracy": 1 - wrong / total,
            "roc_auc": _area(hits, misses),
            "pr_auc": (np.diff(recall, axis=1, prepend=0) * _ratio(hits, hits + misses, empty=0.0)).sum(1),
            "ks": (recall - fallout).clip(0).max(1),
            "brier": sorted_weights @ (self.label - self.score) ** 2 / total,
            "ece": np.abs(gap).sum(1) / total,
        }

    def _hits(self, sorted_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sorted_weights[:, : self.flagged] @ self.label[: self.flagged], sorted_weights @ self.label

    def _cumulative(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights = weights[:, self.order]
        hits = (weights * self.label).cumsum(1)[:, self.last_of_tie]
        return weights, hits, weights.cumsum(1)[:, self.last_of_tie] - hits


def _area(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    wide = np.diff(misses, axis=1, prepend=0)
    before = hits - np.diff(hits, axis=1, prepend=0)
    return _ratio((wide * (hits + before)).sum(1) / 2, hits[:, -1] * misses[:, -1])


def _ratio(top: np.ndarray, bottom: np.ndarray, empty: float = float("nan")) -> np.ndarray:
    safe = np.where(bottom > 0, bottom, 1)
    return np.where(bottom > 0, top / safe, empty)


def _resamples(n: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """(R, n) multinomial counts in blocks that stay small in memory."""
    rng = np.random.default_rng(seed)
    block = max(1, RESAMPLED_CELLS // n)
    for start in range(0, count, block):
        rows = min(block, count - start)
        drawn = rng.integers(n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _interval(values: np.ndarray) -> tuple[float, float]:
    if np.isnan(values).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
