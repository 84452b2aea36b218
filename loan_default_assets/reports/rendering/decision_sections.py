"""Sections on the score: discrimination, calibration, cut-offs, threshold, swap set and rating grades."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from loan_default_assets.reports.figures.calibration_bands import CalibrationBand
from loan_default_assets.reports.figures.discrimination import Curve
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.figures.swap_set import DecisionCell, SwapSet
from loan_default_assets.reports.rendering.blocks import (
    Axis,
    BarChart,
    Block,
    Cell,
    Figures,
    LineChart,
    Marker,
    Number,
    Paragraph,
    Section,
    Series,
    Table,
    Words,
)
from loan_default_assets.reports.rendering.messages import Message, message, verbatim
from loan_default_assets.reports.rendering.number_format import formatted
from loan_default_assets.reports.rendering.verdict_sections import omission


def titled(*keys: str) -> tuple[Message, ...]:
    """Messages of titles."""
    return tuple(message(key) for key in keys)


def share_axis(key: str, low: float | None = 0.0, high: float | None = 1.0) -> Axis:
    """An axis in percent."""
    return Axis(message(key), "percent", low, high)


def _series(key: str, curve: Curve) -> Series:
    return Series(message(key), curve.x, curve.y)


def discrimination_section(figures: ReportFigures) -> Section:
    """ROC, precision-recall, KS, score distribution and gains."""
    found = figures.discrimination
    if isinstance(found, Omitted):
        return Section("discrimination", message("section.discrimination"), [omission(found)])
    chance = Series(message("chart.no_information"), (0.0, 1.0), (0.0, 1.0), reference=True)
    rate = Series(
        message("chart.no_information"), (0.0, 1.0), (found.default_rate, found.default_rate), reference=True
    )
    gained = (0.0, *(_cumulative([band.rows for band in found.gains])))
    captured = (0.0, *(band.captured for band in found.gains))
    middle = tuple((a + b) / 2 for a, b in pairwise(found.edges))
    charts = (
        LineChart(
            message("chart.roc", area=formatted(found.roc_auc), gini=formatted(found.gini)),
            share_axis("axis.false_positive_rate"),
            share_axis("axis.true_positive_rate"),
            (_series("chart.model", found.roc), chance),
        ),
        LineChart(
            message("chart.precision_recall", area=formatted(found.pr_auc)),
            share_axis("axis.recall"),
            share_axis("axis.precision"),
            (_series("chart.model", found.precision_recall), rate),
        ),
        LineChart(
            message("chart.ks", ks=formatted(found.ks), pd=formatted(found.ks_at, "percent")),
            share_axis("axis.pd", 0.0, None),
            share_axis("axis.share_below"),
            (_series("word.no_default", found.others_below), _series("word.default", found.defaults_below)),
            (Marker(message("chart.largest_distance"), found.ks_at),),
        ),
        LineChart(
            message("chart.distribution"),
            share_axis("axis.pd", 0.0, None),
            share_axis("axis.share_of_class", 0.0, None),
            (
                Series(message("word.no_default"), middle, found.others_share),
                Series(message("word.default"), middle, found.defaults_share),
            ),
            points=True,
        ),
        LineChart(
            message("chart.gains"),
            share_axis("axis.share_of_loans"),
            share_axis("axis.share_of_defaults"),
            (Series(message("chart.model"), gained, captured), chance),
            points=True,
        ),
    )
    table = Table(
        message("gains.table"),
        titled("gains.band", "count.loans", "count.defaults", "gains.captured", "gains.lift"),
        tuple(
            (
                Number(number, "count"),
                Number(band.rows, "count"),
                Number(band.defaults, "count"),
                Number(band.captured, "percent"),
                Number(band.lift),
            )
            for number, band in enumerate(found.gains, start=1)
        ),
        found.source,
        folded=True,
    )
    blocks: list[Block] = [
        Paragraph(message("discrimination.explained")),
        Figures(charts, found.source, table),
    ]
    return Section("discrimination", message("section.discrimination"), blocks)


def _cumulative(rows: Sequence[int]) -> list[float]:
    total, found = 0, []
    for count in rows:
        total += count
        found.append(total / sum(rows))
    return found


def calibration_section(figures: ReportFigures) -> Section:
    """Predicted against observed default rates by tenths of the loans."""
    found = figures.calibration
    if isinstance(found, Omitted):
        return Section("calibration", message("section.calibration"), [omission(found)])
    inside = sum(band.within for band in found.bands)
    top = max(max(band.observed.high, band.mean_pd) for band in found.bands)
    chart = LineChart(
        message("chart.calibration"),
        share_axis("axis.predicted", 0.0, None),
        share_axis("axis.observed", 0.0, None),
        (
            Series(
                message("chart.observed_interval"),
                tuple(band.mean_pd for band in found.bands),
                tuple(band.observed.value for band in found.bands),
                tuple(band.observed.low for band in found.bands),
                tuple(band.observed.high for band in found.bands),
            ),
            Series(message("chart.perfect"), (0.0, top), (0.0, top), reference=True),
        ),
        points=True,
    )
    table = Table(
        message("calibration.table"),
        titled("gains.tenth", *_BAND_COLUMNS),
        tuple((Number(n, "count"), *_band_cells(band)) for n, band in enumerate(found.bands, start=1)),
        found.source,
    )
    blocks: list[Block] = [
        Paragraph(
            message("calibration.inside", inside=str(inside), bands=str(len(found.bands))),
            "plain" if inside >= len(found.bands) - 2 else "warning",
        ),
        Paragraph(
            message(
                "calibration.tests",
                statistic=formatted(found.hosmer_lemeshow),
                degrees=str(len(found.bands)),
                p_value=formatted(found.p_value, "p_value"),
                reliability=formatted(found.reliability),
                resolution=formatted(found.resolution),
                uncertainty=formatted(found.uncertainty),
            )
        ),
        Figures((chart,), found.source, table),
    ]
    return Section("calibration", message("section.calibration"), blocks)


_BAND_COLUMNS = (
    "count.loans",
    "count.defaults",
    "axis.predicted",
    "axis.observed",
    "metric.low",
    "metric.high",
    "calibration.within",
)


def _band_cells(band: CalibrationBand) -> tuple[Cell, ...]:
    return (
        Number(band.rows, "count"),
        Number(band.defaults, "count"),
        Number(band.mean_pd, "percent"),
        Number(band.observed.value, "percent"),
        Number(band.observed.low, "percent"),
        Number(band.observed.high, "percent"),
        Words(message("word.yes" if band.within else "word.no"), "good" if band.within else "warning"),
    )


def cut_off_section(figures: ReportFigures) -> Section:
    """Approval rate, bad rate and result by cut-off, and what the threshold costs."""
    found = figures.cut_offs
    if isinstance(found, Omitted):
        return Section("cut_offs", message("section.cut_offs"), [omission(found)])
    economics = found.economics
    stated = {"lgd": formatted(economics.lgd, "percent"), "margin": formatted(economics.margin, "percent")}
    blocks: list[Block] = [
        Paragraph(
            message(
                "cut_offs.threshold",
                threshold=formatted(found.threshold),
                approval=formatted(found.approval_rate, "percent"),
                bad=formatted(found.bad_rate, "percent"),
            )
        ),
        Paragraph(
            message(
                "cut_offs.stated" if economics.stated else "cut_offs.assumed",
                break_even=formatted(economics.break_even_pd, "percent"),
                **stated,
            )
        ),
        Paragraph(message("cut_offs.selection")),
    ]
    approval = tuple(band.approval_rate for band in found.bands)
    charts = (
        LineChart(
            message("chart.bad_rate"),
            share_axis("axis.approval_rate"),
            share_axis("axis.default_rate", 0.0, None),
            (
                Series(message("cut_offs.bad_rate"), approval, tuple(band.bad_rate for band in found.bands)),
                Series(
                    message("cut_offs.marginal"),
                    approval,
                    tuple(band.marginal_bad_rate for band in found.bands),
                ),
            ),
            (Marker(message("chart.at_threshold"), found.approval_rate),),
            points=True,
        ),
        LineChart(
            message("chart.result"),
            share_axis("axis.approval_rate"),
            Axis(message("axis.result"), "percent"),
            (Series(message("cut_offs.result"), approval, tuple(band.result for band in found.bands)),),
            (Marker(message("chart.at_threshold"), found.approval_rate),),
            points=True,
        ),
    )
    columns = (
        "cut_offs.highest",
        "count.loans",
        "cut_offs.marginal",
        "axis.approval_rate",
        "cut_offs.bad_rate",
        "cut_offs.expected_loss",
        "cut_offs.result",
    )
    table = Table(
        message("cut_offs.table"),
        titled(*columns),
        tuple(
            (
                Number(band.highest_pd, "percent"),
                Number(band.rows, "count"),
                *(
                    Number(value, "percent")
                    for value in (
                        band.marginal_bad_rate,
                        band.approval_rate,
                        band.bad_rate,
                        band.expected_loss,
                        band.result,
                    )
                ),
            )
            for band in found.bands
        ),
        found.source,
    )
    blocks.append(Figures(charts, found.source))
    blocks.append(table)
    return Section("cut_offs", message("section.cut_offs"), blocks)


def threshold_section(figures: ReportFigures) -> Section:
    """The cost of every threshold, and the F1 that the threshold was chosen for."""
    found = figures.cut_offs
    if isinstance(found, Omitted):
        return Section("threshold", message("section.threshold"), [omission(found)])
    costs = found.costs
    markers = (
        Marker(message("chart.threshold", threshold=formatted(found.threshold)), found.threshold),
        Marker(message("chart.cheapest", threshold=formatted(costs.cheapest)), costs.cheapest),
    )
    charts = (
        LineChart(
            message("chart.cost"),
            share_axis("axis.threshold", 0.0, None),
            Axis(message("axis.cost"), "percent", 0.0),
            (Series(message("threshold.cost"), costs.threshold, costs.cost),),
            markers,
        ),
        LineChart(
            message("chart.f1"),
            share_axis("axis.threshold", 0.0, None),
            Axis(message("metric.f1"), low=0.0, high=1.0),
            (
                Series(message("metric.f1"), costs.threshold, costs.f1),
                Series(message("axis.approval_rate"), costs.threshold, costs.approval_rate),
            ),
            markers[:1],
        ),
    )
    sentence = message(
        "threshold.explained",
        threshold=formatted(found.threshold),
        cost=formatted(costs.at_threshold, "percent"),
        cheapest=formatted(costs.cheapest),
        lowest=formatted(costs.cheapest_cost, "percent"),
    )
    return Section(
        "threshold", message("section.threshold"), [Paragraph(sentence), Figures(charts, found.source)]
    )


def swap_section(figures: ReportFigures) -> Section:
    """Decisions beside those of the previous champion."""
    found = figures.swaps
    if isinstance(found, Omitted):
        return Section("swap_set", message("section.swap_set"), [omission(found)])
    blocks: list[Block] = [Paragraph(message("swap.explained", other=found[0].other))]
    for title, swap in zip(("swap.own_thresholds", "swap.same_approval"), found, strict=True):
        blocks.append(_swap_table(message(title), swap))
    return Section("swap_set", message("section.swap_set"), blocks)


def _swap_table(title: Message, swap: SwapSet) -> Table:
    cells: tuple[tuple[str, DecisionCell], ...] = (
        ("swap.both_approve", swap.both_approve),
        ("swap.in", swap.swapped_in),
        ("swap.out", swap.swapped_out),
        ("swap.both_decline", swap.both_decline),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            Words(message(name)),
            Number(cell.rows, "count"),
            Number(cell.defaults, "count"),
            Number(cell.bad_rate.value, "percent"),
            Number(cell.bad_rate.low, "percent"),
            Number(cell.bad_rate.high, "percent"),
        )
        for name, cell in cells
    ]
    columns = titled(
        "swap.decision", "count.loans", "count.defaults", "axis.default_rate", "metric.low", "metric.high"
    )
    return Table(title, columns, tuple(rows), swap.source)


def grades_section(figures: ReportFigures) -> Section:
    """Rating grades with observed and predicted PD."""
    found = figures.grades
    if isinstance(found, Omitted):
        return Section("grades", message("section.grades"), [omission(found)])
    filled = [grade for grade in found.grades if grade.band is not None]
    bands = [grade.band for grade in filled if grade.band is not None]
    position = tuple(float(i) for i in range(len(filled)))
    chart = LineChart(
        message("chart.grades"),
        Axis(message("grades.grade"), low=-0.4, high=len(filled) - 0.6),
        share_axis("axis.default_rate", 0.0, None),
        (
            Series(
                message("chart.observed_interval"),
                position,
                tuple(band.observed.value for band in bands),
                tuple(band.observed.low for band in bands),
                tuple(band.observed.high for band in bands),
            ),
            Series(message("axis.predicted"), position, tuple(band.mean_pd for band in bands)),
        ),
        points=True,
        categories=tuple(verbatim(str(grade.number)) for grade in filled),
    )
    sizes = BarChart(
        message("chart.grade_sizes"),
        tuple(verbatim(str(grade.number)) for grade in filled),
        Axis(message("count.loans"), "count"),
        (Series(message("count.loans"), position, tuple(float(band.rows) for band in bands)),),
    )
    empty = Words(verbatim("–"))
    table = Table(
        message("grades.table"),
        titled("grades.grade", "grades.lowest", "grades.highest", *_BAND_COLUMNS),
        tuple(
            (
                Number(grade.number, "count"),
                Number(grade.lowest_pd, "percent"),
                Number(grade.highest_pd, "percent"),
                *(_band_cells(grade.band) if grade.band else (Number(0, "count"), *(empty,) * 6)),
            )
            for grade in found.grades
        ),
        found.source,
    )
    merged = found.requested - len(found.grades)
    blocks: list[Block] = [
        Paragraph(
            message(
                "grades.merged" if merged else "grades.kept",
                requested=str(found.requested),
                grades=str(len(found.grades)),
            )
        ),
        Paragraph(
            message("grades.monotone")
            if not found.inversions
            else message("grades.inverted", inversions=str(found.inversions)),
            "good" if not found.inversions else "warning",
        ),
        Figures((chart, sizes), found.source, table),
    ]
    return Section("grades", message("section.grades"), blocks)
