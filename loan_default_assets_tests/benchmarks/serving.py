"""The service over HTTP and gRPC compared with a plain FastAPI endpoint, on one core, the clients on another.

The service logs every prediction in PostgreSQL, which runs on the clients' core; the plain endpoint logs none. CPU per
request is that of the serving processes.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.portfolio.synthetic.generator import generate_partition
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.benchmarks.load import LoadMeasurement, grpc_client, http_client, measure
from loan_default_assets_tests.bento.random_requests import columns_of, message
from loan_default_assets_tests.bento.served_process import ROOT, free_ports, service
from loan_default_assets_tests.bento.tiny_models import ServedBank, train

SECONDS, CONCURRENCY, ADVERSE_SHARE = 4.0, (1, 16, 64), 0.15
REASONS = ("none", "adverse")


def bodies(portfolio: Portfolio, count: int) -> list[dict[str, Any]]:
    """Requests of generated loans."""
    frame = generate_partition(portfolio, "2024-03-01").head(count)
    kinds = {name: column.kind for name, column in portfolio.columns.items()}
    return [
        {
            "categorical_features": {n: str(loan[n]) for n, kind in kinds.items() if kind == "category"},
            "numerical_features": {
                n: None if np.isnan(loan[n]) else float(loan[n])
                for n, kind in kinds.items()
                if kind == "number"
            },
        }
        for loan in frame.to_dict("records")
    ]


def bank_of(url: str, folder: Path, loans: list[dict[str, Any]]) -> ServedBank:
    """A bank whose champion has the default size and predicts default for ADVERSE_SHARE of the loans."""
    portfolio = load("demo")
    size = {
        name: getattr(ModelConfig(), name) for name in ("d_model", "nhead", "num_layers", "dim_feedforward")
    }
    fitted = train(portfolio, **size, max_epochs=1, min_steps=5, learning_rate=1e-3)
    features = transform(portfolio, columns_of(portfolio, loans))
    probability = Predictor(fitted, "", {}).predict(features.numerical, features.categorical).pd
    threshold = float(np.quantile(probability, 1 - ADVERSE_SHARE))
    bank = ServedBank(portfolio, Path("demo"), url, folder, replace(fitted, threshold=threshold))
    bank.database.migrate(portfolio)
    bank.promote(bank.keep(bank.fitted, "benchmark"))
    return bank


@contextmanager
def plain(artifact: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The plain endpoint on a free port."""
    (port,) = free_ports(1)
    module = "loan_default_assets_tests.benchmarks.plain_endpoint"
    process = subprocess.Popen([sys.executable, "-m", module, str(artifact), str(port)], cwd=ROOT)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                httpx.get(f"http://127.0.0.1:{port}/docs")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def cpu(processes: list[psutil.Process]) -> float:
    """Seconds of processor time used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def main() -> None:
    """Print the table."""
    cores = sorted(psutil.Process().cpu_affinity())
    serving, clients = cores[:1], cores[1:2] or cores[:1]
    psutil.Process().cpu_affinity(clients)
    home = Path(tempfile.mkdtemp(prefix="loan-default-serving-"))
    home.chmod(0o755)
    postgres = LocalPostgres(home)
    try:
        loans = bodies(load("demo"), 80)
        bank = bank_of(postgres.start(), home / "models", loans)
        record = bank.registry.champion()
        assert record is not None
        settings = {"portfolio": "demo", "database_url": bank.url}
        with service(home, ready="/health", **settings) as served, plain(bank.root / record.version) as other:
            workers = served.workers()
            for process in (*workers, other[1]):
                process.cpu_affinity(serving)
            sides = {
                "plain FastAPI": (http_client, other[0], [other[1]]),
                "HTTP": (http_client, int(served.http.rsplit(":", 1)[1]), workers),
                "gRPC": (grpc_client, int(served.grpc.rsplit(":", 1)[1]), workers),
            }
            table(sides, loans)
    finally:
        postgres.remove()


def table(sides: dict[str, Any], loans: list[dict[str, Any]]) -> None:
    """Measure every side at every concurrency, one after the other, and print one line each."""
    print(
        f"{'reasons':8} {'clients':>7} {'side':14} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'CPU ms/req':>11}  x plain"
    )
    for reasons in REASONS:
        texts = [json.dumps(loan | {"reasons": reasons}).encode() for loan in loans]
        messages = [message(loan | {"reasons": reasons}) for loan in loans]
        for clients in CONCURRENCY:
            base: LoadMeasurement | None = None
            for name, (make, port, processes) in sides.items():
                requests = messages if make is grpc_client else texts
                before = cpu(processes)
                measured = asyncio.run(measure(make, port, requests, clients, SECONDS))
                used = 1000 * (cpu(processes) - before) / (measured.responses * (1 + 1 / 8))
                base = base or measured
                print(
                    f"{reasons:8} {clients:7d} {name:14} {measured.per_second:8.0f} {measured.p50:8.2f} "
                    f"{measured.p99:8.2f} {used:11.3f}  {measured.per_second / base.per_second:.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
