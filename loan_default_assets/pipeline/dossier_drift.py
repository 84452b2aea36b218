"""Facts of a model's dossier on drift since its training, and on F1 before outcomes are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from loan_default_assets.reports.figures.dossier_facts import RecordedFact, facts_of, row
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog


def drift_facts(log: DriftLog, version: str) -> tuple[RecordedFact, ...]:
    """How many partitions were compared, all figures of the newest one, and those of each that drifted.

    A history has hundreds of partitions, and most of them say nothing.

    Raises:
        WarehouseError: The database cannot be read.
    """
    checks = log.checks(version)
    if not checks:
        return ()
    times = log.check_times(version)
    counted = row("drift_checks", model_version=version).at("count(*)")
    return (
        RecordedFact("partitions compared", len(checks), counted),
        *(
            fact
            for check in checks
            if check.drifted or check is checks[-1]
            for fact in _facts(version, check, times.get(check.partition_key), whole=check is checks[-1])
        ),
    )


def _facts(
    version: str, check: DriftCheck, times: tuple[datetime, datetime | None] | None, *, whole: bool
) -> Iterator[RecordedFact]:
    """The facts of a partition; unless `whole`, without the figures that did not drift."""
    checked_at, alerted_at = times or (None, None)
    key = check.partition_key
    source = row("drift_checks", model_version=version, partition_key=key)
    columns = {"pooled_from": check.pooled_from, "rows": check.rows, "checked_at": checked_at}
    found = list(facts_of(source, columns | {"alerted_at": alerted_at}))
    indices = [(source.at("features", str(position)), each) for position, each in enumerate(check.features)]
    if check.score is not None:
        indices.append((source.at("score"), check.score))
    for place, index in indices:
        if whole or index in check.drifted:
            named = facts_of(place, {"psi": index.psi, "limit": index.limit, "light": index.light})
            found += [RecordedFact(f"{index.name}.{each.name}", each.value, each.source) for each in named]
    return (RecordedFact(f"{key}.{each.name}", each.value, each.source) for each in found)


def estimate_facts(log: DriftLog, version: str) -> tuple[RecordedFact, ...]:
    """Every block of partitions with its expected and its measured F1.

    Raises:
        WarehouseError: The database cannot be read.
    """
    state, times = log.state(version), log.block_times(version)
    return tuple(
        RecordedFact(f"{block.first_partition}.{fact.name}", fact.value, fact.source)
        for block in (state.blocks if state else ())
        for fact in facts_of(
            row("f1_estimates", model_version=version, first_partition=block.first_partition),
            {name: value for name, value in asdict(block).items() if name != "first_partition"}
            | {"computed_at": times.get(block.first_partition)},
        )
    )
