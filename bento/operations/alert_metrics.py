"""The alerts of the platform as Prometheus metrics."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loan_default_assets.warehouse.alert_log import AlertCounts


class AlertCollector(Collector):
    """The metrics of one reading; every kind is there from the start, so that its first alert is an increase."""

    def __init__(self, counts: AlertCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            "loan_default_alerts",
            "Alerts that were delivered (yes) or could not be at least once (no), by kind.",
            labels=("kind", "delivered"),
        )
        for kind, count in self._counts.kinds.items():
            family.add_metric((kind, "yes"), count.delivered)
            family.add_metric((kind, "no"), count.failed)
        yield family
        yield GaugeMetricFamily(
            "loan_default_undelivered_alerts",
            "Alerts that could not be delivered yet and are sent again.",
            value=self._counts.undelivered,
        )
