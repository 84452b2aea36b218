"""The scores of validation rows by a classifier, each by members that were not fitted on that row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ValidationScores:
    """What calibration and threshold were fitted on; ascending, so that the order says nothing of the loans.

    Attributes:
        log_odds: (m,) float64 log-odds of the ensemble before calibration.
        outcome: (m,) bool, True for a default.
    """

    log_odds: np.ndarray
    outcome: np.ndarray

    @classmethod
    def of(cls, log_odds: np.ndarray, outcome: np.ndarray) -> ValidationScores:
        """Sort the scores.

        Args:
            log_odds: (m,) log-odds of the ensemble before calibration.
            outcome: (m,) bool, True for a default.

        Examples:
            >>> ValidationScores.of(np.array([0.5, -1.0]), np.array([True, False])).log_odds.tolist()
            [-1.0, 0.5]
        """
        order = np.lexsort((outcome, log_odds))
        return cls(log_odds[order], outcome[order])

    def arrays(self) -> dict[str, np.ndarray]:
        """The scores by name, for a file."""
        return {"log_odds": self.log_odds, "outcome": self.outcome}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ValidationScores:
        """The scores of `arrays`."""
        return cls(arrays["log_odds"], arrays["outcome"])
