"""The candidate beside the best plain reference on the same rows."""

import math
from dataclasses import dataclass
from typing import Literal

from loan_default_assets.policy.rounding import format_distinct

ReferenceGate = Literal["warn", "require"]


@dataclass(frozen=True)
class ReferenceDifference:
    """95 % bounds of ROC-AUC, candidate minus reference on the same rows, and of the reference itself.

    Attributes:
        name: Name of the reference.
        dauc_low: Lower bound.
        dauc_high: Upper bound.
        roc_auc_low: Lower bound of the reference's own ROC-AUC, in 0..1; NaN where it was not recorded.
    """

    name: str
    dauc_low: float
    dauc_high: float
    roc_auc_low: float = math.nan

    def behind(self, margin: float) -> bool:
        """Whether the lower bound lies below -margin, or is not defined."""
        return not self.dauc_low >= -margin

    def sentence(self, margin: float) -> str:
        """The figures, and what they mean."""
        if self.dauc_low != self.dauc_low:
            return f"The rows do not define a difference in ROC-AUC to {self.name}."
        low, limit = format_distinct(self.dauc_low, -margin)
        interval = f"between {low} and {self.dauc_high:.3f} (95 %)"
        figures = f"ROC-AUC minus that of {self.name}, on the same rows, is {interval}"
        if self.dauc_high < 0:
            return f"{figures}: the reference discriminates better."
        if self.behind(margin):
            return f"{figures}; the lower bound is below {limit}: the reference may discriminate better."
        return f"{figures}; the lower bound is not below {limit}."
