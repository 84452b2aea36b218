"""After an erasure, nothing of the loan is left: no table, spool, log or backup's key store; other loans stay."""

import base64
import csv
import json
import logging
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import yaml
from click.testing import CliRunner, Result

from bento.generated import loan_default_pb2_grpc as pb_grpc
from bento.prediction_log import file_locks
from bento.prediction_log.records import record
from loan_default_assets.cli import loan_default
from loan_default_assets.commands import backup_archive
from loan_default_assets.commands import erase as erase_command
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.pipeline.make_features import make_features
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse import client_programs, service_workers
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets.warehouse.record_lines import ErasedSubject
from loan_default_assets.warehouse.service_workers import ServiceWorker
from loan_default_assets_tests.bento.random_requests import message
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO, request
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.opened_predictions import opened
from loan_default_assets_tests.privacy import canary_values, kept_outside_tables

ERASED, KEPT = "loan-8251", "loan-82510"
NAME, DAY = str(PORTFOLIO["name"]), "2024-01-02"
# Values of the loan to erase (case 0), and of the one that is kept (case 1).
VALUES = {ERASED: 0, KEPT: 1}
LOG = logging.getLogger(__name__)
HEADER = [
    "number",
    "decided",
    "default",
    "income",
    "debt",
    "children",
    "grade",
    "job",
    "hired",
    "remarks",
    "sex",
]


def body(loan: str | None, case: int) -> dict[str, object]:
    """A request that holds canaries of a case."""
    named = {} if loan is None else {"loan_id": loan}
    return request(debt=canary_values.number(case), job=canary_values.text(case), **named)


@dataclass(frozen=True)
class Installation:
    """A bank with loans, a champion and a home."""

    bank: ServedBank
    home: Path

    @property
    def spool(self) -> Path:
        return self.home / "service" / NAME / "spool"

    def command(self, *arguments: str, **changed: str) -> Result:
        values = {
            "DATABASE_URL": self.bank.url,
            "LOAN_DEFAULT_HOME": str(self.home),
            "DAGSTER_HOME": str(self.home / "dagster"),
            "PORTFOLIO": str(self.bank.portfolio_file),
            "LOAN_SOURCE": "",
            "ARTIFACT_ROOT": str(self.bank.root),
        }
        return CliRunner(env=values | changed).invoke(loan_default, list(arguments))

    def erase(self, *arguments: str) -> Result:
        result = self.command("erase", *arguments)
        assert not canary_values.traces(result.output)
        return result

    def load(self) -> str:
        """Load the source again; what the step says of it."""
        loans = Loans(self.bank.database, self.bank.portfolio)
        stored = load_partitions(self.bank.portfolio, loans, [DAY], today=date(2024, 6, 1), log=LOG)
        make_features(self.bank.portfolio, loans, [DAY], log=LOG)
        return str(stored)

    def keep_undelivered(self, *loans: str | None) -> Path:
        """A segment as a killed worker leaves it, with one request."""
        self.spool.mkdir(parents=True, exist_ok=True)
        champion = self.bank.registry.champion()
        assert champion is not None
        shared = {
            "request_id": str(uuid.uuid4()),
            "model_version": champion.version,
            "threshold": 0.4,
            "channel": "http",
            "latency_ms": 1.0,
            "created_at": datetime.now(UTC).isoformat(),
        }
        made = [
            {
                "loan_id": loan,
                "features": {"job": canary_values.text(VALUES.get(loan or "", 1))},
                "probability": 0.5,
                "decision": 1,
                "reasons": None,
            }
            for loan in loans
        ]
        path = self.spool / f"{uuid.uuid4().hex}.jsonl"
        path.write_bytes(record(shared, made) + b"\n")
        return path

    def keys(self, loan: str) -> list[bytes]:
        rows = self.bank.rows(
            f"SELECT key FROM prediction_keys JOIN predictions USING (request_id, position) WHERE loan_id = '{loan}'"
        )
        return [bytes(key) for (key,) in rows]

    def contents(self, folder: Path) -> Iterator[tuple[str, str]]:
        """The whole database as pg_dump writes it, and every file of the home."""
        programs, _ = client_programs.find_programs(0)
        connection, environment = client_programs.connection_arguments(self.bank.url, True)
        file = folder / f"{uuid.uuid4().hex}.sql"
        subprocess.run([programs / "pg_dump", f"--file={file}", connection], env=environment, check=True)
        yield "database", file.read_text()
        yield from kept_outside_tables.in_files(self.home)


def leaks(contents: Iterator[tuple[str, str]], case: int, keys: list[bytes]) -> list[str]:
    """Where values of a case can be read, or keys are that open them."""
    texts = [text for key in keys for text in (key.hex(), base64.b64encode(key).decode())]
    found = []
    for place, content in contents:
        found += [place for number, _ in canary_values.traces(content) if number == f"{case:03d}"]
        found += [f"a key in {place}" for text in texts if text in content]
    return found


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def installation(make_bank: Callable[[], ServedBank], tmp_path: Path) -> Installation:
    """Both loans, in the source and in the tables."""
    bank = make_bank()
    bank.promote(bank.register(0))
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    with (inputs / "loans.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HEADER, "model config", "recovered"])
        for loan, case in VALUES.items():
            number, text = canary_values.number(case), canary_values.text(case)
            writer.writerow([loan, DAY, case, 30000, number, 2, 2, "clerk", "2020-05-01", text, "f", "a", ""])
    described = PORTFOLIO | {"source": {"kind": "csv", "path": "loans.csv"}}
    (inputs / "corner_bank.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    portfolio = load(str(inputs / "corner_bank.yaml"))
    assert portfolio.hash == bank.portfolio.hash
    found = Installation(
        replace(bank, portfolio=portfolio, portfolio_file=inputs / "corner_bank.yaml"), tmp_path / "home"
    )
    found.home.mkdir()
    found.load()
    return found


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
    with service(
        installation.home, ready="/health", portfolio=bank.portfolio_file, database_url=bank.url
    ) as served:
        predict(installation, served)
        wait_for(lambda: len(bank.rows("SELECT FROM predictions")) == 8)
        before = {loan: opened(bank.database, f"loan_id = '{loan}'") for loan in VALUES}
        for loan, case in VALUES.items():
            texts = [json.dumps(features, ensure_ascii=False) for features in before[loan].values()]
            assert len(texts) == 4
            assert {number for text in texts for number, _ in canary_values.traces(text)} == {f"{case:03d}"}
        keys = {loan: installation.keys(loan) for loan in VALUES}
        undelivered = installation.keep_undelivered(ERASED, KEPT)
        late = undelivered.read_bytes()
        for archive in archives:
            assert installation.command("backup", str(archive)).exit_code == 0

        options = [option for archive in archives for option in ("--backup", str(archive))]
        shown = installation.erase(ERASED, *options)
        assert (shown.exit_code, shown.output.count("4 keys, 1 files")) == (0, 2), shown.output
        assert "nothing was erased; next: the same command with --yes" in shown.output
        assert installation.keys(ERASED) == keys[ERASED]
        erased = installation.erase(ERASED, *options, "--yes")
        assert erased.exit_code == 0, erased.output
        assert erased.output.endswith("erased\n")
        wait_for(lambda: not any(path.stat().st_size for path in installation.spool.glob("*.jsonl")))
        assert installation.load() == (
            "2 rows read, 1 rows stored in 1 partition, 0 of them changed, 1 rows of erased loans skipped; "
            "0 of other partitions, 0 refused"
        )
        # A worker delivers once more what it had delivered before it was killed.
        (installation.spool / f"{uuid.uuid4().hex}.jsonl").write_bytes(late)
        wait_for(lambda: not any(path.stat().st_size for path in installation.spool.glob("*.jsonl")))
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


def test_a_backup_that_was_not_named_is_erased_again_where_it_replaces_the_database(
    installation: Installation, tmp_path: Path
) -> None:
    installation.keep_undelivered(ERASED, KEPT)
    archive = tmp_path / "monday"
    assert installation.command("backup", str(archive)).exit_code == 0
    assert installation.erase(ERASED, "--yes").exit_code == 0
    result = installation.command("restore", str(archive), "--replace")
    assert result.exit_code == 0, result.output
    assert installation.bank.rows("SELECT loan_id FROM raw_data") == [(KEPT,)]
    assert installation.bank.rows("SELECT loan_id FROM processed_data") == [(KEPT,)]
    assert not (installation.home / "erasures" / f"{NAME}.jsonl").exists()
    # Its spool came back, and gets no key when it is delivered.
    with service(
        installation.home,
        ready="/health",
        portfolio=installation.bank.portfolio_file,
        database_url=installation.bank.url,
    ):
        wait_for(lambda: len(installation.bank.rows("SELECT FROM predictions")) == 2)
    assert opened(installation.bank.database, f"loan_id = '{ERASED}'").popitem()[1] is None
    assert opened(installation.bank.database, f"loan_id = '{KEPT}'").popitem()[1]


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
    with service(
        installation.home,
        ready="/health",
        portfolio=installation.bank.portfolio_file,
        database_url=installation.bank.url,
    ):
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
    with service(
        installation.home,
        ready="/health",
        portfolio=installation.bank.portfolio_file,
        database_url=installation.bank.url,
    ):
        wait_for(lambda: len(installation.bank.rows("SELECT FROM predictions")) == 2)
    assert installation.erase("--request", f"{name.upper()}/1", "--yes").exit_code == 0
    assert [bool(features) for features in opened(installation.bank.database).values()] == [True, False]
    assert installation.erase("--request", name, "--yes").exit_code == 0
    assert set(opened(installation.bank.database).values()) == {None}
    assert len(installation.bank.rows("SELECT FROM raw_data")) == 2


@pytest.mark.parametrize("moment", ["_finish_change", "replaced file"])
def test_an_erasure_in_a_backup_that_is_killed_is_completed_or_has_changed_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    installation.keep_undelivered(ERASED, KEPT)
    archive = tmp_path / "monday"
    assert installation.command("backup", str(archive)).exit_code == 0
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}

    class Killed(BaseException):
        pass

    replaced, finish = Path.replace, backup_archive._finish_change

    def kill_after_one(path: Path, target: Path) -> None:
        replaced(path, target)
        raise Killed

    def kill(folder: Path) -> None:
        if (folder / ".changed").exists():
            raise Killed
        finish(folder)

    with monkeypatch.context() as patched:
        if moment == "_finish_change":
            patched.setattr(backup_archive, "_finish_change", kill)
        else:
            patched.setattr(Path, "replace", kill_after_one)
        with pytest.raises(Killed):
            erase_command.erase_in_backup(archive, NAME, ErasedSubject.of("loan", ERASED), datetime.now(UTC))
    assert (archive / ".changed").exists()
    backup_archive.verify(archive)
    after = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    changed = {
        str(path.relative_to(archive)).split("/")[0] for path in after if after[path] != before.get(path)
    }
    assert changed == {"service", "erasures", "SHA256SUMS"}


def test_an_erasure_in_a_backup_that_fails_has_changed_nothing(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.keep_undelivered(ERASED, KEPT)
    archive = tmp_path / "monday"
    assert installation.command("backup", str(archive)).exit_code == 0
    before = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(archive))

    monkeypatch.setattr(backup_archive, "write", full)
    result = installation.erase(ERASED, "--backup", str(archive), "--yes")
    assert (result.exit_code, "No space left on device; the backup" in result.output) == (1, True)
    assert {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()} == before
    monkeypatch.undo()
    assert installation.erase(ERASED, "--backup", str(archive), "--yes").exit_code == 0
