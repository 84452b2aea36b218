"""What people decided on a model and on its predictions, as it is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from loan_default_assets.reports.figures.proportions import FigureSource

What = Literal[
    "promoted",
    "rejected",
    "rolled back",
    "promotion proposed",
    "promotion approved",
    "promotion declined",
]


@dataclass(frozen=True)
class OversightEvent:
    """One decision on the model.

    Attributes:
        recorded_at: ISO 8601.
        what: What was decided.
        actor: Who decided.
        reason: Recorded reason, in the language in which it was given.
        row: The row, as `table id`.
    """

    recorded_at: str
    what: What
    actor: str
    reason: str
    row: str


@dataclass(frozen=True)
class PolicyChange:
    """One recorded policy.

    Attributes:
        changes: Settings that differ from the policy before, as `NAME before -> after`; empty for the first one.
    """

    recorded_at: str
    actor: str
    reason: str
    changes: str
    row: str


@dataclass(frozen=True)
class OverriddenDecisions:
    """Overrides of the model's decisions to one decision for one reason.

    Attributes:
        decision: 1: approved by the model and refused; 0: the reverse.
        reason_code: One of the reason codes.
    """

    decision: int
    reason_code: str
    count: int


@dataclass(frozen=True)
class OversightFigures:
    """Everything of one version.

    Attributes:
        required: People that a promotion needs under the recorded policy.
        events: Decisions on the version, the first one first.
        policies: Recorded policies, the first one first.
        overrides: By decision and reason.
        scored: Recorded predictions of the version.
        rescorings: Rescorings of its applications with corrected data.
    """

    required: int
    events: tuple[OversightEvent, ...]
    policies: tuple[PolicyChange, ...]
    overrides: tuple[OverriddenDecisions, ...]
    scored: int
    rescorings: int
    source: FigureSource

    @property
    def overridden(self) -> int:
        """Overrides of all kinds."""
        return sum(each.count for each in self.overrides)
