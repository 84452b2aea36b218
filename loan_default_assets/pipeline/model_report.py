"""The step that writes the model report of an evaluated version: reads its evaluation's rows again and scores them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from logging import Logger
from typing import Any, TypeVar

import numpy as np

from loan_default_assets.error_outline import outline
from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.pipeline.evaluated_version import (
    EvaluatedVersion,
    ReportInputs,
    evaluated_version,
    previous_champion,
    usable_predictor,
)
from loan_default_assets.pipeline.model_storage import load_encoder
from loan_default_assets.pipeline.report_oversight import oversight_of
from loan_default_assets.pipeline.report_records import (
    course_of,
    data_facts,
    evaluation_facts,
    evaluation_source,
    gates_of,
    history_of,
    model_facts,
    shadow_figures,
)
from loan_default_assets.pipeline.report_rows import (
    ReportRows,
    column_groupings,
    described_column,
    feature_groupings,
    features_of,
)
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.report_files import StoredReport, store_report
from loan_default_assets.reports.figures.calibration_bands import calibration_figures
from loan_default_assets.reports.figures.cut_offs import Economics, cut_offs
from loan_default_assets.reports.figures.discrimination import discrimination
from loan_default_assets.reports.figures.drift import Drift, drift_periods, feature_drift, stability_index
from loan_default_assets.reports.figures.feature_effects import FeatureEffects, feature_effects
from loan_default_assets.reports.figures.group_figures import ColumnGroups, column_groups, weak_segments
from loan_default_assets.reports.figures.model_facts import Omitted, TrainingCourse
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.rating_grades import rating_grades
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.figures.swap_set import SwapSet, swap_set, threshold_for_approval
from loan_default_assets.reports.figures.vintages import Vintages, vintages
from loan_default_assets.shadow_comparison import compare_shadow
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets.warehouse.registry import ModelRecord, RegistryError

_Figures = TypeVar("_Figures")


def write_report(inputs: ReportInputs, version: str, log: Logger) -> StoredReport:
    """Write the report on the newest evaluation of a version, beside its artifact.

    Raises:
        ArtifactRootError: The root of the artifacts cannot be reached or refuses.
        NoModelError: The version was never evaluated.
        OSError: The file cannot be written.
    """
    from loan_default_assets.reports.rendering.html_page import render

    figures = report_figures(inputs, version)
    content = render(figures).encode()
    stored = store_report(inputs.store.root, version, figures.evaluation.id, content)
    if inputs.store.origin is not None:
        inputs.store.origin.publish_report(version)
    if not isinstance(figures.grades, Omitted):
        bounds = [grade.lowest_pd for grade in figures.grades.grades[1:]]
        inputs.evaluations.record_grades(figures.evaluation.id, bounds)
    log.info(f"report: {stored.path}, {len(content) / 1e6:.2f} MB, SHA-256 {stored.sha256[:12]}")
    return stored


def write_report_or_warn(inputs: ReportInputs, version: str, log: Logger) -> StoredReport | None:
    """`write_report` after an evaluation, whose verdict is recorded and stands whether or not a report is written.

    Returns:
        None where it could not be written; the log says why and what to run next.
    """
    try:
        return write_report(inputs, version, log)
    except Exception as error:  # noqa: BLE001 - a promotion must not depend on its report
        log.warning(f"report: not written: {outline(error)}\nNext: loan-default report {version}")
        return None


def report_figures(inputs: ReportInputs, version: str) -> ReportFigures:
    """All figures on the newest evaluation of a version.

    Raises:
        NoModelError: The version was never evaluated.
        RegistryError: The version is unknown.
    """
    return figures_of(inputs, evaluated_version(inputs, version))


def figures_of(
    inputs: ReportInputs, evaluated: EvaluatedVersion, *, without: Collection[str] = ()
) -> ReportFigures:
    """The figures of a version whose rows were read.

    Args:
        without: Names of figures that are not wanted, among `effects`, `cut_offs`, `swaps` and `course`.
    """
    record, found, rows = evaluated.record, evaluated.found, evaluated.rows
    check = inputs.store.check(record)
    gates = gates_of(found)
    parts: dict[str, Any] = (
        dict.fromkeys(_OF_ROWS, rows)
        if isinstance(rows, Omitted)
        else _of_rows(inputs, record, found, rows, without)
    )
    return ReportFigures(
        model=model_facts(record, inputs.portfolio, check.signed_by),
        evaluation=evaluation_facts(found.id, found.evaluation),
        history=history_of(
            record.version,
            evaluated.history,
            next(iter(inputs.predictions.live_performance(record.version)), None),
            None if isinstance(gates, Omitted) else gates.limits.f1_threshold,
        ),
        gates=gates,
        course=_unless(without, "course", lambda: _course(inputs, record, rows)),
        shadow=shadow_figures(compare_shadow(inputs.database, record.version)),
        oversight=oversight_of(inputs, record.version),
        reproduced=None if isinstance(rows, Omitted) else _difference(found, rows),
        **parts,
    )


_OF_ROWS = (
    "data",
    "discrimination",
    "calibration",
    "cut_offs",
    "swaps",
    "grades",
    "effects",
    "drift",
    "groups",
    "weak",
    "vintages",
)


def _unless(without: Collection[str], name: str, figures: Callable[[], _Figures]) -> _Figures | Omitted:
    return Omitted("omitted.not_wanted") if name in without else figures()


def _course(
    inputs: ReportInputs, record: ModelRecord, rows: ReportRows | Omitted
) -> TrainingCourse | Omitted:
    if isinstance(rows, Omitted):
        predictor = usable_predictor(inputs, record)
        if isinstance(predictor, Omitted):
            return predictor
    else:
        predictor = rows.predictor
    try:
        encoder = inputs.registry.get(str(record.hyper_parameters.get("encoder", "")))
        losses = load_encoder(encoder, inputs.portfolio, inputs.store).losses
    except (RegistryError, ArtifactError):
        losses = None
    return course_of(record, predictor.model, losses)


def _difference(found: EvaluationInputs, rows: ReportRows) -> float:
    from loan_default_assets.model.metrics import evaluate

    index = rows.window
    now = evaluate(rows.label(index), rows.pd[index], rows.predictor.threshold, bootstrap=0).values
    recorded = found.evaluation.metrics
    return float(np.nanmax([0.0, *(abs(now[name] - recorded[name]) for name in now if name in recorded)]))


def _of_rows(
    inputs: ReportInputs,
    record: ModelRecord,
    found: EvaluationInputs,
    rows: ReportRows,
    without: Collection[str],
) -> dict[str, Any]:
    portfolio, index, threshold = inputs.portfolio, rows.window, rows.predictor.threshold
    label, pd = rows.label(index), rows.pd[index]
    snapshot = f"snapshot={rows.snapshot.digest[:16]}"
    window = FigureSource(
        "processed_data", f"{snapshot}, part=window, rows={len(index)}, model={record.version}"
    )
    features = features_of(portfolio)
    named: list[tuple[str, Any]] = [(name, "protected") for name in portfolio.protected]
    named += [(name, "segment") for name in portfolio.segments if name not in portfolio.protected]
    by_column = column_groupings(portfolio, inputs.loans, rows, tuple(name for name, _ in named))
    raw = FigureSource("raw_data", window.row)
    groups: list[ColumnGroups] = [
        column_groups(grouping, role, label, pd, threshold, raw, described_column(portfolio, name))
        for (name, role), grouping in zip(named, by_column, strict=True)
    ]
    segments = [
        g for g in by_column if g.column not in portfolio.features.categorical + portfolio.features.numerical
    ]
    economics = portfolio.economics
    return {
        "data": data_facts(rows.snapshot, portfolio),
        "discrimination": discrimination(label, pd, window) or Omitted("omitted.one_class"),
        "calibration": calibration_figures(label, pd, window),
        "cut_offs": _unless(
            without,
            "cut_offs",
            lambda: cut_offs(
                label,
                pd,
                threshold,
                Economics(economics.lgd, economics.margin, True) if economics else Economics(),
                window,
            ),
        ),
        "swaps": _unless(without, "swaps", lambda: _swaps(inputs, record, found, rows)),
        "grades": rating_grades(
            rows.development.label,
            rows.development.pd,
            label,
            pd,
            FigureSource(
                window.table,
                f"{window.row}; bounds: {rows.development.source.table}, {rows.development.source.row}",
            ),
        ),
        "effects": _unless(without, "effects", lambda: _effects(rows, features, window)),
        "drift": _drift(record, rows, features, snapshot),
        "groups": tuple(groups) or Omitted("omitted.no_groups"),
        "weak": weak_segments([*feature_groupings(features, rows), *segments], label, pd, window),
        "vintages": _vintages(portfolio, rows, snapshot),
    }


def _effects(rows: ReportRows, features: list[Any], source: FigureSource) -> FeatureEffects | Omitted:
    from loan_default_assets.model.altered_scores import AlteredScores

    stored, index = rows.snapshot.rows, rows.window
    found = feature_effects(
        features,
        stored.numerical[index],
        stored.categorical[index],
        rows.label(index),
        lambda numerical, categorical: rows.predictor.predict(numerical, categorical).pd,
        source,
        altered_score=lambda numerical, categorical: AlteredScores(rows.predictor, numerical, categorical).pd,
    )
    return found or Omitted("omitted.one_class")


def _drift(record: ModelRecord, rows: ReportRows, features: list[Any], snapshot: str) -> Drift:
    stored = rows.snapshot.rows
    expected = rows.expected_pd
    part = "validation" if rows.snapshot.sampling else "training"
    return Drift(
        window_score=stability_index(expected, rows.pd[rows.window]),
        periods=drift_periods(
            rows.by_period, stored.label, rows.matured, rows.pd, expected, record.trained_to
        ),
        features=feature_drift(
            features, stored.numerical, stored.categorical, rows.reference, rows.window, rows.by_period
        ),
        source=FigureSource(
            "processed_data",
            f"{snapshot}, reference={part}, rows={len(rows.reference)}, model={record.version}; "
            f"score: {rows.expected_source}",
        ),
    )


def _vintages(portfolio: Portfolio, rows: ReportRows, snapshot: str) -> Vintages | Omitted:
    stored, cutoff = rows.snapshot.rows, rows.snapshot.cutoff
    if portfolio.as_of is None or cutoff is None:
        return Omitted("omitted.no_dates")
    return vintages(
        rows.as_of,
        stored.label,
        stored.label_observed_at,
        rows.matured,
        np.datetime64(cutoff, "D"),
        dated_outcomes=portfolio.label.observed_at is not None,
        source=FigureSource("processed_data", snapshot),
        sampled=rows.snapshot.sampling is not None,
    )


def _swaps(
    inputs: ReportInputs, record: ModelRecord, found: EvaluationInputs, rows: ReportRows
) -> tuple[SwapSet, ...] | Omitted:
    """Against the champion of the time."""
    champion = previous_champion(inputs, record, found)
    if isinstance(champion, Omitted):
        return champion
    previous, predictor = champion
    index, stored = rows.window, rows.snapshot.rows
    pd, other = rows.pd[index], predictor.predict(stored.numerical[index], stored.categorical[index]).pd
    source = FigureSource(
        evaluation_source(found.id).table,
        f"id={found.id}; processed_data, part=window, rows={len(index)}, models={record.version}, {previous}",
    )
    rate = float((other < predictor.threshold).mean())
    return tuple(
        swap_set(rows.label(index), pd, threshold, other, predictor.threshold, other=previous, source=source)
        for threshold in (rows.predictor.threshold, threshold_for_approval(pd, rate))
    )
