"""How much each member of an ensemble counts: from validation rows, shrunk towards equal parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loan_default_assets.model.calibration import platt

# Log loss, in nats summed over the validation rows, that must be gained to give all weight to one of two parts.
SHRINKAGE = 4.0
SHARES = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Member:
    """One part of a classifier.

    Attributes:
        kind: What it is.
        weight: Its share of the ensemble; the shares of all members sum to 1.
        factor: Factor on its raw log-odds: the share, times the slope that makes the members comparable.

    Examples:
        >>> Member("transformer").weight
        1.0
    """

    kind: Literal["transformer", "boosting", "additive"]
    weight: float = 1.0
    factor: float = 1.0


def weigh_members(
    transformers: np.ndarray, stack: np.ndarray | None, outcome: np.ndarray, trees_share: float = 1.0
) -> tuple[Member, ...]:
    """Give the transformers equal shares, and the stack the share that the validation rows support.

    The share minimises the log loss of the mixture of the two kinds plus a penalty on its distance from one half, so
    that few validation rows decide little.

    Args:
        transformers: (k, m) float64 raw log-odds of the transformers on the validation rows.
        stack: (m,) float64 raw log-odds of gradient boosting and additive models; None where they are no members.
        outcome: (m,) bool, True for a default.
        trees_share: Share of gradient boosting in the stack; a member without a share is omitted.

    Returns:
        The members: transformers, gradient boosting, additive model.

    Examples:
        >>> outcome = np.array([False, True] * 500)
        >>> useless, telling = np.zeros((2, 1000)), np.where(outcome, 1.0, -1.0)
        >>> [round(member.weight, 1) for member in weigh_members(useless, telling, outcome)]
        [0.0, 0.0, 1.0]
    """
    count = len(transformers)
    if stack is None:
        return (Member("transformer", 1 / count, 1 / count),) * count
    parts = (transformers.mean(axis=0), stack)
    calibrations = [platt(part, outcome) for part in parts]
    first, second = (
        calibration.log_odds(part) for calibration, part in zip(calibrations, parts, strict=True)
    )
    sign = np.where(outcome, -1.0, 1.0)
    losses = [
        np.logaddexp(0, sign * ((1 - share) * first + share * second)).sum()
        + SHRINKAGE * (2 * share - 1) ** 2
        for share in SHARES
    ]
    share = float(SHARES[int(np.argmin(losses))])
    each = (1 - share) / count
    transformer = Member("transformer", each, each * calibrations[0].slope)
    slope = calibrations[1].slope
    first_share, second_share = share * trees_share, share * (1 - trees_share)
    boosting = Member("boosting", first_share, first_share * slope)
    additive = Member("additive", second_share, second_share * slope)
    kept = [*([boosting] if trees_share > 0 else []), *([additive] if trees_share < 1 else [])]
    return (*(transformer,) * count, *kept)


def combine(members: Sequence[Member], logits: Sequence[np.ndarray]) -> np.ndarray:
    """The ensemble's log-odds before calibration.

    Args:
        members: K members.
        logits: K arrays (n,) of raw log-odds, in the same order.

    Returns:
        (n,) float64.

    Examples:
        >>> combine([Member("transformer", 0.5, 0.5)] * 2, [np.zeros(3), np.ones(3)]).tolist()
        [0.5, 0.5, 0.5]
    """
    total = np.zeros(len(logits[0]))
    for member, part in zip(members, logits, strict=True):
        total += member.factor * part.astype(np.float64)
    return total
