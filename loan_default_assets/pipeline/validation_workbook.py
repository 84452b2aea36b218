"""The step that makes the validation workbook of an evaluated version, on the rows of its model report."""

from __future__ import annotations

from typing import Literal

import numpy as np

from loan_default_assets.pipeline.evaluated_version import (
    EvaluatedVersion,
    ReportInputs,
    evaluated_version,
    previous_champion,
)
from loan_default_assets.pipeline.model_report import figures_of
from loan_default_assets.pipeline.report_rows import ReportRows, features_of
from loan_default_assets.reports.figures.feature_profiles import FeatureProfiles, feature_profiles
from loan_default_assets.reports.figures.grade_migration import GradeMigration, grade_migration
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.rating_grades import RatingGrades
from loan_default_assets.reports.figures.sample_discrimination import (
    SampleDiscrimination,
    sample_discrimination,
)
from loan_default_assets.reports.figures.validation_figures import (
    ChampionChange,
    ServedVolume,
    ValidationFigures,
)
from loan_default_assets.warehouse.champion_decisions import RecordedDecision

# Figures of the report that no sheet has.
NOT_SHOWN = ("course", "cut_offs", "effects", "swaps")


def validation_workbook(inputs: ReportInputs, version: str) -> bytes:
    """The workbook on the newest evaluation of a version, as the bytes of an XLSX file.

    Raises:
        NoModelError: The version was never evaluated.
        RegistryError: The version is unknown.
    """
    from loan_default_assets.reports.rendering.workbook_file import workbook

    return workbook(validation_figures(inputs, version))


def validation_figures(inputs: ReportInputs, version: str) -> ValidationFigures:
    """The figures of the workbook; raises as `validation_workbook`."""
    evaluated = evaluated_version(inputs, version)
    report, rows = figures_of(inputs, evaluated, without=NOT_SHOWN), evaluated.rows
    now: SampleDiscrimination | Omitted
    development: SampleDiscrimination | Omitted
    profiles: FeatureProfiles | Omitted
    if isinstance(rows, Omitted):
        now = development = profiles = rows
    else:
        window, sample = rows.window, rows.development
        now = _discrimination(
            rows.label(window), rows.pd[window], _source(rows, "window", len(window), version)
        )
        development = _discrimination(sample.label, sample.pd, sample.source)
        profiles = _profiles(inputs, rows)
    return ValidationFigures(
        report=report,
        now=now,
        development=development,
        migration=_migration(inputs, evaluated, report.grades),
        profiles=profiles,
        changes=tuple(_change(decision) for decision in inputs.registry.decisions()),
        volume=tuple(ServedVolume(*counted) for counted in inputs.predictions.volume(version)),
        volume_source=FigureSource("predictions", f"model_version={version}"),
    )


def _discrimination(
    label: np.ndarray, pd: np.ndarray, source: FigureSource
) -> SampleDiscrimination | Omitted:
    if not 0 < (label == 1).sum() < len(label):
        return Omitted("omitted.one_class")
    return sample_discrimination(label, pd, source)


def _profiles(inputs: ReportInputs, rows: ReportRows) -> FeatureProfiles:
    stored, split = rows.snapshot.rows, rows.snapshot.split
    part: Literal["training", "validation"] = "validation" if rows.snapshot.sampling else "training"
    reference = split.validation if rows.snapshot.sampling else split.train
    return FeatureProfiles(
        part,
        feature_profiles(
            features_of(inputs.portfolio), stored.numerical, stored.categorical, reference, rows.window
        ),
        _source(rows, f"{part} and window", len(reference) + len(rows.window)),
    )


def _migration(
    inputs: ReportInputs, evaluated: EvaluatedVersion, grades: RatingGrades | Omitted
) -> GradeMigration | Omitted:
    rows = evaluated.rows
    if isinstance(rows, Omitted):
        return rows
    if isinstance(grades, Omitted):
        return grades
    champion = previous_champion(inputs, evaluated.record, evaluated.found)
    if isinstance(champion, Omitted):
        return champion
    other, predictor = champion
    index, stored = rows.window, rows.snapshot.rows
    other_pd = predictor.predict(stored.numerical[index], stored.categorical[index]).pd
    source = _source(rows, "window", len(index), f"{other} and {evaluated.record.version}")
    return grade_migration(grades, rows.pd[index], other_pd, other=other, source=source)


def _source(rows: ReportRows, part: str, count: int, model: str = "") -> FigureSource:
    row = f"snapshot={rows.snapshot.digest[:16]}, part={part}, rows={count}"
    return FigureSource("processed_data", f"{row}, model={model}" if model else row)


def _change(decision: RecordedDecision) -> ChampionChange:
    return ChampionChange(
        number=decision.id,
        decided_at=decision.decided_at.isoformat(timespec="seconds"),
        action=decision.action,
        version=decision.version,
        previous=decision.previous_champion or "",
        verdict=decision.verdict or "",
        reason=decision.reason or "",
        decided_by=decision.decided_by,
        key_id=decision.key_id or "",
    )
