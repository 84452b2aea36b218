"""An erasure takes the features of one loan from every table, for good, and nothing else."""

import json
import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.warehouse import erasures, key_files, predictions
from loan_default_assets.warehouse.batch_scores import BatchScores, ScoredBatch
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.erasures import Erasure
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.partition_writes import Replaced
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.sealed_features import seal
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import (
    DAY,
    classifier,
    ids,
    portfolio,
    processed,
    raw,
    scored,
)

NAMES = ids(6)
LOAN = ErasedSubject.of("loan", NAMES[1])
REQUEST = str(uuid.UUID(int=7))
FEATURES = {"amount": 0.1, "note": "Canary"}


@pytest.fixture
def database(sample_database: Database) -> Database:
    """Two partitions of six loans, each with two predictions; one request of two applications names no loan."""
    Registry(sample_database).register(classifier("c1"))
    loans = Loans(sample_database, portfolio())
    for key in (DAY, "2024-01-02"):
        replace_raw(loans, key, raw(NAMES, key=key))
        replace_processed(loans, key, processed(NAMES, key=key))
    log = PredictionLog(sample_database)
    log.append([prediction(loan) for loan in NAMES for _ in range(2)])
    log.append([prediction(None, request_id=REQUEST, position=position) for position in range(2)])
    return sample_database


def prediction(loan: str | None, **changes: Any) -> Prediction:
    values: dict[str, Any] = {
        "loan_id": loan,
        "features": FEATURES,
        "created_at": datetime.now(UTC) - timedelta(minutes=5),
    }
    return scored(**(values | changes))


def record(
    loan: str | None, request_id: str | None = None, *, age: float = 5, sealing: bool = True, **changes: Any
) -> bytes:
    """A line of the spool, of a prediction that was made some minutes ago."""
    name = request_id or str(uuid.uuid4())
    features: dict[str, Any] = {"features": FEATURES}
    if sealing:
        sealed = seal(json.dumps(FEATURES).encode(), name, 0)
        features = {"sealed": sealed.text, "key": b64encode(sealed.key).decode()}
    shared: dict[str, Any] = {
        "request_id": name,
        "model_version": "c1",
        "threshold": 0.4,
        "channel": "grpc",
        "latency_ms": 1.0,
        "created_at": (datetime.now(UTC) - timedelta(minutes=age)).isoformat(),
    }
    row = {"loan_id": loan, "probability": 0.1, "decision": 0, "reasons": None} | features
    return json.dumps(shared | changes | {"loans": [row]}).encode()


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def digests(database: Database) -> list[tuple[Any, ...]]:
    return query(
        database,
        "SELECT request_id, position, loan_id, prediction_digest(p) FROM predictions p ORDER BY 1, 2",
    )


def rows(database: Database, table: str) -> list[str]:
    return [
        name for (name,) in query(database, f"SELECT loan_id FROM {table} ORDER BY partition_key, loan_id")
    ]


def test_the_loan_is_erased_and_others_are_untouched(database: Database) -> None:
    before, open_before = digests(database), opened(database)
    found = erasures.find(database, LOAN)
    assert (found.predictions, found.keys, found.raw_rows, found.processed_rows) == (2, 2, 2, 2)
    assert (found.anything, found.last_erasure) == (True, None)
    assert erasures.find(database, LOAN) == found, "finding changes nothing"

    erased = erasures.erase(database, LOAN)
    assert (erased.keys, erased.raw_rows, erased.processed_rows) == (2, 2, 2)
    assert digests(database) == before, "the rows and their hashes stay"
    of_loan = {(str(name), position) for name, position, loan, _ in before if loan == NAMES[1]}
    assert opened(database) == {
        place: None if place in of_loan else features for place, features in open_before.items()
    }
    others = [name for name in NAMES if name != NAMES[1]]
    assert rows(database, "raw_data") == rows(database, "processed_data") == others * 2
    assert query(
        database, "SELECT encode(subject_sha256, 'hex'), predictions, rows, refused_records FROM erasures"
    ) == [(LOAN.sha256.hex(), 2, 4, 0)]
    again = erasures.find(database, LOAN)
    assert (again.predictions, again.keys, again.anything) == (2, 0, False)
    assert again.last_erasure == erased.last_erasure is not None


def test_batch_scores_of_the_loan_go_and_do_not_come_back(database: Database) -> None:
    names = np.array(sorted(NAMES))
    scores = ScoredBatch(names, np.full(len(names), 0.5), np.ones(len(names), np.int8))
    scored = BatchScores(database)
    scored.replace(DAY, "c1", [scores])
    erasures.erase(database, ErasedSubject.of("loan", NAMES[2]))
    assert erasures.find(database, LOAN).batch_scores == 1
    # As where the source no longer has the loan, and nothing but its scores is left.
    for key in (DAY, "2024-01-02"):
        replace_raw(Loans(database, portfolio()), key, raw([NAMES[0]], key=key))
        replace_processed(Loans(database, portfolio()), key, processed([NAMES[0]], key=key))
    assert erasures.find(database, ErasedSubject.of("loan", NAMES[3])).anything
    erasures.erase(database, LOAN)
    assert query(database, "SELECT loan_id FROM scored_loans ORDER BY 1") == [
        (name,) for name in sorted({*NAMES} - {NAMES[1], NAMES[2]})
    ]
    replaced = scored.replace(DAY, "c1", [scores])
    assert (replaced.rows, replaced.erased) == (len(names) - 2, 2)
    assert query(database, "SELECT count(*) FROM scored_loans") == [(len(names) - 2,)]


@pytest.mark.parametrize(
    ("name", "left"),
    [(REQUEST, [None, None]), (f"{REQUEST}/1", [FEATURES, None]), (f"{REQUEST}/9", [FEATURES, FEATURES])],
)
def test_a_request_is_erased_as_a_whole_or_one_application_of_it(
    database: Database, name: str, left: list[Any]
) -> None:
    erasures.erase(database, ErasedSubject.of("request", name))
    assert [*opened(database, f"request_id = '{REQUEST}'").values()] == left
    assert all(opened(database, "loan_id IS NOT NULL").values())
    assert len(rows(database, "raw_data")) == 12


ARRIVALS: dict[str, tuple[Callable[[], bytes], bool]] = {
    "made before, delivered after": (lambda: record(NAMES[1]), False),
    "of the release before, which did not seal": (lambda: record(NAMES[1], sealing=False), False),
    "made after": (lambda: record(NAMES[1], age=-5), True),
    "of another loan": (lambda: record(NAMES[2]), True),
    "of another loan and the release before": (lambda: record(NAMES[2], sealing=False), True),
    "without a loan": (lambda: record(None), True),
}


@pytest.mark.parametrize(("arrival", "readable"), ARRIVALS.values(), ids=ARRIVALS)
def test_a_record_that_arrives_after_the_erasure(
    database: Database, arrival: Callable[[], bytes], readable: bool
) -> None:
    erasures.erase(database, LOAN)
    PredictionLog(database).append_lines([arrival()])
    assert [*opened(database, "channel = 'grpc'").values()] == [FEATURES if readable else None]


@pytest.mark.parametrize(("place", "readable"), [("", False), ("/0", False), ("/1", True)])
def test_a_request_that_arrives_after_its_erasure(database: Database, place: str, readable: bool) -> None:
    name = str(uuid.UUID(int=9))
    erasures.erase(database, ErasedSubject.of("request", name + place))
    PredictionLog(database).append_lines([record(None, name)])
    assert [*opened(database, f"request_id = '{name}'").values()] == [FEATURES if readable else None]


@pytest.mark.parametrize("sealing", [True, False])
def test_a_record_that_is_delivered_again_brings_no_key_back(database: Database, sealing: bool) -> None:
    log, line = PredictionLog(database), record(NAMES[1], age=-5, sealing=sealing)
    log.append_lines([line])
    assert [*opened(database, "channel = 'grpc'").values()] == [FEATURES]
    erasures.erase(database, LOAN)
    log.append_lines([line, line])
    assert [*opened(database, "channel = 'grpc'").values()] == [None]
    again = prediction(NAMES[1], request_id=json.loads(line)["request_id"])
    assert log.append([again]) == 0
    assert [*opened(database, "channel = 'grpc'").values()] == [None]


def test_predictions_of_a_file_that_began_before_the_erasure_get_no_key(database: Database) -> None:
    erasures.erase(database, LOAN)
    PredictionLog(database).append([prediction(name, channel="file") for name in NAMES[:3]])
    assert [
        *query(
            database,
            "SELECT loan_id FROM predictions JOIN prediction_keys USING (request_id, position) "
            "WHERE channel = 'file' AND key IS NOT NULL ORDER BY 1",
        )
    ] == [(NAMES[0],), (NAMES[2],)]


def test_deliveries_at_the_same_time_leave_no_key(database: Database) -> None:
    """Whichever commits first: a delivery that does not know of the erasure is seen by it."""
    log, barrier = PredictionLog(database), threading.Barrier(5)

    def deliver(_: int) -> None:
        barrier.wait()
        for _ in range(30):
            log.append_lines([record(NAMES[1]), record(NAMES[2])])

    with ThreadPoolExecutor(5) as pool:
        deliveries = pool.map(deliver, range(4))
        barrier.wait()
        erasures.erase(database, LOAN)
        assert [*deliveries] == [None] * 4
    assert {*opened(database, f"loan_id = '{NAMES[1]}'").values()} == {None}
    others = [*opened(database, f"loan_id = '{NAMES[2]}'").values()]
    assert len(others) == 122
    assert all(others)


def test_a_delivery_in_progress_is_waited_for(database: Database) -> None:
    """It has inserted its row and key, and commits while the erasure waits."""
    line, inserted, finish = record(NAMES[1]), threading.Event(), threading.Event()

    def deliver() -> None:
        statement = predictions._APPEND_LINES.format(erased=predictions._ERASED)
        with database.transaction() as cursor:
            cursor.execute(statement, [f"[{line.decode()}]"])
            inserted.set()
            finish.wait(20)

    with ThreadPoolExecutor(2) as pool:
        delivery = pool.submit(deliver)
        assert inserted.wait(20)
        erasure = pool.submit(erasures.erase, database, LOAN)
        with pytest.raises(TimeoutError):
            erasure.result(0.5)
        finish.set()
        delivery.result(20)
        assert erasure.result(20).keys == 3
    assert [*opened(database, "channel = 'grpc'").values()] == [None]


def test_two_at_once_both_succeed(database: Database) -> None:
    barrier, other = threading.Barrier(4), ErasedSubject.of("loan", NAMES[2])

    def erase(subject: ErasedSubject) -> int:
        barrier.wait()
        return erasures.erase(database, subject).keys

    with ThreadPoolExecutor(4) as pool:
        keys = [*pool.map(erase, [LOAN, LOAN, other, other])]
    assert sorted(keys) == [0, 0, 2, 2]
    assert len(query(database, "SELECT FROM erasures")) == 4
    assert {*opened(database, f"loan_id IN ('{NAMES[1]}', '{NAMES[2]}')").values()} == {None}


def test_rows_that_a_source_still_has_are_skipped(database: Database) -> None:
    erasures.erase(database, LOAN)
    loans = Loans(database, portfolio())
    hashes = {table: loans.table_hash(table) for table in ("raw_data", "processed_data")}
    assert replace_raw(loans, DAY, raw(NAMES)) == Replaced(5, changed=False, erased=1)
    assert replace_processed(loans, DAY, processed(NAMES)) == Replaced(5, changed=False, erased=1)
    assert {table: loans.table_hash(table) for table in hashes} == hashes, "as the erasure left them"
    assert replace_raw(loans, "2024-01-03", raw([NAMES[1]], key="2024-01-03")) == Replaced(0, False, 1)
    assert replace_raw(loans, DAY, raw(ids(7))) == Replaced(6, changed=True, erased=1)
    assert NAMES[1] not in rows(database, "raw_data")
    assert not any(state.stale for key, state in loans.partitions().items() if key != DAY)


@pytest.mark.parametrize("table", ["raw_data", "processed_data"])
def test_a_load_in_progress_is_waited_for(database: Database, table: str) -> None:
    """It has sent the loan's row, and commits while the erasure waits."""
    loans, sent, finish = Loans(database, portfolio()), threading.Event(), threading.Event()

    def paused(row: Any) -> Iterator[Any]:
        yield row
        sent.set()
        finish.wait(20)

    key = "2024-01-05"
    with ThreadPoolExecutor(2) as pool:
        if table == "raw_data":
            frame = raw(NAMES, key=key)
            of = pd.Categorical.from_codes(np.zeros(len(frame), np.int8), [key])
            load = pool.submit(loans.replace_raw_partitions, [key], paused((of, frame)))
        else:
            load = pool.submit(loans.replace_processed_partitions, [key], paused(processed(NAMES, key=key)))
        assert sent.wait(20)
        erasure = pool.submit(erasures.erase, database, LOAN)
        with pytest.raises(TimeoutError):
            erasure.result(0.5)
        finish.set()
        assert load.result(20) == [Replaced(6, changed=True)]
        erasure.result(20)
    assert NAMES[1] not in rows(database, table)


def test_the_next_training_sees_another_snapshot(database: Database) -> None:
    loans = Loans(database, portfolio())
    with loans.snapshot_rows() as stored:
        before = stored.digest(0)
    erasures.erase(database, LOAN)
    with loans.snapshot_rows() as stored:
        assert stored.digest(0) != before
        assert NAMES[1] not in stored.read_all().loan_id


def test_refused_records_lose_the_loan_and_are_not_kept_again(database: Database) -> None:
    log = PredictionLog(database)
    lines = [
        record(name, model_version="unknown", sealing=sealing)
        for name in NAMES[1:3]
        for sealing in (True, False)
    ]
    damaged = [record(NAMES[1], sealing=False)[:-9], record(NAMES[2], sealing=False)[:-9]]
    for line in [*lines, *damaged]:
        assert log.keep_refused(line, "a reason")
    assert erasures.find(database, LOAN).refused_records == 3
    erasures.erase(database, LOAN)
    kept = [bytes(line) for (line,) in query(database, "SELECT record FROM refused_predictions")]
    assert sorted(kept)[0] == b""
    assert {*lines[2:], damaged[1]} < {*kept}
    of_loan = [line for line in kept if NAMES[1].encode() in line]
    assert len(of_loan) == 2
    assert not [line for line in of_loan if b'"key"' in line or b"Canary" in line]
    assert [log.keep_refused(line, "again") for line in [*lines, *damaged]] == [False] * 6
    assert erasures.find(database, LOAN).refused_records == 0
    assert erasures.erase_refused(database, LOAN) == 0
    log.keep_refused(record(NAMES[1], model_version="other"), "later")
    assert erasures.erase_refused(database, LOAN) == 1
    assert erasures.find(database, LOAN).refused_records == 0


REFUSED = {
    "a key is changed": "UPDATE prediction_keys SET key = sha256('other')",
    "keys are truncated": "TRUNCATE prediction_keys",
    "an erasure is changed": "UPDATE erasures SET rows = 0",
    "an erasure is deleted": "DELETE FROM erasures",
    "erasures are truncated": "TRUNCATE erasures",
    "a refused record is changed without an erasure": "UPDATE refused_predictions SET record = ''",
    "a refused record is deleted": "DELETE FROM refused_predictions",
    "features are sealed again": 'UPDATE predictions SET features = \'{"sealed": ""}\'',
    "readable features": "INSERT INTO predictions SELECT gen_random_uuid(), 0, loan_id, model_version, '{\"a\": 1}', "
    "probability, decision, threshold, reasons, channel, latency_ms, created_at FROM predictions LIMIT 1",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_other_changes_are_refused(database: Database, statement: str) -> None:
    PredictionLog(database).keep_refused(b"a record", "a reason")
    erasures.erase(database, LOAN)
    with pytest.raises(WarehouseError, match=r"append-only|must be sealed"), database.transaction() as cursor:
        cursor.execute(statement)


def test_an_erasure_that_fails_has_erased_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise WarehouseError("the connection was lost")

    before = opened(database), digests(database), rows(database, "raw_data")
    monkeypatch.setattr(erasures, "_purge_refused", fail)
    with pytest.raises(WarehouseError, match="was lost"):
        erasures.erase(database, LOAN)
    assert (opened(database), digests(database), rows(database, "raw_data")) == before
    assert erasures.recorded(database) == []


def test_erasures_are_replayed_where_a_restore_brought_everything_back(database: Database) -> None:
    now = datetime.now(UTC)
    of_request = ErasedSubject.of("request", f"{REQUEST}/0")
    PredictionLog(database).append(
        [prediction(NAMES[1], created_at=now + timedelta(hours=1), channel="file")]
    )
    PredictionLog(database).keep_refused(record(NAMES[1], model_version="unknown"), "a reason")
    later = [Erasure(LOAN.sha256, now), Erasure(of_request.sha256, now), Erasure(b"x" * 32, now)]
    assert erasures.replay(database, later) == 3
    assert erasures.replay(database, later) == 0
    assert erasures.recorded(database) == sorted(later, key=lambda one: one.subject_sha256)
    erased = {place for place, features in opened(database).items() if features is None}
    of_loan = {*opened(database, f"loan_id = '{NAMES[1]}' AND channel = 'http'")}
    assert erased == of_loan | {(REQUEST, 0)}
    assert NAMES[1] not in rows(database, "raw_data") + rows(database, "processed_data")
    assert erasures.find(database, LOAN).refused_records == 0


def test_two_commands_replay_at_once(database: Database) -> None:
    later, barrier = [Erasure(LOAN.sha256, datetime.now(UTC))], threading.Barrier(4)

    def replay(_: int) -> int:
        barrier.wait()
        return erasures.replay(database, later)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(replay, range(4))) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("subject", "removed"),
    [(LOAN, 2), (ErasedSubject.of("request", REQUEST), 2), (ErasedSubject.of("request", f"{REQUEST}/1"), 1)],
)
def test_keys_leave_the_file_of_a_backup(
    database: Database, tmp_path: Path, subject: ErasedSubject, removed: int
) -> None:
    with database.transaction() as cursor:
        assert key_files.write(cursor, ["sample", "absent"], tmp_path / "keys") == {"sample": 14}
    source, target = tmp_path / "keys" / "sample.csv", tmp_path / "without.csv"
    assert source.stat().st_mode & 0o777 == 0o600
    assert key_files.without(source, None, subject) == removed
    assert key_files.without(source, target, subject) == removed
    assert target.stat().st_mode & 0o777 == 0o600
    before, after = source.read_text().splitlines(), target.read_text().splitlines()
    assert len(before) == 15
    assert len(after) == 15 - removed
    assert set(after) < set(before)
    assert key_files.without(target, None, subject) == 0
    assert NAMES[1] not in source.read_text()
