"""Why a loan was scored as it was: the features behind one score, in the portfolio's words.

A feature's contribution is the drop in log-odds when it alone is hidden (occlusion to the training reference), so
the reasons speak of the very model and values that made the decision. An adverse decision is explained by what
raised its risk; any other by what moved its score most.
"""

from dataclasses import dataclass

import numpy as np

from loan_default_assets.portfolio.spec import Portfolio

# The number of reasons that a notice of adverse action usually names.
MOST_REASONS = 4


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is the feature; `contribution` is in log-odds, above zero when it raised the risk."""

    code: str
    en: str
    ko: str
    contribution: float


class Reasons:
    """The texts of a portfolio's features, in the order of a Scorer's contributions: numbers, then categories."""

    def __init__(self, portfolio: Portfolio) -> None:
        names = (*portfolio.features.numerical, *portfolio.features.categorical)
        texts = [(portfolio.reason(name, "en"), portfolio.reason(name, "ko")) for name in names]
        first: dict[tuple[str, str], int] = {}
        # Features with one text are one reason: a person is not told the same thing twice.
        self._merged = np.array([first.setdefault(text, len(first)) for text in texts], np.intp)
        codes = [names[texts.index(text)] for text in first]
        self._known = [(code, *text) for code, text in zip(codes, first, strict=True)]

    def of(self, contributions: np.ndarray, *, adverse: bool) -> tuple[Reason, ...]:
        """The reasons of one loan out of its (N+C,) contributions, the weightiest first."""
        sums = np.bincount(self._merged, weights=contributions, minlength=len(self._known))
        weight = sums if adverse else np.abs(sums)
        order = np.argsort(-weight, kind="stable")[:MOST_REASONS]
        return tuple(Reason(*self._known[int(i)], float(sums[i])) for i in order if weight[i] > 0)
