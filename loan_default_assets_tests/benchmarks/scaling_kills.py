"""`score` and `score-loans` killed with SIGKILL twice and repeated, compared with a run that nothing disturbed.

`python -m loan_default_assets_tests.benchmarks.scaling_kills 1M`: the commands as a user runs them, on generated loans
and a small model. The hashes and where the runs were killed are appended to `docs/scaling.jsonl`.
"""

import datetime
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2

from loan_default_assets.commands.session import open_session
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import dsn
from loan_default_assets_tests.benchmarks.ingestion import server_process, server_seconds
from loan_default_assets_tests.benchmarks.quality_cache import source_digest
from loan_default_assets_tests.benchmarks.scaling.measurement_file import (
    RESULTS,
    Measurement,
    MeasurementFile,
    row_count,
)
from loan_default_assets_tests.benchmarks.scaling.scaled_bank import (
    ScaledBank,
    child_environment,
    promote_champion,
)
from loan_default_assets_tests.benchmarks.scaling.stage_work import StageWork, featurize, load

# Shares of what the undisturbed run stored, after which the command is killed.
KILLED_AT = (1 / 3, 2 / 3)
_SECONDS_BETWEEN_POLLS = 0.5


@dataclass(frozen=True)
class Scenario:
    """A command that is killed.

    Attributes:
        command: Arguments of `loan-default`; the file and the output are added to those of `score`.
        table: The table that it writes, which shows how far it is: by rows where it scores stored loans, a partition
            per transaction; otherwise by bytes, since a transaction of `score` has many rows.
        columns: Those that the hash is made of.
        source: Module whose sources are the version of the code.
        stored: Whether it scores stored loans.
    """

    command: str
    table: str
    columns: str
    source: str
    stored: bool


SCENARIOS = {
    "scored_loans_killed": Scenario(
        "score-loans",
        "scored_loans",
        "partition_key, loan_id, model_version, probability, decision",
        "loan_default_assets.pipeline.batch_scoring",
        stored=True,
    ),
    "score_killed": Scenario(
        "score",
        "predictions",
        "request_id, position, loan_id, model_version, probability, decision, threshold, reasons, channel",
        "loan_default_assets.commands.score",
        stored=False,
    ),
}


@dataclass
class _Commands:
    """Runs one command on a bank, to its end or until it is killed."""

    scenario: Scenario
    bank: ScaledBank
    variables: dict[str, str]

    def run(self, until: float | None = None) -> int:
        """Rows that are stored after the command has ended, or was killed when it was so far."""
        command = subprocess.Popen(
            [Path(sys.executable).with_name("loan-default"), *self._arguments()],
            env=child_environment(self.variables),
            cwd=self.bank.folder,
        )
        try:
            while until is not None and command.poll() is None and self.progress() < until:
                time.sleep(_SECONDS_BETWEEN_POLLS)
            if until is not None:
                if command.poll() is not None:
                    raise RuntimeError(f"{self.scenario.command} ended before it was killed")
                command.kill()
            code = command.wait()
        finally:
            command.kill()
        if until is None and code:
            raise RuntimeError(f"{self.scenario.command} ended with {code}")
        return self.rows()

    def _arguments(self) -> list[str]:
        if self.scenario.stored:
            return [self.scenario.command]
        return [self.scenario.command, str(self.bank.csv), "--output", str(self.output)]

    @property
    def output(self) -> Path:
        return self.bank.folder / "scores.csv"

    def rows(self) -> int:
        return int(self._value(f"SELECT count(*) FROM scaled.{self.scenario.table}"))

    def size(self) -> int:
        """Bytes of the table, rows of open transactions included."""
        return int(
            self._value(
                "SELECT coalesce(sum(pg_table_size(relid)), 0) "
                f"FROM pg_partition_tree('scaled.{self.scenario.table}') WHERE isleaf"
            )
        )

    def progress(self) -> int:
        return self.rows() if self.scenario.stored else self.size()

    def hash(self) -> str:
        """Of all rows of the table in any order, and of the file that `score` writes."""
        rows = self._value(
            f"SELECT count(*) || ':' || coalesce(sum(hashtextextended(ROW({self.scenario.columns})::text, 0)), 0) "
            f"FROM scaled.{self.scenario.table}"
        )
        file = self.output.read_bytes() if self.output.exists() else b""
        return hashlib.sha256(f"{rows} {hashlib.sha256(file).hexdigest()}".encode()).hexdigest()[:16]

    def clear(self) -> None:
        with (
            psycopg2.connect(dsn(self.variables["DATABASE_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"TRUNCATE scaled.{self.scenario.table}")

    def _value(self, statement: str) -> str:
        with (
            psycopg2.connect(dsn(self.variables["DATABASE_URL"])) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
            return str(cursor.fetchall()[0][0])


def measure(name: str, rows: int, scratch: Path) -> Measurement:
    """Run a command undisturbed, then killed twice and repeated."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory(dir=scratch, prefix="scaling-kills-") as folder:
        bank = ScaledBank(Path(folder) / "bank", "monthly", rows)
        bank.write()
        start, before, server = time.perf_counter(), _children(), 0.0
        killed: list[int] = []

        def undisturbed(commands: _Commands) -> tuple[str, int]:
            commands.run()
            return commands.hash(), commands.progress()

        def disturbed(commands: _Commands, whole: int) -> str:
            killed.extend(commands.run(until=share * whole) for share in KILLED_AT)
            commands.run()
            return commands.hash()

        with bank.served() as variables:
            _prepare(bank, variables, scratch, scenario)
            commands = _Commands(scenario, bank, variables)
            expected, whole = undisturbed(commands)
            size = commands.size()
            if scenario.stored:
                commands.clear()
                found = disturbed(commands, whole)
            server += server_seconds(server_process(variables["DATABASE_URL"]))
        if not scenario.stored:
            # The prediction log is append-only, so the second series begins on another database.
            commands.output.unlink()
            with bank.served() as variables:
                _prepare(bank, variables, scratch, scenario)
                found = disturbed(_Commands(scenario, bank, variables), whole)
                server += server_seconds(server_process(variables["DATABASE_URL"]))
        user, system = (now - then for now, then in zip(_children(), before, strict=True))
    return Measurement(
        stage=name,
        rows=rows,
        done=rows,
        workers=1,
        version=source_digest(scenario.source),
        wall=time.perf_counter() - start,
        user=user,
        system=system,
        server=server,
        base=0,
        peak=0,
        server_peak=0,
        stored=size,
        others=0.0,
        cores=os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        day=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        facts={
            "undisturbed": expected,
            "killed_twice": found,
            "rows_at_first_kill": float(killed[0]),
            "rows_at_second_kill": float(killed[1]),
        },
    )


def _prepare(bank: ScaledBank, variables: dict[str, str], scratch: Path, scenario: Scenario) -> None:
    """Store loans and features where they are scored from, and promote a small model."""
    os.environ.update(variables)
    with open_session(Settings()) as session:
        if scenario.stored:
            work = StageWork(bank, session, 0, 1, scratch / "champions")
            load(work)()
            featurize(work)()
        promote_champion(session, scratch / "champions", "small")


def _children() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime, used.ru_stime


def main(size: str, names: Sequence[str] = tuple(SCENARIOS), scratch: str = tempfile.gettempdir()) -> None:
    """Measure both commands, or those that are named, and append what was found."""
    for name in names:
        measured = measure(name, row_count(size), Path(scratch))
        MeasurementFile(RESULTS).append(measured)
        print(f"{name}, {size} rows: {measured.facts}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2].split(",") if len(sys.argv) > 2 else tuple(SCENARIOS), *sys.argv[3:4])
