"""Sections on what is decided by the score: cut-offs, threshold, swap set and rating grades."""

from __future__ import annotations

from loan_default_assets.reports.figures.binomial_tests import LEVEL
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.rating_grades import RatingGrades
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
    share_axis,
)
from loan_default_assets.reports.rendering.messages import Message, message, titled, verbatim
from loan_default_assets.reports.rendering.number_format import formatted
from loan_default_assets.reports.rendering.score_sections import BAND_COLUMNS, band_cells
from loan_default_assets.reports.rendering.verdict_sections import omission


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
            Axis(message("axis.f1_and_approval"), low=0.0, high=1.0),
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
    blocks: list[Block] = [Paragraph(sentence)]
    if costs.cheapest == 0:
        blocks.append(Paragraph(message("threshold.declines_all"), "warning"))
    return Section("threshold", message("section.threshold"), [*blocks, Figures(charts, found.source)])


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
        titled("grades.grade", "grades.lowest", "grades.highest", *BAND_COLUMNS),
        tuple(
            (
                Number(grade.number, "count"),
                Number(grade.lowest_pd, "percent"),
                Number(grade.highest_pd, "percent"),
                *(band_cells(grade.band) if grade.band else (Number(0, "count"), *(empty,) * 6)),
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
        _order(found),
        Figures((chart, sizes), found.source, table),
    ]
    return Section("grades", message("section.grades"), blocks)


def _order(found: RatingGrades) -> Paragraph:
    """Whether the window's default rates rise with the grade, as far as its defaults show."""
    if not found.inversions:
        return Paragraph(message("grades.monotone"), "good")
    shown = found.inversion_p_value < LEVEL
    return Paragraph(
        message(
            "grades.inverted" if shown else "grades.inverted_by_chance",
            inversions=str(found.inversions),
            p_value=formatted(found.inversion_p_value, "p_value"),
        ),
        "warning" if shown else "plain",
    )
