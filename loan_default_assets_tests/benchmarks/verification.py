"""What hash chains cost an append in time and bytes, and how long `loan-default verify --all` takes.

Appends alternate between a schema with the trigger and one without it, in one run; their cost is the processor time of
the server's process. The scored rows are of the demo portfolio, by a model of the default sizes after one epoch.
"""

import argparse
import json
import resource
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.predictor import Predictor
from loan_default_assets.model.split_bounds import SplitLimits
from loan_default_assets.pipeline.verify_records import verify_records
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.evaluations import EvaluationLog
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets_tests.bento.random_requests import columns_of, random_bodies
from loan_default_assets_tests.bento.tiny_models import ServedBank, train
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder
from loan_default_assets_tests.warehouse.samples import performance

DEFAULT_SIZES = {
    name: getattr(ModelConfig(), name)
    for name in ("d_model", "nhead", "num_layers", "dim_feedforward", "head_hidden", "projection", "members")
}
REPETITIONS = 5


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    portfolio = load("demo")
    model = train(portfolio, **DEFAULT_SIZES, max_epochs=1, min_steps=1)
    options = {"shared_buffers": "256MB", "max_wal_size": "4GB"}
    with accessible_folder() as home, tempfile.TemporaryDirectory() as folder:
        server = LocalPostgres(home, options=options)
        server.start()
        try:
            with fresh_database(server) as url:
                bank = ServedBank(portfolio, Path("demo"), url, Path(folder) / "models", model)
                bank.database.migrate(portfolio)
                _verify(bank, rows)
            with fresh_database(server) as linked, fresh_database(server) as plain:
                banks = [
                    ServedBank(portfolio, Path("demo"), url, Path(folder) / "models", model)
                    for url in (plain, linked)
                ]
                for bank in banks:
                    bank.database.migrate(portfolio)
                    bank.promote(bank.register(0))
                with banks[0].database.transaction() as cursor:
                    cursor.execute("DROP TRIGGER linked ON predictions")
                for size in (1, 10, 500):
                    _append(banks, size)
        finally:
            server.remove()


def _verify(bank: ServedBank, rows: int) -> None:
    _promote(bank, 0)
    log = PredictionLog(bank.database)
    started = time.perf_counter()
    for first in range(0, rows, 10_000):
        log.append_lines(_lines(bank, 10_000, first))
    _promote(bank, 1)
    print(f"{rows:,} rows scored and appended in {time.perf_counter() - started:.1f} s")
    store = ArtifactStore(bank.root, bank.root.parent)
    started, cpu = time.perf_counter(), time.process_time()
    found = verify_records(bank.database, bank.portfolio, store, SplitLimits())
    taken, cpu = time.perf_counter() - started, time.process_time() - cpu
    seen = found.predictions
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"verify --all: {seen.rows:,} rows in {taken:.1f} s, {cpu:.1f} s of processor time, peak {peak:.0f} MiB"
    )
    print(
        f"{seen.reproduced:,} reproduced, {seen.identical:,} of them bit for bit, largest difference "
        f"{seen.largest:.1e}; deviations {dict(found.deviations.counts)}"
    )
    request = bank.rows("SELECT request_id::text FROM predictions LIMIT 1")[0][0]
    started = time.perf_counter()
    verify_records(bank.database, bank.portfolio, store, SplitLimits(), request_id=request)
    print(f"verify REQUEST_ID: {time.perf_counter() - started:.1f} s")
    sizes = bank.rows(
        "SELECT (SELECT sum(pg_total_relation_size(relid))::float FROM pg_partition_tree('predictions')), "
        "pg_total_relation_size('prediction_links')"
    )
    print(f"bytes per row: predictions {sizes[0][0] / rows:.0f}, prediction_links {sizes[0][1] / rows:.0f}")


def _promote(bank: ServedBank, number: int) -> None:
    """Promote a model on a recorded verdict."""
    record = bank.register(number)
    EvaluationLog(bank.database).record(performance(record.version, 0.8))
    bank.promote(record)


def _append(banks: list[ServedBank], size: int) -> None:
    """Append requests of one loan in statements of `size` requests."""
    statements = max(3000 // size, 20)
    lines = _lines(banks[0], size * statements, 0, loans=1)
    costs: list[list[float]] = [[], []]
    for repetition in range(REPETITIONS):
        for which in (0, 1) if repetition % 2 else (1, 0):
            costs[which].append(_cost(banks[which].database, _renewed(lines), size))
    before, after = (median(values) / len(lines) * 1e6 for values in costs)
    print(
        f"append of {size} rows: {before:.1f} us per row without links, {after:.1f} with, ratio {after / before:.2f}"
    )


def _cost(database: Database, lines: list[bytes], size: int) -> float:
    with database.connected() as connected:
        with connected.transaction() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            process = psutil.Process(cursor.fetchall()[0][0])
        log, before = PredictionLog(connected), process.cpu_times()
        for first in range(0, len(lines), size):
            log.append_lines(lines[first : first + size])
        after = process.cpu_times()
    return after.user + after.system - before.user - before.system


def _renewed(lines: list[bytes]) -> list[bytes]:
    """The same requests under new ids."""
    return [json.dumps(json.loads(line) | {"request_id": str(uuid.uuid4())}).encode() for line in lines]


def _lines(bank: ServedBank, count: int, seed: int, loans: int = 100) -> list[bytes]:
    """Requests of `loans` loans as the service records them."""
    champion = bank.registry.champion()
    assert champion is not None
    portfolio: Portfolio = bank.portfolio
    predictor = Predictor.from_artifact(bank.root / champion.version, reason_texts=portfolio.reason_texts())
    bodies = random_bodies(portfolio, count, seed)
    columns = columns_of(portfolio, bodies)
    features = transform(portfolio, columns, np.datetime64("2024-06-30"))
    scored = predictor.predict(features.numerical, features.categorical)
    names = list(columns)
    values = list(zip(*(columns[name] for name in names), strict=True))
    reasons = [
        {"code": code, "en": en, "ko": ko, "contribution": 0.123456789}
        for code, en, ko in portfolio.reason_texts()[:4]
    ]

    def loan(row: int) -> dict[str, Any]:
        decision = int(scored.decision[row])
        return {
            "loan_id": f"L{row}",
            "features": dict(zip(names, values[row], strict=True)) | {"as_of": "2024-06-30"},
            "probability": float(scored.pd[row]),
            "decision": decision,
            "reasons": reasons if decision else None,
        }

    shared = {"model_version": champion.version, "threshold": predictor.threshold, "channel": "http"}
    return [
        json.dumps(
            {
                **shared,
                "request_id": str(uuid.uuid4()),
                "latency_ms": 3.125,
                "created_at": datetime.now(UTC).isoformat(),
                "loans": [loan(row) for row in range(first, min(first + loans, count))],
            },
            ensure_ascii=False,
            default=str,
        ).encode()
        for first in range(0, count, loans)
    ]


if __name__ == "__main__":
    main()
