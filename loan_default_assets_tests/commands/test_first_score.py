"""The end of the demo, next to settings of the public service."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loan_default_assets.commands.first_score import first_score
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.bento.served_process import free_ports
from loan_default_assets_tests.opened_bank import Bank, copied


@pytest.fixture
def bank(good_bank: Bank, postgres: LocalPostgres, tmp_path: Path) -> Iterator[Bank]:
    """A bank with a champion."""
    with copied(good_bank, postgres, tmp_path) as opened:
        yield opened()


def test_a_loan_is_scored_by_both_transports_once(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_API_KEYS", "user-key-0123456789")
    monkeypatch.setenv("SERVICE_TLS_CERTIFICATE", "/certificates/nobody.pem")
    http, grpc = free_ports(2)
    ports = {"service_http_port": http, "service_grpc_port": grpc}
    session = replace(bank.session, settings=bank.session.settings.model_copy(update=ports))
    first = first_score(session)
    assert [line.split(":")[0] for line in first[:2]] == ["scored      over HTTP", "scored      over gRPC"]
    assert len({line.split(":")[1] for line in first[:2]}) == 1
    loan = json.loads((session.settings.home / "loan.json").read_text())
    assert "collected" not in loan["numerical_features"]
    assert first_score(session) == first[2:]
