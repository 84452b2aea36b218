"""Versions: immutable, at most one champion under concurrency, and rollback."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.promotions import Promotions
from loan_default_assets.warehouse.registry import Registry, RegistryError, StaleChampion
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse.samples import classifier


@pytest.fixture
def database(sample_database: Database) -> Database:
    return sample_database


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database)


@pytest.fixture
def promotions(database: Database) -> Promotions:
    return one_person(database)


def champions(registry: Registry) -> dict[str, str]:
    return {record.version: record.status for record in registry.history()}


def test_registration_is_idempotent_and_immutable(registry: Registry, promotions: Promotions) -> None:
    created = datetime(2024, 5, 1, 12, tzinfo=UTC)
    record = classifier(
        "c1", created_at=created, metrics={"f1": 0.81, "ks": float("nan"), "by_group": [1, 2]}
    )
    registry.register(record)
    registry.register(replace(record, created_at=None))
    stored = registry.get("c1")
    assert stored == replace(record, metrics={"f1": 0.81, "ks": None, "by_group": [1, 2]})
    with pytest.raises(RegistryError, match="c1 is registered with another threshold, artifact_sha256"):
        registry.register(replace(record, threshold=0.5, artifact_sha256="b" * 64))
    promote(promotions, "c1", expected=None)
    registry.register(record)
    champion = registry.champion()
    assert champion
    assert champion.version == "c1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "c2"}, "was version c1, not c2"),
        ({"version": "c2", "kind": "encoder", "threshold": None}, None),
        ({"version": "c2", "attempt": 2}, None),
        ({"version": "c2", "parent": "c1"}, None),
        ({"version": "c2", "snapshot_hash": "other"}, None),
        ({"version": "c2", "snapshot_hash": "other", "parent": "unknown"}, "foreign key"),
        ({"version": "c2", "snapshot_hash": "other", "threshold": 1.5}, "check constraint"),
        ({"version": "c2", "snapshot_hash": "other", "threshold": None}, "check constraint"),
        ({"version": "c2", "snapshot_hash": "other", "attempt": 0}, "check constraint"),
        ({"version": "c2", "snapshot_hash": "other", "kind": "forest"}, "check constraint"),
    ],
)
def test_an_attempt_is_registered_once(
    change: dict[str, Any], message: str | None, registry: Registry
) -> None:
    first = classifier("c1", snapshot_hash="s")
    registry.register(first)
    second = replace(first, **change)
    if message:
        with pytest.raises(WarehouseError, match=message):
            registry.register(second)
        return
    registry.register(second)
    assert registry.get("c2") == replace(second, created_at=registry.get("c2").created_at)
    assert {record.version for record in registry.history()} == {"c1", "c2"}


def test_promotion_retires_the_champion_before(registry: Registry, promotions: Promotions) -> None:
    for version in ("c1", "c2"):
        registry.register(classifier(version))
    assert registry.champion() is None
    promote(promotions, "c1", expected=None)
    promoted = promote(promotions, "c2", expected="c1", verdict="approved_below_target", reason="better")
    assert (promoted.status, promoted.verdict, promoted.reason) == (
        "champion",
        "approved_below_target",
        "better",
    )
    assert promoted.promoted_at
    assert registry.champion() == promoted
    assert champions(registry) == {"c2": "champion", "c1": "retired"}
    assert promote(promotions, "c2", expected="c1", reason="again after a crash") == promoted


@pytest.mark.parametrize(
    ("version", "arguments", "error", "message"),
    [
        (
            "c2",
            {"expected": None},
            StaleChampion,
            "the champion is c1 and no longer None: version c2 was not",
        ),
        ("c2", {"expected": "c0"}, StaleChampion, "the champion is c1 and no longer c0"),
        ("unknown", {"expected": "c1"}, RegistryError, "no model version 'unknown'"),
        ("e1", {"expected": "c1"}, RegistryError, "only a classifier"),
        ("c2", {"expected": "c1", "verdict": ""}, RegistryError, "needs a verdict and a reason"),
        ("c2", {"expected": "c1", "reason": ""}, RegistryError, "needs a verdict and a reason"),
    ],
)
def test_promotions_that_are_refused(
    version: str,
    arguments: dict[str, Any],
    error: type[Exception],
    message: str,
    registry: Registry,
    promotions: Promotions,
) -> None:
    for record in (classifier("c1"), classifier("c2"), classifier("e1", kind="encoder", threshold=None)):
        registry.register(record)
    promote(promotions, "c1", expected=None)
    before = registry.history()
    with pytest.raises(error, match=message):
        promote(promotions, version, **arguments)
    assert registry.history() == before


def test_twenty_concurrent_promotions(registry: Registry, promotions: Promotions) -> None:
    versions = [f"c{i:02d}" for i in range(20)]
    for version in ("c-first", *versions):
        registry.register(classifier(version))
    promote(promotions, "c-first", expected=None)
    barrier = threading.Barrier(len(versions))

    def compete(version: str) -> bool:
        barrier.wait()
        try:
            promote(promotions, version, expected="c-first")
        except StaleChampion:
            return False
        return True

    with ThreadPoolExecutor(len(versions)) as pool:
        won = list(pool.map(compete, versions))
    assert won.count(True) == 1
    statuses = champions(registry)
    assert statuses.pop(versions[won.index(True)]) == "champion"
    assert statuses.pop("c-first") == "retired"
    assert set(statuses.values()) == {"candidate"}


def test_only_the_index_prevents_a_second_champion(
    database: Database, registry: Registry, promotions: Promotions
) -> None:
    for version in ("c1", "c2"):
        registry.register(classifier(version))
    promote(promotions, "c1", expected=None)
    statement = "UPDATE model_metadata SET status = 'champion', promoted_at = now(), verdict = 'x' WHERE version = 'c2'"
    with pytest.raises(WarehouseError, match="one_champion"), database.transaction() as cursor:
        cursor.execute(statement)
    with database.transaction() as cursor:
        cursor.execute("DROP INDEX one_champion")
        cursor.execute(statement)
        assert cursor.rowcount == 1


def test_each_rollback_restores_the_previous_champion(registry: Registry, promotions: Promotions) -> None:
    for previous, version in zip([None, "c1", "c2"], ["c1", "c2", "c3"], strict=True):
        registry.register(classifier(version, parent=previous))
        promote(promotions, version, expected=previous)
    back = registry.rollback("it refuses every application")
    assert (back.version, back.status, back.verdict) == ("c2", "champion", "approved")
    assert back.reason == "restored after the rollback of c3: it refuses every application"
    assert champions(registry) == {"c3": "rejected", "c2": "champion", "c1": "retired"}
    with pytest.raises(StaleChampion, match="the champion is c2 and no longer c3: nothing was rolled back"):
        registry.rollback("a concurrent rollback", expected="c3")
    assert registry.rollback("further", expected="c2").version == "c1"
    with pytest.raises(RegistryError, match="no earlier champion"):
        registry.rollback("too far")
    champion = registry.champion()
    assert champion
    assert champion.version == "c1"
    promote(promotions, "c3", expected="c1")
    assert champions(registry) == {"c3": "champion", "c2": "rejected", "c1": "retired"}


def test_rejection(registry: Registry, promotions: Promotions) -> None:
    for version in ("c1", "c2"):
        registry.register(classifier(version))
    promote(promotions, "c1", expected=None)
    rejected = registry.reject("c2", "worse")
    assert (rejected.status, rejected.reason) == ("rejected", "worse")
    assert registry.reject("c2", "once more") == rejected
    with pytest.raises(RegistryError, match="c1 is champion; only a candidate"):
        registry.reject("c1", "no")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE model_metadata SET threshold = 0.9",
        "UPDATE model_metadata SET metrics = '{}', status = 'rejected'",
        "UPDATE model_metadata SET version = 'other'",
        "DELETE FROM model_metadata",
    ],
)
def test_a_version_is_immutable_in_the_database(
    statement: str, database: Database, registry: Registry
) -> None:
    registry.register(classifier("c1"))
    with (
        pytest.raises(WarehouseError, match="a model version never changes"),
        database.transaction() as cursor,
    ):
        cursor.execute(statement)
