"""The append-only table `oversight_records`: approvals of promotions, policy changes, overrides and rescorings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from psycopg2 import extensions

from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError

Action = Literal[
    "promotion proposed",
    "promotion approved",
    "promotion declined",
    "policy proposed",
    "policy changed",
    "decision overridden",
    "application rescored",
]


@dataclass(frozen=True, kw_only=True)
class OversightRecord:
    """One row; see the comments of the table's columns."""

    id: int
    action: Action
    actor: str
    reason: str
    recorded_at: datetime
    after_decision: int
    version: str | None
    proposal: int | None
    request_id: str | None
    position: int | None
    decision: int | None
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Override:
    """A decision instead of that of a model.

    Attributes:
        request_id: UUID of the request.
        position: Index of the application within it, from 0.
        decision: 1 refuses the application, 0 approves it.
        reason_code: Why.
        idempotency_key: UUID that the client chose for this override.
    """

    request_id: str
    position: int
    decision: int
    reason_code: str
    idempotency_key: str


@dataclass(frozen=True)
class Rescoring:
    """What a model decides on corrected data; the values are not kept.

    Attributes:
        columns: Names of the corrected columns.
        decision: On the corrected data.
        pd: On the corrected data.
    """

    request_id: str
    position: int
    version: str
    columns: Sequence[str]
    decision: int
    pd: float


@dataclass(frozen=True)
class OverrideCount:
    """Overrides of the decisions of one model to one decision for one reason."""

    version: str
    decision: int
    reason_code: str
    count: int


class OverrideRefused(WarehouseError):
    """An override cannot be recorded.

    Attributes:
        kind: `unknown`: there is no such prediction; `unchanged`: the decision is that already; `other_content`: the
            idempotency key was used for another override.
    """

    def __init__(self, kind: Literal["unknown", "unchanged", "other_content"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


class OversightLog:
    """The records of one portfolio. Every method can raise WarehouseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self) -> list[OversightRecord]:
        """All records, the first one first."""
        with self._database.transaction() as cursor:
            return oversight_records(cursor)

    def promotions_and_policies(self) -> list[OversightRecord]:
        """The records on models and on the policy, the first one first."""
        with self._database.transaction() as cursor:
            return _select(cursor, "action NOT IN ('decision overridden', 'application rescored')", {})

    def record_override(self, override: Override, actor: str) -> OversightRecord:
        """Record another decision beside a prediction, which stays as it is; a repetition returns the first record.

        Raises:
            OverrideRefused: See its `kind`.
        """
        values = vars(override) | {"actor": actor}
        with self._database.transaction() as cursor:
            _lock(cursor, self._database)
            if repeated := _select(cursor, "idempotency_key = %(idempotency_key)s::uuid", values):
                return _same_override(repeated[0], override, actor)
            cursor.execute(_DECISION, values)
            found = cursor.fetchall()
            if not found:
                raise OverrideRefused(
                    "unknown",
                    f"request {override.request_id} has no recorded prediction {override.position}; the service "
                    "delivers its predictions within seconds",
                )
            [(version, of_model, before)] = found
            if override.decision == before:
                raise OverrideRefused("unchanged", f"the decision is {before} already; nothing was recorded")
            cursor.execute(
                "INSERT INTO oversight_records (action, actor, reason, version, request_id, position, decision, "
                "idempotency_key, details) VALUES ('decision overridden', %(actor)s, %(reason_code)s, %(version)s, "
                "%(request_id)s::uuid, %(position)s, %(decision)s, %(idempotency_key)s::uuid, %(details)s)",
                values
                | {
                    "version": version,
                    "details": to_json({"decision_before": before, "decision_of_model": of_model}),
                },
            )
            [recorded] = _select(cursor, "idempotency_key = %(idempotency_key)s::uuid", values)
            return recorded

    def record_rescoring(self, rescoring: Rescoring, actor: str) -> None:
        """Record that an application was scored again with corrected data."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO oversight_records (action, actor, reason, version, request_id, position, decision, "
                "details) VALUES ('application rescored', %(actor)s, 'corrected data', %(version)s, "
                "%(request_id)s::uuid, %(position)s, %(decision)s, %(details)s)",
                vars(rescoring)
                | {
                    "actor": actor,
                    "details": to_json({"columns": sorted(rescoring.columns), "pd": rescoring.pd}),
                },
            )

    def overrides_of(self, request_id: str, position: int) -> list[OversightRecord]:
        """The overrides of one decision, the first one first."""
        with self._database.transaction() as cursor:
            return _select(
                cursor,
                "action = 'decision overridden' AND request_id = %(request_id)s::uuid AND position = %(position)s",
                {"request_id": request_id, "position": position},
            )

    def override_counts(self, version: str | None = None) -> list[OverrideCount]:
        """Overrides by model version, decision and reason code; of one version, or of all."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT version, decision, reason, count(*) FROM oversight_records "
                "WHERE action = 'decision overridden' AND (%(version)s::text IS NULL OR version = %(version)s) "
                "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                {"version": version},
            )
            return [OverrideCount(*row) for row in cursor.fetchall()]

    def rescoring_count(self, version: str | None = None) -> int:
        """Rescorings with corrected data; of one version, or of all."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT count(*) FROM oversight_records "
                "WHERE action = 'application rescored' AND (%(version)s::text IS NULL OR version = %(version)s)",
                {"version": version},
            )
            return int(cursor.fetchall()[0][0])


_COLUMNS = tuple(f.name for f in fields(OversightRecord))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM oversight_records".replace("request_id", "request_id::text")
# The decision of the model, and the present one.
_DECISION = """
SELECT p.model_version, p.decision, coalesce((
    SELECT o.decision FROM oversight_records o
    WHERE o.action = 'decision overridden' AND (o.request_id, o.position) = (p.request_id, p.position)
    ORDER BY o.id DESC LIMIT 1), p.decision)
FROM predictions p WHERE p.request_id = %(request_id)s::uuid AND p.position = %(position)s
ORDER BY p.created_at DESC LIMIT 1
"""


def oversight_records(cursor: extensions.cursor) -> list[OversightRecord]:
    """All records, the first one first."""
    return _select(cursor, "true", {})


def records_of(cursor: extensions.cursor, *actions: Action) -> list[OversightRecord]:
    """The records of some actions, the first one first."""
    return _select(cursor, "action = ANY(%(actions)s)", {"actions": list(actions)})


def append_record(
    cursor: extensions.cursor,
    action: Action,
    actor: str,
    reason: str,
    *,
    version: str | None = None,
    proposal: int | None = None,
    details: Mapping[str, Any] | None = None,
) -> int:
    """Append a record on a promotion or a policy; its number."""
    cursor.execute(
        "INSERT INTO oversight_records (action, actor, reason, version, proposal, details) "
        "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        (action, actor, reason, version, proposal, to_json(details or {})),
    )
    return int(cursor.fetchall()[0][0])


def _select(cursor: extensions.cursor, condition: str, values: Mapping[str, Any]) -> list[OversightRecord]:
    cursor.execute(f"{_SELECT} WHERE {condition} ORDER BY id", values)
    return [OversightRecord(**dict(zip(_COLUMNS, row, strict=True))) for row in cursor.fetchall()]


def _lock(cursor: extensions.cursor, database: Database) -> None:
    """Overrides are made one at a time, so that each sees the decision before it."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{database.schema}.overrides",))


def _same_override(recorded: OversightRecord, override: Override, actor: str) -> OversightRecord:
    found = (recorded.request_id, recorded.position, recorded.decision, recorded.reason, recorded.actor)
    if found != (override.request_id, override.position, override.decision, override.reason_code, actor):
        raise OverrideRefused(
            "other_content", "the idempotency key was used for another override; make another key"
        )
    return recorded
