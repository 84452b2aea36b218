"""`status`: the state of the platform, as text and as one JSON object."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from loan_default_assets.commands.alert_status import alert_lines, alerts
from loan_default_assets.commands.drift_status import drift, drift_lines
from loan_default_assets.commands.oversight_status import oversight, oversight_lines
from loan_default_assets.commands.run_alerts import fail_dead
from loan_default_assets.commands.service_status import replica_lines, replicas
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.sizes import size_lines, sizes
from loan_default_assets.commands.version_status import version_lines, versions
from loan_default_assets.commands.warning_lines import warning_lines
from loan_default_assets.limits import retraining_limits
from loan_default_assets.model.artifact_files import ArtifactRootError
from loan_default_assets.model.artifact_store import ArtifactCheck
from loan_default_assets.model.metrics import METRICS
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.policy import retraining
from loan_default_assets.policy.verdict_warnings import VerdictWarning
from loan_default_assets.policy.verdict_words import verdict_words
from loan_default_assets.shadow_state import shadow_lines, shadow_state
from loan_default_assets.signing.signed_models import unsigned_warning
from loan_default_assets.warehouse import retraining_facts
from loan_default_assets.warehouse.evaluations import EvaluationRecord
from loan_default_assets.warehouse.registry import ModelRecord

# Settings that were given or derived, and that a reader of the status compares first.
TRAINING = ("num_layers", "d_model", "batch_size", "learning_rate", "max_epochs", "pretrain_epochs")
STACKED_MEMBERS = ("boosting", "additive")


def status(session: Session, instance: dg.DagsterInstance | None = None) -> dict[str, Any]:
    """Keys are added in later versions, never renamed. Rates and metrics are fractions; dates ISO 8601.

    Without an instance no training counts as queued or running.
    """
    if instance is not None:
        fail_dead(session, instance)
    champion = session.registry.champion()
    last = session.evaluations.latest()
    evaluated = session.evaluations.latest(champion.version) if champion else None
    warnings = session.evaluations.warnings(champion.version) if champion else ()
    return {
        "portfolio": session.portfolio.name,
        "database": session.database_label,
        "tables": session.loans.counts(),
        "champion": _champion(champion, evaluated, warnings, _files(session, champion)) if champion else None,
        "versions": versions(session),
        "evaluation": _evaluation(last) if last else None,
        "drift": drift(session, champion),
        "retraining": retraining.status(retraining_action(session, instance)),
        "alerts": alerts(session),
        "replicas": replicas(session, champion),
        "shadow": shadow_state(
            session.database, session.settings.shadow, session.portfolio.hash, latest=True
        ),
        "sizes": sizes(session),
        **oversight(session),
    }


def retraining_action(
    session: Session, instance: dg.DagsterInstance | None, *, forced: bool = False
) -> retraining.Action:
    """The action of the retraining rule now; `forced`: for an operator who starts a training."""
    found = run_tracking.trainings(instance, session.portfolio.name) if instance else run_tracking.Trainings()
    state = retraining_facts.state(
        session.database,
        session.portfolio,
        max_rows=session.settings.training_max_rows,
        running=found.running,
        ended_runs=found.ended_runs,
        forced=forced,
    )
    return retraining.decide(state, retraining_limits(session.settings))


def _files(session: Session, champion: ModelRecord) -> ArtifactCheck:
    """The champion's files; unreadable where their root cannot be reached."""
    try:
        return session.artifacts.check_served(champion)
    except ArtifactRootError as error:
        folder = session.artifacts.root / champion.version
        return ArtifactCheck(champion.version, "unreadable", folder, str(error))


def _champion(
    champion: ModelRecord,
    evaluated: EvaluationRecord | None,
    warnings: Sequence[VerdictWarning],
    files: ArtifactCheck,
) -> dict[str, Any]:
    return {
        "version": champion.version,
        "verdict": evaluated.verdict if evaluated else None,
        "verdict_role": evaluated.role if evaluated else None,
        "promotion_verdict": champion.verdict,
        "warnings": [warning.as_dict() for warning in warnings],
        "threshold": champion.threshold,
        "trained_from": _iso(champion.trained_from),
        "trained_to": _iso(champion.trained_to),
        "artifact_sha256": champion.artifact_sha256,
        "files": {"state": files.state, "folder": str(files.path), "problem": files.problem or None},
        "signature": {
            "key": files.signed_by,
            "warning": unsigned_warning(champion.version) if files.intact and not files.signed_by else None,
        },
        "reason": champion.reason,
        "members": _members(champion),
        "sampling": _sampling(champion),
        "pretraining_gain": champion.metrics.get("pretraining_gain"),
        "training": {name: champion.hyper_parameters.get(name) for name in TRAINING},
        "metrics": {name: evaluated.metrics.get(name) for name in METRICS} if evaluated else None,
    }


def _members(champion: ModelRecord) -> list[dict[str, Any]]:
    """The members of the ensemble and their weights; one transformer in a model of a former release."""
    stacked = [
        {"kind": kind, "weight": weight}
        for kind in STACKED_MEMBERS
        if (weight := champion.metrics.get(f"{kind}_weight", 0.0))
    ]
    count = int(champion.hyper_parameters.get("members", 1))
    each = (1 - sum(member["weight"] for member in stacked)) / count
    return [{"kind": "transformer", "weight": each}] * count + stacked


def _sampling(champion: ModelRecord) -> dict[str, int] | None:
    """The rows of the training before and after sampling; None where all rows were used."""
    if "sampled_rows" not in champion.metrics:
        return None
    return {
        "rows": int(champion.metrics["sampled_rows"]),
        "rows_before": int(champion.metrics["rows_before_sampling"]),
    }


def _evaluation(last: EvaluationRecord) -> dict[str, Any]:
    return {
        "version": last.model_version,
        "window_from": _iso(last.window_from),
        "window_to": _iso(last.window_to),
        "rows": last.rows,
        "positives": last.positives,
        "window_share": last.metrics.get("window_share", 1.0),
        "metrics": {name: last.metrics.get(name) for name in METRICS},
        "intervals": {name: list(last.intervals[name]) for name in METRICS if name in last.intervals},
        "baseline": last.baseline,
        "verdict": last.verdict,
    }


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None


def text(found: dict[str, Any]) -> str:
    """The status as text."""
    lines = [f"portfolio   {found['portfolio']}", f"database    {found['database']}", "tables"]
    lines += [f"  {table:18}{rows:>10,} rows" for table, rows in found["tables"].items()]
    waiting = [each["version"] for each in found["approvals"]["waiting"]]
    rejected = next((each["version"] for each in found["versions"] if each["status"] == "rejected"), None)
    lines += champion_lines(found["champion"], found["evaluation"], waiting, rejected)
    lines += version_lines(found["versions"])
    lines += drift_lines(found.get("drift"))
    if retraining := found.get("retraining"):
        lines += retraining_lines(retraining)
    lines += oversight_lines(found)
    lines += alert_lines(found["alerts"])
    lines += replica_lines(found["replicas"])
    lines += shadow_lines(found["shadow"])
    lines += size_lines(found["sizes"])
    return "\n".join(lines)


def retraining_lines(retraining: dict[str, Any]) -> list[str]:
    """State and reason, the failed attempts of the episode, and when the next retraining starts, as lines."""
    lines = [f"retraining  {retraining['state']}: {retraining['reason']}"]
    if retraining["attempts"]:
        lines.append(f"            failed attempts of the episode: {retraining['attempts']}")
    if retraining["next"]:
        lines.append(f"            next: {retraining['next']}")
    return lines


def _members_text(members: list[dict[str, Any]]) -> str:
    transformers = [member for member in members if member["kind"] == "transformer"]
    shares = [f"{len(transformers)} x transformer {transformers[0]['weight']:.2f}"]
    shares += [
        f"{member['kind']} {member['weight']:.2f}" for member in members if member["kind"] in STACKED_MEMBERS
    ]
    return f"members and weights: {', '.join(shares)}"


def champion_lines(
    champion: dict[str, Any] | None,
    evaluation: dict[str, Any] | None,
    waiting: Sequence[str] = (),
    rejected: str | None = None,
) -> list[str]:
    """The champion and the last evaluation, as lines.

    Args:
        waiting: Versions whose promotion waits for approvals.
        rejected: The newest version that was rejected.
    """
    if champion is None and waiting:
        return [f"champion    none yet: the promotion of {', '.join(waiting)} is proposed"]
    if champion is None and rejected:
        return [
            f"champion    none yet: {rejected} may not serve; why, and what to do: loan-default report {rejected}"
        ]
    if champion is None:
        return ["champion    none yet: loan-default run"]
    # A later verdict on a champion says whether it is at the target, and promotes nothing.
    if champion["promotion_verdict"]:
        verdict = verdict_words(champion["promotion_verdict"])
    elif champion["verdict"]:
        verdict = verdict_words(champion["verdict"], champion["verdict_role"])
    else:
        verdict = "no verdict"
    lines = [f"champion    {champion['version']} ({verdict}), threshold {champion['threshold']:.3f}"]
    lines += warning_lines(champion["warnings"])
    if problem := champion["files"]["problem"]:
        lines += [f"  {line}" for line in f"cannot be loaded: {problem}".splitlines()]
    if warning := champion["signature"]["warning"]:
        lines.append(f"  WARN {warning}")
    elif key := champion["signature"]["key"]:
        lines.append(f"  signed by key {key[:16]}")
    if members := champion.get("members"):
        lines.append(f"  {_members_text(members)}")
    if champion.get("pretraining_gain") is not None:
        gain = champion["pretraining_gain"]
        lines.append(f"  gain of pretraining: ROC-AUC {gain:+.4f} on the validation rows")
    if champion["trained_from"]:
        lines.append(f"  trained on applications from {champion['trained_from']} to {champion['trained_to']}")
    if sampling := champion.get("sampling"):
        lines.append(
            f"  trained on a sample of {sampling['rows']:,} of {sampling['rows_before']:,} rows, PD corrected for it"
        )
    if evaluation is None:
        return lines
    period = (
        f" from {evaluation['window_from']} to {evaluation['window_to']}" if evaluation["window_from"] else ""
    )
    lines.append(
        f"evaluation  {evaluation['version']} on {evaluation['rows']:,} untouched rows"
        f" ({evaluation['positives']:,} defaults){period}"
    )
    if (share := evaluation.get("window_share", 1.0)) < 1:
        lines.append(
            f"  a uniform random sample of about {round(evaluation['rows'] / share):,} rows of the window"
        )
    baseline = (evaluation["baseline"] or {}).get("metrics", {})
    name = (evaluation["baseline"] or {}).get("name", "")
    for key, label in (("f1", "F1"), ("roc_auc", "ROC-AUC"), ("pr_auc", "PR-AUC"), ("ks", "KS")):
        value, interval = evaluation["metrics"][key], evaluation["intervals"].get(key)
        shown = f"  {label:10}" + ("not defined on these rows" if value is None else f"{value:.3f}")
        if value is not None and interval:
            shown += f"  [{interval[0]:.3f}, {interval[1]:.3f}]"
        if baseline.get(key) is not None:
            shown += f"  {name} {baseline[key]:.3f}"
        lines.append(shown)
    if difference := (evaluation["baseline"] or {}).get("roc_auc_difference"):
        low, high = difference
        lines.append(f"  ROC-AUC minus that of {name}: between {low:.3f} and {high:.3f} (95 %)")
    return lines
