"""What people decided on a version, read from its records for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from loan_default_assets.reports.figures.oversight_figures import (
    OverriddenDecisions,
    OversightEvent,
    OversightFigures,
    PolicyChange,
    What,
)
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.warehouse.oversight import OversightRecord
from loan_default_assets.warehouse.policy_records import APPROVALS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from loan_default_assets.pipeline.evaluated_version import ReportInputs


def oversight_of(inputs: ReportInputs, version: str) -> OversightFigures:
    """Decisions on the version, recorded policies, and overrides of its decisions."""
    log = inputs.registry.oversight
    records = log.promotions_and_policies()
    policies = [each for each in records if each.action == "policy changed"]
    return OversightFigures(
        required=int(policies[-1].details.get(APPROVALS, 1)) if policies else 1,
        events=_events(inputs, records, version),
        policies=tuple(
            _policy(before, after) for before, after in zip([None, *policies], policies, strict=False)
        ),
        overrides=tuple(
            OverriddenDecisions(each.decision, each.reason_code, each.count)
            for each in log.override_counts(version)
        ),
        scored=sum(scored for _, scored, _ in inputs.predictions.volume(version)),
        rescorings=log.rescoring_count(version),
        source=FigureSource("oversight_records", f"version={version}"),
    )


def _events(
    inputs: ReportInputs, records: Sequence[OversightRecord], version: str
) -> tuple[OversightEvent, ...]:
    events: list[tuple[datetime, What, str, str, str]] = [
        (each.decided_at, each.action, each.decided_by, each.reason or "", f"champion_decisions {each.id}")
        for each in inputs.registry.decisions()
        if each.version == version
    ]
    events += [
        (each.recorded_at, cast(What, each.action), each.actor, each.reason, f"oversight_records {each.id}")
        for each in records
        if each.version == version
    ]
    return tuple(
        OversightEvent(time.isoformat(timespec="seconds"), what, actor, reason, row)
        for time, what, actor, reason, row in sorted(events, key=lambda event: event[0])
    )


def _policy(before: OversightRecord | None, after: OversightRecord) -> PolicyChange:
    changes = (
        f"{name} {before.details.get(name)} -> {value}"
        for name, value in after.details.items()
        if before is not None and before.details.get(name) != value
    )
    return PolicyChange(
        after.recorded_at.isoformat(timespec="seconds"),
        after.actor,
        after.reason,
        "; ".join(sorted(changes)),
        f"oversight_records {after.id}",
    )
