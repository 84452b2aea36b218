"""The last alerts in `status`: one line each, with what became of them."""

from loan_default_assets.commands.alert_status import alert_lines, alerts
from loan_default_assets.commands.status import status, text
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets_tests.opened_bank import OpenBank, open_bank

__all__ = ["open_bank"]


def test_the_last_alerts_with_their_delivery(open_bank: OpenBank) -> None:
    session = open_bank().session
    assert alert_lines(alerts(session)) == []
    log = AlertLog(session.database)
    for number in range(4):
        log.record(
            f"run:{number}", "run_failed", f"ingest 2024-01-0{number}", "a run failed", "ingest failed"
        )
        log.record_delivery(f"run:{number}", "webhook")
    log.record("hold:c1:s", "hold", "c1", "HOLD", "HOLD")
    log.record_delivery("hold:c1:s", "webhook", "unreachable")
    log.record("drift:c1:2024-01-07", "drift", "2024-01-07", "drift", "drift")
    found = status(session)
    shown = [line.strip() for line in text(found).splitlines()]
    first = shown.index("alerts, the newest first")
    assert [line[18:] for line in shown[first + 1 : first + 6]] == [
        "drift of partition 2024-01-07: NOT delivered (being sent)",
        "retraining on HOLD, champion c1: NOT delivered (unreachable)",
        "failed run ingest 2024-01-03: delivered (webhook)",
        "failed run ingest 2024-01-02: delivered (webhook)",
        "failed run ingest 2024-01-01: delivered (webhook)",
    ]
    assert shown[first + 6].startswith("2 are sent again for a week")
    assert found["alerts"]["undelivered"] == 2
    assert [each["failure"] for each in found["alerts"]["recent"]] == [None, "unreachable", None, None, None]
