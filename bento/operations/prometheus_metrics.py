"""The service's Prometheus metrics. Every label has a fixed, small set of values; no label comes from a request.

prometheus_client decides at its first import whether processes share their counts, by a variable that BentoML sets for
its workers; so only workers import this module.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import REGISTRY, Collector

from bento.operations.alert_metrics import AlertCollector
from bento.operations.drift_gauges import DriftCollector
from bento.operations.recorded_state import RecordedState
from bento.operations.worker_registry import WorkerReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "loan_default_requests", "Requests, by route and status.", ("transport", "route", "status")
)
REQUEST_SECONDS = Histogram(
    "loan_default_request_seconds", "Time to respond.", ("transport", "route"), buckets=SECONDS_BUCKETS
)
DECISIONS = Counter("loan_default_decisions", "Loans scored.", ("channel", "decision"))
BATCH_LOANS = Histogram(
    "loan_default_batch_loans", "Loans per forward pass.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
RELOADS = Counter("loan_default_reloads", "Champions loaded or refused by a worker.", ("outcome",))
# Both are there from the start, so that the first refusal is an increase.
for _outcome in ("loaded", "refused"):
    RELOADS.labels(_outcome)
QUEUE_LOANS = Gauge("loan_default_queue_loans", "Loans that wait to be scored.", multiprocess_mode="livesum")
SPOOL_BYTES = Gauge(
    "loan_default_spool_bytes", "Prediction log not yet in PostgreSQL.", multiprocess_mode="livesum"
)
SPOOL_BLOCKED = Gauge(
    "loan_default_spool_blocked",
    "Workers that refuse predictions because the spool cannot be written.",
    multiprocess_mode="livesum",
)
SHIPPER_FAILING = Gauge(
    "loan_default_shipper_failing",
    "Workers that cannot deliver the prediction log for another reason than an unreachable PostgreSQL.",
    multiprocess_mode="livesum",
)


# As in /model-info.
RETRAINING_STATES = ("OK", "WAITING", "RETRAINING", "HOLD", "NO_MODEL", "INSUFFICIENT_LABELS")


@dataclass(frozen=True)
class Recorded:
    """What PostgreSQL records, and what the settings say of it.

    Attributes:
        state: The last values; None before the first reading.
        database_up: Whether the last reading succeeded.
        f1_target: F1_SCORE_THRESHOLD.
        refresh_seconds: Longest time between two partitions; None where no new rows are expected.
    """

    state: RecordedState | None
    database_up: bool
    f1_target: float
    refresh_seconds: float | None


class _Workers(Collector):
    def __init__(self, reports: Iterable[WorkerReport]) -> None:
        self._reports = list(reports)

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("loan_default_workers", "Living workers.", value=len(self._reports))
        outdated = sum(report.loaded != report.desired for report in self._reports)
        yield GaugeMetricFamily(
            "loan_default_workers_behind", "Workers without the wanted model.", value=outdated
        )
        versions = {report.loaded for report in self._reports if report.loaded}
        info = GaugeMetricFamily("loan_default_model", "Versions that are served now.", labels=("version",))
        for version in sorted(versions):
            info.add_metric((version,), 1)
        yield info


class _RecordedState(Collector):
    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def collect(self) -> Iterator[Metric]:
        recorded, state = self._recorded, self._recorded.state
        yield GaugeMetricFamily(
            "loan_default_database_up",
            "Whether PostgreSQL was read for these metrics, 1 or 0.",
            value=recorded.database_up,
        )
        values: tuple[tuple[str, str, float | None], ...] = (
            ("f1_target", "F1 below which a retraining is due.", recorded.f1_target),
            (
                "refresh_seconds",
                "Longest time between two partitions; none where no new rows are expected.",
                recorded.refresh_seconds,
            ),
        )
        if state is not None:
            values += (
                ("champion_since_timestamp_seconds", "When the champion was promoted.", state.champion_since),
                ("f1", "F1 of the champion in its newest evaluation.", state.f1),
                ("f1_low", "Lower 95 % bound of that F1.", state.f1_low),
                ("f1_high", "Upper 95 % bound of that F1.", state.f1_high),
                ("evaluation_timestamp_seconds", "When the champion was last evaluated.", state.evaluated_at),
                ("data_cutoff_timestamp_seconds", "End of the newest partition.", state.data_cutoff),
                ("retraining_attempts", "Failed attempts of the episode.", state.attempts),
                ("new_labels", "Labels that matured since the last training.", state.new_labels),
            )
            states = GaugeMetricFamily(
                "loan_default_retraining_state",
                "State of retraining, 1 for the present one.",
                labels=("state",),
            )
            for name in RETRAINING_STATES:
                states.add_metric((name,), name == state.retraining)
            yield states
        for name, means, value in values:
            if value is not None and not math.isnan(value):
                yield GaugeMetricFamily(f"loan_default_{name}", means, value=value)


def exposition(
    reports: Iterable[WorkerReport],
    shared: str | None,
    recorded: Recorded | None = None,
) -> bytes:
    """The text that Prometheus reads.

    Args:
        reports: The living workers.
        shared: The folder with the counts of all workers; None for the counts of this process.
        recorded: What PostgreSQL records.
    """
    workers = CollectorRegistry()
    workers.register(_Workers(reports))
    if recorded is not None:
        workers.register(_RecordedState(recorded))
        workers.register(DriftCollector(recorded.state.drift if recorded.state else None))
        if recorded.state and recorded.state.alerts:
            workers.register(AlertCollector(recorded.state.alerts))
    return generate_latest(counts_of_workers(shared)) + generate_latest(workers)


def counts_of_workers(shared: str | None) -> CollectorRegistry:
    """The counts of all workers, from the folder `shared`; those of this process where it is None."""
    if not shared:
        return REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=shared)
    return registry


def reserve_disk_space(shared: str | None) -> None:
    """Reserve the blocks of this process's counts: a count that the disk has no block for would kill the process."""
    for file in Path(shared).glob(f"*_{os.getpid()}.db") if shared else ():
        with suppress(OSError), file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)


def forget_dead_workers(shared: str | None) -> None:
    """Remove the gauges of killed workers, which are no longer true."""
    for file in Path(shared).glob("gauge_live*_*.db") if shared else ():
        pid = int(file.stem.rsplit("_", 1)[1])
        if pid != os.getpid() and not psutil.pid_exists(pid):
            multiprocess.mark_process_dead(pid, path=shared)


def counter_of(transport: str) -> Callable[[str, int | str, float], None]:
    """`count(route, status, seconds)` of one transport; `route` must be one of the service's routes."""
    counters: dict[tuple[str, int | str], Counter] = {}
    histograms: dict[str, Histogram] = {}

    def count(route: str, status: int | str, seconds: float) -> None:
        if (route, status) not in counters:
            counters[route, status] = REQUESTS.labels(transport, route, str(status))
            histograms[route] = REQUEST_SECONDS.labels(transport, route)
        counters[route, status].inc()
        histograms[route].observe(seconds)

    return count
