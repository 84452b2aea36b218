"""The table `model_metadata`: trained versions, the champion among them, and its changes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

from psycopg2 import extensions

from loan_default_assets.warehouse.champion_decisions import (
    RecordedDecision,
    Signer,
    announce,
    champion_decisions,
    operating_system_user,
    sign_decision,
)
from loan_default_assets.warehouse.database import Database, to_json
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.pruned_models import changing_models, pruned_models, unmark_pruned

Status = Literal["candidate", "champion", "retired", "rejected"]


class RegistryError(WarehouseError):
    """A version cannot be registered, promoted, rejected or rolled back."""


class StaleChampion(RegistryError):
    """Another version became champion since the decision was made: repeat the evaluation."""


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """One trained version. Only the registry sets status, promoted_at, verdict and reason; the rest never changes.

    Attributes:
        parent: The champion at the time of training.
        snapshot_hash: Hash of the training snapshot.
        attempt: Number of the attempt on this snapshot under this champion, from 1.
        threshold: PD from which a classifier decides 1; None for an encoder.
        trained_from: First `as_of` of the training and validation rows; `trained_to`: the last.
        window_from: First `as_of` of the evaluation window; `window_to`: the last.
        artifact_uri: The folder that the files were written to; they may have been moved since.
        promoted_at: When it last became champion.
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
_SET_BY_REGISTRY = ("status", "created_at", "promoted_at", "verdict", "reason")
_IMMUTABLE = tuple(name for name in _COLUMNS if name not in _SET_BY_REGISTRY)
# The folder in which the first registration found the files; the same model may lie in another one by now.
_HINTS = ("artifact_uri",)


class Registry:
    """The models of one portfolio. Every method can raise WarehouseError, and RegistryError where it is listed.

    Args:
        database: Where they are registered.
        signer: Signs every rejection and rollback in its transaction; what it raises undoes it.
        decided_by: Who makes these decisions; the user of the operating system, when omitted.
    """

    def __init__(
        self, database: Database, *, signer: Signer | None = None, decided_by: str | None = None
    ) -> None:
        self._database, self._signer = database, signer
        self._decided_by = decided_by or operating_system_user()

    def register(self, record: ModelRecord) -> None:
        """Add a candidate; a repetition changes nothing, but the files of a pruned version count as there again.

        Raises:
            RegistryError: The version is registered with other content, or the attempt is that of another version.
        """
        values = asdict(record) | {
            "hyper_parameters": to_json(record.hyper_parameters),
            "metrics": to_json(record.metrics),
        }
        names = (*_IMMUTABLE, *(("created_at",) if record.created_at else ()))
        with changing_models(self._database) as cursor:
            cursor.execute(
                f"INSERT INTO model_metadata ({', '.join(names)}) "
                f"VALUES ({', '.join(f'%({name})s' for name in names)}) ON CONFLICT DO NOTHING",
                values,
            )
            if cursor.rowcount:
                return
            registered = _one(cursor, "version = %(version)s", values)
            if registered is None:
                other = _one(cursor, f"kind = 'classifier' AND {_ATTEMPT}", values)
                raise RegistryError(
                    f"attempt {record.attempt} on snapshot {record.snapshot_hash[:12]} under champion "
                    f"{record.parent} was version {other.version if other else 'another'}, not {record.version}"
                )
            differing = [
                name
                for name in _IMMUTABLE
                if name not in _HINTS and _stored(record, name) != _stored(registered, name)
            ]
            if differing:
                raise RegistryError(
                    f"version {record.version} is registered with another {', '.join(differing)}"
                )
            unmark_pruned(cursor, record.version)

    def get(self, version: str) -> ModelRecord:
        """The version's record.

        Raises:
            RegistryError: The version is unknown.
        """
        with self._database.transaction() as cursor:
            return _get(cursor, version)

    def champion(self) -> ModelRecord | None:
        """The version that serves; None before the first promotion."""
        with self._database.transaction() as cursor:
            return _champion(cursor)

    def previous_champion(self) -> ModelRecord | None:
        """The version that a rollback would make champion; None where there is none."""
        with self._database.transaction() as cursor:
            return _previous(cursor)

    def history(self) -> list[ModelRecord]:
        """All versions, the newest first."""
        with self._database.transaction() as cursor:
            return model_history(cursor)

    def decisions(self) -> list[RecordedDecision]:
        """All decisions on champions, the first one first."""
        with self._database.transaction() as cursor:
            return champion_decisions(cursor)

    @property
    def oversight(self) -> OversightLog:
        """What people decided besides: approvals, policy changes, overrides and rescorings."""
        return OversightLog(self._database)

    def reject(self, version: str, reason: str) -> ModelRecord:
        """Mark a candidate as rejected; a repetition changes nothing.

        Raises:
            RegistryError: The version is unknown, champion or retired.
        """
        with self._deciding() as cursor:
            return reject_version(cursor, version, reason=reason, signer=self._signer)

    def refuse_pruned(self, version: str, consequence: str) -> None:
        """Refuse a version whose files retention has deleted.

        Raises:
            RegistryError: It is one; the message says what follows.
        """
        with self._database.transaction() as cursor:
            _check_files_kept(cursor, version, consequence)

    def rollback(self, reason: str, *, expected: str | None = None, to: str | None = None) -> ModelRecord:
        """Reject the champion, restore the one before it and return its record; a repetition goes one further back.

        Args:
            reason: Why, in a sentence.
            expected: The champion to reject, so that two concurrent rollbacks count as one; None: any.
            to: The champion before it, where its files were verified; None: any.

        Raises:
            StaleChampion: The champion is not `expected`.
            RegistryError: There is no earlier champion, or retention has deleted its files; the champion stays.
        """
        with self._deciding() as cursor:
            champion = _champion(cursor)
            if expected is not None:
                _check_champion(expected, champion, "nothing was rolled back")
            previous = _previous(cursor)
            if champion is None or previous is None:
                raise RegistryError("there is no earlier champion to go back to; see: loan-default status")
            if to is not None and previous.version != to:
                raise StaleChampion(
                    f"the champion before is {previous.version} and no longer {to}: nothing was rolled back"
                )
            _check_files_kept(cursor, previous.version, "nothing was rolled back")
            _set_status(cursor, champion.version, status="rejected", reason=f"rolled back: {reason}")
            restored = _set_status(
                cursor,
                previous.version,
                status="champion",
                verdict=previous.verdict,
                reason=f"restored after the rollback of {champion.version}: {reason}",
            )
            sign_decision(cursor, self._signer)
            return restored

    @contextmanager
    def _deciding(self) -> Iterator[extensions.cursor]:
        """A transaction whose changes of status the database records as decisions."""
        with changing_models(self._database) as cursor:
            announce(cursor, self._decided_by, signed=self._signer is not None)
            yield cursor


def model_history(cursor: extensions.cursor) -> list[ModelRecord]:
    """All versions, the newest first."""
    cursor.execute(f"{_SELECT} ORDER BY created_at DESC, version")
    return [_record(row) for row in cursor.fetchall()]


def promote_version(
    cursor: extensions.cursor,
    version: str,
    *,
    expected: str | None,
    verdict: str,
    reason: str,
    signer: Signer | None,
) -> ModelRecord:
    """Make a classifier champion, retire the previous one and return the champion's record.

    A rejected version can be promoted too. `Promotions` calls this, in a transaction that holds the registry's lock
    and has announced who decides.

    Args:
        cursor: The transaction's.
        version: Where it is champion already, nothing changes.
        expected: The champion that the decision was made against; None: there was none.
        verdict: The promotion verdict to record.
        reason: Why, in a sentence.
        signer: Signs the decision.

    Raises:
        StaleChampion: The champion is neither `expected` nor `version`.
        RegistryError: The version is an encoder, unknown or pruned, or verdict or reason is empty.
    """
    if not verdict or not reason:
        raise RegistryError(f"version {version}: a promotion needs a verdict and a reason")
    record, champion = _get(cursor, version), _champion(cursor)
    if record.kind != "classifier":
        raise RegistryError(f"version {version} is an {record.kind}; only a classifier can be champion")
    if champion is not None and champion.version == version:
        return champion
    _check_champion(expected, champion, f"version {version} was not promoted")
    _check_files_kept(cursor, version, "it was not promoted")
    if champion is not None:
        _set_status(cursor, champion.version, status="retired")
    promoted = _set_status(cursor, version, status="champion", verdict=verdict, reason=reason)
    sign_decision(cursor, signer)
    return promoted


def reject_version(
    cursor: extensions.cursor, version: str, *, reason: str, signer: Signer | None
) -> ModelRecord:
    """`Registry.reject` in the transaction of such a cursor."""
    record = _get(cursor, version)
    if record.status == "rejected":
        return record
    if record.status != "candidate":
        raise RegistryError(f"version {version} is {record.status}; only a candidate can be rejected")
    rejected = _set_status(cursor, version, status="rejected", reason=reason)
    sign_decision(cursor, signer)
    return rejected


_ATTEMPT = (
    "snapshot_hash = %(snapshot_hash)s AND parent IS NOT DISTINCT FROM %(parent)s AND attempt = %(attempt)s"
)


def _one(cursor: extensions.cursor, condition: str, values: Mapping[str, Any]) -> ModelRecord | None:
    cursor.execute(f"{_SELECT} WHERE {condition}", values)
    rows = cursor.fetchall()
    return _record(rows[0]) if rows else None


def _champion(cursor: extensions.cursor) -> ModelRecord | None:
    return _one(cursor, "status = 'champion'", {})


def _previous(cursor: extensions.cursor) -> ModelRecord | None:
    return _one(cursor, "status = 'retired' ORDER BY promoted_at DESC LIMIT 1", {})


def _get(cursor: extensions.cursor, version: str) -> ModelRecord:
    record = _one(cursor, "version = %(version)s", {"version": version})
    if record is None:
        raise RegistryError(f"no model version {version!r}; see: loan-default status")
    return record


def _check_champion(expected: str | None, champion: ModelRecord | None, consequence: str) -> None:
    actual = champion.version if champion else None
    if actual != expected:
        raise StaleChampion(f"the champion is {actual} and no longer {expected}: {consequence}")


def _check_files_kept(cursor: extensions.cursor, version: str, consequence: str) -> None:
    if pruned_at := pruned_models(cursor).get(version):
        raise RegistryError(
            f"version {version}: retention deleted its files on {pruned_at:%Y-%m-%d}, {consequence}; "
            "train again: loan-default retrain"
        )


def _set_status(
    cursor: extensions.cursor, version: str, *, status: Status, **changed: str | None
) -> ModelRecord:
    times = ", promoted_at = clock_timestamp()" if status == "champion" else ""
    values = {"version": version, "status": status, **changed}
    assigned = ", ".join(f"{name} = %({name})s" for name in values if name != "version")
    cursor.execute(f"UPDATE model_metadata SET {assigned}{times} WHERE version = %(version)s", values)
    return _get(cursor, version)


def _record(row: tuple[Any, ...]) -> ModelRecord:
    return ModelRecord(**dict(zip(_COLUMNS, row, strict=True)))


def _stored(record: ModelRecord, name: str) -> Any:
    return json.loads(to_json(getattr(record, name)))
