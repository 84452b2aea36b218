"""The facts of the first page from real tables, and from a database that is slow or gone."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bento.console import overview_facts
from bento.console.overview_facts import SHOWN_ALERTS, SHOWN_DAYS, OverviewReader
from bento.prediction_log.records import record
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, StoredPsi
from loan_default_assets.warehouse.evaluations import EvaluationLog, EvaluationRecord
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.recent_activity import volumes_by_day
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.databases import LOCK_WAITS

SETTINGS = Settings(
    f1_score_threshold=0.8, retraining_sample_threshold=1000, retraining_positive_threshold=100
)


def reader(database: Database, bank: ServedBank) -> OverviewReader:
    return OverviewReader(bank.portfolio, SETTINGS, database)


def evaluate(
    bank: ServedBank,
    version: str,
    f1: float | None,
    day: int,
    role: Any = "champion",
    inputs: dict[str, Any] | None = None,
) -> None:
    EvaluationLog(bank.database).record(
        EvaluationRecord(
            model_version=version,
            window_from=date(2025, 1, 1),
            window_to=date(2025, 2, day),
            rows=1500,
            positives=200,
            metrics={"f1": float("nan") if f1 is None else f1},
            intervals={"f1": (float("nan"), float("nan")) if f1 is None else (f1 - 0.05, f1 + 0.05)},
            baseline=None,
            verdict="approved",
            snapshot_hash=f"snapshot-of-day-{day}",
            role=role,
            evaluated_at=datetime(2025, 3, day, tzinfo=UTC),
        ),
        inputs,
    )


@pytest.fixture(scope="module")
def history(make_bank: Callable[[], ServedBank]) -> ServedBank:
    """A bank with two champions, a rejected candidate, and predictions of some days."""
    bank = make_bank()
    first, second, rejected = (bank.register(number) for number in range(3))
    bank.promote(first)
    evaluate(bank, first.version, 0.7, 1, "candidate")
    evaluate(bank, first.version, None, 2)
    bank.promote(second)
    evaluate(bank, second.version, 0.6, 3, "candidate")
    bank.registry.reject(rejected.version, "no better")
    evaluate(bank, rejected.version, 0.5, 4, "candidate")
    return bank


def test_facts_of_an_empty_bank(make_bank: Callable[[], ServedBank]) -> None:
    bank = make_bank()
    found = reader(bank.database, bank).read()
    assert found.problem is None
    assert (found.evaluations, found.versions, found.changes, found.champion) == ((), (), (), None)
    assert found.alerts == ()
    assert found.retraining is not None
    assert found.retraining.state == "NO_MODEL"
    assert found.volumes is not None
    assert [day.predictions for day in found.volumes] == [0] * SHOWN_DAYS
    assert found.drift is None


def test_drift_is_that_of_the_champion(history: ServedBank) -> None:
    log, serving = DriftLog(history.database), history.registry.champion()
    assert serving is not None
    for version, index in ((serving.version, 0.3), ("c000000000000", 0.9)):
        light = StoredPsi("income", index, 0.1, "red")
        log.record_check(version, DriftCheck("2026-01-02", "2026-01-02", 80, (light,)))
    found = reader(history.database, history).read().drift
    assert found is not None
    assert [each.psi for each in found.drifted] == [0.3]


def test_alerts_are_the_newest_with_their_delivery(history: ServedBank) -> None:
    log = AlertLog(history.database)
    for number in range(SHOWN_ALERTS + 2):
        log.record(f"run:{number}", "run_failed", f"run {number}", "a run failed", "failed")
    log.record_delivery(f"run:{number}", "webhook", "refused")
    found = reader(history.database, history).read().alerts
    assert found is not None
    assert [each.key for each in found] == [f"run:{number}" for number in range(SHOWN_ALERTS + 1, 1, -1)]
    assert [each.failure for each in found[:2]] == ["refused", None]


def test_evaluations_are_those_of_champions_in_order(history: ServedBank) -> None:
    found = reader(history.database, history).read()
    assert found.evaluations is not None
    assert [(e.f1, e.f1_low) for e in found.evaluations] == [
        (0.7, pytest.approx(0.65)),
        (None, None),
        (0.6, pytest.approx(0.55)),
    ]
    assert found.champion == found.evaluations[-1]
    assert found.versions is not None
    # The champion first, although the candidate after it is newer.
    assert [(v.status, v.f1) for v in found.versions] == [
        ("champion", 0.6),
        ("rejected", 0.5),
        ("retired", None),
    ]
    assert found.changes is not None
    assert [change.action for change in found.changes] == ["rejected", "promoted", "promoted"]


def test_a_rejected_challenger_is_the_newest_model_that_never_served(
    make_bank: Callable[[], ServedBank],
) -> None:
    bank = make_bank()

    def found() -> Any:
        return reader(bank.database, bank).read().rejected

    first = bank.register(0)
    assert found() is None
    bank.promote(first)
    second = bank.register(1)
    evaluate(bank, second.version, 0.4, 1, "candidate", {"rules": 1})
    evaluate(bank, second.version, 0.5, 2, "candidate", {"rules": 2})
    assert found() is None
    bank.registry.reject(second.version, "rejected: no better")
    shown = found()
    assert (shown.version, shown.reason) == (second.version, "rejected: no better")
    assert shown.inputs == {"rules": 2}
    ((decided_at,),) = bank.rows("SELECT max(decided_at) FROM champion_decisions WHERE action = 'rejected'")
    assert shown.rejected_at == decided_at
    bank.promote(bank.register(2))
    assert found() is None
    bank.registry.rollback("worse")
    # A champion that was rolled back has served.
    assert found() is None


def test_retraining_is_that_of_the_policy(history: ServedBank) -> None:
    found = reader(history.database, history).read().retraining
    assert found is not None
    assert (found.state, found.action.reason, found.f1, found.missing_labels) == (
        "WAITING",
        "no_new_labels",
        0.6,
        1000,
    )


def test_volumes_are_counted_by_day_in_utc(make_bank: Callable[[], ServedBank]) -> None:
    bank = make_bank()
    version = bank.register(0).version
    today = datetime(2026, 11, 27, tzinfo=UTC)
    for number, (at, decision) in enumerate(
        [
            (today, 1),
            (today + timedelta(seconds=1), 0),
            (today - timedelta(seconds=1), 1),
            (today - timedelta(days=SHOWN_DAYS - 1), 0),
            (today - timedelta(days=SHOWN_DAYS - 1, seconds=1), 0),
        ]
    ):
        log_prediction(bank, version, number, at, decision)
    with bank.database.transaction() as cursor:
        volumes = volumes_by_day(cursor, SHOWN_DAYS, today.date())
    assert [(day.day, day.predictions, day.predicted_defaults) for day in volumes if day.predictions] == [
        (today.date() - timedelta(days=SHOWN_DAYS - 1), 1, 0),
        (today.date() - timedelta(days=1), 1, 1),
        (today.date(), 2, 1),
    ]


def test_the_days_end_with_the_present_one_in_utc(history: ServedBank) -> None:
    before = datetime.now(UTC).date()
    volumes = reader(history.database, history).read().volumes
    assert volumes is not None
    assert before <= volumes[-1].day <= datetime.now(UTC).date()
    assert volumes[0].day == volumes[-1].day - timedelta(days=SHOWN_DAYS - 1)


def log_prediction(bank: ServedBank, version: str, number: int, at: datetime, decision: int) -> None:
    """Append one prediction made at a time."""
    request = {
        "request_id": f"00000000-0000-4000-8000-{number:012}",
        "model_version": version,
        "threshold": 0.5,
        "channel": "http",
        "latency_ms": 1.0,
        "created_at": at.isoformat(),
    }
    loan = {"loan_id": None, "features": {}, "probability": 0.5, "decision": decision, "reasons": None}
    PredictionLog(bank.database).append_lines([record(request, [loan])])


def test_the_page_is_read_once_for_all_visitors_of_a_moment(
    history: ServedBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_facts, "KEPT_SECONDS", 3600.0)
    one = reader(history.database, history)
    found = []
    threads = [threading.Thread(target=lambda: found.append(one.read())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1
    monkeypatch.setattr(overview_facts, "KEPT_SECONDS", 0.0)
    assert one.read() is not found[0]


def test_a_database_that_is_gone_is_a_fact(history: ServedBank) -> None:
    url = "postgresql://user:secret-password@127.0.0.1:1/none"
    found = reader(replace(history.database, url=url), history).read()
    assert found.problem is not None
    assert "cannot be reached" in found.problem
    assert "secret-password" not in found.problem
    assert (found.versions, found.retraining, found.volumes) == (None, None, None)


def test_a_part_that_takes_too_long_is_missing_and_the_others_are_shown(
    history: ServedBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends the statement; that it does so in time is asked below, of the timeout that is set."""
    monkeypatch.setattr(overview_facts, "PATIENCE_SECONDS", 600.0)
    with ThreadPoolExecutor(1) as pool, history.database.transaction() as cursor:
        cursor.execute("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
        reading = pool.submit(reader(history.database, history).read)
        while history.rows(LOCK_WAITS) != [(1,)]:
            assert not reading.done()
        history.rows("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        found = reading.result(timeout=60)
    assert found.problem is None
    assert found.volumes is None
    assert found.versions is not None
    assert found.retraining is not None


def test_every_part_has_the_patience_of_the_page(
    history: ServedBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = []

    def noted(cursor: Any, most: int) -> list[Any]:
        cursor.execute("SHOW statement_timeout")
        timeouts.extend(cursor.fetchall())
        return []

    for name in ("newest_versions", "volumes_by_day"):
        monkeypatch.setattr(overview_facts.recent_activity, name, noted)
    reader(history.database, history).read()
    assert timeouts == [("2s",)] * 2


def test_patience_ends_a_statement_and_not_the_connection(history: ServedBank) -> None:
    with replace(history.database, patience=1.0).connected() as database:
        with pytest.raises(WarehouseError, match="statement timeout"), database.transaction() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        with database.transaction() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchall() == [("1s",)]
    with history.database.transaction() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchall() == [("0",)]
