"""Hash chains as they are stored, read in one state of the database, in batches, for their verification.

No function of the schema is called: whoever can change rows can change these functions too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg2 import extensions, sql

from loan_default_assets.warehouse.champion_decisions import RecordedDecision, champion_decisions
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.evaluations import EvaluationInputs, evaluations_with_inputs
from loan_default_assets.warehouse.linked_columns import KEY_LENGTHS, RECORD_COLUMNS
from loan_default_assets.warehouse.model_records import ModelRecord, model_history
from loan_default_assets.warehouse.oversight import OversightRecord, oversight_records
from loan_default_assets.warehouse.pruned_models import pruned_models

_ROWS_PER_FETCH = 5_000
# Place of the key from the end of a row of _LINKED.
_KEY = -2
_DECISIONS = """
SELECT id, jsonb_build_array(id, version, artifact_sha256, previous_champion, action, verdict, reason, decided_by,
    decided_at AT TIME ZONE 'UTC', anchors, requires_signature)::text
FROM champion_decisions ORDER BY id
"""
# Whether the features of a prediction p have no key k because of a recorded erasure.
ERASED = """k.key IS NULL AND EXISTS (SELECT FROM erasures e
        WHERE e.subject_sha256 IN (sha256(convert_to('loan ' || p.loan_id, 'UTF8')),
                sha256(convert_to('request ' || request_id, 'UTF8')),
                sha256(convert_to('request ' || request_id || '/' || position, 'UTF8')))
            AND p.created_at <= e.erased_at)"""
_LINKED = f"""
SELECT l.chain, l.link, l.digest, request_id::text, position, p.loan_id, p.model_version, p.features::text,
    p.probability, p.decision, p.threshold, p.reasons::text, p.channel, p.latency_ms,
    to_json(p.created_at AT TIME ZONE 'UTC')::text, k.key, {ERASED}
FROM predictions p FULL JOIN prediction_links l USING (request_id, position)
    LEFT JOIN prediction_keys k USING (request_id, position)
"""


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A row of `predictions`.

    Attributes:
        features: Text of the JSON value.
        reasons: Text of the JSON value; None without reason codes.
        created_at: Text of the JSON value, in UTC.
        key: Opens `features`; None where it was destroyed.
        erased: Whether it was, by a recorded erasure.
    """

    request_id: str
    position: int
    loan_id: str | None
    model_version: str
    features: str
    probability: float
    decision: int
    threshold: float
    reasons: str | None
    channel: str
    latency_ms: float | None
    created_at: str
    key: bytes | None
    erased: bool


@dataclass(frozen=True, slots=True)
class LinkedPrediction:
    """A link and the prediction that it names; either may be absent.

    Attributes:
        link: Chain and number; None for a row without a link.
        digest: Of the link; empty without one.
        row: None where the row of the link is gone.
    """

    request_id: str
    position: int
    link: tuple[int, int] | None
    digest: bytes
    row: StoredPrediction | None


@dataclass(frozen=True)
class Tombstone:
    """A row of `pruned_predictions`, as far as links prove it."""

    month: date
    model_version: str
    deleted_at: datetime
    rows: int
    sha256: str


@dataclass(frozen=True)
class ChainStart:
    """A row of `chain_starts`: a table that had rows before it had a chain."""

    table: str
    began_at: datetime
    earlier_rows: int


class StoredChains:
    """The chains of one portfolio in one state of the database; see `stored_chains`."""

    def __init__(self, cursor: extensions.cursor) -> None:
        self._cursor = cursor

    def models(self) -> list[ModelRecord]:
        """All versions, the newest first."""
        return model_history(self._cursor)

    def pruned_models(self) -> dict[str, datetime]:
        """Time of deletion by version whose files retention deleted."""
        return pruned_models(self._cursor)

    def decisions(self) -> list[RecordedDecision]:
        """All decisions, the first one first."""
        return champion_decisions(self._cursor)

    def oversight(self) -> list[OversightRecord]:
        """Approvals, policy changes, overrides and rescorings, the first one first."""
        return oversight_records(self._cursor)

    def evaluations(self) -> list[EvaluationInputs]:
        """All evaluations, the first one first."""
        return evaluations_with_inputs(self._cursor)

    def prediction_links(self, chains: Sequence[int]) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Chain, number, digest and hash of the links of these chains, in order."""
        for chain, link, digest, hash_ in self.stream(
            "SELECT chain, link, digest, hash FROM prediction_links WHERE chain = ANY(%s) ORDER BY chain, link",
            (list(chains),),
        ):
            yield chain, link, bytes(digest), bytes(hash_)

    def record_links(self) -> Iterator[tuple[str, int, str, bytes, bytes]]:
        """Chain, number, primary key, digest and hash of the links of all other tables, in order."""
        for chain, link, record, digest, hash_ in self.stream(
            "SELECT chain, link, record, digest, hash FROM record_links ORDER BY chain, link"
        ):
            yield chain, link, record, bytes(digest), bytes(hash_)

    def chain_starts(self) -> list[ChainStart]:
        """Of every table that had rows before its chain."""
        self._cursor.execute("SELECT chain, began_at, earlier_rows FROM chain_starts ORDER BY chain")
        return [ChainStart(*row) for row in self._cursor.fetchall()]

    def records(self, table: str) -> Iterator[tuple[str, str]]:
        """Primary key and text that the digest covers, of every row of a table of RECORD_COLUMNS."""
        columns = RECORD_COLUMNS[table].split(", ")
        yield from self.stream(
            sql.SQL(
                "SELECT (SELECT jsonb_agg(r.record -> name ORDER BY number) "
                "FROM unnest(%s::text[]) WITH ORDINALITY AS k (name, number))::text, "
                "(SELECT jsonb_object_agg(key, value) FROM jsonb_each(r.record) WHERE key = ANY(%s))::text "
                "FROM (SELECT to_jsonb(t) AS record FROM {} t) r"
            ).format(sql.Identifier(table)),
            (columns[: KEY_LENGTHS.get(table, 1)], columns),
        )

    def decision_texts(self) -> dict[int, str]:
        """The text that the hash of each decision covers, by number."""
        self._cursor.execute(_DECISIONS)
        return dict(self._cursor.fetchall())

    def linked_predictions(
        self, request_id: str | None = None, position: int | None = None
    ) -> Iterator[LinkedPrediction]:
        """Links and rows side by side, in any order: those of one request or of one position in it, or all."""
        conditions = (("request_id = %s::uuid", request_id), ("position = %s", position))
        given = [(condition, value) for condition, value in conditions if value is not None]
        where = f"WHERE {' AND '.join(condition for condition, _ in given)}" if given else ""
        for chain, link, digest, request, number, *values in self.stream(
            _LINKED + where, [value for _, value in given] or None
        ):
            # No row has a null in this column, so a null is that of the join.
            absent = values[1] is None
            values[_KEY] = None if values[_KEY] is None else bytes(values[_KEY])
            yield LinkedPrediction(
                request,
                number,
                None if link is None else (chain, link),
                b"" if digest is None else bytes(digest),
                None if absent else StoredPrediction(request, number, *values),
            )

    def predictions_of(self, request_id: str) -> int:
        """Number of recorded predictions of a request."""
        self._cursor.execute("SELECT count(*) FROM predictions WHERE request_id = %s::uuid", (request_id,))
        return int(self._cursor.fetchall()[0][0])

    def repeated_links(self) -> dict[tuple[str, int], list[tuple[int, int]]]:
        """Chains and numbers of the links of each prediction that has several."""
        self._cursor.execute(
            "SELECT request_id::text, position, array_agg(chain), array_agg(link) FROM prediction_links "
            "GROUP BY 1, 2 HAVING count(*) > 1"
        )
        return {
            (request, position): list(zip(chains, links, strict=True))
            for request, position, chains, links in self._cursor.fetchall()
        }

    def chains_of(self, request_id: str) -> list[int]:
        """The chains that have links of a request."""
        self._cursor.execute(
            "SELECT DISTINCT chain FROM prediction_links WHERE request_id = %s::uuid ORDER BY 1",
            (request_id,),
        )
        return [chain for (chain,) in self._cursor.fetchall()]

    def tombstones(self) -> list[Tombstone]:
        """All tombstones, the oldest first."""
        self._cursor.execute(
            "SELECT month, model_version, deleted_at, rows, sha256 FROM pruned_predictions ORDER BY 3, 1, 2"
        )
        return [Tombstone(*row) for row in self._cursor.fetchall()]

    def pruned_ranges(self, tombstone: Tombstone) -> list[tuple[int, int, int]] | None:
        """Chain, first link and the link after the last of every range that a tombstone replaces; None: unknown."""
        self._cursor.execute(
            "SELECT p.chain, lower(r), upper(r) FROM pruned_links p LEFT JOIN LATERAL unnest(p.links) r ON true "
            "WHERE (month, model_version, deleted_at) = (%s, %s, %s) ORDER BY 1, 2",
            (tombstone.month, tombstone.model_version, tombstone.deleted_at),
        )
        found = self._cursor.fetchall()
        return [row for row in found if row[1] is not None] if found else None

    def pruned_digests(self, tombstone: Tombstone) -> Iterator[bytes]:
        """Digests of the links that a tombstone replaces, in the order of its hash."""
        for (digest,) in self.stream(
            "SELECT l.digest FROM pruned_links p CROSS JOIN LATERAL unnest(p.links) r JOIN prediction_links l "
            "ON l.chain = p.chain AND l.link >= lower(r) AND l.link < upper(r) "
            "WHERE (month, model_version, deleted_at) = (%s, %s, %s) ORDER BY l.request_id, l.position",
            (tombstone.month, tombstone.model_version, tombstone.deleted_at),
        ):
            yield bytes(digest)

    def stream(
        self, query: str | sql.Composable, values: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of a query, from a cursor of the server, so that memory holds one batch."""
        with self._cursor.connection.cursor(name="verification") as cursor:
            cursor.itersize = _ROWS_PER_FETCH
            cursor.execute(query, values)
            yield from cursor


@contextmanager
def stored_chains(database: Database) -> Iterator[StoredChains]:
    """The chains in one state, while others go on writing.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    with database.transaction(repeatable=True) as cursor:
        # The text of times, numbers and bytes depends on these.
        cursor.execute(
            "SET LOCAL timezone TO 'UTC'; SET LOCAL extra_float_digits TO 1; SET LOCAL bytea_output TO 'hex'"
        )
        # A server cursor is planned for its first rows otherwise, which takes far longer for all of them.
        cursor.execute("SET LOCAL cursor_tuple_fraction TO 1")
        yield StoredChains(cursor)
