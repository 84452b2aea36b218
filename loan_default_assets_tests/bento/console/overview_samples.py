"""Facts of the first page for the tests, with hostile texts wherever a text comes from outside."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from bento.console.overview_facts import OverviewFacts
from bento.console.overview_page import ServiceState
from bento.operations.request_latency import RouteLatency
from bento.operations.retraining_state import RetrainingFacts
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.retraining import Action
from loan_default_assets.warehouse.alert_log import AlertKind, LoggedAlert
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftState, F1Block, StoredPsi
from loan_default_assets.warehouse.recent_activity import (
    ChampionEvaluation,
    DatedDecision,
    DayVolume,
    RegisteredVersion,
    RejectedChallenger,
)
from loan_default_assets.warehouse.registry import ModelRecord

SCRIPT = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"
VERSION, FORMER = "c0123456789ab", "cba9876543210"
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


def evaluation(version: str, days_ago: int, f1: float | None) -> ChampionEvaluation:
    """An evaluation, with an interval where F1 is defined."""
    at = NOW - timedelta(days=days_ago)
    low, high = (None, None) if f1 is None else (f1 - 0.04, f1 + 0.03)
    return ChampionEvaluation(version, at, date(2026, 1, 1), at.date(), 1234, 210, f1, low, high)


def facts(**changed: Any) -> OverviewFacts:
    """Facts of every part."""
    values: dict[str, Any] = {
        "evaluations": (
            evaluation(FORMER, 60, 0.71),
            evaluation(FORMER, 50, None),
            evaluation(VERSION, 20, 0.79),
            evaluation(VERSION, 2, 0.8123),
        ),
        "volumes": (DayVolume(date(2026, 11, 25), 0, 0), DayVolume(date(2026, 11, 26), 4321, 432)),
        "versions": (
            RegisteredVersion(VERSION, "champion", NOW, NOW, "approved", 0.8123),
            RegisteredVersion(FORMER, "retired", NOW - timedelta(days=90), NOW, None, None),
        ),
        "changes": (
            DatedDecision(VERSION, "promoted", NOW),
            DatedDecision(FORMER, "rolled back", NOW - timedelta(days=1)),
            DatedDecision("c000000000000", "rejected", NOW - timedelta(days=2)),
        ),
        "rejected": rejected(),
        "alerts": (
            alert("run_failed", 5, failure="unreachable", failed_through="webhook"),
            alert("drift", 6, delivered_at=NOW, delivered_through="command"),
        ),
        "retraining": retraining("target_met"),
        "drift": drift(),
    }
    return OverviewFacts(**(values | changed))


def rejected(**changed: Any) -> RejectedChallenger:
    """A challenger that is worse than the champion, with a hostile reason."""
    challenger = EvaluatedModel("c000000000000", 1234, 210, 0.327, 0.654, 0.03, True, True, True, True)
    champion = EvaluatedModel(VERSION, 1234, 210, 0.925, 0.99, 0.01, True, True, True, True, attested=True)
    inputs = PromotionInputs(
        challenger, champion, Comparison(-0.634, -0.566, -0.342, -0.288), PromotionLimits()
    )
    values: dict[str, Any] = {
        "version": "c000000000000",
        "rejected_at": NOW - timedelta(days=2),
        "reason": SCRIPT,
        "inputs": inputs.as_dict(),
    }
    return RejectedChallenger(**(values | changed))


def alert(kind: AlertKind, days_ago: int, **changed: Any) -> LoggedAlert:
    """An alert with hostile texts that was not sent yet, unless its outcome is given."""
    values: dict[str, Any] = {
        "delivered_at": None,
        "delivered_through": None,
        "failure": None,
        "failed_through": None,
    }
    at = NOW - timedelta(days=days_ago)
    return LoggedAlert(f"{kind}:{days_ago}", kind, SCRIPT, SCRIPT, SCRIPT, at, **(values | changed))


def drift(*features: StoredPsi) -> DriftState:
    """Drift of a feature with a hostile name beside a score that did not drift, unless features are given."""
    compared = features or (StoredPsi(SCRIPT, 0.4, 0.1, "red"), StoredPsi("income", 0.2, 0.1, "amber"))
    check = DriftCheck("2026-11-25", "2026-11-24", 1357, compared, StoredPsi("pd", 0.03, 0.1, "green"))
    block = F1Block("2026-11-01", "2026-11-25", 900, 0.765, 0.712, 0.818, 0, None)
    return DriftState(VERSION, check, check, (block,))


def retraining(reason: Any, **changed: Any) -> RetrainingFacts:
    """A decision for a reason."""
    values: dict[str, Any] = {
        "f1": 0.8123,
        "new_labels": 679,
        "missing_labels": 321,
        "ready_at": NOW,
        "hold_since": None,
    }
    action = Action(reason, SCRIPT, "Next.", alert_key="hold:1" if reason == "hold" else None)
    return RetrainingFacts(action=action, **(values | changed))


def service(**changed: Any) -> ServiceState:
    """A worker that serves the champion."""
    champion = ModelRecord(
        version=VERSION,
        kind="classifier",
        status="champion",
        portfolio_hash="0",
        snapshot_hash="0",
        threshold=0.31,
        artifact_uri="models",
        artifact_sha256="0",
        promoted_at=NOW,
    )
    values: dict[str, Any] = {
        "ready": True,
        "champion": champion,
        "model_problem": None,
        "log_problem": None,
        "replicas": {"alive": 2, "outdated": 0},
        "latencies": (RouteLatency("http", "/predict", 99, 1, 0.004, 0.02, float("inf")),),
    }
    return ServiceState(**(values | changed))
