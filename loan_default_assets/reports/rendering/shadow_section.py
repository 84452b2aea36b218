"""The section on a model that scored beside the champion without deciding anything."""

from __future__ import annotations

from loan_default_assets.reports.figures.proportions import Interval
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import (
    Block,
    Cell,
    Number,
    Paragraph,
    Section,
    Table,
    Tone,
    Words,
)
from loan_default_assets.reports.rendering.messages import message
from loan_default_assets.reports.rendering.number_format import formatted

# Of these, a smaller value is better.
_ERRORS = ("brier",)


def shadow_section(figures: ReportFigures) -> Section:
    """Both models on the served applications with a known outcome."""
    found, title = figures.shadow, message("section.shadow")
    if found is None:
        return Section("shadow", title, [Paragraph(message("shadow.none"))])
    blocks: list[Block] = [
        Paragraph(
            message(
                "shadow.explained",
                champion=found.champion,
                rows=formatted(found.rows, "count"),
                defaults=formatted(found.positives, "count"),
                first=found.first_scored,
                last=found.last_scored,
            )
        )
    ]
    if not found.conclusive:
        blocks.append(Paragraph(message("shadow.too_few"), "warning"))
    columns = ("metric.title", "shadow.model", "shadow.champion", "shadow.difference")
    rows: list[tuple[Cell, ...]] = [
        (
            Words(message(f"metric.{name}")),
            Number(model),
            Number(champion),
            Number(difference.value, tone=_tone(name, difference) if found.conclusive else "plain"),
            Number(difference.low),
            Number(difference.high),
        )
        for name, (model, champion, difference) in found.metrics.items()
    ]
    titles = tuple(message(name) for name in (*columns, "metric.low", "metric.high"))
    blocks.append(Table(message("shadow.table"), titles, tuple(rows), found.source))
    blocks.append(Paragraph(message("shadow.reading")))
    return Section("shadow", title, blocks)


def _tone(name: str, difference: Interval) -> Tone:
    """Good or bad where the interval of the difference lies on one side of zero."""
    better, worse = difference.low > 0, difference.high < 0
    if name in _ERRORS:
        better, worse = worse, better
    return "good" if better else "bad" if worse else "plain"
