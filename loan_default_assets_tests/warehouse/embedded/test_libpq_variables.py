"""The embedded server under variables of libpq that are meant for another server."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.embedded import cluster
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError, serve
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder

VARIABLES = {
    "PGHOST": "db.example.com",
    "PGHOSTADDR": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "analyst",
    "PGDATABASE": "prod",
    "PGPASSWORD": "secret",
    "PGSERVICE": "prod",
    "PGOPTIONS": "-c statement_timeout=1 -c default_transaction_read_only=on",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "random",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGREQUIREPEER": "analyst",
    "PGCLIENTENCODING": "SQL_ASCII",
    "PGDATESTYLE": "German",
    "PGTZ": "Asia/Seoul",
    "PGCONNECT_TIMEOUT": "soon",
}
SHOWN = "SELECT current_setting('DateStyle'), current_setting('TimeZone'), current_setting('client_encoding')"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The home of a server that was started under all variables."""
    with accessible_folder() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in VARIABLES.items():
            monkeypatch.setenv(name, value)
        with serve(folder / "home", None):
            yield folder / "home"
        LocalPostgres(folder / "home").remove()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("names", [*([name] for name in VARIABLES), list(VARIABLES)], ids=",".join)
def test_no_variable_changes_a_connection_and_all_stay_for_other_servers(
    home: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in names:
        monkeypatch.setenv(name, VARIABLES[name])
    with serve(home, None) as url:
        with Database(url, "bank").transaction() as cursor:
            cursor.execute("CREATE TEMP TABLE written (day date)")
            cursor.execute(SHOWN)
            shown = cursor.fetchall()
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            assert [tuple(row) for row in connection.execute(sa.text(SHOWN))] == shown
        engine.dispose()
        assert shown == [("ISO, MDY", "UTC", "UTF8")]
    assert {name: os.environ.get(name) for name in names} == {name: VARIABLES[name] for name in names}


def test_a_server_that_refuses_its_user_is_reported_and_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_connection_failure", lambda _: "FATAL: sorry, too many clients already")
    monkeypatch.setattr(cluster, "_START_TIMEOUT_S", 0.2)
    with pytest.raises(ServerError, match="too many clients"):
        LocalPostgres(home).start()
