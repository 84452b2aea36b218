"""What the features do to the score: permutation importance, partial dependence, and tests of its direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.proportions import FigureSource

# (n, N) numerical and (n, C) categorical features to (n,) PDs.
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]
# The position of a feature, (m,) positions of rows, and these rows with other values of the feature to (m,) PDs.
AlteredScore = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]

TOP = 10
REPEATS = 3
IMPORTANCE_SCORES = 30_000
DEPENDENCE_ROWS = 150
GRID = 12
LEVEL = 0.01
Direction = Literal["rises", "falls", "none"]


@dataclass(frozen=True)
class Importance:
    """Fall in ROC-AUC when the values of one feature are shuffled among the rows.

    Attributes:
        drop: Mean over the shuffles.
        lowest: Smallest of them.
        highest: Largest of them.
    """

    feature: Feature
    drop: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Dependence:
    """Mean PD of the same rows with one feature set to each of several values.

    Attributes:
        points: The values: numbers, or codes of a category.
        pd: Mean PD at each.
        direction: Whether PD rises or falls from the 10 % to the 90 % quantile of a number, by a sign test of the rows
            at 1 %; `none` for a category.
        share: Share of the rows whose PD moves in that direction, of those whose PD changes.
        observed: Whether defaults have higher or lower values than other loans, by a rank test at 1 %.
    """

    feature: Feature
    points: tuple[float, ...]
    pd: tuple[float, ...]
    direction: Direction
    share: float
    observed: Direction

    @property
    def agrees(self) -> bool | None:
        """Whether the model follows the direction of the data; None where either has none."""
        if "none" in (self.direction, self.observed):
            return None
        return self.direction == self.observed


@dataclass(frozen=True)
class FeatureEffects:
    """Importance of all features, and the dependence of PD on the first ten.

    Attributes:
        rows: Rows that were shuffled; of a larger window a random part with up to half of it defaults, as few
            defaults say little of ROC-AUC, which does not depend on their share.
        defaults: Defaults among them.
        repeats: Shuffles per feature.
        importance: The largest drop first.
        dependence: Of the ten most important features.
        dependence_rows: Rows whose mean is shown.
    """

    rows: int
    defaults: int
    repeats: int
    importance: tuple[Importance, ...]
    dependence: tuple[Dependence, ...]
    dependence_rows: int
    source: FigureSource


def feature_effects(
    features: Sequence[Feature],
    numerical: np.ndarray,
    categorical: np.ndarray,
    label: np.ndarray,
    score: Score,
    source: FigureSource,
    *,
    altered_score: Callable[[np.ndarray, np.ndarray], AlteredScore] | None = None,
    seed: int = 0,
) -> FeatureEffects | None:
    """Importance and dependence on the evaluation window; None where it has one class only.

    Args:
        features: Numerical, then categorical features.
        numerical: (n, N) values, NaN for a missing one.
        categorical: (n, C) codes.
        label: (n,) 0 or 1.
        score: The model.
        source: Where the rows come from.
        altered_score: Returns what scores rows that differ from the given ones in one feature; `score` without it.
        seed: Seed of samples and shuffles.
    """
    rng = np.random.default_rng(seed)
    if not 0 < (label == 1).sum() < len(label):
        return None
    sample = _sample(label == 1, _sampled(len(features)), rng)
    sampled = (numerical[sample], categorical[sample])
    outcome = label[sample]
    altered = _AlteredRows(sampled, score, altered_score(*sampled) if altered_score else None)
    base = roc_auc(outcome, altered.pd)
    importance = sorted(
        (
            _importance(feature, position, altered, outcome, base, rng)
            for position, feature in enumerate(features)
        ),
        key=lambda found: -found.drop,
    )
    few = _as_in_the_window(outcome == 1, float((label == 1).mean()), rng)
    position = {feature.name: index for index, feature in enumerate(features)}
    dependence = tuple(
        _dependence(top.feature, position[top.feature.name], (numerical, categorical), altered, few, label)
        for top in importance[:TOP]
    )
    defaults = int((outcome == 1).sum())
    return FeatureEffects(len(sample), defaults, REPEATS, tuple(importance), dependence, len(few), source)


def scored_rows(features: int, window: int) -> int:
    """The most rows that `feature_effects` scores.

    Examples:
        >>> scored_rows(2, 1_000)
        10600
    """
    sample = min(window, _sampled(features))
    return sample * (1 + REPEATS * features) + min(features, TOP) * GRID * min(sample, DEPENDENCE_ROWS)


def _sampled(features: int) -> int:
    return max(IMPORTANCE_SCORES // (REPEATS * max(features, 1)), 100)


def _sample(defaults: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of at most `most` random rows, ascending: half of them defaults, as far as both classes have them."""
    drawn = rng.permutation(len(defaults))
    ones, others = drawn[defaults[drawn]], drawn[~defaults[drawn]]
    taken = min(len(ones), max(most // 2, most - len(others)))
    return np.sort(np.concatenate([ones[:taken], others[: most - taken]]))


def _as_in_the_window(defaults: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Positions of random rows of a sample, with defaults among them as often as in the window."""
    drawn = rng.permutation(len(defaults))
    rows = min(DEPENDENCE_ROWS, len(defaults))
    ones = round(rows * rate)
    return np.concatenate([drawn[defaults[drawn]][:ones], drawn[~defaults[drawn]][: rows - ones]])


class _AlteredRows:
    """Rows in which one feature takes other values; a value that a row has, or had before, is not scored again.

    Args:
        rows: (n, N) numerical and (n, C) categorical features.
        score: The model.
        altered_score: What scores the altered rows; `score` without it.

    Attributes:
        pd: (n,) PDs of the rows as they are.
    """

    def __init__(
        self, rows: tuple[np.ndarray, np.ndarray], score: Score, altered_score: AlteredScore | None
    ) -> None:
        self._rows = rows
        self._score = altered_score or (lambda _, __, numerical, categorical: score(numerical, categorical))
        self.pd = score(*rows)

    def column(self, position: int) -> np.ndarray:
        """(n,) values of a feature."""
        return _column(self._rows, position)

    def scored(self, position: int, index: np.ndarray, values: np.ndarray) -> np.ndarray:
        """PDs of rows with other values of one feature.

        Args:
            position: The feature: numerical, then categorical.
            index: (m,) positions of rows.
            values: (m,) what the feature is set to in each.

        Returns:
            (m,) PDs.
        """
        own = self.column(position)
        # NaN is one value.
        _, codes = np.unique(np.concatenate([own, values]), return_inverse=True)
        before, after = codes[: len(own)][index], codes[len(own) :]
        pd = self.pd[index]
        (changed,) = np.nonzero(before != after)
        _, first, pair = np.unique(
            index[changed] * (codes.max() + 1) + after[changed], return_index=True, return_inverse=True
        )
        if len(first):
            once = changed[first]
            rows = (self._rows[0][index[once]], self._rows[1][index[once]])
            pd[changed] = self._score(position, index[once], *_with(rows, position, values[once]))[pair]
        return pd


def _importance(
    feature: Feature,
    position: int,
    altered: _AlteredRows,
    outcome: np.ndarray,
    base: float,
    rng: np.random.Generator,
) -> Importance:
    column, rows = altered.column(position), np.arange(len(outcome))
    shuffled = [column[rng.permutation(len(column))] for _ in range(REPEATS)]
    pd = altered.scored(position, np.tile(rows, REPEATS), np.concatenate(shuffled))
    drops = [base - roc_auc(outcome, each) for each in pd.reshape(REPEATS, len(rows))]
    # A difference of areas is a multiple of 1e-10 or more; what is smaller is the rounding of floats.
    return Importance(
        feature, *(round(float(found), 12) for found in (np.mean(drops), min(drops), max(drops)))
    )


def _dependence(
    feature: Feature,
    position: int,
    window: tuple[np.ndarray, np.ndarray],
    altered: _AlteredRows,
    few: np.ndarray,
    label: np.ndarray,
) -> Dependence:
    values = _column(window, position)
    if feature.kind == "category":
        codes, counts = np.unique(values, return_counts=True)
        points = np.sort(codes[np.argsort(-counts, kind="stable")[:GRID]])
    else:
        present = values[~np.isnan(values)]
        points = np.unique(np.quantile(present, np.linspace(0.02, 0.98, GRID))) if len(present) else present
    if not len(points):
        return Dependence(feature, (), (), "none", 0.0, "none")
    repeated = np.repeat(points, len(few)).astype(values.dtype)
    pd = altered.scored(position, np.tile(few, len(points)), repeated).reshape(len(points), len(few))
    direction: Direction = "none"
    observed: Direction = "none"
    share = 0.0
    if feature.kind == "number":
        direction, share, observed = _directions(pd, values, label)
    return Dependence(
        feature, tuple(map(float, points)), tuple(map(float, pd.mean(1))), direction, share, observed
    )


def _directions(pd: np.ndarray, values: np.ndarray, label: np.ndarray) -> tuple[Direction, float, Direction]:
    from scipy.stats import binomtest, mannwhitneyu

    low, high = pd[len(pd) // 10], pd[-1 - len(pd) // 10]
    risen, fallen = int((high > low).sum()), int((high < low).sum())
    direction: Direction = "none"
    if risen + fallen and binomtest(risen, risen + fallen).pvalue < LEVEL:
        direction = "rises" if risen > fallen else "falls"
    share = max(risen, fallen) / (risen + fallen) if risen + fallen else 0.0
    present = ~np.isnan(values)
    defaults, others = values[present & (label == 1)], values[present & (label != 1)]
    observed: Direction = "none"
    if len(defaults) and len(others):
        test = mannwhitneyu(defaults, others)
        if test.pvalue < LEVEL:
            observed = "rises" if 2 * test.statistic > len(defaults) * len(others) else "falls"
    return direction, share, observed


def _column(rows: tuple[np.ndarray, np.ndarray], position: int) -> np.ndarray:
    numbers = rows[0].shape[1]
    return rows[0][:, position] if position < numbers else rows[1][:, position - numbers]


def _with(
    rows: tuple[np.ndarray, np.ndarray], position: int, column: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    numbers = rows[0].shape[1]
    changed = [rows[0], rows[1]]
    part, index = (0, position) if position < numbers else (1, position - numbers)
    changed[part] = changed[part].copy()
    changed[part][:, index] = column
    return changed[0], changed[1]
