"""A bank with two loans, one of which is to be erased, and what can be read of it."""

import base64
import csv
import logging
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from bento.prediction_log.records import record
from loan_default_assets.cli import loan_default
from loan_default_assets.pipeline.load_loans import load_partitions
from loan_default_assets.pipeline.make_features import make_features
from loan_default_assets.portfolio.spec import load
from loan_default_assets.warehouse import client_programs
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO, request
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.privacy import canary_values, kept_outside_tables
from loan_default_assets_tests.privacy.bad_cells import HEADER

ERASED, KEPT = "loan-8251", "loan-82510"
NAME, DAY = str(PORTFOLIO["name"]), "2024-01-02"
# Values of the loan to erase (case 0), and of the one that is kept (case 1).
VALUES = {ERASED: 0, KEPT: 1}
LOG = logging.getLogger(__name__)


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

    def served(self) -> AbstractContextManager[Served]:
        """Its service, for the time of the block."""
        return service(
            self.home, ready="/health", portfolio=self.bank.portfolio_file, database_url=self.bank.url
        )

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
        writer.writerow(HEADER)
        for loan, case in VALUES.items():
            number, text = canary_values.number(case), canary_values.text(case)
            writer.writerow([loan, DAY, case, 30000, number, 2, 2, "clerk", "2020-05-01", text, "f", "", "a"])
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
