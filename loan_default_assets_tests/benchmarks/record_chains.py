"""What hash chains cost a refused record, a shadow score, and the record of a scored partition.

Writes alternate between a schema with the triggers and one without them, in one run; their cost is the processor time
of the server's process. It ends with the time that `verify --all` takes for batch scores.
"""

import json
import time
import uuid
from collections.abc import Callable
from statistics import median

import numpy as np
import psutil

from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.pipeline.verify_batch_scores import verify_batch_scores
from loan_default_assets.warehouse.batch_scores import BatchScores, ScoredBatch, ScoredPartition
from loan_default_assets.warehouse.chain_links import stored_chains
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.shadow_models import DueApplication, DueBatch, ShadowLog
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder
from loan_default_assets_tests.warehouse.samples import classifier, portfolio

REPETITIONS, REFUSED, SHADOW, RECORDED = 5, 1_000, 5_000, 50
PARTITIONS, LOANS = 10, 50_000
TRIGGERS = ("refused_predictions", "shadow_predictions", "scored_partitions")
_NO_LINKS = (0,) * 16

# Writes rows of a number through a connection, and gives how many it wrote.
Write = Callable[[Database, int], int]


def main() -> None:
    """Print the figures."""
    options = {"shared_buffers": "256MB", "max_wal_size": "4GB"}
    with accessible_folder() as home:
        server = LocalPostgres(home, options=options)
        server.start()
        try:
            with fresh_database(server) as plain_url, fresh_database(server) as linked_url:
                plain, linked = Database(plain_url, "sample"), Database(linked_url, "sample")
                for database in (plain, linked):
                    database.migrate(portfolio())
                    Registry(database).register(classifier("c1"))
                    ShadowLog(database).begin("c1")
                with plain.transaction() as cursor:
                    for table in TRIGGERS:
                        cursor.execute(f"DROP TRIGGER linked ON {table}")
                _compare("refused record of 1.2 kB, one per transaction", plain, linked, _refuse)
                for size in (16, 512):
                    _compare(f"shadow score, {size} per transaction", plain, linked, _scoring(size))
                _compare("scored partition", plain, linked, _record)
                for table in ("shadow_links", "record_links"):
                    with linked.transaction() as cursor:
                        cursor.execute(
                            f"SELECT pg_total_relation_size('{table}')::float / count(*) FROM {table}"
                        )
                        print(f"{cursor.fetchall()[0][0]:.0f} bytes per row of {table}, with indexes")
                _verify(linked)
        finally:
            server.remove()


def _compare(name: str, plain: Database, linked: Database, write: Write) -> None:
    costs: dict[bool, list[float]] = {False: [], True: []}
    for repetition in range(REPETITIONS):
        for with_links in (False, True) if repetition % 2 else (True, False):
            costs[with_links].append(_cost(linked if with_links else plain, write, repetition))
    before, after = (median(costs[with_links]) * 1e6 for with_links in (False, True))
    print(f"{name}: {before:.1f} us without links, {after:.1f} with, ratio {after / before:.2f}", flush=True)


def _cost(database: Database, write: Write, number: int) -> float:
    """Seconds of the server's processor per row."""
    with database.connected() as connected:
        with connected.transaction() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            process = psutil.Process(cursor.fetchall()[0][0])
        before = process.cpu_times()
        rows = write(connected, number)
        after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / rows


def _refuse(database: Database, number: int) -> int:
    log = PredictionLog(database)
    for row in range(REFUSED):
        line = json.dumps({"request_id": str(uuid.uuid4()), "row": row, "sealed": "x" * 1100}).encode()
        assert log.keep_refused(line, "no such model")
    return REFUSED


def _scoring(size: int) -> Write:
    def score(database: Database, number: int) -> int:
        log = ShadowLog(database)
        applications = [DueApplication(str(uuid.uuid4()), 0, {}) for _ in range(SHADOW)]
        for first in range(0, SHADOW, size):
            chosen = tuple(applications[first : first + size])
            with database.transaction() as cursor:
                cursor.execute(
                    "INSERT INTO prediction_keys SELECT request_id, 0, decode(repeat('00', 32), 'hex') "
                    "FROM unnest(%s::uuid[]) request_id",
                    ([each.request_id for each in chosen],),
                )
            batch = DueBatch(_NO_LINKS, _NO_LINKS, chosen, 0)
            assert log.store("c1", 0.4, batch, [(each, 0.1) for each in chosen])
        return SHADOW

    return score


def _record(database: Database, number: int) -> int:
    """Partitions of one loan, which is no more than their record."""
    scores, rows = BatchScores(database), ScoredBatch(np.array(["a"]), np.array([0.1]), np.zeros(1, np.int8))
    for partition in range(RECORDED):
        described = _described(f"2024-{1 + partition % 12:02d}-{1 + partition // 12:02d}", 1, f"{number}")
        scores.replace(described.partition_key, "c1", [rows], lambda described=described: described)
    return RECORDED


def _described(key: str, rows: int, sha256: str) -> ScoredPartition:
    return ScoredPartition(
        partition_key=key,
        model_version="c1",
        feature_hash="f",
        features_sha256="x",
        rows=rows,
        pd_sum=1.0,
        sha256=sha256,
    )


def _verify(database: Database) -> None:
    """Time of the check of batch scores, which do not fit their records here."""
    scores, pds = BatchScores(database), np.random.default_rng(0).random(LOANS)
    ids = np.array([f"L{row:09d}" for row in range(LOANS)])
    for partition in range(PARTITIONS):
        scores.replace(
            f"2025-01-{partition + 1:02d}", "c1", [ScoredBatch(ids, pds, np.zeros(LOANS, np.int8))]
        )
    started, cpu = time.perf_counter(), time.process_time()
    with stored_chains(database) as stored:
        counts = verify_batch_scores(stored, Deviations())
    taken, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"batch scores: {counts.rows:,} loans compared in {taken:.1f} s, {cpu:.1f} s of processor time")


if __name__ == "__main__":
    main()
