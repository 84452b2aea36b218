"""Old predictions leave by calendar month, and only together with the tombstone that records them."""

import hashlib
import json
import struct
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.prediction_pruning import months_before, prune_months
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import classifier, ids, portfolio, processed, raw, scored

MARCH, APRIL, MAY = date(2024, 3, 1), date(2024, 4, 1), date(2024, 5, 1)
LATE = datetime(2024, 3, 31, 23, 59, 59, 999999, tzinfo=UTC)
ROWS = "SELECT loan_id, created_at FROM predictions ORDER BY created_at, loan_id"
SEALED = "SELECT request_id::text, position, features FROM predictions"
TOMBSTONES = (
    "SELECT month, model_version, rows, pd_sum, sha256 FROM pruned_predictions ORDER BY month, model_version"
)


@pytest.fixture
def database(sample_database: Database) -> Database:
    """Two models; L000000 and L000001 have a matured outcome, L000002 has one that counts from June on."""
    for version in ("c1", "c2"):
        Registry(sample_database).register(classifier(version))
    loans = Loans(sample_database, portfolio())
    observed = [pd.Timestamp("2024-02-01"), pd.Timestamp("2024-02-01"), pd.Timestamp("2024-06-01")]
    replace_raw(loans, "2024-01-01", raw(ids(3)).assign(label=1.0, label_observed_at=observed))
    replace_processed(loans, "2024-05-01", processed(ids(1), key="2024-05-01"))
    return sample_database


def prediction(created_at: datetime, loan: str | None = "L000000", **changes: Any) -> Prediction:
    values: dict[str, Any] = {
        "loan_id": loan,
        "features": {"amount": 0.1, "note": "원화", "none": None},
        "reasons": [{"feature": "amount", "effect": 0.3}],
        "channel": "file",
        "latency_ms": None,
        "created_at": created_at,
    }
    return scored(**(values | changes))


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def by_key(values: Mapping[str, Any]) -> dict[str, Any]:
    """In the order of jsonb: shorter keys first."""
    return {key: values[key] for key in sorted(values, key=lambda key: (len(key), key))}


def digest(database: Database, predictions: Sequence[Prediction]) -> str:
    """The tombstone's hash of stored predictions, computed without PostgreSQL from all but their encrypted features."""
    stored = {(name, position): sealed for name, position, sealed in query(database, SEALED)}
    outer = hashlib.sha256()
    for each in sorted(predictions, key=lambda found: (found.request_id, found.position)):
        values = asdict(each) | {
            "probability": struct.pack(">d", each.probability).hex(),
            "threshold": struct.pack(">d", each.threshold).hex(),
            "latency_ms": None if each.latency_ms is None else struct.pack(">d", each.latency_ms).hex(),
            "features": stored[each.request_id, each.position],
            "reasons": [by_key(reason) for reason in each.reasons or ()],
            "created_at": each.created_at.replace(tzinfo=None).isoformat(),
        }
        text = json.dumps(list(values.values()), ensure_ascii=False)
        outer.update(hashlib.sha256(text.encode()).digest())
    return outer.hexdigest()


def execute(database: Database, *statements: str) -> None:
    """In one transaction."""
    with database.transaction() as cursor:
        for statement in statements:
            cursor.execute(statement)


CASES = {
    "a month has ended only with its last microsecond": (date(2024, 4, 30), False, [LATE], [MARCH], 1, 0),
    "a month that goes on stays": (
        date(2024, 4, 30),
        False,
        [datetime(2024, 4, 1, tzinfo=UTC)],
        [],
        0,
        1,
    ),
    "an hour that is another month elsewhere counts in UTC": (
        date(2024, 4, 1),
        False,
        [datetime.fromisoformat("2024-04-01T01:00:00+09:00")],
        [MARCH],
        1,
        0,
    ),
}


@pytest.mark.parametrize(
    ("day", "unmatured", "times", "months", "deleted", "left"), CASES.values(), ids=CASES
)
def test_calendar_months(
    database: Database,
    day: date,
    unmatured: bool,
    times: list[datetime],
    months: list[date],
    deleted: int,
    left: int,
) -> None:
    PredictionLog(database).append([prediction(time) for time in times])
    found = [month.month for month in months_before(database, day)]
    assert found == months
    assert prune_months(database, found, unmatured=unmatured) == deleted
    assert len(query(database, ROWS)) == left


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Seoul", "America/New_York"])
def test_a_month_is_the_same_in_every_time_zone_of_a_session(database: Database, timezone: str) -> None:
    edges = [
        datetime(2024, 3, 1, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(2024, 3, 1, tzinfo=UTC),
        LATE,
        datetime(2024, 4, 1, tzinfo=UTC),
    ]
    PredictionLog(database).append([prediction(time) for time in edges])
    execute(database, f"SET LOCAL timezone TO '{timezone}'", f"SELECT prune_predictions('{MARCH}')")
    assert [created_at for _, created_at in query(database, ROWS)] == [edges[0], edges[-1]]
    assert [(month, rows) for month, _, rows, _, _ in query(database, TOMBSTONES)] == [(MARCH, 2)]


@pytest.mark.parametrize(
    ("loan", "unmatured", "deleted"),
    [
        ("L000000", False, 1),
        ("L000002", False, 0),
        ("L000002", True, 1),
        ("never delivered", False, 0),
        ("never delivered", True, 1),
        (None, False, 1),
    ],
)
def test_predictions_without_matured_outcome_stay_unless_asked(
    database: Database, loan: str | None, unmatured: bool, deleted: int
) -> None:
    PredictionLog(database).append([prediction(LATE, loan)])
    (month,) = months_before(database, MAY)
    assert month.unmatured == (loan in ("L000002", "never delivered"))
    assert prune_months(database, [MARCH], unmatured=unmatured) == deleted
    assert len(query(database, ROWS)) == 1 - deleted
    assert len(query(database, TOMBSTONES)) == deleted


def test_the_tombstone_says_what_was_deleted(database: Database) -> None:
    c1 = [prediction(LATE - timedelta(days=day), probability=0.1) for day in range(3)]
    c2 = [
        prediction(LATE, model_version="c2", probability=1e-7),
        prediction(LATE, None, model_version="c2"),
    ]
    later = [prediction(datetime(2024, 4, 2, tzinfo=UTC))]
    PredictionLog(database).append([*c1, *c2, *later])
    assert [(m.model_version, m.rows) for m in months_before(database, date(2024, 4, 9))] == [
        ("c1", 3),
        ("c2", 2),
    ]
    digests = digest(database, c1), digest(database, c2)
    assert prune_months(database, [MARCH]) == 5
    assert query(database, TOMBSTONES) == [
        (MARCH, "c1", 3, Decimal("0.3"), digests[0]),
        (MARCH, "c2", 2, Decimal("0.1000001"), digests[1]),
    ]
    assert [*opened(database).values()] == [later[0].features]
    assert query(database, "SELECT count(*) FROM prediction_keys") == [(1,)], (
        "the others went with their rows"
    )
    assert prune_months(database, [MARCH]) == 0
    assert len(query(database, TOMBSTONES)) == 2
    assert PredictionLog(database).has_predictions_of("c2")
    assert [row["rows"] for row in PredictionLog(database).live_performance()] == [1]


DELETE = "DELETE FROM predictions WHERE loan_id = 'L000000'"
TOMBSTONE = (
    "INSERT INTO pruned_predictions (month, model_version, rows, pd_sum, sha256, first_created_at, last_created_at)"
    " VALUES ('2024-03-01', 'c1', {}, {}, '{}', now(), now())"
)


@pytest.mark.parametrize(
    ("rows", "total", "sha256", "accepted"),
    [
        (1, "0.1", None, True),
        (2, "0.1", None, False),
        (1, "0.2", None, False),
        (1, "0.1", "0" * 64, False),
    ],
)
def test_a_deletion_needs_the_exact_tombstone_in_its_transaction(
    database: Database, rows: int, total: str, sha256: str | None, accepted: bool
) -> None:
    stored = prediction(LATE)
    PredictionLog(database).append([stored])
    tombstone = TOMBSTONE.format(rows, total, sha256 or digest(database, [stored]))
    if not accepted:
        with pytest.raises(WarehouseError, match="append-only"):
            execute(database, tombstone, DELETE)
    else:
        execute(database, tombstone)
        with pytest.raises(WarehouseError, match="append-only"):
            execute(database, DELETE)
        execute(database, tombstone, DELETE)
    assert len(query(database, ROWS)) == (not accepted)


@pytest.mark.parametrize("statement", ["UPDATE {} SET rows = 9", "DELETE FROM {}", "TRUNCATE {}"])
def test_tombstones_are_append_only(database: Database, statement: str) -> None:
    PredictionLog(database).append([prediction(LATE)])
    prune_months(database, [MARCH])
    with pytest.raises(WarehouseError, match="append-only"):
        execute(database, statement.format("pruned_predictions"))


def test_a_transaction_that_is_cut_off_leaves_rows_and_no_tombstone(database: Database) -> None:
    PredictionLog(database).append([prediction(LATE)])
    with pytest.raises(WarehouseError, match="division"):
        execute(database, "SELECT prune_predictions('2024-03-01')", "SELECT 1 / 0")
    assert (len(query(database, ROWS)), query(database, TOMBSTONES)) == (1, [])


def test_two_at_once_and_arrivals_meanwhile_lose_and_double_nothing(database: Database) -> None:
    log = PredictionLog(database)
    log.append([prediction(LATE) for _ in range(300)])
    barrier = threading.Barrier(3)

    def work(number: int) -> int:
        barrier.wait()
        return log.append([prediction(LATE)]) * 0 if number == 2 else prune_months(database, [MARCH])

    with ThreadPoolExecutor(3) as pool:
        deleted = sum(pool.map(work, range(3)))
    recorded = sum(row[2] for row in query(database, TOMBSTONES))
    assert deleted == recorded
    assert recorded + len(query(database, ROWS)) == 301
