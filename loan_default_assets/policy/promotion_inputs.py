"""What a promotion verdict was decided on, as JSON values and back, so that the verdict can be computed again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.promotion import Verdict, decide_promotion
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.policy.reference_gate import ReferenceDifference
from loan_default_assets.policy.stored_numbers import number_or_nan

# 2: a champion with leakage that is not excluded has a verdict of its own; before, it was `approved_below_target`.
# 3: the ceiling of ROC-AUC holds for the best reference too, whose own bound was not recorded before.
# 4: the ceiling is compared with the bound by resampled rows, which was that of ROC-AUC with few defaults too.
RULES = 4


@dataclass(frozen=True)
class PromotionInputs:
    """The arguments of `decide_promotion`.

    Attributes:
        cutoff: Data cutoff of the rows that the figures are of; None for rows without dates.
        as_of: The earlier cutoff that a replay asked for; None where all that is known counted.
        rules: Number of the rules that decide; a recorded verdict keeps the word that its rules gave.
    """

    candidate: EvaluatedModel
    champion: EvaluatedModel | None
    comparison: Comparison | None
    limits: PromotionLimits
    cutoff: date | None = None
    rules: int = RULES
    as_of: date | None = None

    def verdict(self) -> Verdict:
        """The verdict on these figures under the rules they were recorded with; for errors see `decide_promotion`."""
        found = decide_promotion(self.candidate, self.champion, self.comparison, self.limits)
        if self.rules < 2 and found.decision == "approved_leakage_not_excluded":
            return replace(found, decision="approved_below_target")
        return found

    def as_dict(self) -> dict[str, Any]:
        """JSON values, but for NaN."""
        dates = {"cutoff": self.cutoff, "as_of": self.as_of}
        return asdict(self) | {name: None if day is None else day.isoformat() for name, day in dates.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "PromotionInputs":
        """What `as_dict` gave, with null for NaN; values that a later release added are ignored.

        Raises:
            ValueError: A value is absent, or is not of its kind.

        Examples:
            >>> model = EvaluatedModel("c1", 10, 2, float("nan"), 0.6, 0.1, True, True, True, True)
            >>> stored = PromotionInputs(model, None, None, PromotionLimits(), date(2025, 1, 1)).as_dict()
            >>> stored["candidate"]["f1"] = None
            >>> PromotionInputs.from_dict(stored).verdict().decision
            'provisional'
        """
        try:
            champion, comparison = stored["champion"], stored["comparison"]
            return cls(
                _model(stored["candidate"]),
                None if champion is None else _model(champion),
                None if comparison is None else Comparison(**_numbers(comparison, Comparison)),
                PromotionLimits(**_known(stored["limits"], PromotionLimits)),
                _day(stored["cutoff"]),
                int(stored.get("rules", 1)),
                _day(stored.get("as_of")),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the recorded inputs are incomplete ({type(error).__name__})") from None


def _day(stored: str | None) -> date | None:
    return None if stored is None else date.fromisoformat(stored)


def _model(stored: Mapping[str, Any]) -> EvaluatedModel:
    values = _known(stored, EvaluatedModel)
    resampled = values.pop("resampled_auc_low", None)
    reference, doubt = values.pop("reference", None), values.pop("doubt", None)
    numbers = {name: number_or_nan(values[name]) for name in ("f1", "roc_auc_low", "ece")}
    return EvaluatedModel(
        **values | numbers,
        resampled_auc_low=None if resampled is None else number_or_nan(resampled),
        reference=None
        if reference is None
        else ReferenceDifference(
            reference["name"],
            number_or_nan(reference["dauc_low"]),
            number_or_nan(reference["dauc_high"]),
            number_or_nan(reference.get("roc_auc_low")),
        ),
        doubt=None
        if doubt is None
        else LeakageDoubt(
            number_or_nan(doubt["roc_auc"]),
            number_or_nan(doubt["limit"]),
            tuple((str(name), number_or_nan(alone)) for name, alone in doubt["telling"]),
        ),
    )


def _numbers(stored: Mapping[str, Any], kind: Any) -> dict[str, float]:
    return {name: number_or_nan(value) for name, value in _known(stored, kind).items()}


def _known(stored: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}
