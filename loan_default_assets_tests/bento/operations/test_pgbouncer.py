"""Replicas behind a real PgBouncer, where one is installed: they poll, or listen on the direct connection."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from bento.operations.replica_link import POOLED
from loan_default_assets.warehouse.database import dsn, normalise
from loan_default_assets_tests.bento.running_replicas import replicas, served_by_all
from loan_default_assets_tests.bento.served_process import free_ports
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")


@contextmanager
def pgbouncer(url: str, mode: str) -> Iterator[str]:
    """URL of the database through a PgBouncer with this pool mode."""
    server, (port,) = make_url(url), free_ports(1)
    with accessible_folder() as folder:
        folder.chmod(0o777)
        file = folder / "pgbouncer.ini"
        file.write_text(
            f"[databases]\n{server.database} = host={server.query['host']} port={server.query['port']} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\n"
            f"logfile = {folder}/log\nunix_socket_dir =\ndefault_pool_size = 5\n"
        )
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [str(PROGRAM), "--quiet", *user, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        pooled = server.set(host="127.0.0.1", port=port)
        pooled = pooled.difference_update_query(["host", "port", "require_auth"])
        text = normalise(pooled.render_as_string(hide_password=False))
        try:
            until = time.monotonic() + 20
            while True:
                try:
                    psycopg2.connect(dsn(text)).close()
                    break
                except psycopg2.OperationalError:
                    assert time.monotonic() < until
                    time.sleep(0.1)
            yield text
        finally:
            process.terminate()
            process.wait(20)


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("direct", [False, True])
def test_a_promotion_reaches_replicas_behind_pgbouncer(
    make_bank: Callable[[], ServedBank], tmp_path: Path, mode: str, direct: bool
) -> None:
    bank = make_bank()
    first, second = bank.register(0), bank.register(1)
    bank.promote(first)

    async def work(url: str) -> None:
        # Without notifications, the promotion below is seen within a poll; with them, no poll comes in time.
        chosen = {"database_url": url, "service_poll_seconds": 60.0 if direct else 0.2}
        chosen |= {"database_direct_url": bank.url} if direct else {}
        async with replicas(bank, tmp_path, **chosen) as both:
            assert [each.replicas.polling for each in both] == [None if direct else POOLED] * 2
            await asyncio.to_thread(bank.promote, second)
            await served_by_all(both, second.version)
            states = await both[1].reload()
            assert (len(states["states"]), states["outdated"]) == (2, [])

    with pgbouncer(bank.url, mode) as url:
        asyncio.run(asyncio.wait_for(work(url), 60))
