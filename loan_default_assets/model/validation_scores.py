"""The scores of validation rows by a classifier, each by members that were not fitted on that row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ValidationScores:
    """What calibration and threshold were fitted on.

    Attributes:
        log_odds: (m,) float64 log-odds of the ensemble before calibration, each row's by members that were not fitted
            on it; in the order of the rows where the model was just fitted, ascending where it was stored.
        outcome: (m,) bool, True for a default.
    """

    log_odds: np.ndarray
    outcome: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The scores by name, for a file: ascending, so that their order says nothing of the loans.

        Examples:
            >>> ValidationScores(np.array([0.5, -1.0]), np.array([True, False])).arrays()["outcome"].tolist()
            [False, True]
        """
        order = np.lexsort((self.outcome, self.log_odds))
        return {"log_odds": self.log_odds[order], "outcome": self.outcome[order]}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> ValidationScores:
        """The scores of `arrays`."""
        return cls(arrays["log_odds"], arrays["outcome"])
