"""Reason codes: the features that contributed most to one decision, with the portfolio's texts.

An adverse decision is explained by what raised its risk, any other by what moved its score most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# The usual number of principal reasons in a notice of adverse action.
MAX_REASONS = 4
# Features per decision that are worth an exact contribution; docs/decisions/reason-codes.md has the measurement.
CANDIDATES = 7


class ReasonText(NamedTuple):
    """Texts of one feature.

    Attributes:
        code: Name of the feature.
        en: English text.
        ko: Korean text.

    Examples:
        >>> ReasonText("income", "Income", "소득").en
        'Income'
    """

    code: str
    en: str
    ko: str


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One reason of one decision.

    Attributes:
        code: Name of the feature.
        en: English text.
        ko: Korean text.
        contribution: Log-odds of default, above zero where the feature raised the risk.

    Examples:
        >>> ReasonCode("income", "Income", "소득", 0.4).contribution
        0.4
    """

    code: str
    en: str
    ko: str
    contribution: float


class ReasonRanking:
    """Ranks the contributions of features; features with equal texts are one reason, under the first one's code.

    Args:
        texts: (code, en, ko) of each feature: N numerical, then C categorical.

    Examples:
        >>> ranking = ReasonRanking([("income", "Income", "소득"), ("debt", "Debt", "부채"), ("loans", "Debt", "부채")])
        >>> contributions = np.array([-0.5, 0.25, 0.5])
        >>> [(reason.code, reason.contribution) for reason in ranking.rank(contributions, adverse=True)]
        [('debt', 0.75)]
        >>> [reason.code for reason in ranking.rank(contributions, adverse=False)]
        ['debt', 'income']
    """

    def __init__(self, texts: Sequence[tuple[str, str, str]]) -> None:
        merged: dict[tuple[str, str], ReasonText] = {}
        for text in texts:
            merged.setdefault(text[1:], ReasonText(*text))
        position = {text: i for i, text in enumerate(merged)}
        self._texts = tuple(merged.values())
        self._position = np.array([position[text[1:]] for text in texts], np.intp)
        self._belongs = np.eye(len(merged))[self._position]

    def __len__(self) -> int:
        """Number of features."""
        return len(self._position)

    def rank(self, contributions: np.ndarray, *, adverse: bool) -> tuple[ReasonCode, ...]:
        """The reasons of one decision.

        Args:
            contributions: (N + C,) log-odds per feature.
            adverse: Rank by increase of risk and omit the rest; otherwise rank by absolute value.

        Returns:
            At most `MAX_REASONS` reasons, the largest contribution first.

        Examples:
            >>> ReasonRanking([("income", "Income", "소득")]).rank(np.array([-1.0]), adverse=True)
            ()
        """
        sums = np.bincount(self._position, weights=contributions, minlength=len(self._texts))
        weight = sums if adverse else np.abs(sums)
        order: list[int] = np.argsort(-weight, kind="stable")[:MAX_REASONS].tolist()
        return tuple(ReasonCode(*self._texts[i], float(sums[i])) for i in order if weight[i] > 0)

    def candidates(self, estimates: np.ndarray, differs: np.ndarray, adverse: np.ndarray) -> np.ndarray:
        """The features whose exact contributions decide on the reasons.

        Features of one text are taken together, since their contributions are summed: at least `MAX_REASONS` texts, and
        more until there are `CANDIDATES` features.

        Args:
            estimates: (n, N + C) estimated log-odds per feature.
            differs: (n, N + C) bool: False for a feature that contributes nothing.
            adverse: (n,) bool, as for `rank`.

        Returns:
            (n, N + C) bool.

        Examples:
            >>> ranking = ReasonRanking([(name, name, name) for name in "abcdefghij"])
            >>> differs = np.ones((1, 10), bool)
            >>> ranking.candidates(np.arange(10.0)[None], differs, np.array([True])).astype(int).tolist()
            [[0, 0, 0, 1, 1, 1, 1, 1, 1, 1]]
        """
        sums, counts = (estimates * differs) @ self._belongs, differs @ self._belongs
        weight = np.where(adverse[:, None], sums, np.abs(sums))
        order = np.argsort(np.where(counts > 0, -weight, np.inf), axis=1, kind="stable")
        in_order = np.take_along_axis(counts, order, axis=1)
        before = in_order.cumsum(axis=1) - in_order
        chosen = np.zeros(counts.shape, bool)
        wanted = (before < CANDIDATES) | (np.arange(counts.shape[1]) < MAX_REASONS)
        np.put_along_axis(chosen, order, wanted, axis=1)
        result: np.ndarray = chosen[:, self._position] & differs
        return result
