"""Drift and live performance of the champion in `status`, as JSON values and as lines."""

from dataclasses import asdict
from typing import Any

from loan_default_assets.commands.session import Session
from loan_default_assets.pipeline.partition_drift import index_title
from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, DriftState, F1Block
from loan_default_assets.warehouse.registry import ModelRecord

_SHOWN_BLOCKS = 3


def drift(session: Session, champion: ModelRecord | None) -> dict[str, Any] | None:
    """The newest figures of the champion; None before a partition was compared with its training.

    Raises:
        WarehouseError: The database cannot be reached.
    """
    state = DriftLog(session.database).state(champion.version) if champion else None
    return None if state is None else drift_values(state, session.portfolio)


def drift_values(state: DriftState, portfolio: Portfolio) -> dict[str, Any]:
    """The figures as JSON values; a feature by its name, and with its title."""
    return {
        "light": state.light,
        "drifted": [asdict(each) | {"title": index_title(each, portfolio)} for each in state.drifted],
        "partition": _check(state.newest),
        "scored_partition": _check(state.scored) if state.scored else None,
        "f1": [_block(block) for block in state.blocks],
    }


def _check(check: DriftCheck) -> dict[str, Any]:
    return {
        "key": check.partition_key,
        "pooled_from": check.pooled_from,
        "rows": check.rows,
        "limit": check.limit,
        "score": asdict(check.score) if check.score else None,
    }


def _block(block: F1Block) -> dict[str, Any]:
    return asdict(block) | {"as_estimated": block.as_estimated}


def drift_lines(found: dict[str, Any] | None) -> list[str]:
    """Drift of the newest partition, and F1 before and after outcomes are known; none without figures."""
    if found is None:
        return []
    partition = found["partition"]
    dated = partition["key"] != UNDATED_PARTITION
    compared = f"partition {partition['key']}" if dated else "the evaluation window"
    where = f"{compared} ({partition['rows']:,} rows)"
    if partition["limit"] is None:
        lines = [f"drift       {where}: too few rows to compare with the training"]
    elif found["drifted"]:
        named = ", ".join(f"{each['title']} PSI {each['psi']:.3f}" for each in found["drifted"])
        lines = [f"drift       {where}: {named}"]
    else:
        lines = [f"drift       none in {where}"]
    blocks = found["f1"]
    estimated = [block for block in blocks if block["measured"] is None and block["estimate"] is not None]
    measured = [block for block in blocks if block["measured"] is not None and block["estimate"] is not None]
    if estimated or measured:
        lines.append(f"F1 of {'later loans, as their' if dated else 'the window, as its'} PDs let expect")
    for block in (*measured[-_SHOWN_BLOCKS:], *estimated[-_SHOWN_BLOCKS:]):
        when = f"{block['first_partition']} to {block['last_partition']} " if dated else ""
        line = (
            f"  {when}{block['rows']:>8,} loans  "
            f"{block['estimate']:.3f}  [{block['low']:.3f}, {block['high']:.3f}]"
        )
        if block["measured"] is None:
            line += "  outcomes not matured"
        else:
            line += f"  measured {block['measured']:.3f}" + (
                "" if block["as_estimated"] else ", not as expected"
            )
        lines.append(line)
    return lines
