"""Fits the cost of a stage: a fixed part and a part per row, by least squares of the relative errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls


@dataclass(frozen=True)
class CostFit:
    """Processor seconds of a stage as `fixed + per_row * rows`, none of them below 0.

    Attributes:
        fixed: Processor seconds at no row.
        per_row: Processor seconds per row.
        rows: The numbers of rows that were measured, at least one.
        residuals: Measured minus fitted, as shares of the measured seconds, in the order of `rows`.

    Examples:
        >>> fitted = fit_cost([100, 1000], [1.2, 3.0])
        >>> round(fitted.fixed, 6), round(fitted.per_row, 6), round(fitted.seconds(2000), 6)
        (1.0, 0.002, 5.0)
    """

    fixed: float
    per_row: float
    rows: tuple[int, ...]
    residuals: tuple[float, ...]

    def seconds(self, rows: float) -> float:
        """Processor seconds for so many rows."""
        return self.fixed + self.per_row * rows

    @property
    def largest_residual(self) -> float | None:
        """The largest residual, a share; None where two sizes or fewer leave none."""
        return None if len(self.rows) < 3 else max(self.residuals, key=abs)


def fit_cost(rows: Sequence[int], seconds: Sequence[float]) -> CostFit:
    """Fit the cost of a stage.

    Every size has the same weight: the errors are relative, otherwise the largest size alone would decide.

    Args:
        rows: (k,) numbers of rows, each above 0; a single one is fitted without a fixed part.
        seconds: (k,) processor seconds, each above 0.
    """
    count, measured = np.asarray(rows, float), np.asarray(seconds, float)
    design = np.stack([np.ones_like(count) if len(count) > 1 else np.zeros_like(count), count], 1)
    # In units in which both columns are about 1, which the solver's tolerance needs.
    scale = np.array([measured.min(), measured.max() / count.max()])
    solution, _ = nnls(design * scale / measured[:, None], np.ones_like(count))
    fixed, per_row = (float(value) for value in solution * scale)
    residuals = 1 - (fixed + per_row * count) / measured
    return CostFit(fixed, per_row, tuple(int(n) for n in rows), tuple(float(each) for each in residuals))
