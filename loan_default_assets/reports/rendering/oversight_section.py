"""The section on decisions of people: promotions and approvals, the policy, overrides and rescorings."""

from __future__ import annotations

from loan_default_assets.reports.figures.oversight_figures import OversightFigures
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import Block, Cell, Number, Paragraph, Section, Table, Words
from loan_default_assets.reports.rendering.messages import message, titled, verbatim
from loan_default_assets.reports.rendering.number_format import minute


def oversight_section(figures: ReportFigures) -> Section:
    """Who decided what on this version, when and why, and how often its decisions were overridden."""
    found = figures.oversight
    blocks: list[Block] = [
        Paragraph(
            message("oversight.alone")
            if found.required <= 1
            else message("oversight.required", required=str(found.required))
        )
    ]
    blocks.append(_events(found) if found.events else Paragraph(message("oversight.undecided")))
    if found.policies:
        blocks.append(_policies(found))
    return Section("oversight", message("section.oversight"), [*blocks, *override_blocks(found)])


def override_blocks(found: OversightFigures) -> list[Paragraph | Table]:
    """Overrides of the decisions of one version by reason, and its rescorings."""
    if not found.scored:
        return [Paragraph(message("oversight.none_scored"))]
    rescorings = Paragraph(message("oversight.rescorings", count=f"{found.rescorings:,}"))
    if not found.overrides:
        return [Paragraph(message("oversight.no_overrides", scored=f"{found.scored:,}")), rescorings]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            Words(message(f"oversight.override_{each.decision}")),
            Words(message(f"override_reason.{each.reason_code}")),
            Number(each.count, "count"),
            Number(each.count / found.scored if found.scored else float("nan"), "percent"),
        )
        for each in found.overrides
    )
    columns = titled("oversight.direction", "oversight.code", "oversight.count", "oversight.share")
    counted = message("oversight.overridden", count=f"{found.overridden:,}", scored=f"{found.scored:,}")
    return [
        Paragraph(counted),
        Table(message("oversight.overrides"), columns, rows, found.source),
        rescorings,
    ]


def _events(found: OversightFigures) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            Words(verbatim(minute(each.recorded_at))),
            Words(message(f"oversight.{each.what.replace(' ', '_')}")),
            Words(verbatim(each.actor)),
            Words(verbatim(each.reason)),
            Words(verbatim(each.row)),
        )
        for each in found.events
    )
    columns = titled("oversight.when", "oversight.what", "oversight.who", "oversight.reason", "oversight.row")
    source = FigureSource("champion_decisions, oversight_records", found.source.row)
    return Table(message("oversight.events"), columns, rows, source)


def _policies(found: OversightFigures) -> Table:
    first = Words(message("oversight.first_policy"))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            Words(verbatim(minute(each.recorded_at))),
            Words(verbatim(each.changes)) if each.changes else first,
            Words(verbatim(each.actor)),
            Words(verbatim(each.reason)),
            Words(verbatim(each.row)),
        )
        for each in found.policies
    )
    columns = titled(
        "oversight.when", "oversight.settings", "oversight.who", "oversight.reason", "oversight.row"
    )
    source = FigureSource(found.source.table, "action=policy changed")
    return Table(message("oversight.policies"), columns, rows, source)
