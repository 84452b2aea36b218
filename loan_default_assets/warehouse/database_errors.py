"""PostgreSQL's errors in the words of this project: what is wrong, where, and what to do; no value of any row."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg2
from psycopg2 import errorcodes

from loan_default_assets.warehouse.errors import WarehouseError

_RETRY = (errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE, errorcodes.LOCK_NOT_AVAILABLE)
_MISSING = (errorcodes.UNDEFINED_TABLE, errorcodes.UNDEFINED_COLUMN, errorcodes.INVALID_SCHEMA_NAME)
_ALMOST_FULL = 64 << 20


def explained(error: psycopg2.Error, where: str, data_directory: Callable[[], str | None]) -> WarehouseError:
    """The WarehouseError for what PostgreSQL at `where` said; raise it `from None`.

    The original is not chained because its text can quote rows, and tracebacks end in logs.
    """
    code = error.pgcode or ""
    said = error.diag.message_primary or " ".join(str(error).split())
    if code == errorcodes.DISK_FULL or "No space left on device" in said:
        return WarehouseError(
            f"the disk of PostgreSQL at {where} is full{_folder(data_directory())}: {said}. "
            "Nothing was changed; free some space and run the same command again"
        )
    if not code or code.startswith(("08", "57P")):
        return WarehouseError(
            f"the connection to PostgreSQL at {where} broke{_local_disk(where)}: {said}. "
            "The transaction was not confirmed; run the same command again"
        )
    if code.startswith("22"):
        return WarehouseError(f"PostgreSQL at {where} refused a value{_cell(error)}: {_unquoted(said)}")
    if code.startswith("23"):
        return WarehouseError(f"PostgreSQL at {where} refused a row{_cell(error)}: {said}")
    if code == errorcodes.INSUFFICIENT_PRIVILEGE:
        return WarehouseError(
            f"the user of DATABASE_URL lacks a right at {where}: {said}; "
            "it needs CREATE on the database, or to own the schema"
        )
    if code in _MISSING:
        return WarehouseError(f"{where}: {said}; the tables are made by: loan-default run")
    if code in _RETRY:
        return WarehouseError(f"{where}: {said}. Nothing was changed; run the same command again")
    return WarehouseError(f"PostgreSQL at {where} ({code}): {said}")


def _cell(error: psycopg2.Error) -> str:
    """Row and column out of COPY's context, which after them quotes the value."""
    found = re.search(r"COPY (\w+), line (\d+)(?:, column (\"[^\"]+\"|[^\s:]+))?", error.diag.context or "")
    if not found:
        return ""
    column = f", column {found[3]}" if found[3] else ""
    return f" (table {found[1]}, row {found[2]} of what was sent{column})"


def _unquoted(said: str) -> str:
    return re.sub(r'"[^"]*"', '"..."', said)


def _folder(path: str | None) -> str:
    return f" (data directory {path})" if path else ""


def _local_disk(where: str) -> str:
    """A full disk under the write-ahead log ends the server itself: then only the folder of its socket tells."""
    folder = Path(where.partition(":")[0])
    if not folder.is_absolute() or not folder.exists():
        return ""
    free = shutil.disk_usage(folder).free
    return f" and the disk of {folder} is full ({free >> 20} MB free)" if free < _ALMOST_FULL else ""
