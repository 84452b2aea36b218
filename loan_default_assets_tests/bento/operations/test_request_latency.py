"""Counts and latencies per route, from the metrics that the workers share."""

import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from bento.operations.request_latency import RouteLatency, latencies, quantile


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ({0.1: 10.0, 1.0: 10.0, math.inf: 10.0}, 0.5, 0.05),
        ({0.1: 0.0, 1.0: 10.0, math.inf: 10.0}, 0.5, 0.55),
        ({0.1: 5.0, 1.0: 10.0, math.inf: 10.0}, 0.5, 0.1),
        ({0.1: 0.0, 1.0: 0.0, math.inf: 3.0}, 0.5, math.inf),
        ({0.1: 99.0, 1.0: 99.0, math.inf: 100.0}, 0.99, 0.1),
    ],
)
def test_a_quantile_lies_in_its_bucket(counts: dict[float, float], share: float, seconds: float) -> None:
    assert quantile(counts, share) == pytest.approx(seconds)


def test_routes_are_counted_apart_and_in_order() -> None:
    registry = CollectorRegistry()
    requests = Counter("loan_default_requests", "-", ("transport", "route", "status"), registry=registry)
    times = Histogram(
        "loan_default_request_seconds", "-", ("transport", "route"), buckets=(0.1, 1.0), registry=registry
    )
    for transport, route, status, seconds in [
        ("grpc", "Predict", "INTERNAL", 0.5),
        ("grpc", "Predict", "OK", 0.5),
        ("grpc", "Predict", "INVALID_ARGUMENT", 0.5),
        ("http", "/predict", "200", 0.05),
        ("http", "/predict", "503", 5.0),
        ("http", "/predict", "422", 0.05),
        ("http", "/metrics", "200", 0.05),
    ]:
        requests.labels(transport, route, status).inc()
        times.labels(transport, route).observe(seconds)
    found = latencies(registry.collect(), ("/predict", "/predict-batch", "Predict"))
    assert [(each.transport, each.route, each.requests, each.failed) for each in found] == [
        ("http", "/predict", 3, 1),
        ("grpc", "Predict", 3, 1),
    ]
    assert found[0] == RouteLatency("http", "/predict", 3, 1, pytest.approx(0.075), math.inf, math.inf)
