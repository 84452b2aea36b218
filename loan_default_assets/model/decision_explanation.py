"""What an explanation of one decision says: outcome, grade, reasons, shares of the data, values, nearest changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from loan_default_assets.model.omitted import Omitted
from loan_default_assets.model.reason_codes import ReasonCode, ReasonText

Value = float | str | None


@dataclass(frozen=True)
class CategoryShare:
    """How much one category of data moved a score.

    Attributes:
        category: Its name, empty for columns without a category, and its texts.
        share: Its part of the absolute contributions of all features, 0 to 1.
        contribution: Log-odds of default that it adds, above zero where it raised the risk.
    """

    category: ReasonText
    share: float
    contribution: float


@dataclass(frozen=True)
class ScoredValue:
    """One value of the application, as it was scored.

    Attributes:
        column: Name and texts.
        value: None for a missing value; a date as ISO text.
        unit: Empty where it has none.
        used: Whether the model uses it, by itself or in a derived feature.
        grouped: Whether thousands are separated; they are not in a year or an identifier.
    """

    column: ReasonText
    value: Value
    unit: str
    used: bool
    grouped: bool = True


@dataclass(frozen=True)
class ValueChange:
    """Another value of one column; see ScoredValue."""

    column: ReasonText
    before: Value
    after: Value
    unit: str
    grouped: bool = True


@dataclass(frozen=True)
class DecisionChange:
    """Values with which the model decides otherwise, everything else being the same.

    Attributes:
        values: One column, or two.
        pd: The PD with them.
    """

    values: tuple[ValueChange, ...]
    pd: float


@dataclass(frozen=True)
class DecisionGrade:
    """The rating grade of a PD.

    Attributes:
        number: From 1, the lowest risk.
        grades: How many there are.
        lowest_pd: Lower bound, inclusive.
        highest_pd: Upper bound, exclusive; of the last grade 1, inclusive.
    """

    number: int
    grades: int
    lowest_pd: float
    highest_pd: float


@dataclass(frozen=True)
class ModelWarning:
    """What a reader of the verdict on a model must know besides: its key, and the recorded sentence in English."""

    kind: str
    text: str


@dataclass(frozen=True)
class ModelVerdict:
    """The model, and what its newest evaluation decided on it.

    Attributes:
        version: Its version.
        status: What it is in the registry now.
        role: What it was when it was evaluated; empty where it never was.
        verdict: The verdict; empty where it was never evaluated.
        evaluation: Number in `model_performance`; 0 where there is none.
        warnings: What a reader of the verdict must know besides.
    """

    version: str
    status: str
    role: str = ""
    verdict: str = ""
    evaluation: int = 0
    warnings: tuple[ModelWarning, ...] = ()


@dataclass(frozen=True)
class CorrectedDecision:
    """What the same model decides on corrected values."""

    values: tuple[ValueChange, ...]
    decision: int
    pd: float
    grade: DecisionGrade | Omitted


@dataclass(frozen=True)
class ManualDecision:
    """The decision of an underwriter instead of that of the model.

    Attributes:
        decision: 1 refuses the application, 0 approves it.
        reason_code: One of the reason codes of overrides.
        decided_at: When, in UTC.
    """

    decision: int
    reason_code: str
    decided_at: datetime


@dataclass(frozen=True)
class DecisionExplanation:
    """The explanation of one recorded decision.

    Attributes:
        request_id: The request.
        position: Index of the application within it, from 0.
        loan_id: None where the request named none.
        scored_at: When it was scored, in UTC.
        decision: 1 where the PD reached the threshold.
        pd: Calibrated probability of default.
        threshold: That of the model.
        reasons: The largest contribution first.
        shares: The largest first.
        values: In the portfolio's order.
        actionable: Number of columns that the portfolio marks as actionable.
        changes: The nearest first; empty where none alters the decision.
        overrides: Decisions of people since then, the first one first.
        correction: None where nothing was corrected.
    """

    request_id: str
    position: int
    loan_id: str | None
    scored_at: datetime
    decision: int
    pd: float
    threshold: float
    grade: DecisionGrade | Omitted
    model: ModelVerdict
    reasons: tuple[ReasonCode, ...]
    shares: tuple[CategoryShare, ...]
    values: tuple[ScoredValue, ...]
    actionable: int
    changes: tuple[DecisionChange, ...]
    overrides: tuple[ManualDecision, ...] = ()
    correction: CorrectedDecision | None = None


def category_shares(
    contributions: np.ndarray, categories: Sequence[Sequence[ReasonText]]
) -> tuple[CategoryShare, ...]:
    """The share of each category in what moved one score, the largest first.

    Args:
        contributions: (k,) log-odds per feature.
        categories: The categories of each feature; a derived feature counts to those of its operands in equal parts.

    Examples:
        >>> income, history = ReasonText("income", "Income", "소득"), ReasonText("history", "History", "이력")
        >>> shares = category_shares(np.array([0.5, -1.0, 0.5]), [[income], [history], [income, history]])
        >>> [(share.category.code, share.share, share.contribution) for share in shares]
        [('history', 0.625, -0.75), ('income', 0.375, 0.75)]
    """
    absolute: dict[ReasonText, float] = defaultdict(float)
    net: dict[ReasonText, float] = defaultdict(float)
    for contribution, named in zip(contributions.tolist(), categories, strict=True):
        for category in named:
            absolute[category] += abs(contribution) / len(named)
            net[category] += contribution / len(named)
    total = sum(absolute.values())
    found = [
        CategoryShare(category, size / total if total else 0.0, net[category])
        for category, size in absolute.items()
    ]
    return tuple(sorted(found, key=lambda each: -each.share))


def decision_grade(bounds: np.ndarray, pd: float) -> DecisionGrade:
    """The grade of a PD.

    Args:
        bounds: Lower PDs of the second grade and those above it, ascending.
        pd: A PD.

    Examples:
        >>> decision_grade(np.array([0.1, 0.3]), 0.1)
        DecisionGrade(number=2, grades=3, lowest_pd=0.1, highest_pd=0.3)
    """
    edges = (0.0, *bounds.tolist(), 1.0)
    index = int(np.searchsorted(bounds, pd, side="right"))
    return DecisionGrade(index + 1, len(edges) - 1, edges[index], edges[index + 1])
