"""What the assets show in Dagster's UI: values, tables and plots of the pipeline's results."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import dagster as dg

from loan_default_assets.orchestration.asset_checks import asset_check_result
from loan_default_assets.orchestration.metric_tables import (
    defined_metrics,
    interval_table,
    metrics_table,
    recorded_metrics_table,
    reference_table,
    sentences,
)
from loan_default_assets.pipeline.check_results import CheckResult
from loan_default_assets.pipeline.decide_champion import ChampionDecision
from loan_default_assets.pipeline.evaluate_models import WindowEvaluation
from loan_default_assets.pipeline.pretrain_encoder import PretrainedEncoder
from loan_default_assets.pipeline.stored_partitions import StoredPartition
from loan_default_assets.pipeline.train_classifier import TrainedClassifier
from loan_default_assets.portfolio.column_account import column_account
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.report_files import StoredReport
from loan_default_assets.reports import plots
from loan_default_assets.reports.rendering.number_format import rounded
from loan_default_assets.warehouse.batch_scores import ScoredPartition
from loan_default_assets.warehouse.drift_log import DriftState
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.member_weights import Member
    from loan_default_assets.model.training_loop import Epoch

Metadata = dict[str, Any]


def stored_partition(partition: StoredPartition) -> Metadata:
    """Rows of a partition, and whether they changed."""
    return {"dagster/partition_row_count": partition.rows, "changed": partition.changed}


def whole_table(rows: int | None, lineage: dg.TableColumnLineage | None = None) -> Metadata:
    """Rows of the table in all partitions, and the columns that its columns are made from."""
    shown: Metadata = {} if rows is None else {"dagster/row_count": rows}
    return shown if lineage is None else shown | {"dagster/column_lineage": lineage}


def scored_partition(partition: ScoredPartition, changed: bool) -> Metadata:
    """Rows of a scored partition, the defaults expected among them, and where the scores came from."""
    mean = partition.pd_sum / partition.rows if partition.rows else None
    return {
        "dagster/partition_row_count": partition.rows,
        "changed": changed,
        "model_version": partition.model_version,
        "mean_pd": _float(mean),
        "features_sha256": partition.features_sha256,
        "sha256": partition.sha256,
    }


def default_rate(partition: StoredPartition) -> Metadata:
    """Default rate of a partition; null without a label."""
    return {"default_rate": _float(partition.default_rate)}


def add_partition_metadata(
    context: dg.AssetExecutionContext, partitions: Mapping[str, Metadata], table: Metadata
) -> None:
    """Add metadata to partitions of a run by key, and to the newest of all partitions of the run that of the table.

    Dagster shows the metadata of the latest materialization as the asset's; that of a run would be stored once per
    partition.
    """
    newest = context.partition_keys[-1]
    for key, values in partitions.items():
        context.add_asset_metadata(values, partition_key=key)
    context.add_asset_metadata(table, partition_key=newest)


def encoder_result(encoder: PretrainedEncoder) -> dg.MaterializeResult:
    """The encoder's version and snapshot, and the course of its training where it was trained now."""
    shown = _version(encoder.record) | _rounded(encoder.snapshot)
    if not encoder.reused:
        shown |= {
            "pretraining_rows": encoder.pretraining_rows,
            "course": dg.MetadataValue.md(plots.course("contrastive loss", encoder.losses)),
            "epoch_losses": _epoch_table({"loss": encoder.losses}),
        }
    return _result(encoder.record, shown, encoder.checks)


def classifier_result(trained: TrainedClassifier) -> dg.MaterializeResult:
    """The classifier's version and snapshot, and the course of its training where it was trained now."""
    shown, model = _version(trained.record) | _rounded(trained.snapshot), trained.model
    if model is not None:
        shown |= {
            "threshold": rounded(model.threshold),
            "calibration_slope": rounded(model.calibration.slope),
            "calibration_offset": rounded(model.calibration.offset),
            "members": _member_table(model.members),
            "course": _validation_course(model.history),
            "epochs": _epoch_table(
                {
                    "transformer": [epoch.member for epoch in model.history],
                    "loss": [epoch.loss for epoch in model.history],
                    "validation_roc_auc": [epoch.validation_auc for epoch in model.history],
                }
            ),
        }
    return _result(trained.record, shown, trained.checks)


def evaluation_metadata(evaluated: WindowEvaluation, report: StoredReport | None = None) -> Metadata:
    """Verdict, metrics beside the references', the window, the calibration plot, and the model report's file."""
    model, window, snapshot = evaluated.model, evaluated.window, evaluated.snapshot
    shown: Metadata = {
        "version": model.version,
        "verdict": evaluated.verdict.decision,
        "reasons": sentences(*evaluated.verdict.reasons),
        "metrics": metrics_table(evaluated),
    }
    if model.probability is not None:
        shown["calibration"] = dg.MetadataValue.md(plots.calibration(window.label, model.probability))
        shown["roc_curve"] = dg.MetadataValue.md(plots.roc_curve(window.label, model.probability))
    shown |= {
        "intervals": interval_table(evaluated),
        "references": reference_table(evaluated),
        "window_rows": model.policy_input.rows,
        "window_positives": model.policy_input.positives,
        "snapshot": snapshot.digest,
        "immature_rows_excluded": len(snapshot.split.immature),
    }
    if window.share < 1:
        shown["window_rows_before_sampling"] = round(len(window.label) / window.share)
    shown |= defined_metrics(model.metrics.values)
    if window.first is not None:
        shown |= {"window_from": str(window.first), "window_to": str(window.last)}
    return shown | _report(report)


def f1_blocks(state: DriftState | None) -> Metadata:
    """A table with one row per block of loans after the training: F1 as its PDs let expect, and F1 as measured."""
    if state is None or not state.blocks:
        return {}
    names = ("from", "to", "loans", "expected F1", "interval", "measured F1")
    records = []
    for block in reversed(state.blocks):
        values: list[str | int | float | None] = [block.first_partition, block.last_partition, block.rows]
        values += [block.estimate and round(block.estimate, 3)]
        values += [f"{block.low:.3f} to {block.high:.3f}" if block.low is not None else None]
        values += [block.measured and round(block.measured, 3)]
        records.append(dg.TableRecord(dict(zip(names, values, strict=True))))
    kinds = ("string", "string", "int", "float", "string", "float")
    schema = dg.TableSchema([dg.TableColumn(*pair) for pair in zip(names, kinds, strict=True)])
    return {"f1_before_labels_mature": dg.MetadataValue.table(records=records, schema=schema)}


def champion_metadata(decision: ChampionDecision, report: StoredReport | None = None) -> Metadata:
    """The champion and why it is, the last decision, warnings, newest metrics and report; then files and training."""
    evaluation, files = decision.evaluation, _version(decision.champion)
    shown: Metadata = {
        "version": files.pop("version"),
        "verdict": evaluation.verdict if evaluation else "",
        "reason": sentences(decision.champion.reason or ""),
        "outcome": sentences(decision.outcome, *([decision.rejection] if decision.rejection else [])),
    }
    if decision.warnings:
        shown["warnings"] = sentences(*(warning.text for warning in decision.warnings))
    if evaluation is not None:
        shown["metrics"] = recorded_metrics_table(evaluation)
    return shown | _report(report) | defined_metrics(evaluation.metrics if evaluation else {}) | files


def columns_table(portfolio: Portfolio) -> Metadata:
    """A table with one row per column: what it is used as, or why it is no feature."""
    names = ("column", "used as", "kind", "reason")
    records = [
        dg.TableRecord(dict(zip(names, (use.name, use.use, use.kind, use.reason), strict=True)))
        for use in column_account(portfolio)
    ]
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in names])
    return {"columns": dg.MetadataValue.table(records=records, schema=schema)}


def _report(report: StoredReport | None) -> Metadata:
    if report is None:
        return {}
    return {"report": dg.MetadataValue.path(str(report.path)), "report_sha256": report.sha256}


def _result(record: ModelRecord, shown: Metadata, checks: Sequence[CheckResult]) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata=shown,
        data_version=dg.DataVersion(record.version),
        check_results=[asset_check_result(check) for check in checks],
    )


def _version(record: ModelRecord) -> Metadata:
    return {
        "version": record.version,
        "artifact": record.artifact_uri,
        "sha256": record.artifact_sha256,
        "hyper_parameters": dg.MetadataValue.json(_rounded(record.hyper_parameters)),
    }


def _float(value: float | None) -> dg.MetadataValue:
    return dg.MetadataValue.null() if value is None else dg.MetadataValue.float(rounded(value))


def _rounded(value: Any) -> Any:
    """The same document with three significant digits; the exact one is in the tables."""
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return rounded(value) if isinstance(value, float) else value


def _validation_course(history: "Sequence[Epoch]") -> dg.MetadataValue:
    """The ROC-AUC on the validation rows by epoch, one line per transformer."""
    lines = [
        [math.nan if epoch.validation_auc is None else epoch.validation_auc for epoch in epochs]
        for _, epochs in groupby(history, key=lambda epoch: epoch.member)
    ]
    return dg.MetadataValue.md(plots.course("validation ROC-AUC", *lines))


def _member_table(members: "Sequence[Member]") -> dg.MetadataValue:
    """A table with one row per member of the ensemble."""
    records = [dg.TableRecord({"member": m.kind, "weight": rounded(m.weight)}) for m in members]
    columns = [dg.TableColumn("member", "string"), dg.TableColumn("weight", "float")]
    return dg.MetadataValue.table(records=records, schema=dg.TableSchema(columns))


def _epoch_table(columns: Mapping[str, Sequence[float | None]]) -> dg.MetadataValue:
    """A table with one row per epoch."""
    names = list(columns)
    records = [
        dg.TableRecord(
            {"epoch": number, **{n: rounded(v) for n, v in zip(names, values, strict=True) if v is not None}}
        )
        for number, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    return dg.MetadataValue.table(
        records=records,
        schema=dg.TableSchema([dg.TableColumn("epoch", "int"), *(dg.TableColumn(n, "float") for n in names)]),
    )
