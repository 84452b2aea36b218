"""The embedded server is reached by its own user only: it trusts every connection."""

import stat

from loan_default_assets.warehouse.embedded.data_location import locate
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.warehouse.embedded.homes import query_value


def test_only_this_user_reaches_the_server(postgres: LocalPostgres) -> None:
    url, location = postgres.start(), locate(postgres.folder)
    assert query_value(url, "SHOW listen_addresses") == ""
    socket = (location.socket_directory / ".s.PGSQL.5432").stat()
    assert stat.S_ISSOCK(socket.st_mode)
    assert stat.S_IMODE(socket.st_mode) == 0o700
    assert stat.S_IMODE(location.data_directory.stat().st_mode) == 0o700
    assert socket.st_uid == location.data_directory.stat().st_uid
