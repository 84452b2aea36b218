"""Facts of a model's dossier that files hold: the artifact, the portfolio file, and the model report."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from loan_default_assets.model.artifact_files import (
    MANIFEST,
    SIGNATURE,
    ArtifactError,
    ArtifactRootError,
    digest_of,
    read,
)
from loan_default_assets.pipeline.dossier_tables import Groups
from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.report_files import ReportFileError, find_report, read_report
from loan_default_assets.reports.figures.dossier_facts import RecordedFact, facts_of, file
from loan_default_assets.warehouse.registry import ModelRecord

# Of a column, what describes it: bounds and values may be those of an applicant.
_OF_COLUMN = ("kind", "unit", "describe")
_OUTCOME = ("column", "positive", "negative", "pending", "at_least", "observed_at", "horizon_days")
_EXCLUDED = ("known_after_outcome", "known_at_application", "ignore", "ignored_because")
# Sections of the model report by the group that refers to them.
REPORT_SECTIONS = {
    "report_groups": "groups",
    "report_features": "features",
    "report_discrimination": "discrimination",
    "report_calibration": "calibration",
    "report_cut_offs": "cut_offs",
    "report_grades": "grades",
    "report_drift": "drift",
    "report_vintages": "vintages",
}


def facts_of_files(inputs: ReportInputs, record: ModelRecord, portfolio_file: Path) -> Groups:
    """The facts of the files that belong to a version, by group; of files that are missing or altered, none.

    Args:
        portfolio_file: The file that the portfolio was read from.
    """
    return {
        **_of_artifact(inputs, record),
        **_of_portfolio(inputs.portfolio, portfolio_file),
        **_of_report(inputs, record.version),
    }


def _of_artifact(inputs: ReportInputs, record: ModelRecord) -> Groups:
    groups: Groups = dict.fromkeys(
        (
            "artifact",
            "signature",
            "members",
            "features",
            "label",
            "columns",
            "exclusions",
            "protected",
            "reasons",
        ),
        (),
    )
    try:
        check = inputs.store.check(record)
        folder = check.required().path
        content = read(folder)
    except (ArtifactError, ArtifactRootError):
        return groups
    details, described = json.loads(content["model.json"]), json.loads(content["portfolio.json"])
    manifest = file(MANIFEST, record.artifact_sha256)
    model = file("model.json", digest_of(content["model.json"]))
    portfolio = file("portfolio.json", digest_of(content["portfolio.json"]))
    columns = {
        name: {key: column.get(key) for key in _OF_COLUMN} for name, column in described["columns"].items()
    }
    signed: tuple[RecordedFact, ...] = ()
    if check.signed_by is not None:
        source = file(SIGNATURE, digest_of((folder / SIGNATURE).read_bytes()))
        signed = (RecordedFact("signed_by", check.signed_by, source),)
    return groups | {
        "artifact": facts_of(manifest, json.loads(content[MANIFEST])),
        "signature": signed,
        "members": facts_of(model, {name: details.get(name) for name in ("members", "calibration")}),
        "features": facts_of(model, {"feature_names": details.get("feature_names")}),
        "label": facts_of(portfolio, {"label": {name: described["label"].get(name) for name in _OUTCOME}}),
        "columns": facts_of(portfolio, {"columns": columns, "derive": described.get("derive")}),
        "exclusions": facts_of(portfolio, {name: described.get(name) for name in _EXCLUDED}),
        "protected": facts_of(portfolio, {"protected": described.get("protected")}),
        "reasons": facts_of(portfolio, {"reasons": described.get("reasons")}),
    }


def _of_portfolio(portfolio: Portfolio, path: Path) -> Groups:
    source = file(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    given = portfolio.model_dump(mode="json", exclude_unset=True)

    def facts(values: Mapping[str, Any]) -> tuple[RecordedFact, ...]:
        return facts_of(source, values)

    return {
        "source": facts(
            {"source": {"kind": portfolio.source.kind}}
            | {name: given.get(name) for name in ("refresh", "cadence", "start", "end", "new_columns")}
        ),
        "segments": facts({"segments": given.get("segments")}),
        "economics": facts({"economics": given.get("economics")}),
        "categories": facts({"categories": given.get("categories")}),
        "documentation": tuple(
            RecordedFact(fact.name.removeprefix("documentation."), fact.value, fact.source)
            for fact in facts({"documentation": given.get("documentation")})
        ),
    }


def _of_report(inputs: ReportInputs, version: str) -> Groups:
    """How many figures each section of the newest model report has; none where it does not match its hash."""
    groups: Groups = dict.fromkeys(REPORT_SECTIONS, ())
    if inputs.store.origin is not None:
        # While the root is away, the copy of before counts.
        with suppress(ArtifactRootError):
            inputs.store.origin.refresh_report(version)
    try:
        page = read_report(inputs.store.root, version).decode()
    except ReportFileError:
        return groups
    stored = find_report(inputs.store.root, version)
    if stored is None:
        return groups
    source = file(stored.path.name, stored.sha256)
    sections = dict(re.findall(r'<section id="([\w-]+)"(.*?)</section>', page, re.DOTALL))
    for group, section in REPORT_SECTIONS.items():
        if figures := sections.get(section, "").count("<data value="):
            groups[group] = (RecordedFact("figures", figures, source.at(section)),)
    return groups
