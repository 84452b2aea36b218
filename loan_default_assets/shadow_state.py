"""How far the shadow is, as `status` and the service show it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loan_default_assets.shadow_comparison import comparison_lines
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets.warehouse.registry import ModelRecord, Registry
from loan_default_assets.warehouse.shadow_models import ShadowLog, ShadowState, shadow_record


def shadow_state(
    database: Database, wanted: str | None, portfolio_hash: str, *, latest: bool = False
) -> dict[str, Any] | None:
    """The shadow that a setting names, with its last comparison, as JSON values.

    Args:
        database: The portfolio's tables.
        wanted: The setting SHADOW.
        portfolio_hash: Of the served portfolio.
        latest: Without the setting, the version that was a shadow last.

    Returns:
        None where there is none.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    log, registry = ShadowLog(database), Registry(database)
    if wanted is None:
        version = log.latest() if latest else None
        if version is None:
            return None
        record = registry.get(version)
    else:
        try:
            record = shadow_record(registry, wanted, portfolio_hash)
        except WarehouseError as error:
            return {"wanted": wanted, "version": None, "state": "missing", "error": _first_line(str(error))}
    found = log.state(record.version)
    shown: dict[str, Any] = {"wanted": wanted, "version": record.version, "state": _state(record, found)}
    if found is not None:
        shown |= {
            "started_at": _iso(found.started_at),
            "scored": found.scored,
            "omitted": found.omitted,
            "waiting": found.waiting,
            "seen_at": _iso(found.seen_at),
            "comparison": found.comparison,
            "compared_at": _iso(found.compared_at),
        }
    return shown | {"error": found and found.error and _first_line(found.error)}


def shadow_lines(found: Mapping[str, Any] | None) -> list[str]:
    """The shadow as lines of text; none without one."""
    if found is None:
        return []
    if found["version"] is None:
        return [f"shadow      {found['error']}"]
    lines = [f"shadow      {found['version']}: {found['state']}"]
    if "scored" in found:
        lines[0] += f", predictions scored {found['scored']:,}, waiting {found['waiting']:,}"
    if found["error"]:
        lines.append(f"  {found['error']}")
    if comparison := found.get("comparison"):
        lines += [f"  {line}" for line in comparison_lines(comparison)]
    return lines


def _state(record: ModelRecord, found: ShadowState | None) -> str:
    if record.status == "champion":
        return "champion"
    if found is None:
        return "not started"
    if found.error:
        return "refused"
    if not found.alive:
        return "stopped"
    return "behind" if found.waiting else "current"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _iso(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None
