"""A version with its newest evaluation, whose rows are read and scored again: what reports start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.pipeline.evaluated_snapshot import evaluated_snapshot
from loan_default_assets.pipeline.pipeline_errors import NoModelError
from loan_default_assets.pipeline.report_rows import ReportRows, report_rows
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationInputs, EvaluationLog, newest_counted
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.registry import ModelRecord, Registry, RegistryError

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.predictor import Predictor
    from loan_default_assets.model.split_bounds import SplitLimits


@dataclass(frozen=True)
class ReportInputs:
    """Where a report reads from.

    Attributes:
        snapshot: The rows of the newest evaluation, where the caller has them already.
    """

    portfolio: Portfolio
    loans: Loans
    registry: Registry
    evaluations: EvaluationLog
    predictions: PredictionLog
    store: ArtifactStore
    split_limits: SplitLimits
    database: Database
    snapshot: TrainingSnapshot | None = None


@dataclass(frozen=True)
class EvaluatedVersion:
    """A version with its newest evaluation.

    Attributes:
        history: All evaluations of the version, the first one first.
        rows: The rows of the evaluation, scored again; an Omitted says why there are none.
    """

    record: ModelRecord
    found: EvaluationInputs
    history: Sequence[EvaluationInputs]
    rows: ReportRows | Omitted


def evaluated_version(inputs: ReportInputs, version: str) -> EvaluatedVersion:
    """A version, its newest evaluation and the rows of that.

    Raises:
        NoModelError: The version was never evaluated.
        RegistryError: The version is unknown.
    """
    record, history = inputs.registry.get(version), inputs.evaluations.history(version)
    if not history:
        raise NoModelError(f"{version} has no recorded evaluation; materialize evaluation first")
    found = newest_counted(history)
    return EvaluatedVersion(record, found, history, _rows(inputs, record, found))


def previous_champion(
    inputs: ReportInputs, record: ModelRecord, found: EvaluationInputs
) -> tuple[str, Predictor] | Omitted:
    """The champion of the time, by version: the one that was compared with, or the one before."""
    previous = found.evaluation.compared_with or record.parent
    if not previous or previous == record.version:
        return Omitted("omitted.no_previous_champion")
    try:
        predictor = usable_predictor(inputs, inputs.registry.get(previous))
    except RegistryError:
        return Omitted("omitted.no_files", previous)
    return predictor if isinstance(predictor, Omitted) else (previous, predictor)


def _rows(inputs: ReportInputs, record: ModelRecord, found: EvaluationInputs) -> ReportRows | Omitted:
    """The rows of the evaluation with their PDs, or why there are none."""
    predictor = usable_predictor(inputs, record)
    if isinstance(predictor, Omitted):
        return predictor
    snapshot = evaluated_snapshot(inputs.loans, inputs.split_limits, found, inputs.snapshot)
    if isinstance(snapshot, Omitted):
        return snapshot
    return report_rows(snapshot, found.evaluation, predictor)


def usable_predictor(inputs: ReportInputs, record: ModelRecord) -> Predictor | Omitted:
    """The model of a version, where its files are intact and it is of the present portfolio."""
    from loan_default_assets.model.predictor import Predictor

    if record.portfolio_hash != inputs.portfolio.hash:
        return Omitted("omitted.other_portfolio", record.version)
    try:
        return Predictor.from_artifact(
            inputs.store.folder(record), sha256=record.artifact_sha256, portfolio_hash=record.portfolio_hash
        )
    except ArtifactError:
        return Omitted("omitted.no_files", record.version)
