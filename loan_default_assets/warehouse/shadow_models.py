"""The tables `shadow_models` and `shadow_predictions`: which predictions a shadow has scored, and what it gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import extensions
from psycopg2.extras import execute_values

from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets.warehouse.sealed_features import AlteredFeatures, opened_features

LAST_REJECTED = "last-rejected"
# A process that has not written its row for so long is lost, and another one scores.
LOST_AFTER_SECONDS = 30
# Retention keeps the files of a model that was a shadow within this time.
_KEPT_FOR = "7 days"
_HEADS = """
SELECT array_agg(coalesce((SELECT link FROM prediction_links WHERE chain = number ORDER BY link DESC LIMIT 1), 0)
    ORDER BY number)
FROM generate_series(0, 15) number
"""
# Links of a chain are appended one transaction after the other, so that none is missed below the newest.
_DUE = """
WITH due AS MATERIALIZED (
    SELECT l.chain, l.link, l.request_id, l.position
    FROM unnest(%(links)s::bigint[]) WITH ORDINALITY AS c (done, number) CROSS JOIN LATERAL (
        SELECT chain, link, request_id, position FROM prediction_links
        WHERE chain = c.number - 1 AND link > c.done ORDER BY link LIMIT %(most)s
    ) l
    ORDER BY l.chain, l.link LIMIT %(most)s
)
SELECT d.chain, d.link, d.request_id::text, d.position, p.features, k.key
FROM due d LEFT JOIN LATERAL (
    SELECT p.features FROM predictions p JOIN model_metadata m ON m.version = p.model_version
    WHERE (p.request_id, p.position) = (d.request_id, d.position) AND p.channel <> 'file'
        AND p.model_version <> %(version)s AND m.portfolio_hash = %(portfolio_hash)s
    LIMIT 1
) p ON true LEFT JOIN prediction_keys k ON (k.request_id, k.position) = (d.request_id, d.position)
ORDER BY d.chain, d.link
"""
# In this order: no pruning runs until the end of the transaction, no erasure either, and the insertion sees those
# before. A pruning may take minutes, so it is not waited for.
_NO_PRUNING = (
    "SELECT pg_try_advisory_xact_lock_shared(hashtextextended(current_schema || '.prune_predictions', 0))"
)
_NO_ERASURE = "LOCK TABLE prediction_keys IN ROW EXCLUSIVE MODE"
_STORE = """
WITH given (request_id, position, model_version, probability, decision, threshold) AS (VALUES %s)
INSERT INTO shadow_predictions (request_id, position, model_version, probability, decision, threshold)
SELECT request_id, position, model_version, probability, decision, threshold
FROM given JOIN prediction_keys k USING (request_id, position)
WHERE k.key IS NOT NULL
ON CONFLICT (request_id, position, model_version) DO NOTHING
RETURNING 1
"""
_ROW = "(%s::uuid, %s::integer, %s, %s::double precision, %s::smallint, %s::double precision)"


@dataclass(frozen=True)
class DueApplication:
    """A prediction that the shadow has to score, with the features as they were scored."""

    request_id: str
    position: int
    features: Mapping[str, Any]


@dataclass(frozen=True)
class DueBatch:
    """The next predictions in the order of the chains.

    Attributes:
        before: Last link of each chain that was done before.
        after: Last link of each chain that is done with this batch.
        applications: Those that can be scored.
        omitted: Number of the others.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    applications: tuple[DueApplication, ...]
    omitted: int


@dataclass(frozen=True)
class ShadowState:
    """A row of `shadow_models`, and the number of predictions that wait to be scored."""

    version: str
    started_at: datetime
    scored: int
    omitted: int
    waiting: int
    seen_at: datetime | None
    alive: bool
    error: str | None
    comparison: Mapping[str, Any] | None
    compared_at: datetime | None


def shadow_record(registry: Registry, wanted: str, portfolio_hash: str) -> ModelRecord:
    """The model that SHADOW names.

    Args:
        registry: The models.
        wanted: A version, or LAST_REJECTED: the newest classifier that was rejected and never promoted.
        portfolio_hash: Of the served portfolio.

    Raises:
        WarehouseError: There is none, or it cannot score the portfolio's applications.
    """
    history = registry.history()
    if wanted == LAST_REJECTED:
        for record in history:
            never = record.status == "rejected" and record.promoted_at is None
            if record.kind == "classifier" and never and record.portfolio_hash == portfolio_hash:
                return record
        raise WarehouseError(
            f"SHADOW={LAST_REJECTED}: no candidate was rejected yet\nNext: loan-default status, which shows the models"
        )
    found = {record.version: record for record in history}.get(wanted)
    if found is None or found.kind != "classifier":
        known = ", ".join(record.version for record in history if record.kind == "classifier")
        raise WarehouseError(
            f"SHADOW: there is no model {wanted}; there are: {known or 'none'}\n"
            f"Next: set SHADOW to one of them, or to {LAST_REJECTED}"
        )
    if found.portfolio_hash != portfolio_hash:
        raise WarehouseError(
            f"SHADOW: {wanted} is of another description of the portfolio, and cannot score its applications\n"
            "Next: loan-default retrain, and set SHADOW to the new version"
        )
    return found


class ShadowLog:
    """The progress and the scores of shadows. Every method can raise WarehouseError.

    Args:
        database: The portfolio's tables.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, version: str) -> None:
        """Let all predictions that are stored from now on be scored; repeated, it changes nothing."""
        with self._database.transaction() as cursor:
            cursor.execute(
                f"INSERT INTO shadow_models (model_version, links) SELECT %s, ({_HEADS}) ON CONFLICT DO NOTHING",
                (version,),
            )

    def claim(self, version: str, scorer: str, error: str | None = None) -> bool:
        """Whether this process is the one that scores; it stays so while it repeats the call.

        Args:
            version: A shadow that has begun.
            scorer: A name of the process, unique over all hosts.
            error: Why it cannot score.
        """
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE shadow_models SET scorer = %(scorer)s, seen_at = clock_timestamp(), error = %(error)s "
                "WHERE model_version = %(version)s AND (scorer = %(scorer)s OR scorer IS NULL "
                "OR seen_at < clock_timestamp() - make_interval(secs => %(lost)s))",
                {"version": version, "scorer": scorer, "error": error, "lost": LOST_AFTER_SECONDS},
            )
            return cursor.rowcount == 1

    def release(self, scorer: str) -> None:
        """Let another process score at once."""
        with self._database.transaction() as cursor:
            cursor.execute("UPDATE shadow_models SET scorer = NULL WHERE scorer = %s", (scorer,))

    def due(self, record: ModelRecord, most: int) -> DueBatch:
        """The next predictions, none where all are done.

        Args:
            record: A shadow that has begun.
            most: The most predictions to read.
        """
        with self._database.transaction() as cursor:
            links = _links(cursor, record.version)
            cursor.execute(
                _DUE,
                {
                    "links": list(links),
                    "most": most,
                    "version": record.version,
                    "portfolio_hash": record.portfolio_hash,
                },
            )
            rows = cursor.fetchall()
        after, applications = list(links), []
        for chain, link, request_id, position, features, key in rows:
            after[chain] = link
            if found := _opened(features, key, request_id, position):
                applications.append(DueApplication(request_id, position, found))
        return DueBatch(links, tuple(after), tuple(applications), len(rows) - len(applications))

    def store(
        self, version: str, threshold: float, batch: DueBatch, scores: Sequence[tuple[DueApplication, float]]
    ) -> bool:
        """Store the scores of a batch and that it is done, in one transaction.

        Scores of predictions that were erased or pruned meanwhile are not stored.

        Args:
            version: The shadow.
            threshold: PD from which it decides 1.
            batch: As `due` returned it.
            scores: PDs of its applications, without those that could not be scored.

        Returns:
            False where nothing was stored: another process did this batch, or predictions are being pruned.
        """
        with self._database.transaction() as cursor:
            cursor.execute(_NO_PRUNING)
            if cursor.fetchall() != [(True,)]:
                return False
            if _links(cursor, version, lock=True) != batch.before:
                return False
            cursor.execute(_NO_ERASURE)
            stored = 0
            if scores:
                rows = [
                    (each.request_id, each.position, version, pd, int(pd >= threshold), threshold)
                    for each, pd in scores
                ]
                stored = len(execute_values(cursor, _STORE, rows, _ROW, page_size=1000, fetch=True))
            cursor.execute(
                "UPDATE shadow_models SET links = %s, scored = scored + %s, omitted = omitted + %s "
                "WHERE model_version = %s",
                (
                    list(batch.after),
                    stored,
                    batch.omitted + len(batch.applications) - stored,
                    version,
                ),
            )
            return True

    def record_comparison(self, version: str, comparison: Mapping[str, Any] | None) -> None:
        """Keep the last comparison for those who only show it."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE shadow_models SET comparison = %s, compared_at = clock_timestamp() WHERE model_version = %s",
                (None if comparison is None else to_json(comparison), version),
            )

    def latest(self) -> str | None:
        """The version that is a shadow, or was one last; None where there was none."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT model_version FROM shadow_models ORDER BY coalesce(seen_at, started_at) DESC LIMIT 1"
            )
            return next((version for (version,) in cursor.fetchall()), None)

    def state(self, version: str) -> ShadowState | None:
        """The progress of a model; None where it never was a shadow."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT started_at, scored, omitted, (SELECT sum(head - done) FROM unnest(links, "
                f"({_HEADS})) AS c (done, head)), seen_at, coalesce(seen_at > clock_timestamp() "
                "- make_interval(secs => %s), false), error, comparison, compared_at "
                "FROM shadow_models WHERE model_version = %s",
                (LOST_AFTER_SECONDS, version),
            )
            found = cursor.fetchall()
        if not found:
            return None
        started_at, scored, omitted, waiting, *rest = found[0]
        return ShadowState(version, started_at, int(scored), int(omitted), int(waiting), *rest)


def active_shadows(cursor: extensions.cursor) -> set[str]:
    """Versions that are shadows now, or were some days ago, whose files are needed."""
    cursor.execute(
        "SELECT model_version FROM shadow_models WHERE coalesce(seen_at, started_at) > clock_timestamp() "
        f"- interval '{_KEPT_FOR}'"
    )
    return {version for (version,) in cursor.fetchall()}


def _links(cursor: extensions.cursor, version: str, *, lock: bool = False) -> tuple[int, ...]:
    cursor.execute(
        f"SELECT links FROM shadow_models WHERE model_version = %s {'FOR UPDATE' if lock else ''}", (version,)
    )
    found = cursor.fetchall()
    if not found:
        raise WarehouseError(f"{version} is no shadow; set SHADOW={version} and restart the service")
    return tuple(found[0][0])


def _opened(
    features: Mapping[str, Any] | None, key: memoryview | None, request_id: str, position: int
) -> Mapping[str, Any] | None:
    """The features of a prediction; None where they cannot or need not be scored."""
    if features is None or key is None:
        return None
    try:
        return opened_features(features, bytes(key), request_id=request_id, position=position)
    except AlteredFeatures:
        # `verify` names them.
        return None
