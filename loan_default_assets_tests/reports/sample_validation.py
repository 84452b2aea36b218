"""Figures of a validation workbook without a database: those of the report's sample, with texts like formulas."""

from dataclasses import replace
from typing import Any

import numpy as np

from loan_default_assets.reports.figures.feature_profiles import FeatureProfiles, feature_profiles
from loan_default_assets.reports.figures.feature_table import Feature
from loan_default_assets.reports.figures.grade_migration import grade_migration
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.sample_discrimination import sample_discrimination
from loan_default_assets.reports.figures.validation_figures import (
    ChampionChange,
    ServedVolume,
    ValidationFigures,
)
from loan_default_assets_tests.reports.sample_figures import HERE, report_figures

# Texts of a portfolio or a decision that a spreadsheet could take for a formula, a link or a number.
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("https://x","y")', "{=1+1}", "https://x", "007")


def validation_figures(**changes: Any) -> ValidationFigures:
    """Figures with every sheet filled, but for the changes."""
    rng = np.random.default_rng(4)
    rows = 1_000
    pd = rng.uniform(0.02, 0.6, rows)
    label = (rng.random(rows) < pd).astype(np.int8)
    other = np.clip(pd + rng.normal(0, 0.05, rows), 0, 1)
    report = changes.pop("report", report_figures())
    assert not isinstance(report.grades, Omitted)
    numerical = np.where(rng.random((rows, 1)) < 0.1, np.nan, rng.normal(size=(rows, 1)))
    categorical = rng.integers(0, 4, (rows, 1))
    features = [
        Feature("=income", "number", "=1+1", "=1+1", "USD"),
        Feature("grade", "category", "Grade", "등급", "", ("=1+1", "b")),
    ]
    first, second = np.arange(500), np.arange(500, rows)
    return replace(
        ValidationFigures(
            report=report,
            now=sample_discrimination(label[second], pd[second], HERE),
            development=sample_discrimination(label[first], pd[first], HERE),
            migration=grade_migration(report.grades, pd, other, other="c0", source=HERE),
            profiles=FeatureProfiles(
                "training", feature_profiles(features, numerical, categorical, first, second), HERE
            ),
            changes=tuple(
                ChampionChange(
                    n, "2026-05-02T00:00:00+00:00", "promoted", "c1", "c0", "approved", text, text, ""
                )
                for n, text in enumerate(FORMULAS, start=1)
            ),
            volume=(ServedVolume("http", 40, 9), ServedVolume("file", 7, 1)),
            volume_source=HERE,
        ),
        **changes,
    )
