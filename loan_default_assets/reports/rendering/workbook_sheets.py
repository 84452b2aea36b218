"""The sheets of the validation workbook: the tests of a subject, and the tables of the model report behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from loan_default_assets.reports.figures.binomial_tests import band_tests
from loan_default_assets.reports.figures.feature_profiles import FeatureProfile
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.validation_figures import ChampionChange, ValidationFigures
from loan_default_assets.reports.figures.validation_tests import ValidationTest, validation_tests
from loan_default_assets.reports.rendering.blocks import (
    Block,
    Cell,
    Figures,
    Number,
    Paragraph,
    Quotation,
    Section,
    Table,
    Words,
)
from loan_default_assets.reports.rendering.decision_sections import grades_section
from loan_default_assets.reports.rendering.history_sections import history_section, vintages_section
from loan_default_assets.reports.rendering.messages import message, titled, verbatim
from loan_default_assets.reports.rendering.model_sections import feature_title, lineage_section
from loan_default_assets.reports.rendering.monitoring_sections import (
    drift_section,
    groups_section,
)
from loan_default_assets.reports.rendering.oversight_section import override_blocks
from loan_default_assets.reports.rendering.score_sections import calibration_section, discrimination_section
from loan_default_assets.reports.rendering.verdict_sections import (
    data_section,
    metrics_section,
    omission,
    verdict_section,
)

SheetBlock = Quotation | Paragraph | Table
_MANY = 10_000


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes:
        name: Key of its name in the catalogue.
        tests: Tests that it shows first; on the summary, those of all sheets.
        blocks: Paragraphs, recorded texts and tables, in order.
    """

    name: str
    tests: Sequence[ValidationTest]
    blocks: Sequence[SheetBlock] = field(default_factory=tuple)


def sheets(figures: ValidationFigures) -> tuple[Sheet, ...]:
    """All sheets in the order of the workbook."""
    tests, report = validation_tests(figures), figures.report
    bodies: dict[str, list[SheetBlock]] = {
        "discrimination": [
            *_samples(figures),
            *_of(metrics_section(report)),
            *_of(discrimination_section(report)),
        ],
        "calibration": [
            *_calibration(figures),
            *_of(calibration_section(report)),
            *_of(grades_section(report)),
        ],
        "stability": [*_stability(figures), *_of(drift_section(report)), *_of(history_section(report))],
        "representativeness": [*_profiles(figures), *_of(groups_section(report))],
        "data_quality": [*_of(data_section(report)), *_of(vintages_section(report))],
    }
    return (
        Sheet(
            "sheet.summary", tests, [Paragraph(message("workbook.explained")), *_of(verdict_section(report))]
        ),
        *(
            Sheet(f"sheet.{subject}", [test for test in tests if test.subject == subject], blocks)
            for subject, blocks in bodies.items()
        ),
        Sheet("sheet.counts", (), _counts(figures)),
        Sheet("sheet.changes", (), _changes(figures.changes)),
        Sheet("sheet.lineage", (), _of(lineage_section(report))),
    )


def _of(section: Section) -> list[SheetBlock]:
    """Paragraphs, recorded texts and tables of a section of the report; charts have their numbers in the tables."""
    found: list[SheetBlock] = []
    for block in section.blocks:
        found += _flat(block)
    return found


def _flat(block: Block) -> list[SheetBlock]:
    if isinstance(block, SheetBlock):
        return [block]
    return [block.table] if isinstance(block, Figures) and block.table else []


def _samples(figures: ValidationFigures) -> list[SheetBlock]:
    rows: list[tuple[Cell, ...]] = []
    notes: list[SheetBlock] = []
    sources: list[FigureSource] = []
    for title, sample in (("workbook.now", figures.now), ("workbook.development", figures.development)):
        if isinstance(sample, Omitted):
            notes.append(omission(sample))
            continue
        sources.append(sample.source)
        for name, value in (
            ("metric.roc_auc", sample.roc_auc),
            ("workbook.gini", sample.gini),
        ):
            numbers = (Number(value.value), Number(value.low), Number(value.high))
            rows.append((Words(message(title)), Words(message(name)), *numbers))
        bounds = (Number(math.nan), Number(math.nan))
        rows.append((Words(message(title)), Words(message("metric.ks")), Number(sample.ks), *bounds))
        for name, count in (("count.loans", sample.rows), ("count.defaults", sample.defaults)):
            rows.append((Words(message(title)), Words(message(name)), Number(count, "count"), *bounds))
    if not rows:
        return notes
    columns = titled("count.part", "workbook.statistic", "metric.value", "metric.low", "metric.high")
    # The development sample is in another place than the window.
    others = "".join(f"; {one.table}, {one.row}" for one in sources[1:])
    source = FigureSource(sources[0].table, sources[0].row + others)
    return [*notes, Table(message("workbook.samples"), columns, tuple(rows), source)]


def _calibration(figures: ValidationFigures) -> list[SheetBlock]:
    found, grades = figures.report.calibration, figures.report.grades
    tables: list[SheetBlock] = []
    if not isinstance(found, Omitted):
        rows: list[tuple[Cell, ...]] = [
            (Words(message("workbook.mean_pd")), *_alone(Number(found.mean_pd, "percent"))),
            (
                Words(message("workbook.default_rate")),
                *(
                    Number(v, "percent")
                    for v in (found.observed.value, found.observed.low, found.observed.high)
                ),
            ),
            (Words(message("workbook.hosmer_lemeshow")), *_alone(Number(found.hosmer_lemeshow))),
            (Words(message("workbook.hosmer_p")), *_alone(Number(found.p_value, "p_value"))),
        ]
        if found.line:
            for name, bounds in (
                ("workbook.slope", found.line.slope),
                ("workbook.intercept", found.line.intercept),
                ("workbook.in_the_large", found.line.in_the_large),
            ):
                numbers = (Number(bounds.value), Number(bounds.low), Number(bounds.high))
                rows.append((Words(message(name)), *numbers))
            line = Number(found.line.p_value, "p_value")
            rows.append((Words(message("workbook.line_p")), *_alone(line)))
        rows += [
            (Words(message("workbook.reliability")), *_alone(Number(found.reliability))),
            (Words(message("workbook.resolution")), *_alone(Number(found.resolution))),
            (Words(message("workbook.uncertainty")), *_alone(Number(found.uncertainty))),
        ]
        columns = titled("workbook.statistic", "metric.value", "metric.low", "metric.high")
        tables.append(Table(message("workbook.overall"), columns, tuple(rows), found.source))
    if not isinstance(grades, Omitted):
        columns = titled(
            "grades.grade",
            "count.loans",
            "count.defaults",
            "workbook.mean_pd",
            "workbook.jeffreys",
            "workbook.binomial",
            "workbook.light",
        )
        tested = tuple(
            (
                Number(grade.number, "count"),
                Number(grade.band.rows, "count"),
                Number(grade.band.defaults, "count"),
                Number(grade.band.mean_pd, "percent"),
                Number((tests := band_tests(grade.band)).jeffreys, "p_value"),
                Number(tests.binomial, "p_value"),
                Words(message(f"grade_light.{tests.light}")),
            )
            for grade in grades.grades
            if grade.band is not None
        )
        tables.append(Table(message("workbook.grade_tests"), columns, tested, grades.source))
    return tables


def _alone(number: Number) -> tuple[Number, Number, Number]:
    """A number that has no interval."""
    return number, Number(math.nan), Number(math.nan)


def _stability(figures: ValidationFigures) -> list[SheetBlock]:
    drift, found = figures.report.drift, figures.migration
    tables: list[SheetBlock] = []
    if not isinstance(drift, Omitted):
        index = drift.window_score
        tables.append(
            Table(
                message("workbook.psi"),
                titled("axis.psi", "drift.chance"),
                ((Number(index.value), Number(index.chance)),),
                drift.source,
            )
        )
    if isinstance(found, Omitted):
        return [*tables, omission(found)]
    numbers = [str(number) for number in range(1, len(found.loans) + 1)]
    tables.append(
        Table(
            message("workbook.migration", other=found.other),
            (message("grades.grade"), *(verbatim(number) for number in numbers)),
            tuple(
                (Words(verbatim(number)), *(Number(count, "count") for count in row))
                for number, row in zip(numbers, found.loans, strict=True)
            ),
            found.source,
        )
    )
    shares: tuple[tuple[str, int, int], ...] = (
        ("workbook.same", 0, 0),
        ("workbook.within_one", -1, 1),
        ("workbook.more_risk", 1, _MANY),
        ("workbook.less_risk", -_MANY, -1),
    )
    tables.append(
        Table(
            message("workbook.migration_shares"),
            titled("workbook.statistic", "metric.value"),
            tuple((Words(message(name)), Number(found.share(*moved), "percent")) for name, *moved in shares),
            found.source,
        )
    )
    return tables


def _profiles(figures: ValidationFigures) -> list[SheetBlock]:
    found = figures.profiles
    if isinstance(found, Omitted):
        return [omission(found)]
    columns = titled(
        "features.feature",
        "features.column",
        "workbook.missing_before",
        "workbook.missing_now",
        "workbook.unknown_before",
        "workbook.unknown_now",
        "workbook.mean_before",
        "workbook.mean_now",
        "workbook.deviation_before",
        "workbook.deviation_now",
    )
    title = message(
        "workbook.profiles_training" if found.reference == "training" else "workbook.profiles_validation"
    )
    return [Table(title, columns, tuple(_profile(one) for one in found.features), found.source)]


def _profile(one: FeatureProfile) -> tuple[Cell, ...]:
    before, now = one.training, one.window
    return (
        Words(feature_title(one.feature)),
        Words(verbatim(one.feature.name)),
        *(Number(v, "percent") for v in (before.missing, now.missing, before.unknown, now.unknown)),
        *(Number(v) for v in (before.mean, now.mean, before.deviation, now.deviation)),
    )


def _counts(figures: ValidationFigures) -> list[SheetBlock]:
    blocks: list[SheetBlock] = [*override_blocks(figures.report.oversight)]
    if not figures.volume:
        return [*blocks, Paragraph(message("workbook.no_volume"))]
    rows = tuple(
        (Words(verbatim(one.channel)), Number(one.scored, "count"), Number(one.declined, "count"))
        for one in figures.volume
    )
    columns = titled("workbook.channel", "workbook.scored", "workbook.declined")
    return [*blocks, Table(message("workbook.volume"), columns, rows, figures.volume_source)]


def _changes(changes: Sequence[ChampionChange]) -> list[SheetBlock]:
    if not changes:
        return [Paragraph(message("workbook.no_changes"))]
    columns = titled(
        "workbook.number",
        "workbook.decided_at",
        "workbook.action",
        "workbook.version",
        "workbook.previous",
        "workbook.verdict",
        "workbook.reason",
        "workbook.decided_by",
        "workbook.key",
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            Number(one.number, "count"),
            *(
                Words(verbatim(text))
                for text in (
                    one.decided_at,
                    one.action,
                    one.version,
                    one.previous,
                    one.verdict,
                    one.reason,
                    one.decided_by,
                    one.key_id,
                )
            ),
        )
        for one in changes
    )
    source = FigureSource("champion_decisions", f"id={changes[0].number} to {changes[-1].number}")
    return [Table(message("workbook.changes"), columns, rows, source)]
