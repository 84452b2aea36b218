"""`model_metadata`: every trained version, which one is champion, and how that changes: one transaction each."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

from psycopg2 import extensions

from loan_default_assets.warehouse.database import Database, WarehouseError, to_json

Status = Literal["candidate", "champion", "retired", "rejected"]


class RegistryError(WarehouseError):
    """A version cannot be registered, promoted, rejected or rolled back."""


class StaleChampion(RegistryError):
    """The champion is no longer the one that the decision was made against: judge again."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """One version. `parent`: the champion when it was trained; dates are days of data time.

    What was trained never changes; status, promoted_at, verdict and reason are the registry's to set.
    """

    version: str
    kind: Literal["encoder", "classifier"]
    status: Status = "candidate"
    parent: str | None = None
    portfolio_hash: str
    snapshot_hash: str
    attempt: int = 1
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    threshold: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    trained_from: date | None = None
    trained_to: date | None = None
    window_from: date | None = None
    window_to: date | None = None
    artifact_uri: str
    artifact_sha256: str
    created_at: datetime | None = None
    promoted_at: datetime | None = None
    verdict: str | None = None
    reason: str | None = None


_COLUMNS = tuple(f.name for f in fields(ModelRecord))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM model_metadata"
_DECIDED = ("status", "created_at", "promoted_at", "verdict", "reason")
_TRAINED = tuple(name for name in _COLUMNS if name not in _DECIDED)


class Registry:
    """The models of one portfolio. Every method may raise WarehouseError, and RegistryError where it says so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, record: ModelRecord) -> None:
        """Add a candidate; doing so again changes nothing.

        RegistryError when the version is there with another content, or the attempt belongs to another version.
        """
        values = asdict(record) | {
            "hyper_parameters": to_json(record.hyper_parameters),
            "metrics": to_json(record.metrics),
        }
        names = (*_TRAINED, *(("created_at",) if record.created_at else ()))
        with self._changing() as cursor:
            cursor.execute(
                f"INSERT INTO model_metadata ({', '.join(names)}) "
                f"VALUES ({', '.join(f'%({name})s' for name in names)}) ON CONFLICT DO NOTHING",
                values,
            )
            if cursor.rowcount:
                return
            there = _one(cursor, "version = %(version)s", values)
            if there is None:
                taken = _one(cursor, f"kind = 'classifier' AND {_ATTEMPT}", values)
                raise RegistryError(
                    f"attempt {record.attempt} on snapshot {record.snapshot_hash[:12]} under champion "
                    f"{record.parent} was version {taken.version if taken else 'another'}, not {record.version}"
                )
            other = [name for name in _TRAINED if _stored(record, name) != _stored(there, name)]
            if other:
                raise RegistryError(f"version {record.version} is registered with another {', '.join(other)}")

    def get(self, version: str) -> ModelRecord:
        """The version's record; RegistryError for an unknown one."""
        with self._database.transaction() as cursor:
            return _known(cursor, version)

    def champion(self) -> ModelRecord | None:
        """The version that answers for loans now."""
        with self._database.transaction() as cursor:
            return _champion(cursor)

    def find(
        self, kind: Literal["encoder", "classifier"], snapshot_hash: str, parent: str | None, attempt: int
    ) -> ModelRecord | None:
        """What this attempt on this snapshot under this champion gave, if it was made; the newest of encoders."""
        values = {"kind": kind, "snapshot_hash": snapshot_hash, "parent": parent, "attempt": attempt}
        with self._database.transaction() as cursor:
            return _one(cursor, f"kind = %(kind)s AND {_ATTEMPT} ORDER BY created_at DESC LIMIT 1", values)

    def history(self) -> list[ModelRecord]:
        """All versions, the newest first."""
        with self._database.transaction() as cursor:
            cursor.execute(f"{_SELECT} ORDER BY created_at DESC, version")
            return [_record(row) for row in cursor.fetchall()]

    def promote(self, version: str, *, expected: str | None, verdict: str, reason: str) -> ModelRecord:
        """Make `version` champion and retire the one before, if that still is `expected` (None: there is none).

        StaleChampion if it is not, unless it is `version` already: then nothing changes. Any classifier may be
        promoted, a rejected one too; RegistryError for an encoder, an unknown version, or no verdict or reason.
        """
        if not verdict or not reason:
            raise RegistryError(f"version {version}: a promotion needs a verdict and a reason")
        with self._changing() as cursor:
            record, champion = _known(cursor, version), _champion(cursor)
            if record.kind != "classifier":
                raise RegistryError(
                    f"version {version} is an {record.kind}; only a classifier can be champion"
                )
            if champion is not None and champion.version == version:
                return champion
            _expect(expected, champion, f"version {version} was not promoted")
            if champion is not None:
                _decide(cursor, champion.version, status="retired")
            return _decide(cursor, version, status="champion", verdict=verdict, reason=reason)

    def reject(self, version: str, reason: str) -> ModelRecord:
        """Mark a candidate as not to be used; again is no change. RegistryError for a champion or retired one."""
        with self._changing() as cursor:
            record = _known(cursor, version)
            if record.status == "rejected":
                return record
            if record.status != "candidate":
                raise RegistryError(f"version {version} is {record.status}; only a candidate can be rejected")
            return _decide(cursor, version, status="rejected", reason=reason)

    def rollback(self, reason: str, *, expected: str | None = None) -> ModelRecord:
        """Reject the champion and give its place back to the champion before it, which is returned.

        Rolling back again goes one further back. `expected`: only if that is the champion, else StaleChampion,
        so that two of them at once count as one. RegistryError without an earlier champion.
        """
        with self._changing() as cursor:
            champion = _champion(cursor)
            if expected is not None:
                _expect(expected, champion, "nothing was rolled back")
            previous = _one(cursor, "status = 'retired' ORDER BY promoted_at DESC LIMIT 1", {})
            if champion is None or previous is None:
                raise RegistryError("there is no earlier champion to go back to; see: loan-default status")
            _decide(cursor, champion.version, status="rejected", reason=f"rolled back: {reason}")
            return _decide(
                cursor,
                previous.version,
                status="champion",
                verdict=previous.verdict,
                reason=f"back after {champion.version}: {reason}",
            )

    @contextmanager
    def _changing(self) -> Iterator[extensions.cursor]:
        """A transaction that is the only one to change this registry."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                (f"{self._database.schema}.registry",),
            )
            yield cursor


_ATTEMPT = (
    "snapshot_hash = %(snapshot_hash)s AND parent IS NOT DISTINCT FROM %(parent)s AND attempt = %(attempt)s"
)


def _one(cursor: extensions.cursor, condition: str, values: Mapping[str, Any]) -> ModelRecord | None:
    cursor.execute(f"{_SELECT} WHERE {condition}", values)
    rows = cursor.fetchall()
    return _record(rows[0]) if rows else None


def _champion(cursor: extensions.cursor) -> ModelRecord | None:
    return _one(cursor, "status = 'champion'", {})


def _known(cursor: extensions.cursor, version: str) -> ModelRecord:
    record = _one(cursor, "version = %(version)s", {"version": version})
    if record is None:
        raise RegistryError(f"no model version {version!r}; see: loan-default status")
    return record


def _expect(expected: str | None, champion: ModelRecord | None, consequence: str) -> None:
    found = champion.version if champion else None
    if found != expected:
        raise StaleChampion(f"the champion is {found} and no longer {expected}: {consequence}")


def _decide(cursor: extensions.cursor, version: str, *, status: Status, **changed: str | None) -> ModelRecord:
    times = ", promoted_at = clock_timestamp()" if status == "champion" else ""
    values = {"version": version, "status": status, **changed}
    assigned = ", ".join(f"{name} = %({name})s" for name in values if name != "version")
    cursor.execute(f"UPDATE model_metadata SET {assigned}{times} WHERE version = %(version)s", values)
    return _known(cursor, version)


def _record(row: tuple[Any, ...]) -> ModelRecord:
    return ModelRecord(**dict(zip(_COLUMNS, row, strict=True)))


def _stored(record: ModelRecord, name: str) -> Any:
    return json.loads(to_json(getattr(record, name)))
