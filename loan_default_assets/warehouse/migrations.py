"""The schema's migrations: the numbered files of `sql/`, applied once each, and the portfolio's typed columns."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import extensions, sql

from loan_default_assets.portfolio.column_types import postgres_columns
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database_errors import NewerDatabase, WarehouseError

SCHEMA = "loan_default"
FOLDER = Path(__file__).parents[2] / "sql"
# After this one, the features of stored predictions are sealed, which PostgreSQL cannot do; see `stored_features`.
SEALED_FEATURES = 8
_BOOKKEEPING = """
    CREATE TABLE IF NOT EXISTS loan_default.migrations (
        portfolio_schema text NOT NULL,
        number integer NOT NULL,
        name text NOT NULL,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (portfolio_schema, number)
    )"""
_NUMBERS = {"bigint", "double precision"}


@dataclass(frozen=True)
class Migration:
    """One file of `sql/`."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text with Unix line ends, so that it is the same in every checkout."""
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


def apply(
    cursor: extensions.cursor,
    schema: str,
    portfolio: Portfolio,
    folder: Path = FOLDER,
    *,
    up_to: int | None = None,
) -> list[str]:
    """Apply the missing migrations in the cursor's transaction; see `Database.migrate`.

    Args:
        up_to: The last number to apply, without the portfolio's columns; None: all.
    """
    available = read(folder)
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('loan_default.migrations', 0))")
    create_schema(cursor, SCHEMA)
    create_schema(cursor, schema)
    cursor.execute(_BOOKKEEPING)
    cursor.execute(
        "SELECT number, name, sha256 FROM loan_default.migrations WHERE portfolio_schema = %s", (schema,)
    )
    applied = {number: (name, sha256) for number, name, sha256 in cursor.fetchall()}
    _refuse_newer(schema, {number: name for number, (name, _) in applied.items()}, available)
    done = []
    for migration in available:
        if migration.number in applied:
            _check_unchanged(migration, *applied[migration.number], folder)
            continue
        if up_to is not None and migration.number > up_to:
            continue
        cursor.execute(migration.text)
        cursor.execute(
            "INSERT INTO loan_default.migrations (portfolio_schema, number, name, sha256) VALUES (%s, %s, %s, %s)",
            (schema, migration.number, migration.name, migration.sha256),
        )
        done.append(migration.name)
    return done if up_to is not None else done + _add_columns(cursor, schema, portfolio)


def refuse_newer(cursor: extensions.cursor, schema: str, folder: Path = FOLDER) -> None:
    """Raise NewerDatabase where a newer release has migrated the schema; changes nothing."""
    cursor.execute("SELECT to_regclass('loan_default.migrations') IS NOT NULL")
    if cursor.fetchall() == [(True,)]:
        cursor.execute(
            "SELECT number, name FROM loan_default.migrations WHERE portfolio_schema = %s", (schema,)
        )
        _refuse_newer(schema, dict(cursor.fetchall()), read(folder))


def _refuse_newer(schema: str, applied: Mapping[int, str], available: Sequence[Migration]) -> None:
    unknown = [name for number, name in sorted(applied.items()) if number > available[-1].number]
    if unknown:
        raise NewerDatabase(
            f"the tables of portfolio {schema} were migrated by a newer release ({', '.join(unknown)}); this release "
            f"knows {available[-1].name} as the last one, and would write rows that the newer one does not expect. "
            "Nothing was changed.\nNext: run the newer release again, or restore the backup made before its upgrade "
            "(docs/deployment.md, Upgrade)"
        )


def read(folder: Path) -> list[Migration]:
    """The files `001_<name>.sql`, `002_<name>.sql` and so on, in order.

    Raises:
        WarehouseError: A number is missing or used twice, or there is no file.
    """
    paths = sorted(folder.glob("*.sql"))
    migrations = [
        Migration(int(match[1]), path.name, path.read_text("utf-8"))
        for path in paths
        if (match := re.match(r"(\d{3})_", path.name))
    ]
    if not migrations or [m.number for m in migrations] != list(range(1, len(paths) + 1)):
        raise WarehouseError(
            f"{folder}: expected 001_*.sql, 002_*.sql and so on without a gap, found "
            f"{[path.name for path in paths]}; restore the folder from the repository"
        )
    return migrations


def create_schema(cursor: extensions.cursor, name: str) -> None:
    """Create a schema unless it exists; checked first, because IF NOT EXISTS needs the CREATE privilege even then."""
    cursor.execute("SELECT to_regnamespace(%s) IS NULL", (name,))
    if cursor.fetchall() == [(True,)]:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))


def _check_unchanged(migration: Migration, name: str, sha256: str, folder: Path) -> None:
    if migration.sha256 != sha256:
        raise WarehouseError(
            f"{folder / migration.name} was changed after it had been applied (as {name}, SHA-256 {sha256[:12]}, "
            f"now {migration.sha256[:12]}): restore it and put the change into a new file"
        )


def _add_columns(cursor: extensions.cursor, schema: str, portfolio: Portfolio) -> list[str]:
    """Add the portfolio's columns that `raw_data` lacks and widen integer columns that became floating point."""
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = 'raw_data'",
        (schema,),
    )
    existing = dict(cursor.fetchall())
    done = []
    for name, kind in postgres_columns(portfolio).items():
        statement = _column_statement(portfolio, name, existing.get(name), kind)
        if statement:
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
            done.append(f"raw_data.{name} {kind}")
    return done


def _column_statement(portfolio: Portfolio, name: str, existing: str | None, wanted: str) -> str | None:
    if existing is None:
        return f"ALTER TABLE raw_data ADD COLUMN {{}} {wanted}"
    if existing == wanted or (existing == "double precision" and wanted in _NUMBERS):
        return None
    if {existing, wanted} <= _NUMBERS:
        return f"ALTER TABLE raw_data ALTER COLUMN {{}} TYPE {wanted}"
    raise WarehouseError(
        f"{portfolio.name}: columns.{name}: is {wanted} now, but the table holds it as {existing}; "
        "give the column or the portfolio another name"
    )
