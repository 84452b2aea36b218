"""The checks that a training snapshot must pass before a model is trained on it."""

import numpy as np

from loan_default_assets.pipeline.check_results import BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE, CheckResult
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio


def check_readiness(
    portfolio: Portfolio, snapshot: TrainingSnapshot, leakage_limit: float
) -> tuple[CheckResult, ...]:
    """All three checks; the leakage check, which fits models, only when the other two pass."""
    checks = [both_classes(snapshot), label_maturity(snapshot)]
    if all(check.passed for check in checks):
        checks.append(no_leakage(portfolio, snapshot, leakage_limit))
    return tuple(checks)


def both_classes(snapshot: TrainingSnapshot) -> CheckResult:
    """Training and validation rows each hold defaults and non-defaults."""
    counts = {}
    for name, index in (("training", snapshot.split.train), ("validation", snapshot.split.validation)):
        labels = snapshot.rows.label[index]
        counts[f"{name}_defaults"] = int((labels == 1).sum())
        counts[f"{name}_others"] = int((labels == 0).sum())
    empty = [name for name, count in counts.items() if not count]
    return CheckResult(
        BOTH_CLASSES,
        passed=not empty,
        description=(
            f"no {', no '.join(name.replace('_', ' ') for name in empty)}: a model needs both outcomes; "
            "check the label's values in the portfolio, or load more partitions"
            if empty
            else "both outcomes are present"
        ),
        figures=counts,
    )


def label_maturity(snapshot: TrainingSnapshot) -> CheckResult:
    """Every label in use was known by the cutoff, and no training row lies in the evaluation window."""
    split, rows = snapshot.split, snapshot.rows
    used = np.concatenate([split.train, split.validation, split.window])
    observed = rows.label_observed_at[used]
    early = 0
    if snapshot.cutoff is not None:
        early = int((observed > np.datetime64(snapshot.cutoff, "D")).sum())
    overlap = 0
    if split.window_from is not None:
        fitted = np.concatenate([split.train, split.validation])
        overlap = int((rows.as_of[fitted] >= np.datetime64(split.window_from, "D")).sum())
    return CheckResult(
        LABEL_MATURITY,
        passed=early == 0 and overlap == 0,
        description=(
            f"{len(split.immature)} rows excluded: their outcome is not known yet"
            if early == 0 and overlap == 0
            else f"{early} labels are used before they are known; {overlap} training rows lie in the window"
        ),
        figures={"immature_rows_excluded": len(split.immature), "used_rows": len(used)},
    )


def no_leakage(portfolio: Portfolio, snapshot: TrainingSnapshot, limit: float) -> CheckResult:
    """No single feature raises a baseline's ROC-AUC by more than `limit` on the validation rows."""
    from loan_default_assets.model.leakage import leakage_candidates

    names = (*portfolio.features.numerical, *portfolio.features.categorical)
    candidates = leakage_candidates(
        snapshot.select(snapshot.split.train),
        snapshot.select(snapshot.split.validation),
        portfolio.features.cardinalities,
        names,
        limit,
    )
    listed = ", ".join(
        f"{c.feature} ({c.auc_without:.3f} without, {c.auc_with:.3f} with)" for c in candidates
    )
    return CheckResult(
        NO_LEAKAGE,
        passed=not candidates,
        description=(
            f"features that may know the outcome: {listed}; list columns that exist only after the outcome under "
            "`known_after_outcome` in the portfolio, or raise LEAKAGE_AUC_LIMIT when the feature is known at "
            "application"
            if candidates
            else f"no single feature raises ROC-AUC by more than {limit}"
        ),
        figures={"limit": limit, **{c.feature: c.auc_with - c.auc_without for c in candidates}},
    )
