"""The package's error classes and the translation of psycopg2's errors into them, without any value of a row.

Each error is defined beside the code that raises it, and all derive from WarehouseError:

    WarehouseError             PostgreSQL cannot be reached, or refuses a statement
    ├── DuplicateRow           database_errors: a row has the key of another one
    ├── NewerDatabase          migrations: a newer release has migrated the tables
    ├── RegistryError          registry: a version cannot be registered, promoted, rejected or rolled back
    │   └── StaleChampion      registry: another version became champion since the decision was made
    ├── RefusedPredictions     predictions: a constraint of the table refuses a row, so a retry cannot succeed
    └── ServerError            embedded: the embedded server cannot be started, reached or stopped
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg2
from psycopg2 import errorcodes

_RETRYABLE = (errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE, errorcodes.LOCK_NOT_AVAILABLE)
_UNDEFINED = (errorcodes.UNDEFINED_TABLE, errorcodes.UNDEFINED_COLUMN, errorcodes.INVALID_SCHEMA_NAME)
_FULL_BELOW = 64 << 20


class WarehouseError(Exception):
    """PostgreSQL cannot be reached, or refuses a statement; the message names what, where and the next command.

    It never quotes a value of a row.
    """


class NewerDatabase(WarehouseError):
    """A newer release has migrated the tables, so this one must not use them."""


class DuplicateRow(WarehouseError):
    """PostgreSQL refuses a row whose key another row has."""


def translate(
    error: psycopg2.Error, address: str, data_directory: Callable[[], str | None]
) -> WarehouseError:
    """The WarehouseError for an error of PostgreSQL; to be raised `from None`.

    The original is not chained, because its text can quote rows, and tracebacks end in logs.

    Args:
        error: What psycopg2 raised.
        address: Host, port and database, for the message.
        data_directory: Reads the server's data directory; called only when its disk is full.
    """
    code = error.pgcode or ""
    message = error.diag.message_primary or " ".join(str(error).split())
    if code == errorcodes.DISK_FULL or "No space left on device" in message:
        return WarehouseError(
            f"the disk of PostgreSQL at {address} is full{_directory_hint(data_directory())}: {message}. "
            "Nothing was changed; free some space and run the same command again"
        )
    if not code or code.startswith(("08", "57P")):
        return WarehouseError(
            f"the connection to PostgreSQL at {address} was lost{_local_disk_hint(address)}: {message}. "
            "The transaction was not confirmed; run the same command again"
        )
    if code.startswith("22"):
        return WarehouseError(
            f"PostgreSQL at {address} refused a value{_cell(error)}: {_without_values(message)}"
        )
    if code.startswith("23"):
        kind = DuplicateRow if code == errorcodes.UNIQUE_VIOLATION else WarehouseError
        return kind(f"PostgreSQL at {address} refused a row{_cell(error)}: {message}")
    if code == errorcodes.INSUFFICIENT_PRIVILEGE:
        return WarehouseError(
            f"the user of DATABASE_URL lacks a privilege at {address}: {message}; "
            "it needs CREATE on the database, or must own the schema"
        )
    if code in _UNDEFINED:
        return WarehouseError(f"{address}: {message}; create the tables with: loan-default run")
    if code in _RETRYABLE:
        return WarehouseError(f"{address}: {message}. Nothing was changed; run the same command again")
    return WarehouseError(f"PostgreSQL at {address} ({code}): {message}")


def full_disk(path: Path) -> str | None:
    """A clause for a message where the disk of `path` is full, or nearly (under 64 MB free); None otherwise."""
    try:
        free = shutil.disk_usage(path).free
    except OSError:
        return None
    return f"the disk of {path} is full ({free >> 20} MB free)" if free < _FULL_BELOW else None


def _cell(error: psycopg2.Error) -> str:
    """Row and column from COPY's context, which quotes the value after them."""
    match = re.search(r"COPY (\w+), line (\d+)(?:, column (\"[^\"]+\"|[^\s:]+))?", error.diag.context or "")
    if not match:
        return ""
    column = f", column {match[3]}" if match[3] else ""
    return f" (table {match[1]}, row {match[2]} of the rows sent{column})"


def _without_values(message: str) -> str:
    return re.sub(r'"[^"]*"', '"..."', message)


def _directory_hint(path: str | None) -> str:
    return f" (data directory {path})" if path else ""


def _local_disk_hint(address: str) -> str:
    """A full disk under the write-ahead log stops the server itself: then the socket's directory is the evidence."""
    directory = Path(address.partition(":")[0])
    hint = full_disk(directory) if directory.is_absolute() else None
    return f" and {hint}" if hint else ""
