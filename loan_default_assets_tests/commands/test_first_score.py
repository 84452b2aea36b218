"""The end of the demo, next to settings of the public service."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loan_default_assets.commands.explain import explain
from loan_default_assets.commands.first_score import first_score
from loan_default_assets.commands.session import Session
from loan_default_assets.pipeline.model_storage import load_predictor
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.bento.served_process import free_ports
from loan_default_assets_tests.opened_bank import Bank, copied


@pytest.fixture
def bank(good_bank: Bank, postgres: LocalPostgres, tmp_path: Path) -> Iterator[Bank]:
    """A bank with a champion."""
    with copied(good_bank, postgres, tmp_path) as opened:
        yield opened()


def test_a_refused_loan_is_scored_by_both_transports_once_and_can_be_explained(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_API_KEYS", "user-key-0123456789")
    monkeypatch.setenv("SERVICE_TLS_CERTIFICATE", "/certificates/nobody.pem")
    http, grpc = free_ports(2)
    ports = {"service_http_port": http, "service_grpc_port": grpc}
    session = replace(bank.session, settings=bank.session.settings.model_copy(update=ports))
    first = first_score(session)
    loan = json.loads((session.settings.home / "loan.json").read_text())
    assert "collected" not in loan["numerical_features"]
    scored = next(position for position, line in enumerate(first) if "try again" in line)
    assert first_score(session) == first[scored:]

    by_http, by_grpc = (line.split(":", 1)[1] for line in first[1:3])
    assert by_http == by_grpc
    pd_of, threshold = (float(found) for found in re.findall(r"0\.\d{4}", by_http))
    refused = _refused(session)
    assert loan["loan_id"] == min(refused, key=refused.__getitem__)
    assert pd_of == pytest.approx(refused[loan["loan_id"]], abs=1e-4)
    assert pd_of >= threshold - 1e-4
    assert "decision 1, default predicted" in by_http

    request_id = first[scored - 1].split("loan-default explain ")[1].split()[0]
    explained = explain(session, request_id, 0)
    assert explained.pd == pytest.approx(pd_of, abs=1e-4)
    assert explained.decision == 1
    printed = first[3 : scored - 1]
    assert printed[0].startswith("because     ")
    assert [line[12:].split(" (")[0] for line in printed] == [reason.en for reason in explained.reasons]


def _refused(session: Session) -> dict[str, float]:
    """PD by loan of the applications of the newest partition with decision 1."""
    champion = session.registry.champion()
    assert champion
    rows = session.loans.read_processed(keys=[max(session.loans.partitions())])
    predictor = load_predictor(champion, session.portfolio, session.artifacts)
    scored = predictor.predict(rows.numerical, rows.categorical)
    return {
        str(loan): float(pd)
        for loan, pd, decision in zip(rows.loan_id, scored.pd, scored.decision, strict=True)
        if decision
    }
