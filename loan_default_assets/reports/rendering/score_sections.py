"""Sections on the score itself: how well it separates defaults, and whether its PDs are those observed."""

from __future__ import annotations

from itertools import accumulate, pairwise

from loan_default_assets.reports.figures.binomial_tests import LEVEL
from loan_default_assets.reports.figures.calibration_bands import CalibrationBand
from loan_default_assets.reports.figures.calibration_line import CalibrationLine
from loan_default_assets.reports.figures.discrimination import Curve
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import (
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
from loan_default_assets.reports.rendering.messages import message, titled
from loan_default_assets.reports.rendering.number_format import formatted
from loan_default_assets.reports.rendering.verdict_sections import omission


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
    counts = tuple(accumulate(band.rows for band in found.gains))
    gained = (0.0, *(count / counts[-1] for count in counts))
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
        titled("gains.tenth", *BAND_COLUMNS),
        tuple((Number(n, "count"), *band_cells(band)) for n, band in enumerate(found.bands, start=1)),
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
        _line_of_calibration(found.line),
        Figures((chart,), found.source, table),
    ]
    return Section("calibration", message("section.calibration"), blocks)


BAND_COLUMNS = (
    "count.loans",
    "count.defaults",
    "axis.predicted",
    "axis.observed",
    "metric.low",
    "metric.high",
    "calibration.within",
)


def _line_of_calibration(found: CalibrationLine | None) -> Paragraph:
    if found is None:
        return Paragraph(message("calibration.no_line"))
    return Paragraph(
        message(
            "calibration.line",
            slope=formatted(found.slope.value),
            slope_low=formatted(found.slope.low),
            slope_high=formatted(found.slope.high),
            intercept=formatted(found.in_the_large.value),
            intercept_low=formatted(found.in_the_large.low),
            intercept_high=formatted(found.in_the_large.high),
            p_value=formatted(found.p_value, "p_value"),
        ),
        "plain" if found.p_value >= LEVEL else "warning",
    )


def band_cells(band: CalibrationBand) -> tuple[Cell, ...]:
    """The cells of a band under BAND_COLUMNS."""
    return (
        Number(band.rows, "count"),
        Number(band.defaults, "count"),
        Number(band.mean_pd, "percent"),
        Number(band.observed.value, "percent"),
        Number(band.observed.low, "percent"),
        Number(band.observed.high, "percent"),
        Words(message("word.yes" if band.within else "word.no"), "good" if band.within else "warning"),
    )
