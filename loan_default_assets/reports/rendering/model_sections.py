"""Sections on the model itself: its training, its features, its limits and its lineage."""

from __future__ import annotations

from loan_default_assets.reports.figures.feature_effects import Dependence
from loan_default_assets.reports.figures.feature_table import ALL, MISSING, OTHER, UNKNOWN, Feature
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import (
    Axis,
    BarChart,
    Block,
    Cell,
    Chart,
    Figures,
    LineChart,
    Number,
    Paragraph,
    Section,
    Series,
    Table,
    Tone,
    Words,
    share_axis,
)
from loan_default_assets.reports.rendering.messages import Message, in_both, message, titled, verbatim
from loan_default_assets.reports.rendering.number_format import formatted, minute
from loan_default_assets.reports.rendering.verdict_sections import omission

_LIMITS = ("intervals", "selection", "label", "monotone", "references", "groups", "purpose")


def feature_title(feature: Feature) -> Message:
    """What a feature is, in the reader's language."""
    return in_both(feature.english, feature.korean)


def group_title(name: str) -> Message:
    """The name of a group: a value of the data, or a word."""
    return message(f"group.{name}") if name in (MISSING, UNKNOWN, OTHER, ALL) else verbatim(name)


def training_section(figures: ReportFigures) -> Section:
    """Loss curves, the gain of pretraining, and the members of the ensemble."""
    found = figures.course
    if isinstance(found, Omitted):
        return Section("training", message("section.training"), [omission(found)])
    blocks: list[Block] = []
    if found.pretraining_gain is None:
        blocks.append(Paragraph(message("training.gain_not_measured")))
    else:
        blocks.append(Paragraph(message("training.gain", gain=f"{found.pretraining_gain:+.4f}")))
    slope, offset = found.calibration
    blocks.append(
        Paragraph(
            message(
                "training.calibration",
                slope=formatted(slope),
                offset=f"{'+' if offset >= 0 else '−'} {formatted(abs(offset))}",
            )
        )
    )
    blocks.append(Paragraph(message("training.held_out")))
    charts: list[Chart] = []
    if found.pretraining_losses is None:
        blocks.append(Paragraph(message("training.no_encoder"), "warning"))
    elif len(found.pretraining_losses) > 1:
        charts.append(_epochs("chart.pretraining", "axis.loss", (found.pretraining_losses,)))
    elif found.pretraining_losses:
        blocks.append(
            Paragraph(message("training.pretrained_once", loss=formatted(found.pretraining_losses[0])))
        )
    else:
        blocks.append(Paragraph(message("training.not_pretrained")))
    if any(len(losses) > 1 for losses in found.losses):
        charts.append(_epochs("chart.loss", "axis.loss", found.losses))
        charts.append(_epochs("chart.validation_auc", "axis.validation_auc", found.validation_auc))
    else:
        blocks.append(Paragraph(message("training.no_curves")))
    if charts:
        blocks.append(Figures(tuple(charts), found.source))
    rows: list[tuple[Cell, ...]] = [
        (Words(message(f"member.{kind}")), Number(weight, "percent")) for kind, weight in found.members
    ]
    blocks.append(
        Table(message("training.members"), titled("member.kind", "member.weight"), tuple(rows), found.source)
    )
    return Section("training", message("section.training"), blocks)


def _epochs(title: str, axis: str, members: tuple[tuple[float, ...], ...]) -> LineChart:
    """One line per transformer, at most six."""
    return LineChart(
        message(title),
        Axis(message("axis.epoch"), "count"),
        Axis(message(axis)),
        tuple(
            Series(
                message("member.numbered", number=str(number)),
                tuple(float(epoch) for epoch in range(1, len(values) + 1)),
                values,
            )
            for number, values in enumerate(members[:6], start=1)
        ),
        points=True,
    )


def features_section(figures: ReportFigures) -> Section:
    """Permutation importance, and partial dependence with tests of its direction."""
    found = figures.effects
    if isinstance(found, Omitted):
        return Section("features", message("section.features"), [omission(found)])
    top = found.importance[:15]
    bars = BarChart(
        message("chart.importance"),
        tuple(feature_title(one.feature) for one in top),
        Axis(message("axis.drop")),
        (
            Series(
                message("axis.drop"),
                tuple(float(i) for i in range(len(top))),
                tuple(one.drop for one in top),
                tuple(one.lowest for one in top),
                tuple(one.highest for one in top),
            ),
        ),
        horizontal=True,
    )
    importance = Table(
        message("features.importance"),
        titled("features.feature", "features.column", "axis.drop", "features.lowest", "features.highest"),
        tuple(
            (
                Words(feature_title(one.feature)),
                Words(verbatim(one.feature.name)),
                Number(one.drop),
                Number(one.lowest),
                Number(one.highest),
            )
            for one in found.importance
        ),
        found.source,
        folded=True,
    )
    signs = Table(
        message("features.signs"),
        titled(
            "features.feature",
            "features.model_direction",
            "features.share",
            "features.data_direction",
            "features.agrees",
        ),
        tuple(_sign_row(one) for one in found.dependence if one.feature.kind == "number"),
        found.source,
    )
    blocks: list[Block] = [
        Paragraph(
            message(
                "features.explained",
                rows=formatted(found.rows, "count"),
                defaults=formatted(found.defaults, "count"),
                repeats=str(found.repeats),
            )
        ),
        Figures((bars,), found.source, importance),
        Paragraph(message("features.dependence", rows=formatted(found.dependence_rows, "count"))),
        Figures(tuple(_dependence(one) for one in found.dependence if one.points), found.source),
    ]
    if signs.rows:
        blocks += [Paragraph(message("features.sign_test")), signs]
    return Section("features", message("section.features"), blocks)


def _dependence(found: Dependence) -> Chart:
    feature, value = found.feature, share_axis("axis.mean_pd", 0.0, None)
    if feature.kind == "category":
        return BarChart(
            feature_title(feature),
            tuple(group_title(feature.code_text(int(code))) for code in found.points),
            value,
            (Series(message("axis.mean_pd"), found.points, found.pd),),
            horizontal=True,
        )
    unit = (
        message("axis.in_unit", name=feature.name, unit=feature.unit)
        if feature.unit
        else verbatim(feature.name)
    )
    return LineChart(
        feature_title(feature),
        Axis(unit, "number" if feature.grouped else "ungrouped"),
        value,
        (Series(message("axis.mean_pd"), found.points, found.pd),),
        points=True,
    )


def _sign_row(found: Dependence) -> tuple[Cell, ...]:
    tones: dict[bool | None, Tone] = {True: "good", False: "warning", None: "plain"}
    agrees = {True: "word.yes", False: "word.no", None: "features.no_direction"}[found.agrees]
    return (
        Words(feature_title(found.feature)),
        Words(message(f"direction.{found.direction}")),
        Number(found.share, "percent"),
        Words(message(f"direction.{found.observed}")),
        Words(message(agrees), tones[found.agrees]),
    )


def limits_section(figures: ReportFigures) -> Section:
    """What the figures do not say."""
    window = message("limits.window" if figures.evaluation.window_from else "limits.window_undated")
    blocks = [Paragraph(window), *(Paragraph(message(f"limits.{name}")) for name in _LIMITS)]
    if not isinstance(figures.gates, Omitted) and figures.gates.warning is not None:
        blocks.insert(0, Paragraph(message("limits.leakage"), "warning"))
    return Section("limits", message("section.limits"), blocks)


def lineage_section(figures: ReportFigures) -> Section:
    """Hashes and names by which everything can be found again."""
    model = figures.model
    shown = ((name, minute(value) if name == "created_at" else value) for name, value in model.lineage)
    rows = tuple((Words(message(f"lineage.{name}")), Words(verbatim(value))) for name, value in shown)
    table = Table(message("lineage.table"), titled("lineage.name", "lineage.value"), rows, model.source)
    verify = Paragraph(message("lineage.verify"))
    return Section("lineage", message("section.lineage"), [table, verify])
