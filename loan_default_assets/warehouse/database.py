"""Connections to PostgreSQL: its URLs, transactions, and JSON that it accepts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import psycopg2
from psycopg2 import extensions, sql
from pydantic_core import to_json as json_bytes
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from loan_default_assets.portfolio.database_urls import ENCODED, has_ambiguous_parts, without_secrets
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse import migrations, stored_features
from loan_default_assets.warehouse.database_errors import NewerDatabase, WarehouseError, translate

DAGSTER_SCHEMA = "dagster"
OPTUNA_SCHEMA = "optuna"
_EXPECTED = f"postgresql://user:password@host:port/database, with {ENCODED} in user name and password"
_RESERVED = ("public", "information_schema", migrations.SCHEMA, DAGSTER_SCHEMA, OPTUNA_SCHEMA)


def normalise(url: str) -> str:
    """Any PostgreSQL URL with its driver named, as SQLAlchemy and Dagster need it.

    Raises:
        WarehouseError: The text is no URL, or one of another kind of database.
    """
    try:
        parsed = make_url(url.strip())
        if parsed.drivername.split("+")[0] not in ("postgresql", "postgres"):
            raise WarehouseError(
                f"DATABASE_URL: {parsed.drivername}:// is not PostgreSQL; expected postgresql://user@host:port/database"
            )
    except (ArgumentError, ValueError):
        raise WarehouseError(f"DATABASE_URL is not a URL; expected {_EXPECTED}") from None
    if has_ambiguous_parts(url, parsed):
        raise WarehouseError(
            f"DATABASE_URL: it is unclear where the password ends, so nothing of it is shown; expected {_EXPECTED}"
        )
    _require_known_options(parsed)
    text = parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    base, mark, query = text.partition("?")
    # SQLAlchemy writes a blank as +, which libpq reads literally; both read %20.
    return base + mark + query.replace("+", "%20")


def _require_known_options(url: URL) -> None:
    for name in url.query:
        try:
            extensions.make_dsn(**{name: "1"})
        except psycopg2.ProgrammingError:
            raise WarehouseError(
                f"DATABASE_URL: PostgreSQL has no connection option {name!r}; "
                f"expected {_EXPECTED}, then ?sslmode=require and other options"
            ) from None


def dsn(url: str) -> str:
    """The same URL in the form that `psycopg2.connect` accepts."""
    arguments, options = PGDialect_psycopg2().create_connect_args(make_url(normalise(url)))
    return extensions.make_dsn(*arguments, **options)


def redact(url: str) -> str:
    """The URL without any password, for logs and messages."""
    return without_secrets(make_url(normalise(url)))


def dagster_url(url: str) -> str:
    """The URL under which Dagster keeps its tables in the same database, in the schema `dagster`.

    See `library_url` for the exceptions.
    """
    return library_url(url, DAGSTER_SCHEMA)


def library_url(url: str, schema: str) -> str:
    """The URL under which a library keeps its tables in the same database, in a schema of its own.

    The schema is created unless it exists. The URL sets the connection's search path, so a connection pooler must
    forward `options`.

    Args:
        schema: DAGSTER_SCHEMA or OPTUNA_SCHEMA.

    Raises:
        WarehouseError: The database cannot be reached, or refuses the schema.
    """
    with Database(url, schema, _reserved=True).transaction() as cursor:
        migrations.create_schema(cursor, schema)
    parsed = make_url(normalise(url))
    existing = parsed.query.get("options", "")
    options = existing if isinstance(existing, str) else " ".join(existing)
    options = f"{options} -csearch_path={schema}".strip()
    return normalise(parsed.update_query_dict({"options": options}).render_as_string(hide_password=False))


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database and the schema that holds one portfolio's tables.

    Attributes:
        patience: Most seconds that a connection or a statement may take; None for the defaults.
    """

    url: str
    schema: str
    _reserved: bool = False
    patience: float | None = None
    _kept: extensions.connection | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self._reserved and (self.schema in _RESERVED or self.schema.startswith("pg_")):
            raise WarehouseError(f"portfolio name {self.schema!r} is reserved: choose another `name`")

    @property
    def address(self) -> str:
        """Host, port and database, for messages."""
        return _address(make_url(normalise(self.url)))

    @contextmanager
    def connected(self) -> Iterator["Database"]:
        """The same database with one connection for all transactions of the block, for one thread.

        Inside such a block it is the block's own connection.

        Raises:
            WarehouseError: The server cannot be reached.
        """
        if self._kept is not None:
            yield self
            return
        connection = self._connect()
        try:
            yield replace(self, _kept=connection)
        finally:
            connection.close()

    @property
    def connection(self) -> extensions.connection:
        """The connection of the block, inside `connected` only."""
        if self._kept is None:
            raise RuntimeError("there is no connection outside of `connected`")
        return self._kept

    @contextmanager
    def transaction(self, *, repeatable: bool = False) -> Iterator[extensions.cursor]:
        """A cursor in one transaction, whose search path is the portfolio's schema.

        Commits at the end of the block, rolls back on any exception. Exceptions of other libraries pass through. The
        connection is the transaction's own, but inside `connected` that of the block.

        Args:
            repeatable: Isolation level REPEATABLE READ, so that all statements read the same state.

        Raises:
            WarehouseError: The server cannot be reached, or refuses a statement.
        """
        connection = self._kept or self._connect()
        try:
            with connection.cursor() as cursor:
                if repeatable:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(self.schema)))
                if self.patience is not None:
                    # Local, so that a connection pooler does not hand it to another client.
                    cursor.execute("SET LOCAL statement_timeout = %s", (int(1000 * self.patience),))
                yield cursor
            connection.commit()
        except psycopg2.Error as error:
            raise translate(error, self.address, self._data_directory) from None
        finally:
            # Both roll back what was not committed.
            if self._kept is None:
                connection.close()
            elif not connection.closed:
                connection.rollback()

    def migrate(self, portfolio: Portfolio) -> list[str]:
        """Bring the schema up to date with `sql/` and the portfolio's columns.

        Safe to run at every start and by many processes at once. Predictions of the releases that did not seal their
        features are sealed in between, in transactions of their own: killed, the next call continues.

        Returns:
            The names of the migrations applied and the columns added or widened.

        Raises:
            WarehouseError: A file was changed after it had been applied, or a column's kind no longer fits the table.
        """
        with self.connected() as database:
            with database.transaction() as cursor:
                done = migrations.apply(cursor, self.schema, portfolio, up_to=migrations.SEALED_FEATURES)
            stored_features.seal_stored(database.transaction)
            with database.transaction() as cursor:
                return done + migrations.apply(cursor, self.schema, portfolio)

    def refuse_newer(self) -> None:
        """Check that no newer release has migrated the schema, where the server can be asked; change nothing.

        For processes that start without a database too: what they do later reports that it cannot be reached.

        Raises:
            NewerDatabase: The schema is of a newer release.
        """
        try:
            with self.transaction() as cursor:
                migrations.refuse_newer(cursor, self.schema)
        except NewerDatabase:
            raise
        except WarehouseError:
            return

    def server_version(self) -> str:
        """PostgreSQL's version as the server reports it.

        Raises:
            WarehouseError: The server cannot be reached.
        """
        with self.transaction() as cursor:
            cursor.execute("SHOW server_version")
            return str(cursor.fetchall()[0][0])

    def _connect(self) -> extensions.connection:
        # libpq takes fewer than 2 s as 2 s.
        seconds = 10 if self.patience is None else max(2, round(self.patience))
        try:
            return psycopg2.connect(dsn(self.url), connect_timeout=seconds, application_name="loan-default")
        except psycopg2.OperationalError as error:
            message = " ".join(str(error).split())
            raise WarehouseError(
                f"PostgreSQL at {self.address} cannot be reached: {message}\n"
                "Check DATABASE_URL (unset it to use the embedded server), then run: loan-default doctor"
            ) from None

    def _data_directory(self) -> str | None:
        try:
            with (
                psycopg2.connect(dsn(self.url), connect_timeout=5) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SHOW data_directory")
                return str(cursor.fetchall()[0][0])
        except psycopg2.Error:
            return None


def _address(url: URL) -> str:
    """Host, port and database of a URL, without user and password."""
    host = url.query.get("host", "")
    socket = host if isinstance(host, str) else ",".join(host)
    port = url.port or url.query.get("port") or 5432
    return f"{url.host or socket or 'the local socket'}:{port}/{url.database or ''}"


def to_json(value: Any) -> str:
    """JSON text that PostgreSQL accepts: null for NaN and infinity, numpy values as plain ones, dates as ISO text."""
    return json_bytes(value, inf_nan_mode="null", fallback=_plain).decode()


def _plain(value: Any) -> Any:
    """What the serializer does not know, in types that it knows."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
