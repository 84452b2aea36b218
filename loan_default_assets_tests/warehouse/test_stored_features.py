"""Features that the release before stored are sealed by the migration and then linked, also where it is killed."""

import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.warehouse import migrations, stored_features
from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.warehouse.samples import classifier, portfolio
from loan_default_assets_tests.warehouse.verified_chains import verified

ROWS = 40
FEATURES = {number: {"amount": number / 3, "note": f"원화 {number}", "none": None} for number in range(ROWS)}


@pytest.fixture
def former(database_url: str, tmp_path: Path) -> Database:
    """Predictions in the tables of the release before."""
    database = Database(database_url, "sample")
    for path in migrations.FOLDER.glob("00[1-6]*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    with database.transaction() as cursor:
        migrations.apply(cursor, "sample", portfolio(), tmp_path)
    Registry(database).register(classifier("c1"))
    with database.transaction() as cursor:
        for number, features in FEATURES.items():
            cursor.execute(
                "INSERT INTO predictions VALUES (%s, %s, %s, 'c1', %s, 0.1, 0, 0.4, NULL, 'http', 1, now())",
                (f"00000000-0000-4000-8000-{number // 2:012}", number % 2, f"L{number}", to_json(features)),
            )
    return database


def readable(database: Database) -> int:
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM predictions WHERE NOT features_sealed(features)")
        return int(cursor.fetchall()[0][0])


def others(database: Database) -> list[Any]:
    with database.transaction() as cursor:
        cursor.execute("SELECT to_jsonb(p) - 'features' FROM predictions p ORDER BY request_id, position")
        return [row for (row,) in cursor.fetchall()]


def assert_linked(database: Database) -> None:
    """The chains are unbroken and cover the sealed features."""
    deviations, links, rows = verified(database)
    assert not deviations, deviations.first
    assert links == rows == ROWS


def linked(database: Database) -> bool:
    with database.transaction() as cursor:
        cursor.execute("SELECT to_regclass('prediction_links') IS NOT NULL")
        return bool(cursor.fetchall()[0][0])


def test_all_features_are_sealed_and_open_again(former: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_features, "BATCH", 7)
    before = others(former)
    former.migrate(portfolio())
    assert [*opened(former).values()] == [*FEATURES.values()]
    assert others(former) == before
    assert_linked(former)
    assert stored_features.seal_stored(former.transaction) == 0
    with pytest.raises(WarehouseError, match="append-only"), former.transaction() as cursor:
        cursor.execute("UPDATE predictions SET features = '{}'")


def test_a_migration_that_is_killed_is_continued(former: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_features, "BATCH", 6)

    def child() -> None:
        sealed, seal = [0], stored_features.seal

        def killing(*arguments: Any) -> Any:
            sealed[0] += 1
            if sealed[0] == 20:
                os.kill(os.getpid(), signal.SIGKILL)
            return seal(*arguments)

        stored_features.seal = killing
        former.migrate(portfolio())

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert readable(former) == ROWS - 18, "three batches were committed"
    assert not linked(former), "rows are linked once all are sealed"
    first = _keys(former)
    former.migrate(portfolio())
    assert readable(former) == 0
    assert [*opened(former).values()] == [*FEATURES.values()]
    assert first.items() <= _keys(former).items(), "what was sealed is not sealed again"
    assert_linked(former)


def test_a_migration_that_is_killed_before_its_links_are_committed(
    former: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = migrations.apply

    def killing(*arguments: Any, **options: Any) -> Any:
        done = apply(*arguments, **options)
        if "009_chain.sql" in done:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    monkeypatch.setattr(migrations, "apply", killing)
    process = multiprocessing.get_context("fork").Process(target=former.migrate, args=(portfolio(),))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert (readable(former), linked(former)) == (0, False)
    monkeypatch.undo()
    keys = _keys(former)
    former.migrate(portfolio())
    assert _keys(former) == keys
    assert_linked(former)


def _keys(database: Database) -> dict[Any, bytes]:
    with database.transaction() as cursor:
        cursor.execute("SELECT request_id, position, key FROM prediction_keys")
        return {(name, position): bytes(key) for name, position, key in cursor.fetchall()}


def test_until_all_are_sealed_nothing_else_can_be_changed(
    former: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_features, "seal_stored", lambda _: 0)
    former.migrate(portfolio())
    assert readable(former) == ROWS
    for change in (
        'probability = 0.2, features = \'{"sealed": ""}\'',
        "features = '{}'",
        "features = '{\"sealed\": 1}'",
        'features = \'{"sealed": "", "more": 1}\'',
    ):
        with pytest.raises(WarehouseError, match="append-only"), former.transaction() as cursor:
            cursor.execute(f"UPDATE predictions SET {change}")
    with pytest.raises(WarehouseError, match="append-only"), former.transaction() as cursor:
        cursor.execute("TRUNCATE predictions")


def test_two_migrations_at_once(former: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_features, "BATCH", 3)
    with ThreadPoolExecutor(3) as pool:
        done = [*pool.map(lambda _: former.migrate(portfolio()), range(3))]
    assert sum("008_sealed_features.sql" in names for names in done) == 1
    assert sum("009_chain.sql" in names for names in done) == 1
    assert_linked(former)
    assert [*opened(former).values()] == [*FEATURES.values()]
