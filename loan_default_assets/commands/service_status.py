"""The replicas of the service in `status`: which version each serves, and which are lost."""

from typing import Any

from loan_default_assets.commands.session import Session
from loan_default_assets.warehouse import service_workers
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets.warehouse.service_workers import ServiceWorker


def replicas(session: Session, champion: ModelRecord | None) -> list[dict[str, Any]]:
    """The workers of all replicas; `state` is `current`, `outdated` or `lost`. Times are ISO 8601.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with session.database.transaction() as cursor:
        listed = service_workers.listed(cursor)
    return [
        {
            "replica": worker.replica,
            "worker": worker.worker,
            "pid": worker.pid,
            "state": _state(worker, champion),
            "loaded": worker.loaded,
            "error": worker.error,
            "seen_at": worker.seen_at.isoformat() if worker.seen_at else None,
        }
        for worker in listed
    ]


def elsewhere(session: Session) -> dict[str, bool]:
    """Replicas of the service that run in other homes, and have spools there; whether any of their workers is alive.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with session.database.transaction() as cursor:
        listed = service_workers.listed(cursor)
    folder = session.settings.home / "service" / session.portfolio.name / "workers"
    here = {worker.replica for worker in listed if (folder / f"{worker.worker}.lock").exists()}
    found: dict[str, bool] = {}
    for worker in listed:
        if worker.replica not in here:
            found[worker.replica] = found.get(worker.replica, False) or worker.alive
    return found


def _state(worker: ServiceWorker, champion: ModelRecord | None) -> str:
    if not worker.alive:
        return "lost"
    return "current" if worker.loaded == (champion and champion.version) else "outdated"


def replica_lines(workers: list[dict[str, Any]]) -> list[str]:
    """One line with the counts, and one per worker that does not serve the champion; none without a service."""
    if not workers:
        return []
    alive = [worker for worker in workers if worker["state"] != "lost"]
    count = len({worker["replica"] for worker in alive})
    lines = [f"service     {_counted(count, 'replica')} with {_counted(len(alive), 'worker')}"]
    for worker in workers:
        name = f"  {worker['replica']} (pid {worker['pid']})"
        if worker["state"] == "lost":
            lines.append(
                f"{name}: lost, last seen {worker['seen_at']}; its spool may hold predictions until it is back"
            )
        elif worker["state"] == "outdated":
            lines.append(f"{name}: serves {worker['loaded'] or 'no model'}: {worker['error'] or 'reloading'}")
    return lines


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
