"""Alerts in /metrics: every kind from the start, delivered and not."""

from prometheus_client import CollectorRegistry, generate_latest

from bento.operations.alert_metrics import AlertCollector
from loan_default_assets.warehouse.alert_log import AlertCount, AlertCounts


def test_the_metrics_of_a_reading() -> None:
    registry = CollectorRegistry()
    counts = {"hold": AlertCount(), "run_failed": AlertCount(3, 2), "drift": AlertCount(0, 1)}
    registry.register(AlertCollector(AlertCounts(counts, undelivered=1)))  # type: ignore[arg-type]
    lines = generate_latest(registry).decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'loan_default_alerts_total{delivered="yes",kind="hold"} 0.0',
        'loan_default_alerts_total{delivered="no",kind="hold"} 0.0',
        'loan_default_alerts_total{delivered="yes",kind="run_failed"} 3.0',
        'loan_default_alerts_total{delivered="no",kind="run_failed"} 2.0',
        'loan_default_alerts_total{delivered="yes",kind="drift"} 0.0',
        'loan_default_alerts_total{delivered="no",kind="drift"} 1.0',
        "loan_default_undelivered_alerts 1.0",
    ]
