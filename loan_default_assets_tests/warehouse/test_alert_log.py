"""The recorded alerts: one row per occasion, one per outcome, no change, and deletion with a tombstone alone."""

from datetime import timedelta

import pytest

from loan_default_assets.warehouse.alert_log import FAILURES, AlertCount, AlertKind, AlertLog
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets_tests.warehouse.samples import portfolio


@pytest.fixture
def database(database_url: str) -> Database:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    return database


def record(log: AlertLog, key: str, kind: AlertKind = "run_failed") -> None:
    log.record(key, kind, f"subject of {key}", f"title of {key}", f"text of {key}")


def aged(database: Database, key: str, kind: AlertKind, days: float) -> None:
    """An alert that was raised so many days ago."""
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO alerts (key, kind, subject, title, text, raised_at) "
            "VALUES (%s, %s, 'subject', 'title', 'text', now() - %s)",
            (key, kind, timedelta(days=days)),
        )


def rows(database: Database, table: str) -> int:
    with database.transaction() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchall()[0][0])


def test_a_repeated_alert_and_repeated_failures_add_no_rows(database: Database) -> None:
    log = AlertLog(database)
    for _ in range(5):
        record(log, "run:1")
        for failure in FAILURES:
            log.record_delivery("run:1", "webhook", failure)
    assert (rows(database, "alerts"), rows(database, "alert_deliveries")) == (1, len(FAILURES))
    assert not log.is_delivered("run:1")
    log.record_delivery("run:1", "command")
    log.record_delivery("run:1", "log")
    [alert] = log.newest(5)
    assert (alert.subject, alert.text) == ("subject of run:1", "text of run:1")
    assert (alert.delivered_through, alert.failure) == ("command", FAILURES[-1])
    assert alert.delivered_at is not None
    assert alert.delivered_at > alert.raised_at
    assert log.is_delivered("run:1")


def test_what_is_still_to_be_sent(database: Database) -> None:
    log = AlertLog(database)
    for key, kind, days in (
        ("old", "run_failed", 8.0),
        ("run:1", "run_failed", 2.0),
        ("hold:1", "hold", 2.0),
        ("hold:2", "hold", 1.0),
        ("drift:1", "drift", 1.0),
    ):
        aged(database, key, kind, days)  # type: ignore[arg-type]
    record(log, "run:2")
    every: tuple[AlertKind, ...] = ("hold", "run_failed", "drift")
    # The old one is given up, the first HOLD is superseded, and run:2 may be under way in another process.
    assert [each.key for each in log.pending(every)] == ["drift:1", "hold:2", "run:1"]
    assert [each.key for each in log.pending(("run_failed",), own="run:2")] == ["run:2", "run:1"]
    log.record_delivery("run:2", "webhook", "unreachable")
    log.record_delivery("run:1", "webhook")
    assert [each.key for each in log.pending(("run_failed", "hold"))] == ["run:2", "hold:2"]
    assert log.counts().undelivered == 3


def test_counts_stay_when_alerts_are_deleted(database: Database) -> None:
    log = AlertLog(database)
    for key, kind, days in (("a", "run_failed", 50), ("b", "run_failed", 40), ("c", "drift", 40)):
        aged(database, key, kind, days)  # type: ignore[arg-type]
    record(log, "d")
    for key in ("a", "b", "c", "d"):
        log.record_delivery(key, "webhook", "refused")
    log.record_delivery("b", "webhook")
    before = log.counts()
    assert before.kinds == {"hold": AlertCount(), "run_failed": AlertCount(1, 3), "drift": AlertCount(0, 1)}
    [newest] = log.newest(1)
    thirty_days = newest.raised_at - timedelta(days=30)
    assert log.count_before(thirty_days) == 3
    assert log.prune(thirty_days) == 3
    assert log.prune(thirty_days) == 0
    assert log.counts() == before
    assert [rows(database, name) for name in ("alerts", "alert_deliveries", "pruned_alerts")] == [1, 1, 2]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alerts SET title = 'x'",
        "DELETE FROM alerts",
        "TRUNCATE alerts CASCADE",
        "UPDATE alert_deliveries SET at = now()",
        "DELETE FROM alert_deliveries",
        "TRUNCATE alert_deliveries",
        "UPDATE pruned_alerts SET alerts = 7",
        "DELETE FROM pruned_alerts",
    ],
)
def test_no_statement_changes_what_is_recorded(database: Database, statement: str) -> None:
    log = AlertLog(database)
    aged(database, "old", "drift", 60)
    record(log, "run:1")
    log.record_delivery("run:1", "log")
    [newest] = log.newest(1)
    log.prune(newest.raised_at - timedelta(days=30))
    with pytest.raises(WarehouseError, match="append-only"), database.transaction() as cursor:
        cursor.execute(statement)
    assert [each.key for each in log.newest(5)] == ["run:1"]
