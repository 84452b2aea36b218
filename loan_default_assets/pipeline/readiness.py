"""Whether a snapshot is fit to train on: both classes, no label before its time, no column that knows the outcome."""

import dagster as dg
import numpy as np

from loan_default_assets.orchestration.asset_checks import BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio


def examine(portfolio: Portfolio, taken: TrainingSnapshot, leakage_limit: float) -> list[dg.AssetCheckResult]:
    """All three checks; the costly one only where there is something to learn from."""
    checks = [both_classes(taken), label_maturity(taken)]
    if all(check.passed for check in checks):
        checks.append(no_leakage(portfolio, taken, leakage_limit))
    return checks


def both_classes(taken: TrainingSnapshot) -> dg.AssetCheckResult:
    """Defaults and non-defaults among the training rows, and among the validation rows."""
    counts = {}
    for name, index in (("training", taken.split.train), ("validation", taken.split.validation)):
        labels = taken.rows.label[index]
        counts[f"{name}_defaults"] = int((labels == 1).sum())
        counts[f"{name}_others"] = int((labels == 0).sum())
    empty = [name for name, count in counts.items() if not count]
    return dg.AssetCheckResult(
        check_name=BOTH_CLASSES,
        passed=not empty,
        description=(
            f"no {', no '.join(name.replace('_', ' ') for name in empty)}: a model needs both outcomes; "
            "look at the label's values in the portfolio, or load more partitions"
            if empty
            else "both outcomes are there"
        ),
        metadata=counts,
    )


def label_maturity(taken: TrainingSnapshot) -> dg.AssetCheckResult:
    """Every training, validation and window label was known at the clock, and the three follow each other in time."""
    split, rows = taken.split, taken.rows
    used = np.concatenate([split.train, split.validation, split.window])
    observed = rows.label_observed_at[used]
    early = 0
    if taken.cutoff is not None:
        early = int((observed > np.datetime64(taken.cutoff, "D")).sum())
    overlap = 0
    if split.window_from is not None:
        fitted = np.concatenate([split.train, split.validation])
        overlap = int((rows.as_of[fitted] >= np.datetime64(split.window_from, "D")).sum())
    return dg.AssetCheckResult(
        check_name=LABEL_MATURITY,
        passed=early == 0 and overlap == 0,
        description=(
            f"{len(split.immature)} rows excluded: their outcome is not known yet"
            if early == 0 and overlap == 0
            else f"{early} labels are used before they are known; {overlap} training rows lie in the window"
        ),
        metadata={"immature_rows_excluded": len(split.immature), "used_rows": len(used)},
    )


def no_leakage(portfolio: Portfolio, taken: TrainingSnapshot, limit: float) -> dg.AssetCheckResult:
    """No single feature lifts a plain baseline's ROC-AUC by more than `limit` on the training rows."""
    from loan_default_assets.model.leakage import suspicious

    names = (*portfolio.features.numerical, *portfolio.features.categorical)
    found = suspicious(
        taken.select(taken.split.train),
        taken.select(taken.split.validation),
        portfolio.features.cardinalities,
        names,
        limit,
    )
    listed = ", ".join(f"{s.feature} ({s.auc_without:.3f} without, {s.auc_with:.3f} with)" for s in found)
    return dg.AssetCheckResult(
        check_name=NO_LEAKAGE,
        passed=not found,
        description=(
            f"features that may know the outcome: {listed}; list what is known only afterwards under `never` in "
            "the portfolio, or raise LEAKAGE_AUC_LIMIT when the feature is known at application"
            if found
            else f"no single feature lifts ROC-AUC by more than {limit}"
        ),
        metadata={"limit": limit, **{s.feature: s.auc_with - s.auc_without for s in found}},
    )
