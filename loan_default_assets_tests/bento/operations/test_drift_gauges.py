"""Drift in /metrics: the figures of a state, and none without one."""

from prometheus_client import CollectorRegistry, generate_latest

from bento.operations.drift_gauges import DriftCollector
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftState, F1Block, StoredPsi

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
