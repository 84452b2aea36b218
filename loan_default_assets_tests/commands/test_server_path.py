from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loan_default_assets.commands.run import fingerprint, run
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.opened_bank import Bank, copied


def found(session: Session) -> tuple[str, str | None, dict[str, Any]]:
    """Champion, its rows, and the hashes of the tables."""
    champion = session.registry.champion()
    assert champion is not None
    tables = fingerprint(session)
    del tables["model_metadata"]  # it holds the folder of the artifacts, which is the home's
    return champion.version, champion.snapshot_hash, tables


def test_a_given_server_ends_with_the_same_rows_and_champion_as_the_embedded_one(
    good_bank: Bank,
    postgres: LocalPostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    with copied(good_bank, postgres, tmp_path / "given") as opened:
        given = opened().session
        assert given.settings.database_url is not None
        expected = found(given)
    changes = {"database_url": None, "loan_default_home": tmp_path / "embedded"}
    settings = given.settings.model_copy(update=changes)
    request.addfinalizer(LocalPostgres(settings.home).remove)
    with open_session(settings) as session, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("DATABASE_URL", session.url)
        run(session, instance, today=small_bank.TODAY)
        assert found(session) == expected
