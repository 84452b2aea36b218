"""`prune`: what retention deletes; without `--apply` nothing is changed."""

from datetime import UTC, datetime

import dagster as dg

from bento.operations.bento_pruning import delete_packaged, packaged_versions
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.sizes import size_text
from loan_default_assets.orchestration.retention import BENTOS, PrunedKind, Retention
from loan_default_assets.pipeline.prune_models import folder_bytes
from loan_default_assets.policy.model_retention import kept_champions

_LABELS = {
    "runs": "runs of Dagster",
    "ticks": "ticks of Dagster",
    "alerts": "alerts",
    "candidates": "models never promoted",
    "champions": "former champions",
    "bentos": "Bentos",
    "predictions": "predictions",
}


def prune(
    session: Session,
    instance: dg.DagsterInstance,
    *,
    apply: bool,
    unmatured: bool = False,
    now: datetime | None = None,
) -> list[PrunedKind]:
    """What goes of every kind, deleted if `apply`.

    Args:
        unmatured: Delete also predictions whose outcome has not matured.
        now: The present time, when omitted.

    Raises:
        WarehouseError: The database cannot be reached.
        CommandError: A file cannot be deleted.
    """
    retention = Retention(session.settings, session.database, instance, now or datetime.now(UTC))
    try:
        return [*retention.prune(apply=apply, unmatured=unmatured), _bentos(session, retention, apply=apply)]
    except OSError as error:
        raise CommandError(
            f"{error.filename}: cannot be deleted ({error.strerror})\n"
            "Next: correct the owner or mode of the folder, then: loan-default prune --apply"
        ) from None


def _bentos(session: Session, retention: Retention, *, apply: bool) -> PrunedKind:
    setting, count = "RETENTION_BENTOS", session.settings.retention_bentos
    if count is None:
        return PrunedKind(BENTOS, setting)
    if wait := retention.waits_for():
        return PrunedKind(BENTOS, setting, note=wait)
    models = session.registry.history()
    former = {model.version for model in models if model.status in ("retired", "rejected")}
    kept = {model.version for model in kept_champions(models, count)}
    pinned = (session.settings.service_model_tag or "").rpartition(":")[2]
    store, name = session.settings.bento_store, session.portfolio.name
    found = [
        packaged
        for packaged in packaged_versions(store, name)
        if packaged.version in former - kept - {pinned}
    ]
    size = sum(folder_bytes(folder) for packaged in found for folder in packaged.folders)
    if apply:
        delete_packaged(store, name, {packaged.version for packaged in found})
    return PrunedKind(BENTOS, setting, len(found), size)


def text(kinds: list[PrunedKind], *, applied: bool) -> str:
    """The kinds as lines, and what to run next."""
    lines = []
    for each in kinds:
        label = f"{_LABELS[each.kind]:22}"
        if each.count is None:
            lines.append(f"{label} {each.note or f'all are kept: {each.setting} is not set'}")
            continue
        size = f", {size_text(each.size_bytes)}" if each.size_bytes is not None else ""
        lines.append(f"{label} {each.count:,}{size}" + (f" ({each.note})" if each.note else ""))
    lines.append("undelivered spool and logs: never deleted here; their sizes: loan-default status")
    if applied:
        lines.append("deleted")
    elif any(each.count for each in kinds):
        lines.append("nothing was deleted; next: loan-default prune --apply")
    else:
        lines.append("nothing to delete")
    return "\n".join(lines)
