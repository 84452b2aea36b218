"""The checks that a training snapshot must pass before a model is trained on it."""

from collections.abc import Callable

import numpy as np

from loan_default_assets.pipeline.check_results import BOTH_CLASSES, LABEL_MATURITY, NO_LEAKAGE, CheckResult
from loan_default_assets.pipeline.pipeline_errors import ChecksFailedError
from loan_default_assets.pipeline.snapshot_leakage import assess_snapshot
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.pipeline.untrainable_rows import missing_rows
from loan_default_assets.portfolio.spec import Portfolio


def require_readiness(
    portfolio: Portfolio, snapshot: TrainingSnapshot, leakage_limit: float, warn: Callable[[str], None]
) -> tuple[CheckResult, ...]:
    """The checks, all of them passed; `warn` is given what they leave doubtful.

    Raises:
        ChecksFailedError: The snapshot is not ready to train on.
    """
    checks = check_readiness(portfolio, snapshot, leakage_limit)
    if failed := [check.description for check in checks if not check.passed]:
        raise ChecksFailedError("; ".join(failed), checks)
    for check in checks:
        if check.doubtful:
            warn(f"leakage check: {check.description}")
    return checks


def check_readiness(
    portfolio: Portfolio, snapshot: TrainingSnapshot, leakage_limit: float
) -> tuple[CheckResult, ...]:
    """All three checks; the leakage check, which fits models, only when the other two pass."""
    checks = [both_classes(snapshot), label_maturity(portfolio, snapshot)]
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
            "there are no rows to train on"
            if not any(counts.values())
            else f"no {', no '.join(name.replace('_', ' ') for name in empty)}: a model needs both outcomes; "
            "check the label's values in the portfolio, or load more partitions"
            if empty
            else "both outcomes are present"
        ),
        figures=counts,
    )


def label_maturity(portfolio: Portfolio, snapshot: TrainingSnapshot) -> CheckResult:
    """Labels in use were known by the cutoff, no training row lies in the evaluation window, and no part is empty."""
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
    if (problem := missing_rows(portfolio, snapshot)) is not None:
        figures = {"immature_rows_excluded": len(split.immature), "used_rows": len(used)}
        return CheckResult(LABEL_MATURITY, passed=False, description=problem, figures=figures)
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
    """No feature that is not attested as known at application is found to know the outcome.

    `limit` is the fall in ROC-AUC that is acceptable when features with a high ROC-AUC alone are removed.
    """
    found = assess_snapshot(portfolio, snapshot, limit)
    sources = {name: sorted(expression.names) for name, expression in portfolio.derived.items()}
    return CheckResult(
        NO_LEAKAGE,
        passed=not found.blocking,
        description=found.message(sources),
        figures={
            "limit": limit,
            "defaults": found.defaults,
            **({"roc_auc": found.roc_auc} if found.enough_defaults else {}),
            **({"roc_auc_without": found.roc_auc_without} if found.blocking else {}),
        },
        evidence=found.evidence,
        doubtful=bool(found.suspicion),
    )
