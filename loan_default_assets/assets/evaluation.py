"""evaluation: candidate and champion on the same untouched window, beside a plain baseline, with a verdict."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg

from loan_default_assets.orchestration import jobs
from loan_default_assets.orchestration.asset_checks import F1_TARGET, FINITE_OUTPUTS
from loan_default_assets.orchestration.resources import Attempt, Warehouse
from loan_default_assets.orchestration.retry_policy import retried
from loan_default_assets.pipeline import evaluate_models, versions
from loan_default_assets.pipeline import training_snapshot as snapshots
from loan_default_assets.policy.promotion import Verdict, decide_promotion
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord


def build(portfolio: Portfolio, settings: Settings) -> dg.AssetsDefinition:
    """The asset. Without a waiting candidate it judges the champion alone, as newly matured labels arrive."""
    key = dg.AssetKey([portfolio.name, "evaluation"])

    @dg.asset(
        key=key,
        group_name=portfolio.name,
        description="Candidate and champion on the newest matured loans, which neither of them was fitted on.",
        kinds={"torch", "scikitlearn"},
        deps=[
            dg.AssetKey([portfolio.name, "classifier"]),
            dg.AssetDep(
                dg.AssetKey([portfolio.name, "processed_features"]),
                partition_mapping=dg.AllPartitionMapping(),
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(FINITE_OUTPUTS, asset=key),
            dg.AssetCheckSpec(F1_TARGET, asset=key),
        ],
        pool=jobs.TRAINING,
    )
    @retried
    def evaluation(
        context: dg.AssetExecutionContext, warehouse: Warehouse, attempt: Attempt
    ) -> Iterator[dg.MaterializeResult]:
        registry, evaluations = warehouse.registry(portfolio), warehouse.evaluations(portfolio)
        candidate, champion = versions.pending(registry, portfolio), registry.champion()
        model = candidate or champion
        if model is None:
            raise dg.Failure("there is no model to judge; materialize classifier first", allow_retries=False)
        taken = snapshots.take(
            warehouse.loans(portfolio), versions.split_limits(settings), attempt.cutoff_date
        )
        window = evaluate_models.window_of(taken, [m for m in (candidate, champion) if m is not None])
        baseline = evaluate_models.baseline(portfolio, taken, window, settings.seed)
        subject = evaluate_models.measure(model, portfolio, window)
        rival = evaluate_models.measure(champion, portfolio, window) if candidate and champion else None
        for measured in (subject, rival):
            if measured is not None and measured.fault:
                context.log.warning(f"evaluation: {measured.version} is not sound: {measured.fault}")
        limits = evaluate_models.limits(settings)
        if candidate is None:
            verdict = decide_promotion(subject.judged, subject.judged, None, limits)
        else:
            verdict = decide_promotion(
                subject.judged,
                rival.judged if rival else None,
                evaluate_models.compare(subject, rival, window),
                limits,
            )

        def record(
            measured: evaluate_models.Measured, role: Literal["candidate", "champion"], verdict: Verdict
        ) -> None:
            evaluations.record(
                EvaluationRecord(
                    model_version=measured.version,
                    role=role,
                    snapshot_hash=taken.digest,
                    window_from=window.first,
                    window_to=window.last,
                    rows=measured.judged.rows,
                    positives=measured.judged.positives,
                    metrics=measured.metrics.values,
                    intervals=measured.metrics.intervals,
                    baseline=baseline.as_dict(),
                    verdict=verdict.decision,
                    reason=" ".join(verdict.reasons),
                    compared_with=rival.version if rival and role == "candidate" else None,
                    evaluated_at=datetime.now(UTC),
                )
            )

        if candidate is not None:
            record(subject, "candidate", verdict)
        elif not _judged_before(evaluations, model.version, taken.digest):
            record(subject, "champion", verdict)
        if rival is not None:
            record(rival, "champion", decide_promotion(rival.judged, rival.judged, None, limits))
        context.log.info(f"evaluation: {model.version} {verdict.decision}. {' '.join(verdict.reasons)}")
        f1, target = subject.metrics.values["f1"], settings.f1_score_threshold
        yield dg.MaterializeResult(
            metadata=_metadata(subject, verdict, baseline, window)
            | {"snapshot": taken.digest, "immature_rows_excluded": len(taken.split.immature)},
            check_results=[
                dg.AssetCheckResult(check_name=FINITE_OUTPUTS, passed=subject.judged.outputs_finite),
                dg.AssetCheckResult(
                    check_name=F1_TARGET,
                    passed=bool(f1 >= target),
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"F1 of the default class {f1:.3f}, target {target}",
                    metadata={"f1": f1, "target": target},
                ),
            ],
        )

    return evaluation


def _judged_before(evaluations: EvaluationLog, version: str, snapshot: str) -> bool:
    """Whether the version was judged on these very rows already, as a candidate or as champion."""
    last = evaluations.latest(version)
    return last is not None and last.snapshot_hash == snapshot


def _metadata(
    subject: evaluate_models.Measured,
    verdict: Verdict,
    baseline: evaluate_models.BaselineEvaluation,
    window: evaluate_models.Window,
) -> dict[str, Any]:
    from loan_default_assets.reports import plots

    columns = ("metric", "value", "low", "high", baseline.name)
    records = [
        dg.TableRecord(
            {
                "metric": name,
                "value": value,
                "low": subject.metrics.intervals[name][0],
                "high": subject.metrics.intervals[name][1],
                baseline.name: baseline.metrics.values[name],
            }
        )
        for name, value in subject.metrics.values.items()
        if value == value
    ]
    found: dict[str, Any] = {
        "version": subject.version,
        "verdict": verdict.decision,
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in verdict.reasons)),
        "window_rows": subject.judged.rows,
        "window_positives": subject.judged.positives,
        "metrics": dg.MetadataValue.table(
            records=records,
            schema=dg.TableSchema(
                [dg.TableColumn(n, "string" if n == "metric" else "float") for n in columns]
            ),
        ),
        "baseline": dg.MetadataValue.json(baseline.as_dict()),
    }
    found |= {name: float(value) for name, value in subject.metrics.values.items() if value == value}
    if window.first is not None:
        found |= {"window_from": str(window.first), "window_to": str(window.last)}
    if subject.probability is not None:
        found["calibration"] = dg.MetadataValue.md(plots.reliability(window.label, subject.probability))
    return found
