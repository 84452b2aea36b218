"""Sections on what became of the version over time: its evaluations, its served predictions, and vintages of loans."""

from __future__ import annotations

from collections.abc import Sequence

from loan_default_assets.policy.stored_numbers import number_or_nan
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.figures.vintages import Vintages
from loan_default_assets.reports.rendering.blocks import (
    Axis,
    Block,
    Figures,
    LineChart,
    Number,
    Paragraph,
    Section,
    Series,
    Table,
    Words,
    share_axis,
)
from loan_default_assets.reports.rendering.messages import message, titled, verbatim
from loan_default_assets.reports.rendering.number_format import formatted
from loan_default_assets.reports.rendering.verdict_sections import omission


def history_section(figures: ReportFigures) -> Section:
    """Every evaluation of the version, and served predictions with a known outcome."""
    history = figures.history
    points = history.evaluations
    position = tuple(float(i) for i in range(len(points)))
    blocks: list[Block] = []
    dated = all(point.window_to for point in points)
    columns = ("history.window", "history.rows", "history.defaults", "metric.f1", "metric.low", "metric.high")
    table = Table(
        message("history.table"),
        (*(message(name) for name in columns), message("metric.roc_auc"), message("history.id")),
        tuple(
            (
                Words(verbatim(point.window_to) if point.window_to else message("history.no_dates")),
                Number(point.rows, "count"),
                Number(point.positives, "count"),
                *(
                    Number(value)
                    for value in (point.f1.value, point.f1.low, point.f1.high, point.roc_auc.value)
                ),
                Number(point.id, "count"),
            )
            for point in points
        ),
        history.source,
    )
    if len(points) > 1:
        series: list[Series] = [
            Series(
                message("metric.f1"),
                position,
                tuple(p.f1.value for p in points),
                tuple(p.f1.low for p in points),
                tuple(p.f1.high for p in points),
            )
        ]
        if history.target is not None:
            flat = (history.target,) * len(points)
            series.append(Series(message("history.target"), position, flat, reference=True))
        chart = LineChart(
            message("history.chart"),
            Axis(message("history.window" if dated else "history.id")),
            Axis(message("metric.f1"), low=0.0, high=1.0),
            tuple(series),
            points=True,
            categories=tuple(verbatim(point.window_to if dated else str(point.id)) for point in points),
        )
        blocks.append(Figures((chart,), history.source, table))
    else:
        blocks += [Paragraph(message("history.once")), table]
    blocks += _live(figures)
    return Section("history", message("section.history"), blocks)


def _live(figures: ReportFigures) -> Sequence[Block]:
    live = figures.history.live
    if live is None:
        return [Paragraph(message("live.none"))]
    rows = [
        (Words(message(f"metric.{name}")), Number(number_or_nan(value)))
        for name, value in live.values.items()
    ]
    dates = message("live.dates", first=live.first_scored, last=live.last_scored)
    return [
        Paragraph(
            message(
                "live.explained",
                rows=formatted(live.rows, "count"),
                defaults=formatted(live.positives, "count"),
                dates=dates,
            )
        ),
        Table(
            message("live.table"),
            (message("metric.title"), message("metric.value")),
            tuple(rows),
            live.source,
        ),
    ]


def vintages_section(figures: ReportFigures) -> Section:
    """Default rates by vintage, and by age where outcomes have dates."""
    found = figures.vintages
    if isinstance(found, Omitted):
        return Section("vintages", message("section.vintages"), [omission(found)])
    lead = (
        "vintages.curves" if found.ages else "vintages.sampled" if found.sampled else "vintages.fixed_horizon"
    )
    blocks: list[Block] = [Paragraph(message(lead))]
    table = Table(
        message("vintages.table"),
        titled(
            "vintages.vintage",
            "count.loans",
            "count.matured",
            "axis.default_rate",
            "metric.low",
            "metric.high",
        ),
        tuple(
            (
                Words(verbatim(one.name)),
                Number(one.rows, "count"),
                Number(one.matured, "count"),
                Number(one.default_rate.value, "percent"),
                Number(one.default_rate.low, "percent"),
                Number(one.default_rate.high, "percent"),
            )
            for one in found.vintages
        ),
        found.source,
    )
    blocks.append(Figures((_vintage_chart(found),), found.source, table))
    return Section("vintages", message("section.vintages"), blocks)


def _vintage_chart(found: Vintages) -> LineChart:
    if found.ages:
        shown = [one for one in found.vintages if one.cumulative][-6:]
        return LineChart(
            message("chart.vintages"),
            Axis(message("axis.age"), "count", 0.0),
            share_axis("axis.cumulative", 0.0, None),
            tuple(
                Series(
                    verbatim(one.name),
                    tuple(float(age) for age in found.ages[: len(one.cumulative)]),
                    one.cumulative,
                )
                for one in shown
            ),
            points=True,
        )
    known = [one for one in found.vintages if one.matured]
    return LineChart(
        message("chart.vintage_rates"),
        Axis(message("vintages.vintage")),
        share_axis("axis.default_rate", 0.0, None),
        (
            Series(
                message("chart.observed_interval"),
                tuple(float(i) for i in range(len(known))),
                tuple(one.default_rate.value for one in known),
                tuple(one.default_rate.low for one in known),
                tuple(one.default_rate.high for one in known),
            ),
        ),
        points=True,
        categories=tuple(verbatim(one.name) for one in known),
    )
