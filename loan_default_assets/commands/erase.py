"""`erase`: the features of a loan or a request, destroyed wherever the platform keeps them."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bento.prediction_log.spool_erasure import FILES, rewrite_files
from loan_default_assets.commands.backup_erasure import BackupErasure, erase_in_backup, find_in_backup
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.service_status import elsewhere
from loan_default_assets.commands.session import Session
from loan_default_assets.warehouse import erasures
from loan_default_assets.warehouse.erasures import ErasureCounts
from loan_default_assets.warehouse.record_lines import ErasedSubject, erased_line

# A running service delivers and removes its records within about 15 seconds.
DELIVERY_SECONDS = 45.0


@dataclass(frozen=True)
class ErasurePlan:
    """What an erasure finds, or has erased, by where it is.

    Attributes:
        spooled: Files with undelivered predictions.
        elsewhere: Replicas of the service in other homes, and whether they are alive.
    """

    subject: ErasedSubject
    database: ErasureCounts
    spooled: int
    backups: tuple[BackupErasure, ...]
    elsewhere: Mapping[str, bool] = field(default_factory=dict)

    @property
    def anything(self) -> bool:
        """Whether something is left to erase."""
        return bool(
            self.database.anything
            or self.spooled
            or any(each.keys or each.undelivered_files or not each.recorded for each in self.backups)
        )


def subject_of(loan: str | None, request: str | None) -> ErasedSubject:
    """The loan or request that a command names.

    Raises:
        CommandError: The request is no UUID, optionally followed by /POSITION.
    """
    if request is None:
        return ErasedSubject.of("loan", loan or "")
    name, slash, position = request.partition("/")
    try:
        parsed = str(uuid.UUID(name))
        return ErasedSubject.of("request", f"{parsed}/{int(position)}" if slash else parsed)
    except ValueError:
        raise CommandError(
            "--request: expected the request_id of a response, or REQUEST_ID/POSITION for one loan of a batch\n"
            "Next: loan-default erase --request REQUEST_ID"
        ) from None


def plan(session: Session, subject: ErasedSubject, backups: Sequence[Path]) -> ErasurePlan:
    """What `erase` would erase; nothing is changed.

    Raises:
        CommandError: A backup is damaged, or neither the platform nor a backup knows the loan or request.
        WarehouseError: The database cannot be reached.
    """
    name = session.portfolio.name
    found = ErasurePlan(
        subject,
        erasures.find(session.database, subject),
        sum(_holds(path, subject) for path in _spool_files(session)),
        tuple(find_in_backup(folder, name, subject) for folder in backups),
        elsewhere(session),
    )
    known = found.database.predictions or found.database.last_erasure or found.database.anything
    in_backups = any(each.keys or each.undelivered_files for each in found.backups)
    if not (known or found.spooled or in_backups):
        raise CommandError(
            f"portfolio {name} has no prediction, row or record of this {subject.kind}, and no erasure of it\n"
            f"Next: check it: the {subject.kind} is named as in the column {session.portfolio.key} of the source"
            if subject.kind == "loan"
            else f"portfolio {name} has no prediction of this request, and no erasure of it\n"
            "Next: check it: it is the request_id of the response"
        )
    return found


def erase(session: Session, subject: ErasedSubject, backups: Sequence[Path]) -> ErasurePlan:
    """Erase in the database, the spool and the given backups; repeated, it erases what is left.

    Returns:
        What was erased.

    Raises:
        CommandError: Undelivered records are held by a running service that does not deliver them or by a replica
            that is lost, or a backup cannot be changed; what came before is erased, and the same command does the
            rest.
        WarehouseError: The database cannot be reached or changed.
    """
    counts = erasures.erase(session.database, subject)
    erased_at = counts.last_erasure or datetime.now(UTC)
    rewritten, in_use = _erase_spool(session, subject)
    # Records that the service gave up meanwhile.
    erasures.erase_refused(session.database, subject)
    if in_use:
        raise CommandError(
            f"the database is erased, but {len(in_use)} files of undelivered predictions hold features of this "
            f"{subject.kind}: {', '.join(map(str, in_use[:3]))}; a running service has them and does not deliver them\n"
            "Next: see why in its log, or stop it; then the same command, which erases them in the files"
        )
    name = session.portfolio.name
    changed = tuple(erase_in_backup(folder, name, subject, erased_at) for folder in backups)
    others = elsewhere(session)
    if lost := [replica for replica, alive in others.items() if not alive]:
        raise CommandError(
            f"the database is erased, but {', '.join(lost)} of the service ended without delivering its predictions, "
            f"and its files may hold features of this {subject.kind}\n"
            "Next: start it again with the LOAN_DEFAULT_HOME that it had, or run the same command there"
        )
    return ErasurePlan(subject, counts, rewritten, changed, others)


def _erase_spool(session: Session, subject: ErasedSubject) -> tuple[int, list[Path]]:
    """Rewrite the files that no process has, and wait until a running service has delivered the others."""
    until, total = time.monotonic() + DELIVERY_SECONDS, 0
    while True:
        try:
            rewritten, in_use = rewrite_files(_spool_files(session), lambda line: erased_line(line, subject))
        except OSError as error:
            raise CommandError(
                f"{error.filename}: {error.strerror}; the database is erased, undelivered predictions are not\n"
                "Next: correct the owner or mode of the file, or free disk space; then the same command"
            ) from None
        total += rewritten
        if not in_use or time.monotonic() > until:
            return total, in_use
        time.sleep(0.5)


def _spool_files(session: Session) -> list[Path]:
    """Files of undelivered predictions, those that a restore has put aside included."""
    home, name = session.settings.home, session.portfolio.name
    folders = [home / "service" / name, *home.glob(f"replaced-*/{name}")]
    return sorted(path for folder in folders for pattern in FILES for path in folder.glob(pattern))


def _holds(path: Path, subject: ErasedSubject) -> bool:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return False  # it was delivered meanwhile
    return any(erased_line(line, subject) != line for line in lines)


def text(found: ErasurePlan, *, applied: bool) -> str:
    """The places as lines, and what to run next."""
    counts, before = found.database, found.database.last_erasure
    lines = [
        f"predictions  {counts.predictions:,}, of which {counts.keys:,} have features that can be read: "
        f"their keys {'were' if applied else 'will be'} destroyed; the rows stay without features",
        f"shadow       {counts.shadow_scores:,} rows of shadow_predictions",
        f"loans        {counts.raw_rows:,} rows of raw_data, {counts.processed_rows:,} of processed_data, "
        f"{counts.batch_scores:,} of scored_loans"
        + (": deleted, and skipped when they are loaded again" if found.subject.kind == "loan" else ""),
        f"refused      {counts.refused_records:,} records of refused_predictions",
        f"spool        {found.spooled:,} files with undelivered predictions",
    ]
    for replica, alive in found.elsewhere.items():
        lines.append(
            f"service      {replica} has its own LOAN_DEFAULT_HOME: "
            + (
                "features that it has not delivered leave its disk when it delivers them"
                if alive
                else "it is lost, and its files may hold features"
            )
        )
    for each in found.backups:
        kept = "until it is deleted, its database holds rows of the loans" + (
            "" if each.sealed else " and readable features of predictions"
        )
        lines.append(
            f"backup       {each.folder}: {each.keys:,} keys, {each.undelivered_files:,} files with undelivered "
            f"predictions; {kept}, which its restore erases"
        )
    if before is not None:
        lines.append(f"erased at    {before.isoformat(timespec='seconds')}")
    lines.append(
        "not reached  sources, files of score and of batch scores, models, other backups: docs/erasure.md"
    )
    if applied:
        lines.append("erased")
    elif found.anything:
        lines.append("nothing was erased; next: the same command with --yes, which cannot be undone")
    else:
        lines.append("nothing is left to erase")
    return "\n".join(lines)
