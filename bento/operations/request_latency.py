"""How many requests each route has answered since the start, and how fast, from the service's own metrics."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric


@dataclass(frozen=True)
class RouteLatency:
    """The requests of one route since the service started, over all its workers.

    Attributes:
        failed: Those with a status from 500 on, or a gRPC status of the service's own fault.
        median: In seconds, as `p95` and `p99`; infinite beyond the last bucket.
    """

    transport: str
    route: str
    requests: int
    failed: int
    median: float
    p95: float
    p99: float


# Status codes of gRPC that stand for a fault of the service.
_FAILED_CALLS = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"})


def latencies(metrics: Iterable[Metric], routes: Iterable[str]) -> tuple[RouteLatency, ...]:
    """Counts and latencies of the routes that have answered a request.

    Args:
        metrics: What the workers have counted.
        routes: Paths and gRPC methods, in the order of the result.
    """
    order = {route: position for position, route in enumerate(routes)}
    buckets: dict[tuple[str, str], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    failed: dict[tuple[str, str], int] = defaultdict(int)
    for sample in (sample for metric in metrics for sample in metric.samples):
        labels = sample.labels
        if sample.name == "loan_default_request_seconds_bucket":
            buckets[labels["transport"], labels["route"]][float(labels["le"])] += sample.value
        elif sample.name == "loan_default_requests_total" and _is_fault(labels["status"]):
            failed[labels["transport"], labels["route"]] += int(sample.value)
    found = []
    for key in sorted((key for key in buckets if key[1] in order), key=lambda key: order[key[1]]):
        if buckets[key][math.inf]:
            at = [quantile(buckets[key], share) for share in (0.5, 0.95, 0.99)]
            found.append(RouteLatency(*key, int(buckets[key][math.inf]), failed[key], *at))
    return tuple(found)


def quantile(cumulative: Mapping[float, float], share: float) -> float:
    """A quantile of a histogram, linear within its bucket as Prometheus' `histogram_quantile`.

    Args:
        cumulative: Observations up to each upper bound, the last of which is infinite.
        share: In 0..1.

    Examples:
        >>> quantile({0.1: 50, 0.2: 100, float("inf"): 100}, 0.75)
        0.15000000000000002
        >>> quantile({0.1: 0, float("inf"): 2}, 0.5)
        inf
    """
    wanted = share * cumulative[math.inf]
    low, below = 0.0, 0.0
    for high in sorted(cumulative):
        if cumulative[high] >= wanted and cumulative[high] > below:
            return low + (high - low) * (wanted - below) / (cumulative[high] - below)
        low, below = high, cumulative[high]
    return low


def _is_fault(status: str) -> bool:
    return (status.isdigit() and int(status) >= 500) or status in _FAILED_CALLS
