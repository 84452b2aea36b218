"""Figures of a report without a database: a made-up model on drawn loans."""

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from loan_default_assets.policy.leakage_doubt import LeakageDoubt
from loan_default_assets.policy.promotion_figures import Comparison, EvaluatedModel, PromotionLimits
from loan_default_assets.policy.promotion_inputs import PromotionInputs
from loan_default_assets.policy.reference_gate import ReferenceDifference
from loan_default_assets.reports.figures.calibration_bands import calibration_figures
from loan_default_assets.reports.figures.cut_offs import Economics, cut_offs
from loan_default_assets.reports.figures.discrimination import discrimination
from loan_default_assets.reports.figures.drift import (
    Drift,
    drift_periods,
    feature_drift,
    periods,
    stability_index,
)
from loan_default_assets.reports.figures.feature_effects import feature_effects
from loan_default_assets.reports.figures.feature_table import Feature, group_numbers, group_texts
from loan_default_assets.reports.figures.gate_figures import promotion_gates
from loan_default_assets.reports.figures.group_figures import column_groups, weak_segments
from loan_default_assets.reports.figures.model_facts import (
    DataFacts,
    EvaluationFacts,
    EvaluationPoint,
    History,
    LiveFigures,
    MetricRow,
    ModelFacts,
    Omitted,
    TrainingCourse,
)
from loan_default_assets.reports.figures.oversight_figures import (
    OverriddenDecisions,
    OversightEvent,
    OversightFigures,
    PolicyChange,
)
from loan_default_assets.reports.figures.proportions import FigureSource, Interval
from loan_default_assets.reports.figures.rating_grades import rating_grades
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.figures.shadow_figures import ShadowFigures
from loan_default_assets.reports.figures.swap_set import swap_set
from loan_default_assets.reports.figures.vintages import vintages

HERE = FigureSource("model_performance", "id=7")
INPUTS = PromotionInputs(
    EvaluatedModel(
        "c1",
        1_200,
        240,
        0.55,
        0.7,
        0.02,
        True,
        True,
        True,
        True,
        False,
        ReferenceDifference("R", -0.01, 0.02),
    ),
    EvaluatedModel("c0", 1_200, 240, 0.5, 0.68, 0.02, True, True, True, True),
    Comparison(0.01, 0.09, 0.001, 0.05),
    PromotionLimits(),
    date(2026, 5, 1),
)
# The same of a model whose features together know too much of the outcome.
DOUBTED = replace(
    INPUTS,
    candidate=replace(
        INPUTS.candidate,
        reference=ReferenceDifference("R", -0.01, 0.02, 0.69),
        doubt=LeakageDoubt(0.912, 0.88, (("letters", 0.74), ("visits", 0.71))),
    ),
)
# Texts of a portfolio that would break a page which does not escape them.
SCRIPT = '<script>alert("x")</script>'


def report_figures(**changes: Any) -> ReportFigures:
    """Figures with every section filled, but for the changes."""
    return replace(_filled(), **changes)


@cache
def _filled() -> ReportFigures:
    rng = np.random.default_rng(0)
    rows = 1_200
    numerical, categorical = rng.normal(size=(rows, 2)), rng.integers(2, 5, (rows, 1))

    def score(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-(values[:, 0] - 0.3 * (codes[:, 0] == 4) - 1.5)))

    pd = score(numerical, categorical)
    label = (rng.random(rows) < pd).astype(np.int8)
    as_of = np.datetime64("2026-01-01") + np.arange(rows) // 10
    matured = np.arange(rows) < 1_000
    features = [
        Feature("income", "number", f"Income {SCRIPT}", "소득", "USD"),
        Feature("age", "number", "Age", "연령"),
        Feature("grade", "category", "Grade", "등급", "", ("a", "b", "c")),
    ]
    by_period, train, window = periods(as_of), np.arange(600), np.arange(600, rows)
    drift = Drift(
        stability_index(pd[train], pd[window]),
        drift_periods(by_period, label, matured, pd, pd[train], date(2026, 2, 1)),
        feature_drift(features, numerical, categorical, train, window, by_period),
        HERE,
    )
    groups = group_texts("sex", np.where(rng.random(rows) < 0.5, "1", SCRIPT).tolist())
    metric = Interval(0.5512345678, 0.5, 0.6)
    return ReportFigures(
        model=ModelFacts(
            "bank",
            f"Loans {SCRIPT}",
            "c123456789abc",
            "2026-01-01",
            "2026-02-01",
            (("version", "c1"),),
            HERE,
        ),
        evaluation=EvaluationFacts(
            7,
            "candidate",
            "approved_below_target",
            f"Because. {SCRIPT}",
            "2026-05-02T00:00:00+00:00",
            "2026-02-02",
            "2026-04-01",
            rows,
            int(label.sum()),
            1.0,
            (MetricRow("f1", metric, {"Reference": 0.5}), MetricRow("roc_auc", metric, {"Reference": 0.5})),
            (-0.01, 0.02),
            "Reference",
            "c0",
            HERE,
        ),
        history=History(
            (
                EvaluationPoint(6, "2026-03-01", 900, 90, metric, metric),
                EvaluationPoint(7, "2026-04-01", 900, 90, metric, metric),
            ),
            0.8,
            LiveFigures(50, 5, {"f1": 0.5, "roc_auc": None}, "2026-04-01", "2026-04-02", HERE),
            HERE,
        ),
        gates=promotion_gates(INPUTS, HERE),
        data=DataFacts(
            {"rows": rows, "immature_rows_excluded": 3}, "2026-05-01", "bad", "1", 90, "", 0.2, False, HERE
        ),
        discrimination=discrimination(label, pd, HERE) or Omitted("omitted.one_class"),
        calibration=calibration_figures(label, pd, HERE),
        cut_offs=cut_offs(label, pd, 0.3, Economics(), HERE),
        swaps=(swap_set(label, pd, 0.3, pd**2, 0.2, other="c0", source=HERE),) * 2,
        grades=rating_grades(label[:600], pd[:600], label, pd, HERE),
        course=TrainingCourse(
            (3.0, 2.0),
            ((0.5, 0.4), (0.6, 0.3)),
            ((0.7, 0.8), (0.7, 0.75)),
            (("transformer", 0.5), ("boosting", 0.5)),
            0.01,
            (1.1, -0.2),
            HERE,
        ),
        effects=feature_effects(features, numerical, categorical, label, score, HERE)
        or Omitted("omitted.one_class"),
        drift=drift,
        groups=(column_groups(groups, "protected", label, pd, 0.3, HERE),),
        weak=weak_segments([groups, group_numbers("income", numerical[:, 0])], label, pd, HERE),
        vintages=vintages(
            as_of, label, as_of + 20, matured, np.datetime64("2026-05-01"), dated_outcomes=True, source=HERE
        ),
        shadow=ShadowFigures(
            "c0",
            900,
            90,
            True,
            "2026-04-01",
            "2026-05-01",
            {
                "roc_auc": (0.8, 0.7, Interval(0.1, 0.05, 0.15)),
                "brier": (0.2, 0.1, Interval(0.1, 0.05, 0.15)),
            },
            HERE,
        ),
        reproduced=0.0,
        oversight=OversightFigures(
            2,
            (
                OversightEvent(
                    "2026-05-02", "promotion approved", "alice", f"Because. {SCRIPT}", "oversight_records 3"
                ),
                OversightEvent("2026-05-03", "promoted", "alice, bob", "1", "champion_decisions 1"),
            ),
            (
                PolicyChange("2026-05-01", "alice", "1", "", "oversight_records 1"),
                PolicyChange("2026-05-02", "bob", "2", "APPROVALS 1 -> 2", "oversight_records 2"),
            ),
            (OverriddenDecisions(0, "income_verified", 3), OverriddenDecisions(1, "affordability", 1)),
            80,
            2,
            FigureSource("oversight_records", "version=c123456789abc"),
        ),
    )
