"""Near-perfect discrimination is leakage until a human attests otherwise."""

from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.rounding import format_distinct


def leakage_not_excluded(model: EvaluatedModel, limits: PromotionLimits) -> str | None:
    """The sentence of a model whose discrimination is near perfect without an attestation; None otherwise."""
    near_perfect = model.roc_auc_low > limits.auc_ceiling and model.positives >= limits.ceiling_positives
    if model.attested or not near_perfect:
        return None
    auc, ceiling = format_distinct(model.roc_auc_low, limits.auc_ceiling)
    return (
        f"Leakage not excluded: the lower 95 % bound of ROC-AUC is {auc}, above {ceiling}, which features known at "
        "application do not reach. Next: list the columns that exist only after the outcome under "
        "known_after_outcome in the portfolio, or attest those that carry the discrimination under "
        "known_at_application, and train again."
    )
