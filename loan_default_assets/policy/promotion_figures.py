"""What a promotion is decided on: figures of the models, and limits."""

from dataclasses import dataclass
from typing import Literal

from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.reference_gate import ReferenceDifference, ReferenceGate

PromotionPolicy = Literal["better_than_champion", "strict"]


@dataclass(frozen=True)
class EvaluatedModel:
    """One model on the evaluation window, as measured by the caller. NaN (a window of one class) passes no gate.

    Attributes:
        version: Version of the model.
        rows: Labelled rows of the window.
        positives: Defaults among them.
        f1: F1 of the default class at the threshold stored with the model, in 0..1.
        roc_auc_low: Lower bound of the 95 % interval of ROC-AUC, in 0..1.
        ece: Expected calibration error, in 0..1.
        outputs_finite: Whether every predicted probability is finite.
        schema_matches: Whether the model was trained with the portfolio of the rows.
        artifact_matches: Whether the artifact has the registered SHA-256.
        smoke_passed: Whether a fresh process loaded the artifact and scored a row.
        attested: Whether the features that carry near-perfect discrimination are attested as known at application.
        reference: The difference to the best plain reference on the window; None where none was evaluated.
        doubt: Why leakage is not excluded by the features that the model was trained on; None where it is.
        resampled_auc_low: Lower bound of ROC-AUC by resampled rows, which few defaults leave high; None where it was
            not recorded.
    """

    version: str
    rows: int
    positives: int
    f1: float
    roc_auc_low: float
    ece: float
    outputs_finite: bool
    schema_matches: bool
    artifact_matches: bool
    smoke_passed: bool
    attested: bool = False
    reference: ReferenceDifference | None = None
    doubt: LeakageDoubt | None = None
    resampled_auc_low: float | None = None

    @property
    def ceiling_bound(self) -> float:
        """What the ceiling of ROC-AUC is compared with: the bound that errs towards suspecting leakage."""
        return self.roc_auc_low if self.resampled_auc_low is None else self.resampled_auc_low


@dataclass(frozen=True)
class Comparison:
    """95 % bounds of candidate minus champion, paired: both are measured on the same rows."""

    df1_low: float
    df1_high: float
    dauc_low: float
    dauc_high: float


@dataclass(frozen=True)
class PromotionLimits:
    """Limits of the promotion policy.

    Attributes:
        f1_threshold: Target F1, in 0..1.
        policy: "strict" deploys no model below the target; "better_than_champion" also deploys an improvement.
        sample_threshold: Matured rows that a verdict requires.
        positive_threshold: Defaults that a verdict requires.
        auc_floor: Limit that the lower bound of ROC-AUC must exceed.
        auc_ceiling: Lower bound of ROC-AUC by resampled rows, of model or best reference, above which leakage is not
            excluded unless the features are attested.
        ceiling_positives: Defaults from which on the ceiling holds.
        max_ece: Highest expected calibration error.
        f1_margin: How far below zero the lower bound of the F1 difference may lie.
        auc_margin: How far below zero the lower bound of the ROC-AUC difference may lie, to champion and reference.
        reference_gate: "require" promotes no model whose difference to the best reference lies below that margin.
    """

    f1_threshold: float = 0.8
    policy: PromotionPolicy = "better_than_champion"
    sample_threshold: int = 1000
    positive_threshold: int = 100
    auc_floor: float = 0.5
    auc_ceiling: float = 0.97
    ceiling_positives: int = 20
    max_ece: float = 0.15
    f1_margin: float = 0.01
    auc_margin: float = 0.005
    reference_gate: ReferenceGate = "warn"
