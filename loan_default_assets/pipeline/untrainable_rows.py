"""Why no model can be trained or evaluated on a snapshot, whatever its features: its loans and their dates."""

import numpy as np

from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio


def missing_rows(portfolio: Portfolio, snapshot: TrainingSnapshot) -> str | None:
    """What is wrong with the loans' outcomes or dates, and the next step; None where all parts of the split have rows.

    Args:
        portfolio: The portfolio, whose columns are named.
        snapshot: The rows and their split.
    """
    split, label = snapshot.split, portfolio.label
    matured = np.concatenate([split.train, split.validation, split.window, split.excluded])
    if not len(matured) and not len(split.immature):
        return (
            f"no loan has an outcome: column {label.column} is empty or has values of label.pending alone.\nNext: "
            "correct `label` in the portfolio, or add loans with an outcome; then loan-default run"
        )
    dates = 0
    if portfolio.as_of is not None:
        with_outcome = np.concatenate([matured, split.immature])
        dates = len(np.unique(snapshot.rows.as_of[with_outcome]))
        if dates == 1:
            return (
                f"all {len(with_outcome):,} loans with an outcome have the same date (column {portfolio.as_of}), so "
                "that none is newer than those that a model is fitted on, and no model could be evaluated\nNext: for "
                "these loans alone, draft the portfolio without dates, loan-default init FILE --no-date; or add loans "
                "of other dates, then loan-default run"
            )
    if not len(matured):
        return _all_immature(portfolio, snapshot)
    if len(split.window):
        return None
    if portfolio.as_of is None:
        return (
            f"{len(matured):,} loans with an outcome are too few for a part to evaluate on.\nNext: add loans"
        )
    return (
        f"too many of the {len(matured):,} matured loans have the newest of the {dates} dates (column "
        f"{portfolio.as_of}), or are of loans with several rows: no evaluation window of newer loans can be divided "
        "off\nNext: add loans of more dates, or name a column of finer dates under `as_of`; then loan-default run"
    )


def _all_immature(portfolio: Portfolio, snapshot: TrainingSnapshot) -> str:
    label, immature = portfolio.label, len(snapshot.split.immature)
    none = (
        f"none of the {immature:,} loans with an outcome is matured at the data cutoff {snapshot.cutoff}, the end of "
        "the newest loaded partition: "
    )
    if label.observed_at is not None:
        return (
            f"{none}all dates in column {label.observed_at} (label.observed_at) are later.\nNext: correct the column, "
            "or add newer loans; then loan-default run"
        )
    return (
        f"{none}none is label.horizon_days {label.horizon_days} days old by column {portfolio.as_of}.\nNext: add older "
        "loans, or correct label.horizon_days in the portfolio, if the outcomes were final earlier; then loan-default "
        "run"
    )
