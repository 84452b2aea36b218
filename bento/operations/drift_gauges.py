"""Drift and expected F1 of the champion as Prometheus metrics."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from loan_default_assets.warehouse.drift_log import SCORE, DriftState


class DriftCollector(Collector):
    """The metrics of one state; none without one. The features are counted, not named: labels are few and fixed."""

    def __init__(self, state: DriftState | None) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        if state is None:
            return
        features = [each for each in state.newest.drifted if each.name != SCORE]
        yield GaugeMetricFamily(
            "loan_default_drifted_features",
            "Features of the newest partition that drifted from the champion's training.",
            value=len(features),
        )
        if state.scored and state.scored.score:
            family = GaugeMetricFamily("loan_default_score_psi", "PSI of the PD.", labels=("figure",))
            family.add_metric(("psi",), state.scored.score.psi)
            family.add_metric(("limit",), state.scored.score.limit)
            yield family
        block = state.estimate
        if block and block.estimate is not None and block.low is not None and block.high is not None:
            family = GaugeMetricFamily(
                "loan_default_expected_f1",
                "F1 of the newest block of loans, as their PDs let expect.",
                labels=("bound",),
            )
            for name, value in (("estimate", block.estimate), ("low", block.low), ("high", block.high)):
                family.add_metric((name,), value)
            yield family
        measured = state.measured
        if measured and measured.measured is not None:
            yield GaugeMetricFamily(
                "loan_default_matured_f1",
                "F1 of the newest block of loans whose outcomes have matured.",
                value=measured.measured,
            )
