"""The snapshot that a recorded evaluation was made on, read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loan_default_assets.pipeline.pipeline_errors import NoRowsError
from loan_default_assets.pipeline.report_rows import window_of
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot, read_snapshot
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets.warehouse.loans import Loans

if TYPE_CHECKING:
    from loan_default_assets.model.split_bounds import SplitLimits


def evaluated_snapshot(
    loans: Loans, limits: SplitLimits, found: EvaluationInputs, read: TrainingSnapshot | None = None
) -> TrainingSnapshot | Omitted:
    """The rows of an evaluation with their split, or why they are no longer there.

    Args:
        loans: Where to read.
        limits: The limits of the split; with others than those of the evaluation there is another split.
        found: The evaluation.
        read: A snapshot that the caller has; it is used where it is that of the evaluation.
    """
    if read is not None and read.digest != found.evaluation.snapshot_hash:
        read = None
    snapshot = read or _read(loans, limits, found)
    if isinstance(snapshot, Omitted):
        return snapshot
    if len(window_of(snapshot, found.evaluation)) != found.evaluation.rows:
        return Omitted("omitted.window_changed")
    return snapshot


def _read(loans: Loans, limits: SplitLimits, found: EvaluationInputs) -> TrainingSnapshot | Omitted:
    cutoff = None
    if found.inputs is not None:
        try:
            cutoff = PromotionInputs.from_dict(found.inputs).cutoff
        except ValueError:
            return Omitted("omitted.inputs_incomplete")
    try:
        snapshot = read_snapshot(loans, limits, cutoff)
    except NoRowsError:
        return Omitted("omitted.no_rows")
    if snapshot.digest != found.evaluation.snapshot_hash:
        return Omitted("omitted.rows_changed", found.evaluation.snapshot_hash[:16])
    return snapshot
