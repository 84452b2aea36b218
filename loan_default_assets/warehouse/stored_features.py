"""Seals the features of predictions that were stored before features were sealed: a step of the migration."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg2
from psycopg2 import extensions
from psycopg2.extras import execute_values

from loan_default_assets.warehouse.sealed_features import seal

logger = logging.getLogger("loan_default")

BATCH = 5_000
# In the order of the index of unsealed rows, whose entries of sealed rows would otherwise be read in every batch.
_NEXT = """
SELECT request_id::text, position, features::text FROM predictions
WHERE NOT features_sealed(features) AND (request_id, position) > (%s::uuid, %s)
ORDER BY request_id, position LIMIT %s
"""
_SEAL = """
UPDATE predictions p SET features = jsonb_build_object('sealed', made.text)
FROM (VALUES %s) made (request_id, position, text)
WHERE (p.request_id, p.position) = (made.request_id, made.position)
"""
_KEYS = "INSERT INTO prediction_keys (request_id, position, key) VALUES %s"


def seal_stored(transaction: Callable[[], AbstractContextManager[extensions.cursor]]) -> int:
    """Seal all features that are not, a batch per transaction; a call that was killed is continued by the next one.

    Rows that hash chains link are left as they are: they were sealed before, and what can be read there was altered.

    Args:
        transaction: Begins a transaction in the portfolio's schema, as `Database.transaction` does.

    Returns:
        The number of predictions sealed by this call.

    Raises:
        WarehouseError: The database cannot be reached or written.
    """
    sealed, last = 0, ("00000000-0000-0000-0000-000000000000", -1)
    while True:
        with transaction() as cursor:
            # Of two calls at once, the second one finds nothing left and does not return before the first.
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(current_schema || '.seal_stored', 0)), "
                "to_regclass('prediction_keys') IS NOT NULL AND to_regclass('prediction_links') IS NULL"
            )
            if not cursor.fetchall()[0][1]:
                return 0
            cursor.execute(_NEXT, (*last, BATCH))
            rows = cursor.fetchall()
            if not rows:
                return sealed
            made = [(name, position, seal(text.encode(), name, position)) for name, position, text in rows]
            texts = [(name, position, one.text) for name, position, one in made]
            execute_values(cursor, _SEAL, texts, "(%s::uuid, %s, %s)", page_size=BATCH)
            keys = [(name, position, psycopg2.Binary(one.key)) for name, position, one in made]
            execute_values(cursor, _KEYS, keys, page_size=BATCH)
        sealed, last = sealed + len(rows), rows[-1][:2]
        logger.info("sealed the features of %d predictions of the release before", sealed)
