"""The table `champion_decisions`: who decided on which champion, chained and signed; triggers write its rows."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from psycopg2 import Binary, extensions

# From the hash of a decision to the id of the key and the signature.
Signer = Callable[[bytes], tuple[str, bytes]]


@dataclass(frozen=True, kw_only=True)
class RecordedDecision:
    """One promotion, rejection or rollback; see the comments of the table's columns.

    Attributes:
        version: The promoted or rejected version; for a rollback, the version that is champion again.
        previous_champion: Retired by a promotion, rejected by a rollback, kept by a rejection.
        anchors: Last link and its hash in hexadecimal digits, by chain.
        signature: Of `hash`, by the key `key_id`.
    """

    id: int
    version: str
    artifact_sha256: str
    previous_champion: str | None
    action: Literal["promoted", "rejected", "rolled back"]
    verdict: str | None
    reason: str | None
    decided_by: str
    decided_at: datetime
    anchors: dict[str, tuple[int, str]]
    requires_signature: bool
    previous_hash: bytes
    hash: bytes
    key_id: str | None
    signature: bytes | None


def announce(cursor: extensions.cursor, decided_by: str, *, signed: bool) -> None:
    """Say for the rest of the transaction who decides, and whether the decision will be signed."""
    cursor.execute(
        "SELECT set_config('loan_default.decided_by', %s, true), "
        "set_config('loan_default.decision_is_signed', %s, true)",
        (decided_by, "true" if signed else "false"),
    )


def sign_decision(cursor: extensions.cursor, signer: Signer | None) -> None:
    """Sign the decision that this transaction recorded last; nothing without a signer."""
    if signer is None:
        return
    cursor.execute("SELECT id, hash FROM champion_decisions ORDER BY id DESC LIMIT 1")
    ((number, decided),) = cursor.fetchall()
    key_id, signature = signer(bytes(decided))
    cursor.execute(
        "UPDATE champion_decisions SET key_id = %s, signature = %s WHERE id = %s",
        (key_id, Binary(signature), number),
    )


def champion_decisions(cursor: extensions.cursor) -> list[RecordedDecision]:
    """All decisions, the first one first."""
    cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM champion_decisions ORDER BY id")
    return [_decision(dict(zip(_COLUMNS, row, strict=True))) for row in cursor.fetchall()]


def operating_system_user() -> str:
    """Name of the user of this process; the number where it has no name, as in a container."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _decision(values: dict[str, Any]) -> RecordedDecision:
    for name in ("previous_hash", "hash", "signature"):
        values[name] = None if values[name] is None else bytes(values[name])
    values["anchors"] = _anchors(values["anchors"])
    return RecordedDecision(**values)


def _anchors(stored: Any) -> dict[str, tuple[int, str]]:
    """None where the value has another form than the trigger's: the hash of the decision tells that it was altered."""
    try:
        return {chain: (int(link), str(hash_)) for chain, (link, hash_) in stored.items()}
    except (AttributeError, TypeError, ValueError):
        return {}


_COLUMNS = tuple(f.name for f in fields(RecordedDecision))
