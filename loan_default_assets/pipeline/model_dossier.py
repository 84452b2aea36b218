"""The step that collects the recorded facts of a version for its dossier, and computes none."""

from __future__ import annotations

from pathlib import Path

from loan_default_assets.pipeline.dossier_files import facts_of_files
from loan_default_assets.pipeline.dossier_tables import facts_of_tables
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.reports.figures.dossier_facts import DossierFacts


def dossier_facts(inputs: ReportInputs, version: str, portfolio_file: Path) -> DossierFacts:
    """The recorded facts of a version; a version that was never evaluated has fewer.

    Args:
        inputs: Where they are read from.
        version: A classifier of the registry.
        portfolio_file: The file that the portfolio was read from.

    Raises:
        OSError: The portfolio file cannot be read.
        RegistryError: The version is unknown.
    """
    record = inputs.registry.get(version)
    return DossierFacts(
        title=inputs.portfolio.title or inputs.portfolio.name,
        version=version,
        groups=facts_of_tables(inputs, record) | facts_of_files(inputs, record, portfolio_file),
    )
