"""The settings as the limits of policies and splits."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from loan_default_assets.policy.promotion_figures import PromotionLimits
from loan_default_assets.policy.state import Limits
from loan_default_assets.settings import Settings

if TYPE_CHECKING:
    from loan_default_assets.model.split_bounds import SplitLimits


def retraining_limits(settings: Settings) -> Limits:
    """The limits of the retraining policy."""
    return Limits(
        f1_threshold=settings.f1_score_threshold,
        sample_threshold=settings.retraining_sample_threshold,
        positive_threshold=settings.retraining_positive_threshold,
        max_attempts=settings.max_retrain_attempts,
        cooldown=timedelta(hours=settings.retrain_cooldown),
    )


def promotion_limits(settings: Settings) -> PromotionLimits:
    """The limits of the promotion policy."""
    return PromotionLimits(
        f1_threshold=settings.f1_score_threshold,
        policy=settings.promotion_policy,
        sample_threshold=settings.retraining_sample_threshold,
        positive_threshold=settings.retraining_positive_threshold,
        reference_gate=settings.reference_gate,
    )


def split_limits(settings: Settings) -> "SplitLimits":
    """The rows and defaults that an evaluation window needs, and the most rows that are read."""
    from loan_default_assets.model.split_bounds import SplitLimits

    return SplitLimits(
        min_rows=settings.retraining_sample_threshold,
        min_positives=settings.retraining_positive_threshold,
        max_rows=settings.training_max_rows,
    )


def decision_policy(settings: Settings) -> dict[str, Any]:
    """The settings that decide which model is trained, promoted and served, by name; a change of them is recorded."""
    names = (
        "approvals",
        "f1_score_threshold",
        "retraining_sample_threshold",
        "retraining_positive_threshold",
        "leakage_auc_limit",
        "promotion_policy",
        "reference_gate",
        "retrain_cooldown",
        "max_retrain_attempts",
        "require_signature",
    )
    return {name.upper(): getattr(settings, name) for name in names}
