"""What a reader of a verdict must know besides its word, from the figures that were recorded with it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from loan_default_assets.policy.leakage_ceiling import leakage_not_excluded
from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs

WarningKind = Literal["leakage_not_excluded", "leakage_doubt"]


@dataclass(frozen=True)
class VerdictWarning:
    """One warning.

    Attributes:
        kind: Its key, by which a page in another language finds its text.
        text: The sentence with the figures, in English.
    """

    kind: WarningKind
    text: str

    def as_dict(self) -> dict[str, str]:
        """JSON values."""
        return asdict(self)


def leakage_warning(model: EvaluatedModel, limits: PromotionLimits) -> VerdictWarning | None:
    """The gravest warning of leakage; None where it is excluded as far as figures can."""
    if near_perfect := leakage_not_excluded(model, limits):
        return VerdictWarning("leakage_not_excluded", near_perfect)
    return None if model.doubt is None else VerdictWarning("leakage_doubt", model.doubt.sentence())


def recorded_warnings(inputs: Mapping[str, Any] | None) -> tuple[VerdictWarning, ...]:
    """The warnings on the model of recorded inputs; none where none were recorded, or where they are incomplete."""
    if inputs is None:
        return ()
    try:
        found = PromotionInputs.from_dict(inputs)
    except ValueError:
        return ()
    warning = leakage_warning(found.candidate, found.limits)
    return () if warning is None else (warning,)
