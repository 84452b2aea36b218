"""After an erasure, nothing of the loan is left: no table, spool, log or backup's key store; other loans stay."""

import json
import os
import shutil
import subprocess
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.prediction_log import file_locks
from loan_default_assets.commands import backup_archive
from loan_default_assets.commands import erase as erase_command
from loan_default_assets.warehouse import client_programs, service_workers
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.service_workers import ServiceWorker
from loan_default_assets_tests.bento.random_requests import message
from loan_default_assets_tests.bento.served_process import Served, spooled_bytes
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.privacy import canary_values, kept_outside_tables
from loan_default_assets_tests.privacy.erased_installation import (
    ERASED,
    KEPT,
    NAME,
    VALUES,
    Installation,
    body,
    installation,
    leaks,
    wait_for,
)

__all__ = ["installation"]


def predict(installation: Installation, served: Served) -> None:
    """Both loans over HTTP, as a batch, over gRPC and from a file."""
    with httpx.Client(base_url=served.http, timeout=30) as client:
        for loan, case in VALUES.items():
            assert client.post("/predict", json=body(loan, case)).status_code == 200
        batch = {"loans": [body(loan, case) for loan, case in VALUES.items()]}
        assert client.post("/predict-batch", json=batch).status_code == 200
    with grpc.insecure_channel(served.grpc) as channel:
        for loan, case in VALUES.items():
            pb_grpc.LoanDefaultStub(channel).Predict(message(body(loan, case)), timeout=30)
    source = str(installation.bank.portfolio.source.path)
    result = installation.command("score", source, "--output", str(installation.home.parent / "scored.csv"))
    assert result.exit_code == 0, result.output


def test_nothing_of_the_loan_is_left_anywhere(
    installation: Installation, postgres: LocalPostgres, tmp_path: Path
) -> None:
    bank = installation.bank
    archives = [tmp_path / "monday", tmp_path / "tuesday"]
    with installation.served() as served:
        predict(installation, served)
        wait_for(lambda: len(bank.rows("SELECT FROM predictions")) == 8)
        before = {loan: opened(bank.database, f"loan_id = '{loan}'") for loan in VALUES}
        for loan, case in VALUES.items():
            texts = [json.dumps(features, ensure_ascii=False) for features in before[loan].values()]
            assert len(texts) == 4
            assert {number for text in texts for number, _ in canary_values.traces(text)} == {f"{case:03d}"}
        keys = {loan: installation.keys(loan) for loan in VALUES}
        undelivered = installation.keep_undelivered(ERASED, KEPT)
        # The service takes what a killed worker left, sooner or later: here, after the backups.
        held = file_locks.acquire(undelivered)
        assert held is not None
        late = undelivered.read_bytes()
        for archive in archives:
            assert installation.command("backup", str(archive)).exit_code == 0

        options = [option for archive in archives for option in ("--backup", str(archive))]
        shown = installation.erase(ERASED, *options)
        assert (shown.exit_code, shown.output.count("4 keys, 1 files")) == (0, 2), shown.output
        assert "nothing was erased; next: the same command with --yes" in shown.output
        assert installation.keys(ERASED) == keys[ERASED]
        os.close(held)
        erased = installation.erase(ERASED, *options, "--yes")
        assert erased.exit_code == 0, erased.output
        assert erased.output.endswith("erased\n")
        wait_for(lambda: spooled_bytes(installation.spool) == 0)
        assert installation.load() == (
            "2 rows read, 1 rows stored in 1 partition, 0 of them changed, 1 rows of erased loans skipped; "
            "0 of other partitions, 0 refused"
        )
        # A worker delivers once more what it had delivered before it was killed.
        (installation.spool / f"{uuid.uuid4().hex}.jsonl").write_bytes(late)
        wait_for(lambda: spooled_bytes(installation.spool) == 0)
    assert not leaks(installation.contents(tmp_path), 0, keys[ERASED])
    assert leaks(installation.contents(tmp_path), 1, keys[KEPT]), "what is searched for can be found"
    assert not canary_values.traces((postgres.folder / "server.log").read_text(errors="replace"))
    for archive in archives:
        backup_archive.verify(archive)
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=archive, check=True)
        files = [file for file in kept_outside_tables.in_files(archive) if "database.dump" not in file[0]]
        assert not leaks(iter(files), 0, keys[ERASED])
        dumped = tmp_path / f"{archive.name}.sql"
        programs, _ = client_programs.find_programs(0)
        subprocess.run(
            [programs / "pg_restore", f"--file={dumped}", archive / backup_archive.DUMP], check=True
        )
        assert not [key for key in keys[ERASED] + keys[KEPT] if key.hex() in dumped.read_text()]
        assert leaks(iter(files), 1, keys[KEPT])
    left = opened(bank.database, f"loan_id = '{ERASED}'")
    assert len(left) == 5, "the rows stay"
    assert set(left.values()) == {None}
    kept = opened(bank.database, f"loan_id = '{KEPT}'")
    assert kept.items() >= before[KEPT].items()
    assert all(kept.values())
    again = installation.erase(ERASED, *options)
    assert (again.exit_code, "nothing is left to erase" in again.output) == (0, True)

    with fresh_database(postgres) as url:
        restored = Installation(replace(bank, url=url), tmp_path / "restored")
        result = restored.command("restore", str(archives[0]), ARTIFACT_ROOT="")
        assert result.exit_code == 0, result.output
        assert not leaks(restored.contents(tmp_path), 0, keys[ERASED])
        assert set(opened(restored.bank.database, f"loan_id = '{ERASED}'").values()) == {None}
        assert opened(restored.bank.database, f"loan_id = '{KEPT}'") == before[KEPT]
        assert bank.rows("SELECT loan_id FROM raw_data") == [(KEPT,)]
        assert restored.bank.rows("SELECT loan_id FROM raw_data") == [(KEPT,)]
        assert "skipped" in restored.load()


def test_without_a_running_service_its_files_are_rewritten(installation: Installation) -> None:
    both, other = installation.keep_undelivered(ERASED, KEPT), installation.keep_undelivered(KEPT)
    aside = installation.home / "replaced-0123" / NAME / "spool" / f"{uuid.uuid4().hex}.jsonl"
    aside.parent.mkdir(parents=True)
    shutil.copy(both, aside)
    untouched = other.read_bytes()
    assert "2 files with undelivered predictions" in installation.erase(ERASED).output
    assert b'"key"' in both.read_bytes()
    assert installation.erase(ERASED, "--yes").exit_code == 0
    assert other.read_bytes() == untouched
    for path in (both, aside):
        erased, kept = json.loads(path.read_bytes())["loans"]
        assert ({*erased} & {"key", "features"}, "key" in kept) == (set(), True)
        assert path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in installation.spool.iterdir() if path.name.startswith(".")] == []
    with installation.served():
        wait_for(lambda: len(installation.bank.rows("SELECT FROM predictions")) == 3)
    assert opened(installation.bank.database, f"loan_id = '{ERASED}'").popitem()[1] is None
    assert all(opened(installation.bank.database, f"loan_id = '{KEPT}'").values())


def test_a_service_that_does_not_deliver_is_named(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = installation.keep_undelivered(ERASED)
    held = file_locks.acquire(segment)
    assert held is not None
    monkeypatch.setattr(erase_command, "DELIVERY_SECONDS", 0.5)
    result = installation.erase(ERASED, "--yes")
    assert result.exit_code == 1
    assert f"1 files of undelivered predictions hold features of this loan: {segment}" in result.output
    assert "Next: see why in its log, or stop it; then the same command" in result.output
    assert installation.bank.rows("SELECT loan_id FROM raw_data") == [(KEPT,)], "the rest is erased"
    threading.Timer(1.0, lambda: os.close(held)).start()
    monkeypatch.setattr(erase_command, "DELIVERY_SECONDS", 20)
    assert installation.erase(ERASED, "--yes").exit_code == 0
    assert b'"key"' not in segment.read_bytes()


@pytest.mark.parametrize(("lost_after", "code"), [(3600.0, 0), (1e-6, 1)])
def test_replicas_with_other_homes_are_named(
    installation: Installation, lost_after: float, code: int
) -> None:
    with installation.bank.database.transaction() as cursor:
        service_workers.write(
            cursor, ServiceWorker(worker="7-a", replica="pod-1:8000", pid=7, lost_after_seconds=lost_after)
        )
    assert "service      pod-1:8000 has its own LOAN_DEFAULT_HOME: " in installation.erase(ERASED).output
    result = installation.erase(ERASED, "--yes")
    assert result.exit_code == code
    assert ("pod-1:8000 of the service ended without delivering" in result.output) == bool(code)
    assert installation.bank.rows("SELECT loan_id FROM raw_data") == [(KEPT,)]
    folder = installation.home / "service" / NAME / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "7-a.lock").touch()
    assert "pod-1" not in installation.erase(ERASED).output, "it is of this home"


def test_a_record_that_is_refused_while_the_erasure_waits_is_erased_too(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service gives it up after the tables were erased, and before its spool is empty."""
    line = installation.keep_undelivered(ERASED).read_bytes().strip()
    log, wait = PredictionLog(installation.bank.database), erase_command._erase_spool

    def refuse_meanwhile(*arguments: Any) -> Any:
        log.keep_refused(line, "a reason")
        return wait(*arguments)

    monkeypatch.setattr(erase_command, "_erase_spool", refuse_meanwhile)
    assert installation.erase(ERASED, "--yes").exit_code == 0
    ((kept,),) = installation.bank.rows("SELECT record FROM refused_predictions")
    assert b'"key"' not in bytes(kept)


USAGE: dict[str, tuple[list[str], int, str]] = {
    "nothing is named": ([], 2, "expected LOAN_ID or --request REQUEST_ID"),
    "both are named": ([ERASED, "--request", "x"], 2, "expected LOAN_ID or --request REQUEST_ID"),
    "an unknown loan": (["loan-825"], 1, "Next: check it: the loan is named as in the column number"),
    "an unknown loan, at once": (["loan-825", "--yes"], 1, "has no prediction, row or record of this loan"),
    "an unknown request": (["--request", str(uuid.UUID(int=3)), "--yes"], 1, "no prediction of this request"),
    "no request": (["--request", "loan-8251"], 1, "expected the request_id of a response"),
    "no position": (["--request", f"{uuid.UUID(int=3)}/x"], 1, "expected the request_id of a response"),
    "no backup": ([ERASED, "--backup", "/nonexistent/backup", "--yes"], 1, "no complete, undamaged backup"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), USAGE.values(), ids=USAGE)
def test_what_cannot_be_erased_is_refused_before_anything_is(
    installation: Installation, arguments: list[str], code: int, said: str
) -> None:
    result = installation.erase(*arguments)
    assert (result.exit_code, said in result.output) == (code, True), result.output
    assert installation.bank.rows("SELECT FROM erasures") == []
    assert len(installation.bank.rows("SELECT FROM raw_data")) == 2


def test_a_request_without_a_loan_is_erased_by_its_id(installation: Installation) -> None:
    segment = installation.keep_undelivered(None, None)
    name = json.loads(segment.read_bytes())["request_id"]
    with installation.served():
        wait_for(lambda: len(installation.bank.rows("SELECT FROM predictions")) == 2)
    assert installation.erase("--request", f"{name.upper()}/1", "--yes").exit_code == 0
    assert [bool(features) for features in opened(installation.bank.database).values()] == [True, False]
    assert installation.erase("--request", name, "--yes").exit_code == 0
    assert set(opened(installation.bank.database).values()) == {None}
    assert len(installation.bank.rows("SELECT FROM raw_data")) == 2
