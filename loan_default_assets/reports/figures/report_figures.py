"""All figures of one evaluated model: what report, workbook and dossier are rendered from."""

from __future__ import annotations

from dataclasses import dataclass

from loan_default_assets.reports.figures.calibration_bands import CalibrationFigures
from loan_default_assets.reports.figures.cut_offs import CutOffs
from loan_default_assets.reports.figures.discrimination import Discrimination
from loan_default_assets.reports.figures.drift import Drift
from loan_default_assets.reports.figures.feature_effects import FeatureEffects
from loan_default_assets.reports.figures.group_figures import ColumnGroups, WeakSegments
from loan_default_assets.reports.figures.model_facts import (
    DataFacts,
    EvaluationFacts,
    History,
    ModelFacts,
    Omitted,
    PromotionGates,
    TrainingCourse,
)
from loan_default_assets.reports.figures.oversight_figures import OversightFigures
from loan_default_assets.reports.figures.rating_grades import RatingGrades
from loan_default_assets.reports.figures.shadow_figures import ShadowFigures
from loan_default_assets.reports.figures.swap_set import SwapSet
from loan_default_assets.reports.figures.vintages import Vintages


@dataclass(frozen=True)
class ReportFigures:
    """The figures by section; a section without figures says why.

    Attributes:
        swaps: At the models' own thresholds, and at the approval rate of the other model.
        shadow: None where it scored no served application with a known outcome as a shadow.
        reproduced: Largest difference of the metrics of the rows scored now to the recorded ones; None where the rows
            could not be scored.
    """

    model: ModelFacts
    evaluation: EvaluationFacts
    history: History
    gates: PromotionGates | Omitted
    data: DataFacts | Omitted
    discrimination: Discrimination | Omitted
    calibration: CalibrationFigures | Omitted
    cut_offs: CutOffs | Omitted
    swaps: tuple[SwapSet, ...] | Omitted
    grades: RatingGrades | Omitted
    course: TrainingCourse | Omitted
    effects: FeatureEffects | Omitted
    drift: Drift | Omitted
    groups: tuple[ColumnGroups, ...] | Omitted
    weak: WeakSegments | Omitted
    vintages: Vintages | Omitted
    shadow: ShadowFigures | None
    reproduced: float | None
    oversight: OversightFigures
