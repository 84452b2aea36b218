"""What the validation workbook shows besides the figures of the model report."""

from __future__ import annotations

from dataclasses import dataclass

from loan_default_assets.reports.figures.feature_profiles import FeatureProfiles
from loan_default_assets.reports.figures.grade_migration import GradeMigration
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.figures.sample_discrimination import SampleDiscrimination


@dataclass(frozen=True)
class ChampionChange:
    """One decision on a champion as it is recorded.

    Attributes:
        number: Of the row in `champion_decisions`.
        decided_at: ISO 8601.
        action: `promoted`, `rejected` or `rolled back`.
        previous: Champion until then; empty without one.
        verdict: Promotion verdict; empty without one.
        reason: Recorded reason, in English; empty without one.
        decided_by: Who decided.
        key_id: Key of the signature; empty without one.
    """

    number: int
    decided_at: str
    action: str
    version: str
    previous: str
    verdict: str
    reason: str
    decided_by: str
    key_id: str


@dataclass(frozen=True)
class ServedVolume:
    """Loans that a version has scored over one channel.

    Attributes:
        channel: `http`, `grpc` or `file`.
        scored: Loans.
        declined: Loans whose PD reached the threshold.
    """

    channel: str
    scored: int
    declined: int


@dataclass(frozen=True)
class ValidationFigures:
    """The figures of the workbook.

    Attributes:
        report: Figures of the model report.
        now: Discrimination on the evaluation window.
        development: The same model on the validation rows of its training.
        migration: From the previous champion's grades to this version's.
        profiles: Features in training rows and evaluation window.
        changes: Decisions on champions, the first one first.
        volume: Scored loans by channel.
        volume_source: Where `volume` was counted.
    """

    report: ReportFigures
    now: SampleDiscrimination | Omitted
    development: SampleDiscrimination | Omitted
    migration: GradeMigration | Omitted
    profiles: FeatureProfiles | Omitted
    changes: tuple[ChampionChange, ...]
    volume: tuple[ServedVolume, ...]
    volume_source: FigureSource
