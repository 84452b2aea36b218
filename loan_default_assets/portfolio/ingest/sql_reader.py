"""The rows of a SQL query over any SQLAlchemy URL, as the same chunks of Arrow columns that files give."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa

from loan_default_assets.portfolio.database_urls import ENCODED, has_ambiguous_parts, without_secrets
from loan_default_assets.portfolio.errors import SourceError
from loan_default_assets.portfolio.ingest.file_readers import Chunk, columns_to_read
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.yaml_loader import PLACEHOLDER

_ROWS = 20_000
_ENCODED_PASSWORD = f"write {ENCODED} in user name and password"
_QUOTED = re.compile(r"""(["'`])(.*?)\1""")


def query_chunks(
    p: Portfolio, first: date | None, after: date | None, new_columns: set[str] | None = None
) -> Iterator[Chunk]:
    """Yield the rows of the portfolio's query in chunks.

    Args:
        p: The portfolio; its source has the URL and the query.
        first: Value of :start in the query (first day), in ISO form.
        after: Value of :end in the query (day after the last), in ISO form.
        new_columns: As in `columns_to_read`.

    Raises:
        SourceError: The database cannot be reached, the statement fails, or its columns are not the portfolio's.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    url = p.source.url or ""
    if placeholder := PLACEHOLDER.search(url):
        raise SourceError(
            f"source.url: {placeholder[0]} is not set; give the URL with --source URL or LOAN_SOURCE"
        )
    try:
        engine = sa.create_engine(_with_driver(url))
    except (SQLAlchemyError, ImportError) as error:
        raise SourceError(f"source.url: not a usable SQLAlchemy URL: {_first_line(error)}") from None
    except ValueError:
        # Its text quotes what was taken for the port, which may be the end of a password.
        raise SourceError(f"source.url: not a usable SQLAlchemy URL; {_ENCODED_PASSWORD}") from None
    if has_ambiguous_parts(url, engine.url):
        raise SourceError(f"source.url: it is unclear where the password ends; {_ENCODED_PASSWORD}")
    location = without_secrets(engine.url)
    statement, own = sa.text(p.source.query or ""), f"{location} {p.source.query}"
    try:
        with engine.connect().execution_options(stream_results=True, max_row_buffer=_ROWS) as connection:
            result = connection.execute(statement, _bindings(statement, first, after))
            wanted = columns_to_read(location, p, list(result.keys()), new_columns=new_columns)
            for rows in result.partitions(_ROWS):
                columns = dict(zip(result.keys(), zip(*rows, strict=True), strict=True))
                yield {name: _array(columns[given]) for given, name in wanted.items()}
    except SourceError:
        raise
    except sa.exc.OperationalError as error:
        raise SourceError(
            f"{location}: {_reason(error, own)}; check source.url and source.query, and that the server is up"
        ) from None
    except sa.exc.ProgrammingError as error:
        raise SourceError(f"{location}: source.query failed: {_reason(error, own)}") from None
    except Exception as error:  # noqa: BLE001 - a driver raises errors of its own for values that Python cannot hold
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SourceError(
            f"{location}: source.query failed on a value of a row ({kind}); the text of the error may quote the row, "
            "so it is not shown: run the query in the database's own client"
        ) from None
    finally:
        engine.dispose()


def quoted_name(p: Portfolio, name: str) -> str:
    """The name of a column as the database of the portfolio's source writes it, quoted where it must be.

    Raises:
        SourceError: The URL cannot be used; its text is not quoted.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError

    try:
        dialect = sa.make_url(_with_driver(p.source.url or "")).get_dialect()()
    except (SQLAlchemyError, ImportError, ValueError):
        raise SourceError(f"source.url: not a usable SQLAlchemy URL; {_ENCODED_PASSWORD}") from None
    return str(dialect.identifier_preparer.quote(name))


def _with_driver(url: str) -> str:
    scheme, colon, rest = url.partition("://")
    return f"postgresql+psycopg2://{rest}" if colon and scheme in ("postgres", "postgresql") else url


def _reason(error: Exception, given: str) -> str:
    """The first line of the database's message, without quoted words that are not in `given`, the portfolio's own.

    Only for errors about the connection or the statement: those about a value may quote it without quotes.
    """
    return _QUOTED.sub(lambda found: found[0] if found[2] in given else "...", _first_line(error))


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _bindings(statement: Any, first: date | None, after: date | None) -> dict[str, str]:
    known = {"start": first, "end": after}
    parameters = list(statement.compile().params)
    if unknown := [name for name in parameters if name not in known]:
        raise SourceError(f"source.query: unknown parameter :{unknown[0]}; allowed: :start, :end")
    if parameters and (first is None or after is None):
        raise SourceError("source.query: :start and :end need a portfolio with as_of")
    return {name: f"{known[name]}" for name in parameters}


def _array(values: tuple[Any, ...]) -> pa.Array:
    """The values of one column in the type that Arrow infers, or as text where they are of several types."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
