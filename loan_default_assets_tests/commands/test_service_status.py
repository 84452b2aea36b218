"""`status` shows what every replica of the service serves, and which are lost."""

from pathlib import Path

from loan_default_assets.commands.service_status import replica_lines, replicas
from loan_default_assets.commands.session import open_session
from loan_default_assets.commands.status import status, text
from loan_default_assets.warehouse import service_workers
from loan_default_assets.warehouse.service_workers import ServiceWorker
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.warehouse.samples import classifier

WORKERS = (
    ServiceWorker(worker="7-a", replica="pod-0:8000", pid=7, loaded="c1", lost_after_seconds=3600),
    ServiceWorker(worker="8-a", replica="pod-0:8000", pid=8, loaded="c1", lost_after_seconds=3600),
    ServiceWorker(
        worker="7-b", replica="pod-1:8000", pid=7, loaded="c0", error="c1 is refused", lost_after_seconds=3600
    ),
    ServiceWorker(worker="7-c", replica="pod-2:8000", pid=7, loaded="c1", lost_after_seconds=1e-6),
)


def test_workers_are_current_outdated_or_lost(database_url: str, tmp_path: Path) -> None:
    small_bank.bank(tmp_path)
    with open_session(small_bank.settings(tmp_path, database_url)) as session:
        assert status(session)["replicas"] == []
        assert "replicas" not in text(status(session))
        with session.database.transaction() as cursor:
            for worker in WORKERS:
                service_workers.write(cursor, worker)
        found = replicas(session, classifier("c1"))
        assert {each["worker"]: each["state"] for each in found} == {
            "7-a": "current",
            "8-a": "current",
            "7-b": "outdated",
            "7-c": "lost",
        }
        assert replica_lines(found) == [
            "service     2 replicas with 3 workers",
            "  pod-1:8000 (pid 7): serves c0: c1 is refused",
            f"  pod-2:8000 (pid 7): lost, last seen {found[3]['seen_at']}; its spool may hold predictions until it "
            "is back",
        ]
        assert replica_lines(found[:1]) == ["service     1 replica with 1 worker"]
        assert {each["state"] for each in replicas(session, None)} == {"outdated", "lost"}
        assert "service     2 replicas with 3 workers" in text(status(session))
