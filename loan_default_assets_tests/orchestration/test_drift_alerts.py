"""The sensor of drift: one alert per partition that begins to drift, repeated until it is delivered, and no run."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loan_default_assets.orchestration.drift_alerts import DRIFT_SENSOR, due_checks, first_counted
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, StoredPsi
from loan_default_assets_tests.orchestration.ticks import Ticking

INCOME, AGE = StoredPsi("income", 0.9, 0.3, "red"), StoredPsi("age", 0.2, 0.1, "amber")
STABLE = StoredPsi("income", 0.02, 0.3, "green")


def checked(key: str, *features: StoredPsi, **changes: Any) -> DriftCheck:
    return DriftCheck(key, key, 80, features, **changes)


@pytest.mark.parametrize(
    ("checks", "due"),
    [
        ([], []),
        ([checked("1", STABLE)], []),
        ([checked("1", INCOME)], ["1"]),
        ([checked("1", INCOME, alerted=True)], []),
        ([checked("1", INCOME, alerted=True), checked("2", INCOME)], []),
        ([checked("1", INCOME, alerted=True), checked("2", INCOME, AGE)], ["2"]),
        ([checked("1", INCOME, alerted=True), checked("2", STABLE), checked("3", INCOME)], ["3"]),
        ([checked("1", INCOME), checked("2", AGE), checked("3", AGE)], ["1", "2"]),
    ],
)
def test_a_partition_is_due_when_a_feature_begins_to_drift(checks: list[DriftCheck], due: list[str]) -> None:
    assert [each.partition_key for each in due_checks(checks)] == due


@pytest.mark.parametrize(
    ("checks", "first"),
    [
        ([checked("1", STABLE)], "1"),
        ([checked("1", INCOME), checked("2", STABLE), checked("3", INCOME)], "3"),
        ([checked("1", INCOME, alerted=True), checked("2", INCOME)], "1"),
    ],
)
def test_the_newest_partition_is_the_first_that_counts_unless_an_alert_was_delivered(
    checks: list[DriftCheck], first: str
) -> None:
    assert first_counted(checks) == first


@pytest.mark.parametrize(
    ("before", "after", "alerted"),
    [
        ([checked("1", INCOME), checked("2", STABLE)], [], None),
        ([checked("1", INCOME), checked("2", STABLE)], [checked("3", STABLE)], None),
        ([checked("1", INCOME), checked("2", STABLE)], [checked("3", INCOME)], "3"),
        ([checked("1", INCOME), checked("2", INCOME)], [], "2"),
        ([checked("1", INCOME), checked("2", INCOME)], [checked("3", INCOME)], "2"),
        ([checked("1", STABLE)], [checked("2", INCOME), checked("3", STABLE)], "2"),
    ],
)
def test_drift_that_had_ended_before_the_promotion_is_no_news(
    database_url: str,
    tmp_path: Path,
    before: list[DriftCheck],
    after: list[DriftCheck],
    alerted: str | None,
) -> None:
    received = tmp_path / "received"
    with dg.DagsterInstance.ephemeral() as instance:
        ticking = Ticking(database_url, instance, tmp_path, alert_to=f"tee -a {received}")
        version = ticking.champion(200)
        for checks in (before, after):
            for check in checks:
                DriftLog(ticking.database).record_check(version, check)
            ticking.tick(DRIFT_SENSOR)
    keys = (
        [json.loads(line)["key"] for line in received.read_text().splitlines()] if received.exists() else []
    )
    assert keys == ([f"drift:{version}:{alerted}"] if alerted else [])


def test_an_alert_is_sent_once_and_again_only_while_it_is_not_delivered(
    database_url: str, tmp_path: Path
) -> None:
    received = tmp_path / "received"
    with dg.DagsterInstance.ephemeral() as instance:
        ticking = Ticking(database_url, instance, tmp_path, alert_to=f"tee -a {received}")
        assert "no champion" in (ticking.tick(DRIFT_SENSOR).skip_message or "")
        version = ticking.champion(200)
        log = DriftLog(ticking.database)
        log.record_check(version, checked("2024-03-02", STABLE))
        log.record_check("another model", checked("2024-03-02", INCOME))
        ticking.tick(DRIFT_SENSOR)
        assert not received.exists()

        log.record_check(version, checked("2024-03-03", INCOME))
        received.mkdir()
        assert "sent again" in (ticking.tick(DRIFT_SENSOR).skip_message or "")
        received.rmdir()
        results = [ticking.tick(DRIFT_SENSOR) for _ in range(3)]
        assert not any(result.run_requests for result in results)
        alert = json.loads(received.read_text())
        assert alert["key"] == f"drift:{version}:2024-03-03"
        assert "partition 2024-03-03 (80 rows): drift of income PSI 0.900 (limit 0.300)" in alert["text"]
        log.record_check(version, checked("2024-03-03", INCOME))
        ticking.tick(DRIFT_SENSOR)
        assert json.loads(received.read_text()) == alert, (
            "a partition that is loaded again sends no second alert"
        )
