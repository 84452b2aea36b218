"""Every bad input through every entrance: commands, a Dagster run, HTTP, gRPC, and the spool of predictions."""

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import grpc
import httpx
import psycopg2
import yaml
from click.testing import CliRunner
from psycopg2 import sql

from loan_default_assets.assets import raw_loans
from loan_default_assets.cli import loan_default
from loan_default_assets.commands.session import dagster_instance, open_session
from loan_default_assets.orchestration.resources import Warehouse
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import Database, dsn
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets_tests.bento.served_process import Served, spooled_bytes
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.privacy import bad_cells, bad_requests, bad_sources

SOURCE_SCHEMA = "people"
# Sources that also take the way of the whole command, which is slower.
WHOLE_RUNS = ("csv: a cell too many", "sql: a cast that fails")


class OneSchema(Warehouse):
    """The tables of one bank for the portfolios of all cases."""

    def loans(self, portfolio: Portfolio) -> Loans:
        return Loans(Database(self.url, PORTFOLIO["name"]), portfolio)


@dataclass
class Drive:
    """A bank with a champion, and what came out of it.

    Attributes:
        home: LOAN_DEFAULT_HOME of commands and service.
        inputs: A folder per bad source, with the portfolio that names it.
        printed: What commands printed and the service responded, by place.
        refused: Whether each case was refused, by place.
    """

    bank: ServedBank
    home: Path
    inputs: Path
    printed: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[str, bool] = field(default_factory=dict)

    def write_sources(self) -> None:
        """Write every source, with a portfolio that names it."""
        for number, source in enumerate(bad_sources.SOURCES):
            folder = self.inputs / f"case_{number:03d}"
            folder.mkdir()
            given = bad_cells.rows(number)
            keys = source.write(folder, given)
            if keys.pop("in_postgres", False):
                self._fill(folder.name, given)
                keys["url"] = self.bank.url
            described = PORTFOLIO | {"source": {"kind": source.kind} | keys}
            (folder / "corner_bank.yaml").write_text(yaml.safe_dump(described, sort_keys=False))

    def _fill(self, table: str, rows: list[dict[str, Any]]) -> None:
        """A table of a database that loans are read from."""
        name = sql.Identifier(SOURCE_SCHEMA, table)
        columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
        values = sql.SQL(", ").join([sql.Placeholder()] * len(rows[0]))
        types = sql.SQL(", ").join(
            sql.SQL("{} {}").format(
                sql.Identifier(name), sql.SQL("bigint" if isinstance(cell, int) else "text")
            )
            for name, cell in rows[0].items()
        )
        with psycopg2.connect(dsn(self.bank.url)) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SOURCE_SCHEMA)))
            cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(name, types))
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(name, columns, values)
            cursor.executemany(statement, [list(row.values()) for row in rows])
        connection.close()

    def dagster_run(self) -> None:
        """One run that reads every source; an asset per source, because a run costs more than a step."""
        assets = [
            raw_loans.build(portfolio.model_copy(update={"name": folder.name}), date(2024, 6, 1))
            for folder, portfolio in self._portfolios()
        ]
        with open_session(Settings()) as session, dagster_instance(session) as instance:
            result = dg.materialize(
                assets,
                partition_key="2024-01-02",
                instance=instance,
                resources={"warehouse": OneSchema(url=self.bank.url)},
                raise_on_error=False,
            )
        for event in result.all_events:
            if event.is_step_failure or event.is_step_success:
                name = bad_sources.SOURCES[int(str(event.step_key)[5:8])].name
                self.refused[f"run, {name}"] = event.is_step_failure

    def commands(self) -> None:
        """`score` and `init` of every file, `run` of some sources, and files in the place of a portfolio."""
        for number, source in enumerate(bad_sources.SOURCES):
            folder = self.inputs / f"case_{number:03d}"
            portfolio = folder / "corner_bank.yaml"
            if source.name in WHOLE_RUNS:
                days = ("--from", "2024-01-01", "--to", "2024-01-02")
                self._command(source.name, "run", "--portfolio", str(portfolio), *days)
            if source.kind != "sql":
                path = str(load(str(portfolio)).source.path)
                self._command(source.name, "score", path, "--output", str(folder / "scored.csv"))
                drafted = ("--output", str(folder / "drafted.yaml"))
                columns = (
                    "--label",
                    "default",
                    "--key",
                    "number",
                    "--date",
                    "decided",
                    "--horizon-days",
                    "30",
                )
                self._command(source.name, "init", path, *drafted, *columns)
                if source.name.endswith("no fault"):
                    self._command(f"{source.name}, as portfolio", "status", "--portfolio", path)

    def _command(self, name: str, *arguments: str) -> None:
        # Options of a command change these variables for its child processes.
        kept = {name: os.environ[name] for name in ("PORTFOLIO", "LOAN_SOURCE")}
        result = CliRunner(env=kept).invoke(loan_default, list(arguments))
        # An error that leaves the command would be printed by Python.
        escaped = "" if isinstance(result.exception, SystemExit | None) else repr(result.exception)
        self.printed.append((f"{arguments[0]}, {name}", result.output + escaped))
        self.refused[f"{arguments[0]}, {name}"] = result.exit_code != 0

    def _portfolios(self) -> Iterator[tuple[Path, Portfolio]]:
        for folder in sorted(self.inputs.iterdir()):
            yield folder, load(str(folder / "corner_bank.yaml"))

    def fill_spool(self) -> None:
        """Records that the table will refuse, as a worker that was killed leaves them."""
        spool = self.home / "service" / PORTFOLIO["name"] / "spool"
        spool.mkdir(parents=True)
        (spool / f"{uuid.uuid4().hex}.jsonl").write_bytes(b"".join(line + b"\n" for line in self.records()))

    @staticmethod
    def records() -> list[bytes]:
        """The records that the table refuses."""
        made = bad_requests.RECORDS.items()
        return [make(*bad_requests.values(f"record {name}")) for name, make in made]

    def requests(self, served: Served) -> None:
        """Every bad request over HTTP and gRPC."""
        with httpx.Client(base_url=served.http, timeout=30) as client:
            for each in bad_requests.HTTP:
                text, number = bad_requests.values(f"HTTP: {each.name}")
                response = client.post(
                    each.path(text),
                    content=each.body(text, number),
                    headers={"content-type": each.media, "x-name": text, "user-agent": text},
                )
                sent = f"HTTP, {each.name}"
                answered = response.text
                if each.name == "no fault":
                    # A response repeats the loan id of its own request.
                    answered = answered.replace(f'"loan_id":"{text}"', "")
                self.printed.append((sent, f"{answered}\n{response.headers}"))
                self.refused[sent] = response.status_code >= 400
            for path in ("/metrics", "/model-info", "/health"):
                self.printed.append((path, client.get(path).text))
        with grpc.insecure_channel(served.grpc) as channel:
            for message in bad_requests.GRPC:
                text, number = bad_requests.values(f"gRPC: {message.name}")
                call = channel.unary_unary(message.method)
                try:
                    call(message.data(text, number), metadata=[("x-name", text)], timeout=30)
                    self.refused[f"gRPC, {message.name}"] = False
                except grpc.RpcError as error:
                    self.printed.append(
                        (f"gRPC, {message.name}", f"{error.details()} {error.trailing_metadata()}")
                    )
                    self.refused[f"gRPC, {message.name}"] = True

    def wait_for_spool(self, seconds: float = 60.0) -> None:
        """Wait until every record has left the spool."""
        spool = self.home / "service" / PORTFOLIO["name"] / "spool"
        until = time.monotonic() + seconds
        while spooled_bytes(spool):
            assert time.monotonic() < until, "the spool still holds records"
            time.sleep(0.1)
