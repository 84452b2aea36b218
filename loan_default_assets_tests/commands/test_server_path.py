from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets.commands.run import fingerprint, run
from loan_default_assets.commands.session import open_session
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank


def test_a_given_server_ends_with_the_same_rows_and_champion_as_the_embedded_one(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    small_bank.bank(tmp_path)
    given = small_bank.settings(tmp_path, database_url)
    embedded = given.model_copy(update={"database_url": None, "loan_default_home": tmp_path / "embedded"})
    request.addfinalizer(LocalPostgres(embedded.home).remove)
    found = []
    for settings in (given, embedded):
        with open_session(settings) as session, dg.DagsterInstance.ephemeral() as instance:
            monkeypatch.setenv("DATABASE_URL", session.url)
            run(session, instance, today=small_bank.TODAY)
            champion = session.registry.champion()
            assert champion is not None
            tables = fingerprint(session)
            del tables["model_metadata"]  # it holds the folder of the artifacts, which is the home's
            found.append((champion.version, champion.snapshot_hash, tables))
    assert found[0] == found[1]
