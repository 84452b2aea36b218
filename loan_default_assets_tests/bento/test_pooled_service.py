"""A service whose DATABASE_URL is PgBouncer's, in transaction mode: it serves, delivers and follows the champion."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from loan_default_assets_tests.bento.served_process import service, wait_until
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.warehouse.connection_pooler import pooled, program


@pytest.mark.skipif(program() is None, reason="needs PgBouncer (Debian: pgbouncer)")
def test_predictions_of_two_champions_are_delivered_through_a_pooler(
    make_bank: Callable[[], ServedBank], tmp_path: Path
) -> None:
    bank = make_bank()
    bank.promote(bank.register(0))
    with (
        pooled(bank.url, sessions=2) as url,
        service(tmp_path, ready="/health", portfolio=bank.portfolio_file, database_url=url) as served,
    ):
        for number in (0, 1):
            if number:
                bank.promote(bank.register(number))
            champion = bank.registry.champion()
            assert champion is not None
            end = time.monotonic() + 30
            version = ""
            while version != champion.version and time.monotonic() < end:
                answer = httpx.post(f"{served.http}/predict", json=request(), timeout=30)
                assert answer.status_code == 200, answer.text
                version = answer.json()["model_version"]
            assert version == champion.version
        wait_until(served, "/health")
    delivered = bank.rows("SELECT DISTINCT model_version FROM predictions")
    assert len(delivered) == 2
