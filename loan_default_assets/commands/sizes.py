"""Sizes of everything that grows: the database's tables, artifacts, Bentos, spool and logs."""

from typing import Any

from loan_default_assets.commands.session import Session
from loan_default_assets.model.artifact_files import ArtifactRootError
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.pipeline.prune_models import folder_bytes
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.database import DAGSTER_SCHEMA
from loan_default_assets.warehouse.pruned_models import pruned_models
from loan_default_assets.warehouse.table_sizes import table_sizes

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
# Tables of Dagster beyond these are counted together in the text.
_TABLES_SHOWN = 3


def sizes(session: Session) -> dict[str, Any]:
    """Bytes by table and by kind of file, and the versions whose files retention has deleted.

    `artifacts` is None where ARTIFACT_ROOT is a URL that cannot be reached; `artifact_cache` is there for a URL only.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    tables = table_sizes(session.database)
    home, name = session.settings.home, session.portfolio.name
    with session.database.transaction() as cursor:
        pruned = pruned_models(cursor)
    return {
        "tables": tables,
        "database": sum(sum(schema.values()) for schema in tables.values()),
        **_artifacts(session.settings),
        "bentos": folder_bytes(session.settings.bento_store),
        "spool": folder_bytes(home / "service" / name / "spool"),
        "logs": folder_bytes(home / "logs") + folder_bytes(home / "dagster"),
        "pruned_models": {version: time.isoformat() for version, time in sorted(pruned.items())},
    }


def _artifacts(settings: Settings) -> dict[str, int | None]:
    in_folder, cache = folder_bytes(settings.artifact_folder), artifact_cache(settings)
    if cache is None:
        return {"artifacts": in_folder}
    try:
        return {"artifacts": sum(cache.objects.sizes().values()), "artifact_cache": in_folder}
    except ArtifactRootError:
        return {"artifacts": None, "artifact_cache": in_folder}


def size_text(size_bytes: float) -> str:
    """A size in the largest decimal unit of which it has one.

    Args:
        size_bytes: At least 0.
    """
    for unit in _UNITS:
        if size_bytes < 1000 or unit == _UNITS[-1]:
            break
        size_bytes /= 1000
    return f"{size_bytes:,.0f} {unit}" if unit == "bytes" else f"{size_bytes:,.1f} {unit}"


def size_lines(found: dict[str, Any]) -> list[str]:
    """The sizes as lines."""
    lines = [f"sizes       database {size_text(found['database'])}"]
    for schema, tables in found["tables"].items():
        largest = list(tables.items())[: _TABLES_SHOWN if schema == DAGSTER_SCHEMA else None]
        shown = ", ".join(f"{table} {size_text(size)}" for table, size in largest)
        lines.append(f"  {schema} {size_text(sum(tables.values()))}: {shown}")
    files = ("artifacts", "artifact_cache", "bentos", "spool", "logs")
    known = (
        f"{kind.replace('_', ' ')} {'unknown' if found[kind] is None else size_text(found[kind])}"
        for kind in files
        if kind in found
    )
    lines.append("  " + ", ".join(known))
    if pruned := found["pruned_models"]:
        lines.append(f"  models whose files retention has deleted: {', '.join(pruned)}")
    return lines
