"""Two models that scored the same rows, compared on the outcomes of these."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.metrics import evaluate, paired_differences

COMPARED = ("roc_auc", "f1", "brier")
# Below, an interval of a difference says nothing.
FEWEST_ROWS = 100
FEWEST_DEFAULTS = 20
_NORMAL_975 = 1.959964


@dataclass(frozen=True)
class ScoreComparison:
    """Two models on the same rows; what the rows do not define is NaN.

    Attributes:
        rows: Rows with an outcome.
        positives: Defaults among them.
        one: Value per name of COMPARED of the first model, F1 at its own threshold.
        other: The same of the second model.
        differences: Per name, one minus other and the bounds of its 95 % interval. A lower Brier score is better.
    """

    rows: int
    positives: int
    one: Mapping[str, float]
    other: Mapping[str, float]
    differences: Mapping[str, tuple[float, float, float]]

    @property
    def conclusive(self) -> bool:
        """Whether there are enough rows for the intervals to mean something."""
        return self.rows >= FEWEST_ROWS and self.positives >= FEWEST_DEFAULTS


def compare_scores(
    label: np.ndarray,
    one: np.ndarray,
    one_threshold: float,
    other: np.ndarray,
    other_threshold: float,
    *,
    bootstrap: int = 500,
    seed: int = 0,
) -> ScoreComparison:
    """Compare two models: ROC-AUC and F1 by `paired_differences`, Brier by the normal interval of paired differences.

    Args:
        label: (n,) 0 or 1, n at least 1.
        one: (n,) probabilities of default by the first model.
        one_threshold: Probability from which it predicts a default.
        other: (n,) probabilities of default by the second model.
        other_threshold: Probability from which that predicts a default.
        bootstrap: Resamples of the rows.
        seed: Seed of the resamples.

    Raises:
        ValueError: A label is not 0 or 1, or a probability is not finite.

    Examples:
        >>> label, better, worse = np.array([0, 1] * 50), np.array([0.1, 0.9] * 50), np.array([0.6, 0.4] * 50)
        >>> found = compare_scores(label, better, 0.5, worse, 0.5)
        >>> found.differences["roc_auc"][:2], round(found.differences["brier"][2], 6)
        ((1.0, 1.0), -0.35)
    """
    values = [
        evaluate(label, scores, threshold, bootstrap=0).values
        for scores, threshold in ((one, one_threshold), (other, other_threshold))
    ]
    paired = paired_differences(
        label, one, one_threshold, other, other_threshold, bootstrap=bootstrap, seed=seed
    )
    losses = (one - label) ** 2 - (other - label) ** 2
    mean = float(losses.mean())
    half = _NORMAL_975 * float(losses.std()) / math.sqrt(len(losses))
    return ScoreComparison(
        rows=len(label),
        positives=int(label.sum()),
        one={name: values[0][name] for name in COMPARED},
        other={name: values[1][name] for name in COMPARED},
        differences={
            "roc_auc": (paired.dauc, paired.dauc_low, paired.dauc_high),
            "f1": (paired.df1, paired.df1_low, paired.df1_high),
            "brier": (mean, mean - half, mean + half),
        },
    )
