"""The keys of sealed features in files of a backup, apart from its dump, so that an erasure can reach them there."""

import csv
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

from psycopg2 import extensions, sql

from loan_default_assets.warehouse.record_lines import ErasedSubject

TABLE = "prediction_keys"
# The hash of the loan's key, so that the file lists no keys of loans.
_COPY = """
COPY (SELECT request_id, position, encode(erasure_subject('loan', loan_id), 'hex') AS loan_sha256, key
    FROM prediction_keys JOIN predictions USING (request_id, position) WHERE key IS NOT NULL ORDER BY 1, 2)
TO STDOUT (FORMAT csv, HEADER)
"""
_LOAD = """
CREATE TEMPORARY TABLE restored_keys (request_id uuid, "position" integer, loan_sha256 text, key bytea) ON COMMIT DROP;
COPY restored_keys FROM STDIN (FORMAT csv, HEADER);
"""
_KEEP = """
INSERT INTO {table} (request_id, "position", key) SELECT request_id, "position", key FROM restored_keys;
DROP TABLE restored_keys;
-- A backup of a release that had no such function is completed by its migration.
DO $$ BEGIN
    IF to_regprocedure({complete}) IS NOT NULL THEN
        EXECUTE 'SELECT ' || {complete};
    END IF;
END $$;
"""


def write(cursor: extensions.cursor, schemas: Iterable[str], folder: Path) -> dict[str, int]:
    """Write a file per schema, `<schema>.csv`, for this user only.

    Args:
        cursor: A cursor of a transaction that reads one state.
        schemas: The schemas of portfolios; those that are older than keys get no file.
        folder: Is created where there is a file.

    Returns:
        The number of keys per schema.
    """
    written = {}
    for schema in schemas:
        cursor.execute(
            "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL", (schema, TABLE)
        )
        if cursor.fetchall() == [(False,)]:
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        cursor.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
        descriptor = os.open(folder / f"{schema}.csv", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            cursor.copy_expert(_COPY, file)
        written[schema] = cursor.rowcount
    return written


def insertions(folder: Path, cursor: extensions.cursor) -> dict[Path, str]:
    """The files of a backup, each with the statements that insert its rows after `load` has read them."""
    return {
        path: sql.SQL(_KEEP)
        .format(
            table=sql.Identifier(path.stem, TABLE),
            complete=sql.Literal(
                sql.Identifier(path.stem, "complete_prediction_keys").as_string(cursor) + "()"
            ),
        )
        .as_string(cursor)
        for path in sorted(folder.glob("*.csv"))
    }


def load(files: Mapping[Path, str], script: IO[bytes]) -> None:
    """Append statements to a script of psql that fill the tables of keys.

    Args:
        files: The result of `insertions`.
        script: Standard input of psql, within a transaction.
    """
    for path, statements in files.items():
        script.write(_LOAD.encode())
        with path.open("rb") as file:
            shutil.copyfileobj(file, script, 1 << 20)
        script.write(b"\\.\n" + statements.encode())


def without(source: Path, target: Path | None, subject: ErasedSubject) -> int:
    """Copy a file without the keys of a loan or a request.

    Args:
        target: The copy, for this user only; None: the keys are only counted.

    Returns:
        The number of keys that are not in the copy.
    """
    request, _, position = subject.name.partition("/")
    name, removed = subject.sha256.hex(), 0
    descriptor = os.open(target or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with source.open(newline="") as rows, os.fdopen(descriptor, "w", newline="") as kept:
        writer = csv.writer(kept, lineterminator="\n")
        for row in csv.reader(rows):
            of_request = row[0] == request and position in ("", row[1])
            if row[2] == name if subject.kind == "loan" else of_request:
                removed += 1
            else:
                writer.writerow(row)
    return removed
