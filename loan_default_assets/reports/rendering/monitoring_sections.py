"""Sections on stability: drift over time, groups of protected and segment columns, weak segments."""

from __future__ import annotations

import math
from collections.abc import Mapping

from loan_default_assets.reports.figures.drift import AMBER, RED
from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.group_figures import (
    WEAK_LEVEL,
    ColumnGroups,
    GroupFigures,
    WeakSegments,
)
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import (
    NO_SHADE,
    Axis,
    Block,
    Cell,
    Chart,
    Figures,
    HeatMap,
    LineChart,
    Number,
    Paragraph,
    Section,
    Series,
    Table,
    Words,
    share_axis,
)
from loan_default_assets.reports.rendering.messages import Message, in_both, message, titled, verbatim
from loan_default_assets.reports.rendering.model_sections import feature_title, group_title
from loan_default_assets.reports.rendering.number_format import formatted
from loan_default_assets.reports.rendering.verdict_sections import light, omission

_LEVELS = {"green": 0, "amber": 1, "red": 2, None: NO_SHADE}
_MOST_WEAK = 10
_MOST_FEATURES = 15


def drift_section(figures: ReportFigures) -> Section:
    """PSI of the score, CSI of the features and default rates, by period."""
    found = figures.drift
    if isinstance(found, Omitted):
        return Section("drift", message("section.drift"), [omission(found)])
    drifted = [one for one in found.features if one.window.light in ("amber", "red")]
    blocks: list[Block] = [
        Paragraph(message("drift.explained")),
        Paragraph(message("drift.reference" if found.periods else "drift.reference_undated")),
        Paragraph(
            message(
                "drift.score",
                psi=formatted(found.window_score.value),
                chance=formatted(found.window_score.chance),
            ),
            light(found.window_score)[1],
        ),
        Paragraph(
            message("drift.features", count=str(len(drifted)), all=str(len(found.features))),
            "warning" if drifted else "good",
        ),
    ]
    features = Table(
        message("drift.features_table"),
        titled("features.feature", "features.column", "drift.csi", "drift.chance", "drift.light"),
        tuple(
            (
                Words(feature_title(one.feature)),
                Words(verbatim(one.feature.name)),
                Number(one.window.value),
                Number(one.window.chance),
                Words(*light(one.window)),
            )
            for one in found.features
        ),
        found.source,
        folded=True,
    )
    if not found.periods:
        return Section(
            "drift", message("section.drift"), [*blocks, Paragraph(message("drift.no_dates")), features]
        )
    names = tuple(verbatim(period.name) for period in found.periods)
    position = tuple(float(i) for i in range(len(found.periods)))
    rates = [period.default_rate for period in found.periods]
    psi = tuple(math.nan if one.score is None else one.score.value for one in found.periods)
    chance = tuple(math.nan if one.score is None else one.score.chance for one in found.periods)
    charts: list[Chart] = [
        LineChart(
            message("chart.psi"),
            Axis(message("axis.period")),
            Axis(message("axis.psi"), low=0.0, high=max(0.3, *(v * 1.05 for v in psi if math.isfinite(v)))),
            (
                Series(message("axis.psi"), position, psi),
                Series(message("drift.chance"), position, chance),
                *(
                    Series(message("drift.limit", limit=f"{v:g}"), position, (v,) * len(psi), reference=True)
                    for v in (AMBER, RED)
                ),
            ),
            points=True,
            categories=names,
        ),
        LineChart(
            message("chart.default_rate"),
            Axis(message("axis.period")),
            share_axis("axis.default_rate", 0.0, None),
            (
                Series(
                    message("chart.observed_interval"),
                    position,
                    tuple(rate.value for rate in rates),
                    tuple(rate.low for rate in rates),
                    tuple(rate.high for rate in rates),
                ),
                Series(
                    message("chart.mean_pd_interval"),
                    position,
                    tuple(one.mean_pd.value for one in found.periods),
                    tuple(one.mean_pd.low for one in found.periods),
                    tuple(one.mean_pd.high for one in found.periods),
                ),
            ),
            points=True,
            categories=names,
        ),
        HeatMap(
            message("chart.csi"),
            tuple(feature_title(one.feature) for one in found.features[:_MOST_FEATURES]),
            tuple(period.name for period in found.periods),
            tuple(tuple(index.value for index in one.periods) for one in found.features[:_MOST_FEATURES]),
            tuple(
                tuple(_LEVELS[index.light] for index in one.periods)
                for one in found.features[:_MOST_FEATURES]
            ),
            titled("light.green", "light.amber", "light.red", "drift.too_few"),
        ),
    ]
    periods = Table(
        message("drift.periods"),
        titled(
            "axis.period",
            "count.loans",
            "count.matured",
            "axis.observed",
            "axis.mean_pd",
            "axis.psi",
            "drift.light",
            "drift.fitted",
        ),
        tuple(
            (
                Words(verbatim(one.name)),
                Number(one.rows, "count"),
                Number(one.matured, "count"),
                Number(one.default_rate.value, "percent"),
                Number(one.mean_pd.value, "percent"),
                Number(math.nan if one.score is None else one.score.value),
                Words(verbatim("–")) if one.score is None else Words(*light(one.score)),
                Words(message("word.yes" if one.in_training else "word.no")),
            )
            for one in found.periods
        ),
        found.source,
    )
    blocks += [Figures(tuple(charts), found.source, periods), features]
    return Section("drift", message("section.drift"), blocks)


def groups_section(figures: ReportFigures) -> Section:
    """Approval rates, F1 and calibration by group, and the segments in which the model is weak."""
    blocks: list[Block] = []
    drift = figures.drift
    described = (
        {} if isinstance(drift, Omitted) else {one.feature.name: one.feature for one in drift.features}
    )
    if isinstance(figures.groups, Omitted):
        blocks.append(omission(figures.groups))
    else:
        blocks.append(Paragraph(message("groups.explained")))
        described |= {one.column: one.described for one in figures.groups if one.described is not None}
        blocks += [_groups_table(column, described.get(column.column)) for column in figures.groups]
    if isinstance(figures.weak, Omitted):
        blocks.append(omission(figures.weak))
    else:
        blocks += _weak(figures.weak, described)
    return Section("groups", message("section.groups"), blocks)


def _groups_table(column: ColumnGroups, feature: Feature | None) -> Table:
    columns = (
        "groups.group",
        "count.loans",
        "axis.approval_rate",
        "groups.ratio",
        "metric.low",
        "metric.high",
        "metric.f1_short",
        "axis.predicted",
        "axis.observed",
        "calibration.within",
    )
    title = message(
        f"groups.{column.role}",
        column=_column_title(column.column, feature),
        reference=_values(column.reference, feature),
    )
    rows = tuple(_group_row(group, feature) for group in column.groups)
    return Table(title, titled(*columns), rows, column.source)


def _column_title(column: str, feature: Feature | None) -> Message:
    if feature is None:
        return verbatim(column)
    titles = (feature.english, feature.korean)
    return in_both(*(title if title == column else f"{column}: {title}" for title in titles))


def _group_row(group: GroupFigures, feature: Feature | None) -> tuple[Cell, ...]:
    head: tuple[Cell, ...] = (Words(_values(group.name, feature)), Number(group.rows, "count"))
    if group.calibrated is None:
        return (*head, *(Words(message("groups.small") if not i else verbatim("–")) for i in range(8)))
    within = Words(
        message("word.yes" if group.calibrated else "word.no"), "good" if group.calibrated else "warning"
    )
    return (
        *head,
        Number(group.approval_rate.value, "percent"),
        Number(group.ratio.value),
        Number(group.ratio.low),
        Number(group.ratio.high),
        Number(group.f1),
        Number(group.mean_pd, "percent"),
        Number(group.observed.value, "percent"),
        within,
    )


def _weak(found: WeakSegments, described: Mapping[str, Feature]) -> list[Block]:
    """The weak segments, by what their columns are; a column that is no feature by its name."""
    if not found.found:
        return [Paragraph(message("weak.none", tested=str(found.tested)), "good")]
    rows: list[tuple[Cell, ...]] = [
        (
            Words(feature_title(described[one.column]) if one.column in described else verbatim(one.column)),
            Words(_values(one.name, described.get(one.column))),
            Number(one.rows, "count"),
            Number(one.mean_pd, "percent"),
            Number(one.observed.value, "percent"),
            Number(one.p_value, "p_value", "bad" if one.p_value < WEAK_LEVEL else "plain"),
            Number(one.area.value),
            Number(one.implied_area),
            Number(one.area_p_value, "p_value", "bad" if one.area_p_value < WEAK_LEVEL else "plain"),
        )
        for one in found.found[:_MOST_WEAK]
    ]
    columns = titled(
        "features.column",
        "groups.group",
        "count.loans",
        "axis.predicted",
        "axis.observed",
        "weak.p_value",
        "metric.roc_auc",
        "weak.implied",
        "weak.area_p_value",
    )
    return [
        Paragraph(message("weak.found", tested=str(found.tested), count=str(len(found.found))), "warning"),
        Table(message("weak.table"), columns, tuple(rows), found.source),
    ]


def _values(name: str, feature: Feature | None) -> Message:
    """The values of a segment, with the unit of the numbers."""
    unit = feature.unit if feature is not None else ""
    return verbatim(f"{name} {unit}") if unit and any(map(str.isdigit, name)) else group_title(name)
