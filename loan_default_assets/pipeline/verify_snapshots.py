"""Whether the rows that a model was trained on still have the hash that names them."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from loan_default_assets.pipeline.pipeline_errors import NoRowsError
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.split_bounds import SplitLimits


@dataclass(frozen=True)
class SnapshotState:
    """Whether a version's training snapshot could be computed again.

    Attributes:
        reason: Why not; empty where it could.
    """

    version: str
    reason: str = ""


def recompute_snapshots(
    models: Iterable[ModelRecord],
    evaluations: Iterable[EvaluationInputs],
    loans: Loans,
    portfolio_hash: str,
    limits: "SplitLimits",
) -> list[SnapshotState]:
    """Read the rows of each version's snapshot again, and compare their hash.

    A difference is no deviation: a partition that is delivered again replaces its rows.
    """
    cutoffs: dict[str, date | None] = {}
    for each in evaluations:
        # Inputs that were altered are a deviation of another check.
        with suppress(ValueError):
            if each.inputs is not None:
                cutoffs[each.evaluation.snapshot_hash] = PromotionInputs.from_dict(each.inputs).cutoff
    digests: dict[date | None, str] = {}
    states = []
    for model in models:
        if model.portfolio_hash != portfolio_hash:
            states.append(SnapshotState(model.version, "the portfolio has changed since"))
            continue
        cutoff = cutoffs.get(model.snapshot_hash)
        if cutoff not in digests:
            try:
                digests[cutoff] = read_snapshot(loans, limits, cutoff).digest
            except NoRowsError:
                digests[cutoff] = ""
        same = digests[cutoff] == model.snapshot_hash
        known = f"the rows up to its data cutoff {cutoff}" if cutoff else "the rows"
        states.append(SnapshotState(model.version, "" if same else f"{known} have changed since"))
    return states
