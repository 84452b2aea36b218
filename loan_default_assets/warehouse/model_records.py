"""The rows of the table `model_metadata`, read and changed in a transaction of the caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

from psycopg2 import extensions

from loan_default_assets.warehouse.champion_decisions import Signer, sign_decision
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.pruned_models import pruned_models

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


COLUMNS = tuple(f.name for f in fields(ModelRecord))
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM model_metadata"


def model_history(cursor: extensions.cursor) -> list[ModelRecord]:
    """All versions, the newest first."""
    cursor.execute(f"{_SELECT} ORDER BY created_at DESC, version")
    return [_record(row) for row in cursor.fetchall()]


def one_model(cursor: extensions.cursor, condition: str, values: Mapping[str, Any]) -> ModelRecord | None:
    """The version that a condition names, or the first of several; None without one."""
    cursor.execute(f"{_SELECT} WHERE {condition}", values)
    rows = cursor.fetchall()
    return _record(rows[0]) if rows else None


def current_champion(cursor: extensions.cursor) -> ModelRecord | None:
    """The version that serves; None before the first promotion."""
    return one_model(cursor, "status = 'champion'", {})


def former_champion(cursor: extensions.cursor) -> ModelRecord | None:
    """The version that a rollback would make champion; None where there is none."""
    return one_model(cursor, "status = 'retired' ORDER BY promoted_at DESC LIMIT 1", {})


def model_of(cursor: extensions.cursor, version: str) -> ModelRecord:
    """The record of a version; RegistryError where it is unknown."""
    record = one_model(cursor, "version = %(version)s", {"version": version})
    if record is None:
        raise RegistryError(f"no model version {version!r}; see: loan-default status")
    return record


def check_champion(expected: str | None, champion: ModelRecord | None, consequence: str) -> None:
    """Raise StaleChampion where the champion is not the expected one; the message says what follows."""
    actual = champion.version if champion else None
    if actual != expected:
        raise StaleChampion(f"the champion is {actual} and no longer {expected}: {consequence}")


def check_files_kept(cursor: extensions.cursor, version: str, consequence: str) -> None:
    """Raise RegistryError where retention has deleted the files of a version; the message says what follows."""
    if pruned_at := pruned_models(cursor).get(version):
        raise RegistryError(
            f"version {version}: retention deleted its files on {pruned_at:%Y-%m-%d}, {consequence}; "
            "train again: loan-default retrain"
        )


def set_status(
    cursor: extensions.cursor, version: str, *, status: Status, **changed: str | None
) -> ModelRecord:
    """Change the status of a version, with other columns that change with it; the trigger records the decision."""
    times = ", promoted_at = clock_timestamp()" if status == "champion" else ""
    values = {"version": version, "status": status, **changed}
    assigned = ", ".join(f"{name} = %({name})s" for name in values if name != "version")
    cursor.execute(f"UPDATE model_metadata SET {assigned}{times} WHERE version = %(version)s", values)
    return model_of(cursor, version)


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
    record, champion = model_of(cursor, version), current_champion(cursor)
    if record.kind != "classifier":
        raise RegistryError(f"version {version} is an {record.kind}; only a classifier can be champion")
    if champion is not None and champion.version == version:
        return champion
    check_champion(expected, champion, f"version {version} was not promoted")
    check_files_kept(cursor, version, "it was not promoted")
    if champion is not None:
        set_status(cursor, champion.version, status="retired")
    promoted = set_status(cursor, version, status="champion", verdict=verdict, reason=reason)
    sign_decision(cursor, signer)
    return promoted


def reject_version(
    cursor: extensions.cursor, version: str, *, reason: str, signer: Signer | None
) -> ModelRecord:
    """`Registry.reject` in the transaction of such a cursor."""
    record = model_of(cursor, version)
    if record.status == "rejected":
        return record
    if record.status != "candidate":
        raise RegistryError(f"version {version} is {record.status}; only a candidate can be rejected")
    rejected = set_status(cursor, version, status="rejected", reason=reason)
    sign_decision(cursor, signer)
    return rejected


def _record(row: tuple[Any, ...]) -> ModelRecord:
    return ModelRecord(**dict(zip(COLUMNS, row, strict=True)))
