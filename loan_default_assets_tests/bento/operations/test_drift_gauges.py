"""Drift in /metrics: figures of the served version, none before, and the last ones while PostgreSQL is unreachable."""

from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from bento.operations import drift_gauges
from bento.operations.drift_gauges import DriftCollector, DriftFigures
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, DriftState, F1Block, StoredPsi

INCOME, SCORE = StoredPsi("income", 0.9, 0.3, "red"), StoredPsi("pd", 0.25, 0.125, "amber")
STATE = DriftState(
    "c1",
    DriftCheck("2024-01-02", "2024-01-02", 80, (INCOME, StoredPsi("age", 0.0, 0.3, "green")), SCORE),
    DriftCheck("2024-01-02", "2024-01-02", 80, (INCOME,), SCORE),
    (
        F1Block("2023-01-01", "2023-02-01", 1000, 0.75, 0.5, 1.0, 1000, 0.625),
        F1Block("2024-01-01", "2024-01-02", 1000, 0.75, 0.5, 1.0, 0, None),
    ),
)


def exposed(state: DriftState | None) -> list[str]:
    registry = CollectorRegistry()
    registry.register(DriftCollector(state))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_the_metrics_of_a_state() -> None:
    assert exposed(STATE) == [
        "loan_default_drifted_features 1.0",
        'loan_default_score_psi{figure="psi"} 0.25',
        'loan_default_score_psi{figure="limit"} 0.125',
        'loan_default_expected_f1{bound="estimate"} 0.75',
        'loan_default_expected_f1{bound="low"} 0.5',
        'loan_default_expected_f1{bound="high"} 1.0',
        "loan_default_matured_f1 0.625",
    ]
    assert exposed(None) == []


def test_the_figures_are_read_once_a_minute_per_version(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    clock = [1000.0]
    reachable = [True]

    def state(_: DriftLog, version: str) -> DriftState | None:
        reads.append(version)
        if not reachable[0]:
            raise WarehouseError("gone")
        return STATE if version == "c1" else None

    monkeypatch.setattr(DriftLog, "state", state)
    monkeypatch.setattr(drift_gauges, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    figures = DriftFigures(Database("postgresql://localhost/none", "sample"))
    assert figures.state(None) is None
    assert [figures.state("c1"), figures.state("c1")] == [STATE, STATE]
    assert reads == ["c1"]
    clock[0] += 61
    reachable[0] = False
    assert figures.state("c1") == STATE, "the last figures, while the database is unreachable"
    assert reads == ["c1", "c1"]
    reachable[0] = True
    assert figures.state("c2") is None, "figures of another version are not shown"
    assert reads == ["c1", "c1", "c2"]
