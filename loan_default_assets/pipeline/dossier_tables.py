"""Facts of a model's dossier that tables of the portfolio's schema hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from loan_default_assets.pipeline.dossier_drift import drift_facts, estimate_facts
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.reports.figures.dossier_facts import FactSource, RecordedFact, facts_of, row
from loan_default_assets.warehouse.champion_decisions import RecordedDecision
from loan_default_assets.warehouse.drift_log import DriftLog
from loan_default_assets.warehouse.evaluations import EvaluationInputs, newest_counted
from loan_default_assets.warehouse.registry import ModelRecord, RegistryError

Groups = dict[str, tuple[RecordedFact, ...]]

_IDENTITY = (
    "version",
    "kind",
    "status",
    "parent",
    "attempt",
    "created_at",
    "promoted_at",
    "verdict",
    "reason",
)
_LINEAGE = ("portfolio_hash", "snapshot_hash", "artifact_sha256")
_TRAINING = ("trained_from", "trained_to", "metrics")
_ENCODER = ("version", "created_at", *_LINEAGE, *_TRAINING)
_EVALUATION = (
    "role",
    "verdict",
    "reason",
    "evaluated_at",
    "snapshot_hash",
    "window_from",
    "window_to",
    "rows",
    "positives",
    "compared_with",
)
_DECISION = ("action", "version", "previous_champion", "verdict", "decided_by", "decided_at", "key_id")


def facts_of_tables(inputs: ReportInputs, record: ModelRecord) -> Groups:
    """The facts of a version in the registry, its evaluations, decisions, predictions and drift, by group.

    Raises:
        WarehouseError: The database cannot be read.
    """
    model = row("model_metadata", version=record.version)
    history, drift_log = inputs.evaluations.history(record.version), DriftLog(inputs.database)
    return {
        "identity": _columns(model, record, _IDENTITY),
        "lineage": _columns(model, record, _LINEAGE),
        "threshold": _columns(model, record, ("threshold",)),
        "training_rows": _columns(model, record, _TRAINING),
        "settings": facts_of(model.at("hyper_parameters"), record.hyper_parameters),
        "encoder": _encoder(inputs, record),
        **_of_evaluation(newest_counted(history) if history else None),
        "evaluations": _numbered(
            (row("model_performance", id=each.id), each.id, _outcome(each)) for each in history
        ),
        "decisions": _decisions(inputs.registry.decisions(), record.version),
        "live": _live(inputs, record.version),
        "drift_checks": drift_facts(drift_log, record.version),
        "f1_estimates": estimate_facts(drift_log, record.version),
        "volume": _volume(inputs, record.version),
        "overrides": _overrides(inputs, record.version),
    }


def _of_evaluation(found: EvaluationInputs | None) -> Groups:
    """The newest evaluation; empty groups without one."""
    if found is None:
        names = ("evaluation", "metrics", "intervals", "references", "policy", "rules")
        return dict.fromkeys(names, ())
    evaluation = found.evaluation
    performance, recorded = row("model_performance", id=found.id), found.inputs or {}
    decided_on = row("evaluation_inputs", evaluation=found.id).at("inputs")
    return {
        "evaluation": _columns(performance, evaluation, _EVALUATION),
        "metrics": facts_of(performance.at("metrics"), evaluation.metrics),
        "intervals": facts_of(performance.at("intervals"), evaluation.intervals),
        "references": facts_of(performance, {"baseline": evaluation.baseline}),
        "policy": facts_of(decided_on, _chosen(recorded, ("cutoff", "limits"))),
        "rules": facts_of(decided_on, _chosen(recorded, ("candidate", "champion", "comparison"))),
    }


def _outcome(found: EvaluationInputs) -> Mapping[str, Any]:
    evaluation = found.evaluation
    named = ("evaluated_at", "role", "rows", "positives", "verdict")
    return {name: getattr(evaluation, name) for name in named} | {"f1": evaluation.metrics.get("f1")}


def _decisions(decisions: Sequence[RecordedDecision], version: str) -> tuple[RecordedFact, ...]:
    """All decisions of the portfolio, with the reasons of those on this version."""
    return _numbered(
        (
            row("champion_decisions", id=each.id),
            each.id,
            {name: getattr(each, name) for name in _DECISION}
            | ({"reason": each.reason} if each.version == version else {}),
        )
        for each in decisions
    )


def _encoder(inputs: ReportInputs, record: ModelRecord) -> tuple[RecordedFact, ...]:
    named = str(record.hyper_parameters.get("encoder", ""))
    try:
        encoder = inputs.registry.get(named)
    except RegistryError:
        return ()
    return _columns(row("model_metadata", version=encoder.version), encoder, _ENCODER)


def _live(inputs: ReportInputs, version: str) -> tuple[RecordedFact, ...]:
    source = row("live_performance", model_version=version)
    return tuple(
        fact
        for found in inputs.predictions.live_performance(version)
        for fact in facts_of(
            source,
            {name: _plain(value) for name, value in found.items() if name != "model_version"},
        )
    )


def _volume(inputs: ReportInputs, version: str) -> tuple[RecordedFact, ...]:
    found = []
    for channel, scored, declined in inputs.predictions.volume(version):
        of_channel = {"model_version": version, "channel": channel}
        all_loans = row("predictions", **of_channel).at("count(*)")
        refused = row("predictions", **of_channel, decision=1).at("count(*)")
        found += [
            RecordedFact(f"{channel}.scored", scored, all_loans),
            RecordedFact(f"{channel}.declined", declined, refused),
        ]
    return tuple(found)


def _overrides(inputs: ReportInputs, version: str) -> tuple[RecordedFact, ...]:
    log = inputs.registry.oversight
    counts = {
        "decision overridden": sum(each.count for each in log.override_counts(version)),
        "application rescored": log.rescoring_count(version),
    }
    return tuple(
        RecordedFact(action, count, row("oversight_records", action=action, version=version).at("count(*)"))
        for action, count in counts.items()
    )


def _numbered(rows: Iterable[tuple[FactSource, int, Mapping[str, Any]]]) -> tuple[RecordedFact, ...]:
    """Facts of several rows, each named after the number of its row."""
    return tuple(
        RecordedFact(f"{number}.{fact.name}", fact.value, fact.source)
        for source, number, values in rows
        for fact in facts_of(source, values)
    )


def _columns(source: FactSource, record: Any, names: Sequence[str]) -> tuple[RecordedFact, ...]:
    return facts_of(source, {name: getattr(record, name) for name in names})


def _chosen(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _plain(value: Any) -> Any:
    """PostgreSQL's exact numbers as numbers of Python."""
    return float(value) if isinstance(value, Decimal) else value
