"""The platform's schemas in one file of `pg_dump`, from one snapshot of the database, and back in one transaction."""

import contextlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psycopg2 import extensions, sql

from loan_default_assets.warehouse import key_files, migrations, service_workers
from loan_default_assets.warehouse.client_programs import (
    DumpError,
    connection_arguments,
    find_programs,
    last_line,
    run_program,
    started,
)
from loan_default_assets.warehouse.database import DAGSTER_SCHEMA, OPTUNA_SCHEMA, Database

# A restore waits so long for other transactions on the tables that it replaces.
_LOCK_TIMEOUT = "20s"
_FIRST_MAJOR_WITH_TRANSACTION_TIMEOUT = 17
_TABLES = ("raw_data", "model_metadata", "predictions")


@dataclass(frozen=True)
class DumpedModel:
    """A row of `model_metadata`, as far as it leads to the model's files."""

    portfolio: str
    version: str
    kind: str
    status: str
    artifact_uri: str
    artifact_sha256: str


@dataclass(frozen=True)
class DumpContents:
    """What a dump holds.

    Attributes:
        server: Major version of the server.
        program: Version of `pg_dump`.
        schemas: The schemas of the platform and of its portfolios.
        migrations: The newest migration of each portfolio.
        models: All versions of all portfolios whose files retention has not deleted, at the moment of the dump.
    """

    server: int
    program: str
    schemas: tuple[str, ...]
    migrations: Mapping[str, int]
    models: tuple[DumpedModel, ...]


def dump(url: str, target: Path, keys: Path, *, embedded: bool) -> DumpContents:
    """Write the schemas to `target` in the custom format, as one snapshot; other processes go on.

    Args:
        url: The database.
        target: The file.
        keys: The folder for the keys of sealed features, of the same snapshot, which the dump does not hold.
        embedded: Whether it is the embedded server, to which the variables of libpq do not apply.

    Raises:
        DumpError: No `pg_dump` fits the server, there are no tables, or `pg_dump` fails.
        WarehouseError: The server cannot be reached.
    """
    with Database(url, migrations.SCHEMA, _reserved=True).transaction(repeatable=True) as cursor:
        server = _major(cursor)
        programs, version = find_programs(server)
        contents = _contents(cursor, server, version)
        cursor.execute("SELECT pg_export_snapshot()")
        ((snapshot,),) = cursor.fetchall()
        arguments = [f'--schema="{schema}"' for schema in contents.schemas]
        arguments += [f'--exclude-table-data="{schema}".{key_files.TABLE}' for schema in contents.migrations]
        # The rows of unlogged tables are of processes that live now.
        arguments += ["--format=custom", "--no-unlogged-table-data"]
        arguments += ["--no-owner", "--no-privileges", "--lock-wait-timeout=60s"]
        connection, environment = connection_arguments(url, embedded)
        run_program(
            [programs / "pg_dump", *arguments, f"--snapshot={snapshot}", f"--file={target}", connection],
            environment,
        )
        key_files.write(cursor, contents.migrations, keys)
    # Reads it to its end.
    run_program([programs / "pg_restore", "--file=/dev/null", target], environment)
    return contents


def restore(url: str, file: Path, keys: Path, contents: DumpContents, mark: str, *, embedded: bool) -> None:
    """Replace the platform's schemas by those of a dump, in one transaction.

    Args:
        url: The database.
        file: The dump.
        keys: The folder of the keys of sealed features; without it, the dump is older than they are.
        contents: What it holds.
        mark: Becomes the comment of the schema `loan_default`, see `restored_mark`.
        embedded: Whether it is the embedded server.

    Raises:
        DumpError: The server is older than that of the dump, other transactions use the tables, or a statement fails;
            nothing was changed.
        WarehouseError: The server cannot be reached.
    """
    with Database(url, migrations.SCHEMA, _reserved=True).transaction() as cursor:
        server, replaced = _major(cursor), _schemas(cursor)
        if server < contents.server:
            raise DumpError(
                f"the backup is of PostgreSQL {contents.server}, the server of DATABASE_URL is {server}: restore it "
                f"into PostgreSQL {contents.server} or newer"
            )
        names = sorted({*replaced, *contents.schemas})
        before = [f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}';"]
        before += [f"DROP SCHEMA IF EXISTS {_quoted(cursor, name)} CASCADE;" for name in names]
        comment = sql.SQL("COMMENT ON SCHEMA {} IS {};").format(
            sql.Identifier(migrations.SCHEMA), sql.Literal(mark)
        )
        after = comment.as_string(cursor)
        inserted_keys = key_files.insertions(keys, cursor)
    programs, _ = find_programs(max(server, int(contents.program.partition(".")[0])))
    connection, environment = connection_arguments(url, embedded)
    script: list[str | Path] = [programs / "pg_restore", "--no-owner", "--no-privileges", "--file=-", file]
    quiet = ["--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse"]
    with (
        tempfile.TemporaryFile() as errors,
        started(script, environment, errors) as reader,
        started([programs / "psql", *quiet, connection], environment, errors, feed=True) as writer,
    ):
        if reader.stdout is None or writer.stdin is None:
            raise DumpError("the programs of PostgreSQL were started without pipes")
        with contextlib.suppress(BrokenPipeError):
            writer.stdin.write("\n".join(["BEGIN;", *before, ""]).encode())
            _copy(reader.stdout, writer.stdin, server)
            # Without the last statement the end of the input rolls everything back.
            if reader.wait() == 0:
                key_files.load(inserted_keys, writer.stdin)
                writer.stdin.write(f"{after}\nCOMMIT;\n".encode())
        with contextlib.suppress(BrokenPipeError):
            writer.stdin.close()
        if writer.wait() or reader.wait():
            raise DumpError(f"the database was not restored and is unchanged: {last_line(errors)}")


def restored_mark(url: str) -> str | None:
    """The mark of the last restore into a database; None where there was none."""
    with Database(url, migrations.SCHEMA, _reserved=True).transaction() as cursor:
        cursor.execute("SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", (migrations.SCHEMA,))
        mark = cursor.fetchall()[0][0]
    return str(mark) if mark is not None else None


def portfolios(url: str) -> list[str]:
    """The schemas of portfolios."""
    with Database(url, migrations.SCHEMA, _reserved=True).transaction() as cursor:
        return [name for name in _schemas(cursor) if name not in _LIBRARIES]


def serving(url: str) -> list[str]:
    """Replicas of the service, of any portfolio of the database, with a worker that is alive."""
    with Database(url, migrations.SCHEMA, _reserved=True).transaction() as cursor:
        found: set[str] = set()
        for schema in _schemas(cursor):
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f'"{schema}".service_workers',))
            if cursor.fetchall() == [(True,)]:
                cursor.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
                found |= {worker.replica for worker in service_workers.listed(cursor) if worker.alive}
        return sorted(found)


def holds_data(url: str) -> str | None:
    """A table of the platform that has rows, as `schema.table`; None where there is none."""
    with Database(url, migrations.SCHEMA, _reserved=True).transaction() as cursor:
        schemas = [name for name in _schemas(cursor) if name not in _LIBRARIES]
        tables = [(schema, table) for schema in schemas for table in _TABLES] + [(DAGSTER_SCHEMA, "runs")]
        for schema, table in tables:
            cursor.execute("SELECT to_regclass(%s)", (f'"{schema}"."{table}"',))
            if cursor.fetchall()[0][0] is None:
                continue
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(schema, table)))
            if cursor.fetchall()[0][0]:
                return f"{schema}.{table}"
    return None


_LIBRARIES = (migrations.SCHEMA, DAGSTER_SCHEMA, OPTUNA_SCHEMA)


def _contents(cursor: extensions.cursor, server: int, program: str) -> DumpContents:
    schemas = _schemas(cursor)
    if migrations.SCHEMA not in schemas:
        raise DumpError("there are no tables to back up; create them with: loan-default run")
    cursor.execute("SELECT portfolio_schema, max(number) FROM loan_default.migrations GROUP BY 1 ORDER BY 1")
    newest = {schema: number for schema, number in cursor.fetchall() if schema in schemas}
    models: list[DumpedModel] = []
    for schema in newest:
        # A schema of an earlier release has no table of pruned models before it is migrated.
        cursor.execute("SELECT to_regclass(format('%%I.pruned_models', %s::text)) IS NOT NULL", (schema,))
        pruned = sql.Identifier(schema, "pruned_models")
        kept = sql.SQL("WHERE version NOT IN (SELECT version FROM {})").format(pruned)
        cursor.execute(
            sql.SQL(
                "SELECT version, kind, status, artifact_uri, artifact_sha256 FROM {} {} ORDER BY created_at, version"
            ).format(
                sql.Identifier(schema, "model_metadata"), kept if cursor.fetchall()[0][0] else sql.SQL("")
            )
        )
        models += [DumpedModel(schema, *row) for row in cursor.fetchall()]
    return DumpContents(server, program, tuple(schemas), newest, tuple(models))


def _schemas(cursor: extensions.cursor) -> list[str]:
    """The platform's schemas that exist: its own, the libraries', and those of the portfolios."""
    cursor.execute("SELECT to_regclass('loan_default.migrations') IS NOT NULL")
    names = set(_LIBRARIES)
    if cursor.fetchall()[0][0]:
        cursor.execute("SELECT DISTINCT portfolio_schema FROM loan_default.migrations")
        names |= {name for (name,) in cursor.fetchall()}
    cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) ORDER BY 1", (sorted(names),))
    return [name for (name,) in cursor.fetchall()]


def _major(cursor: extensions.cursor) -> int:
    cursor.execute("SHOW server_version_num")
    return int(cursor.fetchall()[0][0]) // 10000


def _quoted(cursor: extensions.cursor, name: str) -> str:
    return sql.Identifier(name).as_string(cursor)


def _copy(source: IO[bytes], target: IO[bytes], server: int) -> None:
    """Copy a script, without the one setting in its head that an older server does not know."""
    for line in source:
        if server < _FIRST_MAJOR_WITH_TRANSACTION_TIMEOUT and line.startswith(b"SET transaction_timeout"):
            continue
        target.write(line)
        if line.startswith(b"CREATE "):
            break
    shutil.copyfileobj(source, target, 1 << 20)
