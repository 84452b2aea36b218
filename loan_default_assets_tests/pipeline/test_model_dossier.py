"""The dossier of a bank's models: every fact is that of its table or file, and none is an applicant's."""

import hashlib
import json
import logging
import re
import uuid
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg2 import sql

from loan_default_assets.pipeline.evaluated_version import ReportInputs
from loan_default_assets.pipeline.model_dossier import dossier_facts
from loan_default_assets.pipeline.model_report import write_report
from loan_default_assets.pipeline.model_storage import _NOT_STORED
from loan_default_assets.portfolio.spec import load
from loan_default_assets.report_files import find_report
from loan_default_assets.reports.figures.dossier_facts import DossierFacts, RecordedFact
from loan_default_assets.reports.rendering.dossier_document import dossier_document
from loan_default_assets.reports.rendering.dossier_markdown import markdown
from loan_default_assets.reports.rendering.dossier_page import dossier_page
from loan_default_assets.reports.rendering.dossier_template import dossier_template
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, F1Block, StoredPsi
from loan_default_assets.warehouse.oversight import Override, OversightLog
from loan_default_assets.warehouse.predictions import PredictionLog
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.reported_bank import bank, newest
from loan_default_assets_tests.pipeline.test_validation_workbook import served_predictions

__all__ = ["bank", "newest"]

LOG = logging.getLogger(__name__)


def portfolio_file(bank: BankSteps) -> Path:
    return Path(bank.settings.portfolio)


@pytest.fixture(scope="module")
def found(bank: BankSteps, newest: str) -> DossierFacts:
    """After a report was written, loans were served, some with a known outcome, and one decision was overridden."""
    write_report(bank.report_inputs, newest, LOG)
    served = served_predictions(bank, newest)
    PredictionLog(bank.database).append(served)
    override = Override(
        served[0].request_id, 0, 1 - served[0].decision, "affordability", str(uuid.UUID(int=9))
    )
    OversightLog(bank.database).record_override(override, "alice")
    record_drift(DriftLog(bank.database), newest)
    return dossier_facts(bank.report_inputs, newest, portfolio_file(bank))


def record_drift(log: DriftLog, version: str) -> None:
    """Three partitions, of which the second drifted, and two blocks, of which the first was measured."""
    calm, high = StoredPsi("income", 0.021, 0.3, "green"), StoredPsi("amount", 0.41, 0.3, "red")
    log.record_check(version, DriftCheck("2025-02-01", "2025-01-31", 60, (calm,)))
    log.record_check(version, DriftCheck("2025-02-02", "2025-02-02", 61, (calm, high)))
    log.record_check(
        version, DriftCheck("2025-02-03", "2025-02-03", 62, (calm, replace(high, light="green")))
    )
    log.mark_alerted(version, ["2025-02-02"])
    log.record_score(version, "2025-02-03", StoredPsi("pd", 0.031, 0.25, "green"))
    log.record_check("another", DriftCheck("2025-02-02", "2025-02-02", 99, (high,)))
    log.record_blocks(
        version,
        [
            F1Block("2025-02-01", "2025-02-02", 121, 0.712, 0.65, 0.77, 121, 0.734),
            F1Block("2025-02-03", "2025-02-03", 62, None, None, None, 0, None),
        ],
    )


def recorded_value(bank: BankSteps, fact: RecordedFact) -> Any:
    """What the table or the file of a fact's source holds there."""
    source = fact.source
    if source.key[0][0] == "sha256":
        return value_in_file(bank, fact)
    column, *keys = source.path
    conditions = sql.SQL(" AND ").join(
        sql.SQL("{}::text = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in source.key
    )
    selected = sql.SQL("count(*)") if column == "count(*)" else sql.Identifier(column)
    with bank.database.transaction() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE {}").format(selected, sql.Identifier(source.table), conditions)
        )
        [(value,)] = cursor.fetchall()
    return inside(value, keys)


def value_in_file(bank: BankSteps, fact: RecordedFact) -> Any:
    """The value in a file; its SHA-256 must be that of the source."""
    root, version = bank.artifacts, fact_version(bank)
    record = bank.registry.get(version)
    folders = (bank.store.folder(record), root / "reports", portfolio_file(bank).parent)
    [path] = [folder / fact.source.table for folder in folders if (folder / fact.source.table).exists()]
    content = path.read_bytes()
    assert fact.source.key == (("sha256", hashlib.sha256(content).hexdigest()),)
    if path.suffix == ".html":
        [section] = fact.source.path
        [body] = re.findall(rf'<section id="{section}"(.*?)</section>', content.decode(), re.DOTALL)
        return body.count("<data value=")
    read = yaml.safe_load(content) if path.suffix == ".yaml" else json.loads(content)
    return inside(read, list(fact.source.path))


def fact_version(bank: BankSteps) -> str:
    return [each for each in bank.evaluations.history() if each.evaluation.compared_with][
        -1
    ].evaluation.model_version


def inside(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def test_every_fact_is_that_of_its_source(bank: BankSteps, found: DossierFacts) -> None:
    walked, page = 0, dossier_page(dossier_document(found))
    for group in found.groups.values():
        for fact in group:
            recorded = recorded_value(bank, fact)
            if isinstance(fact.value, str) and not isinstance(recorded, str):
                recorded = recorded.isoformat()
            if isinstance(fact.value, tuple):
                recorded = tuple(recorded)
            assert recorded == fact.value, fact
            assert type(recorded) is type(fact.value) or isinstance(fact.value, float), fact
            # Unrounded, as text.
            assert not isinstance(recorded, float) or f"<td>{recorded!r}</td>" in page
            walked += 1
    assert walked > 200


def test_overridden_decisions_are_counted(found: DossierFacts) -> None:
    counted = {fact.name: fact.value for fact in found.groups["overrides"]}
    assert counted == {"decision overridden": 1, "application rescored": 0}


def test_drift_is_that_of_the_newest_partition_and_of_those_that_drifted(found: DossierFacts) -> None:
    named = {fact.name: fact.value for fact in found.groups["drift_checks"]}
    assert named.pop("partitions compared") == 3
    assert {name.split(".")[0] for name in named} == {"2025-02-02", "2025-02-03"}
    assert {name.split(".")[1] for name in named if name.startswith("2025-02-02")} == {
        "pooled_from",
        "rows",
        "checked_at",
        "alerted_at",
        "amount",
    }
    assert "2025-02-03.checked_at" in named
    assert "2025-02-03.alerted_at" not in named
    assert named["2025-02-02.amount.psi"] == 0.41
    assert named["2025-02-03.pd.light"] == "green"
    assert named["2025-02-03.income.limit"] == 0.3


def test_expected_and_measured_f1_stand_by_block(found: DossierFacts, newest: str) -> None:
    facts = {fact.name: fact for fact in found.groups["f1_estimates"]}
    computed = facts.pop("2025-02-01.computed_at")
    assert datetime.fromisoformat(str(computed.value)).tzinfo is not None
    assert str(computed.source).endswith("first_partition=2025-02-01].computed_at")
    assert {name: fact.value for name, fact in facts.items() if name.startswith("2025-02-01")} == {
        "2025-02-01.last_partition": "2025-02-02",
        "2025-02-01.rows": 121,
        "2025-02-01.estimate": 0.712,
        "2025-02-01.low": 0.65,
        "2025-02-01.high": 0.77,
        "2025-02-01.outcomes": 121,
        "2025-02-01.measured": 0.734,
    }
    assert "2025-02-03.estimate" not in facts
    source = str(facts["2025-02-01.measured"].source)
    assert source == f"f1_estimates[model_version={newest}, first_partition=2025-02-01].measured"


def test_every_group_of_the_template_is_collected(found: DossierFacts) -> None:
    assert set(found.groups) == set(dossier_template().groups)
    # Unsigned, without texts of categories and statements in its portfolio file; everything else is recorded.
    empty = {name for name, facts in found.groups.items() if not facts}
    assert empty == {"signature", "reasons", "categories", "documentation"}


def test_no_value_of_an_applicant_is_in_the_dossier(bank: BankSteps, found: DossierFacts) -> None:
    document = dossier_document(found)
    with bank.database.transaction() as cursor:
        cursor.execute("SELECT loan_id, income, amount FROM raw_data")
        rows = cursor.fetchall()
        cursor.execute("SELECT request_id::text, probability FROM predictions")
        served = cursor.fetchall()
    assert rows
    assert served
    values = {str(value) for row in [*rows, *served] for value in row if value is not None}
    for text in (markdown(document), dossier_page(document)):
        assert values & set(re.findall(r"[\w.-]+", text)) == set()


def with_portfolio(bank: BankSteps, folder: Path, **changes: Any) -> tuple[ReportInputs, Path]:
    described = yaml.safe_load(portfolio_file(bank).read_text("utf-8"))
    path = folder / "small_bank.yaml"
    path.write_text(yaml.safe_dump(described | changes, sort_keys=False))
    portfolio = load(str(path), source=bank.settings.loan_source)
    given = bank.report_inputs
    return ReportInputs(**{**vars(given), "portfolio": portfolio}), path


def test_a_statement_of_the_portfolio_file_is_a_fact(bank: BankSteps, newest: str, tmp_path: Path) -> None:
    statements = {"owner": "Credit risk, unit 4", "review_date": "2027-01-31"}
    changed, path = with_portfolio(bank, tmp_path, documentation=statements)
    assert changed.portfolio.hash == bank.portfolio.hash
    # Nor does it change the files of a model.
    stored, stored_before = (
        portfolio.model_dump(mode="json", exclude=_NOT_STORED)
        for portfolio in (changed.portfolio, bank.portfolio)
    )
    assert stored == stored_before
    found = dossier_facts(changed, newest, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(fact.name, fact.value, str(fact.source)) for fact in found.groups["documentation"]] == [
        (name, text, f"small_bank.yaml[sha256={digest}].documentation.{name}")
        for name, text in statements.items()
    ]
    before = dossier_document(dossier_facts(bank.report_inputs, newest, portfolio_file(bank)))
    after = dossier_document(found)
    # us_owner, kr_roles, us_review.
    assert before.counts[0] - after.counts[0] == 3


def test_equal_records_give_equal_files(bank: BankSteps, newest: str, found: DossierFacts) -> None:
    again = dossier_facts(bank.report_inputs, newest, portfolio_file(bank))
    assert markdown(dossier_document(again)) == markdown(dossier_document(found))
    assert dossier_page(dossier_document(again)) == dossier_page(dossier_document(found))


@pytest.mark.parametrize(
    ("damaged", "lost"),
    [
        ("report", {"report_groups", "report_discrimination"}),
        ("model", {"artifact", "members", "label", "columns", "protected"}),
    ],
)
def test_an_altered_file_is_no_record(
    bank: BankSteps, newest: str, found: DossierFacts, damaged: str, lost: set[str]
) -> None:
    stored = find_report(bank.store.root, newest)
    assert stored is not None
    path = stored.path if damaged == "report" else bank.store.folder(bank.registry.get(newest)) / "model.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0", b"1", 1))
    try:
        altered = dossier_facts(bank.report_inputs, newest, portfolio_file(bank))
    finally:
        path.write_bytes(content)
    assert {name for name in lost if found.groups[name]} == lost
    assert {name for name in lost if altered.groups[name]} == set()
    assert dossier_document(altered).counts[0] > dossier_document(found).counts[0]


def test_a_version_that_was_never_evaluated_has_fewer_facts(bank: BankSteps, found: DossierFacts) -> None:
    encoder = next(each for each in bank.registry.history() if each.kind == "encoder")
    groups = dossier_facts(bank.report_inputs, encoder.version, portfolio_file(bank)).groups
    assert set(groups) == set(found.groups)
    without = ("evaluation", "metrics", "rules", "threshold", "live", "drift_checks", "f1_estimates")
    assert {name for name in without if groups[name]} == set()
    assert groups["identity"]
