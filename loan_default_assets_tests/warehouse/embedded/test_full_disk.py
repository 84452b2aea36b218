"""A full disk, on a small tmpfs: the error names it, and every row is unchanged."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres, ServerError
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder, query_value, small_server
from loan_default_assets_tests.warehouse.one_partition import replace_processed, replace_raw
from loan_default_assets_tests.warehouse.samples import DAY, ids, portfolio, processed, raw


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a tmpfs needs root on Linux")
    with accessible_folder() as top:
        disk = top / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(disk)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting a tmpfs is not allowed here")
        try:
            yield disk
        finally:
            subprocess.run(["umount", str(disk)], check=True)


def test_a_partition_that_does_not_fit(database_url: str) -> None:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    loans = Loans(database, portfolio())
    name = database_url.partition("?")[0].rpartition("/")[2]
    with small_disk(2) as disk:
        folder = disk / "tablespace"
        folder.mkdir()
        os.chown(folder, *(_owner(query_value(database_url, "SHOW data_directory"))))
        query_value(database_url, f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        try:
            query_value(database_url, f"ALTER DATABASE {name} SET default_tablespace = {name}")
            replace_raw(loans, DAY, raw(ids(100)))
            replace_processed(loans, DAY, processed(ids(100)))
            before = {table: loans.table_hash(table) for table in loans.counts()}
            full = r"disk of PostgreSQL at .* is full \(data directory .*No space left on device.*Nothing was changed"
            with pytest.raises(WarehouseError, match=full):
                replace_raw(loans, DAY, raw(ids(20_000)))
            with pytest.raises(WarehouseError, match=full):
                replace_processed(loans, DAY, processed(ids(20_000)))
            assert {table: loans.table_hash(table) for table in loans.counts()} == before
        finally:
            query_value(database_url, f"ALTER DATABASE {name} RESET default_tablespace")
            query_value(database_url, "DROP SCHEMA sample CASCADE")
            query_value(database_url, f"DROP TABLESPACE {name}")


@pytest.mark.slow
def test_a_server_whose_whole_disk_is_full() -> None:
    """The write-ahead log cannot grow: the server stops, each start reports it, and with free space it recovers."""
    with small_disk(140) as disk:
        server = LocalPostgres(disk / "home", options={"max_wal_size": "32MB", "shared_buffers": "16MB"})
        try:
            database = Database(server.start(), "sample")
            database.migrate(portfolio())
            loans = Loans(database, portfolio())
            replace_raw(loans, DAY, raw(ids(100)))
            before = loans.table_hash("raw_data")
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(_free(disk) - (12 << 20)))
            with pytest.raises(WarehouseError, match=r"disk of .* is full"):
                _fill(loans)
            server.stop()
            ballast.write_bytes(bytes(ballast.stat().st_size + _free(disk)))
            with pytest.raises(ServerError, match=r"disk of .* is full \(0 MB free\)"):
                server.start()
            ballast.unlink()
            server.start()
            assert loans.counts()["raw_data"] in (100, 20_000)
            assert loans.table_hash("raw_data") == before or loans.counts()["raw_data"] == 20_000
        finally:
            server.remove()


@pytest.mark.slow
def test_a_first_start_on_a_full_disk() -> None:
    with small_disk(20) as disk:
        server = small_server(disk / "home")
        with pytest.raises(ServerError, match=r"initdb failed .*disk of .* is full"):
            server.start()
        server.remove()


def _fill(loans: Loans) -> None:
    for _ in range(20):
        replace_raw(loans, DAY, raw(ids(20_000)))


def _free(disk: Path) -> int:
    state = os.statvfs(disk)
    return state.f_bavail * state.f_frsize


def _owner(path: str) -> tuple[int, int]:
    state = Path(path).stat()
    return state.st_uid, state.st_gid
