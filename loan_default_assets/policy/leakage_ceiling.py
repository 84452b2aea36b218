"""Near-perfect discrimination, of the model or of the best reference, is leakage until a human attests otherwise."""

from loan_default_assets.policy.promotion_figures import EvaluatedModel, PromotionLimits
from loan_default_assets.policy.rounding import format_distinct

_COLUMNS = (
    "list the columns that exist only after the outcome under known_after_outcome in the portfolio, or attest those "
    "that carry the discrimination under known_at_application"
)


def leakage_not_excluded(model: EvaluatedModel, limits: PromotionLimits) -> str | None:
    """The sentence of a model whose rows allow near-perfect discrimination without an attestation; None otherwise.

    A reference that predicts the outcome of the same rows nearly perfectly shows that they give it away, also where the
    model did not learn it: by a column, or by an applicant whom training rows and window share.
    """
    if model.attested or model.positives < limits.ceiling_positives:
        return None
    if model.ceiling_bound > limits.auc_ceiling:
        auc, ceiling = format_distinct(model.ceiling_bound, limits.auc_ceiling)
        return (
            f"Leakage not excluded: the lower 95 % bound of ROC-AUC is {auc}, above {ceiling}, which features known at "
            f"application do not reach. Next: {_COLUMNS}, and train again."
        )
    if model.reference is not None and model.reference.roc_auc_low > limits.auc_ceiling:
        auc, ceiling = format_distinct(model.reference.roc_auc_low, limits.auc_ceiling)
        return (
            f"Leakage not excluded: the lower 95 % bound of ROC-AUC of {model.reference.name}, fitted on the same "
            f"rows, is {auc}, above {ceiling}, which features known at application do not reach. Next: {_COLUMNS}, or, "
            "where an applicant has several loans, name the column of the applicant under key, and train again."
        )
    return None
