"""Files of models are deleted after the registry has recorded it, and never those that it needs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loan_default_assets.pipeline import prune_models
from loan_default_assets.pipeline.prune_models import prunable_files, prune_files
from loan_default_assets.policy.model_retention import ModelRetention
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.pruned_models import changing_models, mark_pruned, pruned_models
from loan_default_assets.warehouse.registry import Registry, RegistryError
from loan_default_assets.warehouse.shadow_models import ShadowLog
from loan_default_assets_tests.promoting import one_person, promote
from loan_default_assets_tests.warehouse.samples import classifier, portfolio

LATER = datetime.now(UTC) + timedelta(days=100)
RETENTION = ModelRetention(candidate_days=30, champions=2)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Database:
    """Champion c3, before it c2 and c1; c4 was rejected, c5 is the last one trained."""
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    registry = Registry(database)
    for number in range(1, 6):
        version = f"c{number}"
        folder = tmp_path / version
        folder.mkdir()
        (folder / "weights").write_bytes(b"w" * 100 * number)
        registry.register(classifier(version, artifact_uri=str(folder)))
        if number < 4:
            before = registry.champion()
            promote(one_person(database), version, expected=before.version if before else None)
    registry.reject("c4", "worse")
    return database


def folders(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def marks(database: Database) -> set[str]:
    with database.transaction() as cursor:
        return {*pruned_models(cursor)}


def test_what_goes_is_what_was_shown_and_a_repetition_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    shown = prunable_files(database, tmp_path, RETENTION, LATER)
    assert [(files.version, files.size_bytes, files.was_promoted) for files in shown] == [
        ("c4", 400, False),
        ("c1", 100, True),
    ]
    assert folders(tmp_path) == {"c1", "c2", "c3", "c4", "c5"}
    assert list(prune_files(database, tmp_path, RETENTION, LATER)) == shown
    assert folders(tmp_path) == {"c2", "c3", "c5"}
    assert marks(database) == {"c1", "c4"}
    assert list(prune_files(database, tmp_path, RETENTION, LATER)) == []
    assert len(Registry(database).history()) == 5


def test_the_shadow_keeps_its_files(database: Database, tmp_path: Path) -> None:
    ShadowLog(database).begin("c4")
    assert [files.version for files in prune_files(database, tmp_path, RETENTION, LATER)] == ["c1"]


def test_a_pruned_version_is_refused_and_the_champion_stays(database: Database, tmp_path: Path) -> None:
    prune_files(database, tmp_path, RETENTION, LATER)
    registry = Registry(database)
    with pytest.raises(RegistryError, match=r"c4: retention deleted its files on .* loan-default retrain"):
        promote(one_person(database), "c4", expected="c3")
    assert registry.rollback("test").version == "c2"
    with pytest.raises(RegistryError, match=r"c1: retention deleted its files on .* nothing was rolled back"):
        registry.rollback("test")
    champion = registry.champion()
    assert champion is not None
    assert champion.version == "c2"


def test_a_version_that_is_trained_again_can_be_promoted(database: Database, tmp_path: Path) -> None:
    prune_files(database, tmp_path, RETENTION, LATER)
    registry = Registry(database)
    (tmp_path / "c4").mkdir()
    registry.register(registry.get("c4"))
    assert marks(database) == {"c1"}
    promote(one_person(database), "c4", expected="c3")
    prune_files(database, tmp_path, RETENTION, LATER)
    assert folders(tmp_path) == {"c3", "c4", "c5"}


@pytest.mark.parametrize("broken", ["replace", "rmtree"])
def test_a_deletion_that_is_cut_off_goes_on(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((Path, broken) if broken == "replace" else (prune_models.shutil, broken)), cut)
        with pytest.raises(KeyboardInterrupt):
            prune_files(database, tmp_path, RETENTION, LATER)
    assert marks(database) == {"c1", "c4"}
    with pytest.raises(RegistryError, match="retention deleted"):
        promote(one_person(database), "c4", expected="c3")
    prune_files(database, tmp_path, RETENTION, LATER)
    assert folders(tmp_path) == {"c2", "c3", "c5"}


def test_a_promotion_before_the_lock_saves_the_files(database: Database, tmp_path: Path) -> None:
    """The lock is held by a promotion while the deletion waits: the promoted version is not deleted."""
    with ThreadPoolExecutor(1) as pool:
        registry = Registry(database)

        def prune() -> list[str]:
            return [files.version for files in prune_files(database, tmp_path, RETENTION, LATER)]

        with changing_models(database) as cursor:
            pruning = pool.submit(prune)
            while not waits_for_lock(database):
                assert not pruning.done()
            cursor.execute("UPDATE model_metadata SET status = 'retired' WHERE version = 'c3'")
            cursor.execute(
                "UPDATE model_metadata SET status = 'champion', promoted_at = now(), verdict = 'approved' "
                "WHERE version = 'c4'"
            )
        assert pruning.result() == ["c2", "c1"]
    assert folders(tmp_path) == {"c3", "c4", "c5"}
    assert registry.rollback("test").version == "c3"


def test_a_version_that_is_trained_again_while_others_are_deleted_keeps_its_files(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, remove = Registry(database), prune_models.shutil.rmtree

    def remove_and_train(folder: Path) -> None:
        remove(folder)
        registry.register(registry.get("c1"))

    monkeypatch.setattr(prune_models.shutil, "rmtree", remove_and_train)
    assert [files.version for files in prune_files(database, tmp_path, RETENTION, LATER)] == ["c4"]
    assert folders(tmp_path) == {"c1", "c2", "c3", "c5"}
    assert marks(database) == {"c4"}


def waits_for_lock(database: Database) -> bool:
    """Whether a transaction of the database waits for the registry's lock."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)"
        )
        return bool(cursor.fetchall()[0][0])


def test_nothing_outside_the_root_is_deleted(database: Database, tmp_path: Path) -> None:
    assert prune_files(database, tmp_path / "elsewhere", RETENTION, LATER) == []
    assert marks(database) == set()
    with changing_models(database) as cursor:
        mark_pruned(cursor, "c4", 1)
    assert prune_files(database, tmp_path / "elsewhere", RETENTION, LATER) == []
    assert len(folders(tmp_path)) == 5
