"""What /model-info, /reload-model and /health say of the workers of all replicas, as JSON values."""

from collections.abc import Sequence
from typing import Any

from bento.operations.replica_link import ReplicaLink
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets.warehouse.service_workers import ServiceWorker


def reloaded(
    alive: Sequence[ServiceWorker], number: int, starting: int, wanted: ModelRecord | None
) -> dict[str, Any]:
    """The response of a reload.

    Args:
        alive: The living workers.
        number: Of the reload request; a worker that has not handled it is outdated.
        starting: How many workers of the answering replica are missing.
        wanted: The champion.
    """
    desired = wanted.version if wanted else None
    late = [worker.worker for worker in alive if worker.handled < number]
    return {
        "expected": len(alive) + max(0, starting),
        "desired": desired,
        "states": [_state(worker) for worker in alive],
        "outdated": sorted({*_outdated(alive, desired), *late}),
    }


def replicas(link: ReplicaLink, wanted: ModelRecord | None) -> dict[str, Any]:
    """The workers of all replicas when they were last read."""
    desired, workers = wanted.version if wanted else None, link.workers
    return {
        "desired": desired,
        "states": [_state(worker) | {"alive": worker.alive} for worker in workers],
        "outdated": _outdated(workers, desired),
        "polling": link.polling,
        "problem": link.problem,
    }


def counts(link: ReplicaLink, wanted: ModelRecord | None) -> dict[str, int]:
    """How many replicas are alive, this one among them, and how many of those have a worker without the champion."""
    workers = link.workers
    behind = set(_outdated(workers, wanted.version if wanted else None))
    return {
        "alive": len({link.replica, *(worker.replica for worker in workers if worker.alive)}),
        "outdated": len({worker.replica for worker in workers if worker.worker in behind}),
    }


def _state(worker: ServiceWorker) -> dict[str, Any]:
    return {
        "replica": worker.replica,
        "worker": worker.worker,
        "pid": worker.pid,
        "desired": worker.desired,
        "loaded": worker.loaded,
        "error": worker.error,
        "loaded_at": worker.loaded_at.isoformat() if worker.loaded_at else None,
        "seen_at": worker.seen_at.isoformat() if worker.seen_at else None,
    }


def _outdated(workers: Sequence[ServiceWorker], desired: str | None) -> list[str]:
    """The names of the living workers that do not serve the desired version."""
    return [worker.worker for worker in workers if worker.alive and worker.loaded != desired]
