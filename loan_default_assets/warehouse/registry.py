"""The registry of models: trained versions, the champion among them, and its changes, one transaction each."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

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
from loan_default_assets.warehouse.model_records import (
    COLUMNS,
    ModelRecord,
    RegistryError,
    StaleChampion,
    Status,
    check_champion,
    check_files_kept,
    current_champion,
    former_champion,
    model_history,
    model_of,
    one_model,
    reject_version,
    set_status,
)
from loan_default_assets.warehouse.oversight import OversightLog
from loan_default_assets.warehouse.pruned_models import changing_models, unmark_pruned

__all__ = ["ModelRecord", "Registry", "RegistryError", "StaleChampion", "Status"]

_SET_BY_REGISTRY = ("status", "created_at", "promoted_at", "verdict", "reason")
_IMMUTABLE = tuple(name for name in COLUMNS if name not in _SET_BY_REGISTRY)
# The folder in which the first registration found the files; the same model may lie in another one by now.
_HINTS = ("artifact_uri",)
_ATTEMPT = (
    "snapshot_hash = %(snapshot_hash)s AND parent IS NOT DISTINCT FROM %(parent)s AND attempt = %(attempt)s"
)


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
            registered = one_model(cursor, "version = %(version)s", values)
            if registered is None:
                other = one_model(cursor, f"kind = 'classifier' AND {_ATTEMPT}", values)
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
            return model_of(cursor, version)

    def champion(self) -> ModelRecord | None:
        """The version that serves; None before the first promotion."""
        with self._database.transaction() as cursor:
            return current_champion(cursor)

    def previous_champion(self) -> ModelRecord | None:
        """The version that a rollback would make champion; None where there is none."""
        with self._database.transaction() as cursor:
            return former_champion(cursor)

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
            check_files_kept(cursor, version, consequence)

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
            champion = current_champion(cursor)
            if expected is not None:
                check_champion(expected, champion, "nothing was rolled back")
            previous = former_champion(cursor)
            if champion is None or previous is None:
                raise RegistryError("there is no earlier champion to go back to; see: loan-default status")
            if to is not None and previous.version != to:
                raise StaleChampion(
                    f"the champion before is {previous.version} and no longer {to}: nothing was rolled back"
                )
            check_files_kept(cursor, previous.version, "nothing was rolled back")
            set_status(cursor, champion.version, status="rejected", reason=f"rolled back: {reason}")
            restored = set_status(
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


def _stored(record: ModelRecord, name: str) -> Any:
    return json.loads(to_json(getattr(record, name)))
