"""The validation workbook of a bank's models: its numbers are those of the report and of the tables."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from loan_default_assets.pipeline.model_report import report_figures
from loan_default_assets.pipeline.validation_workbook import (
    NOT_SHOWN,
    validation_figures,
    validation_workbook,
)
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.validation_figures import ServedVolume
from loan_default_assets.reports.figures.validation_tests import validation_tests
from loan_default_assets.reports.rendering.blocks import Number
from loan_default_assets.reports.rendering.html_page import render, sections
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.pipeline.reported_bank import bank, newest
from loan_default_assets_tests.pipeline.test_model_report import NUMBER
from loan_default_assets_tests.reports.test_workbook_file import SHOWN, cells, rounded, tables

__all__ = ["bank", "newest"]


def test_the_workbook_has_the_numbers_of_the_report(bank: BankSteps, newest: str) -> None:
    found = validation_figures(bank.report_inputs, newest)
    assert [name for name, value in vars(found).items() if isinstance(value, Omitted)] == []
    whole = report_figures(bank.report_inputs, newest)
    page = render(whole)
    assert render(replace(found.report, **{name: getattr(whole, name) for name in NOT_SHOWN})) == page
    assert all(getattr(found.report, name) == Omitted("omitted.not_wanted") for name in NOT_SHOWN)
    shown = {rounded(float(number)) for number in NUMBER.findall(page)}
    written = {
        rounded(value)
        for values in cells(validation_workbook(bank.report_inputs, newest)).values()
        for value in values
        if isinstance(value, int | float)
    }
    for section in sections(found.report):
        if section.id in SHOWN:
            for table in tables(section):
                for row in table.rows:
                    numbers = [cell.value for cell in row if isinstance(cell, Number)]
                    assert {rounded(n) for n in numbers if np.isfinite(n)} <= written & shown, section.id


def test_the_workbook_is_traced_to_the_tables(bank: BankSteps, newest: str) -> None:
    found = validation_figures(bank.report_inputs, newest)
    snapshot = bank.snapshot()
    assert not isinstance(found.now, Omitted)
    assert not isinstance(found.report.discrimination, Omitted)
    assert found.now.ks == found.report.discrimination.ks
    assert found.now.roc_auc.value == pytest.approx(found.report.discrimination.roc_auc)
    assert not isinstance(found.development, Omitted)
    assert found.development.rows == len(snapshot.split.validation)
    assert not isinstance(found.migration, Omitted)
    assert sum(map(sum, found.migration.loans)) == len(snapshot.split.window)
    assert not isinstance(found.report.grades, Omitted)
    assert [sum(column) for column in zip(*found.migration.loans, strict=True)] == [
        grade.band.rows if grade.band else 0 for grade in found.report.grades.grades
    ]
    assert not isinstance(found.profiles, Omitted)
    assert {(one.training.rows, one.window.rows) for one in found.profiles.features} == {
        (len(snapshot.split.train), len(snapshot.split.window))
    }
    with bank.database.transaction() as cursor:
        cursor.execute("SELECT id, version, action, decided_by FROM champion_decisions ORDER BY id")
        recorded = cursor.fetchall()
    assert [(one.number, one.version, one.action, one.decided_by) for one in found.changes] == recorded
    assert len(recorded) == 2


def served_predictions(bank: BankSteps, version: str) -> list[Prediction]:
    """Three served loans, one of them with a known outcome."""
    threshold = bank.registry.get(version).threshold
    assert threshold is not None
    return [
        Prediction(
            request_id=str(uuid.UUID(int=number)),
            position=0,
            loan_id=loan,
            model_version=version,
            features={},
            probability=0.432198,
            decision=decision,
            threshold=threshold,
            reasons=None,
            channel=channel,
            latency_ms=None,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for number, (channel, decision, loan) in enumerate(
            (("http", 1, None), ("http", 0, None), ("file", 1, "003-003")), start=1
        )
    ]


def test_served_loans_are_counted_by_channel(bank: BankSteps, newest: str) -> None:
    PredictionLog(bank.database).append(served_predictions(bank, newest))
    found = validation_figures(bank.report_inputs, newest).volume
    assert found == (ServedVolume("file", 1, 1), ServedVolume("http", 2, 1))


def test_changed_rows_leave_the_recorded_tests_and_the_reason(bank: BankSteps, newest: str) -> None:
    with bank.database.transaction() as cursor:
        cursor.execute("UPDATE processed_data SET label = 1 - label WHERE loan_id = '003-003'")
    try:
        found = validation_figures(bank.report_inputs, newest)
    finally:
        with bank.database.transaction() as cursor:
            cursor.execute("UPDATE processed_data SET label = 1 - label WHERE loan_id = '003-003'")
    parts = (found.now, found.development, found.migration, found.profiles)
    assert {part.reason for part in parts if isinstance(part, Omitted)} == {"omitted.rows_changed"}
    assert [test.name for test in validation_tests(found)] == ["auc_low", "window_rows", "window_defaults"]
    assert len(found.changes) == 2


def test_the_first_model_has_no_grades_to_migrate_from(bank: BankSteps) -> None:
    first = bank.evaluations.history()[0].evaluation.model_version
    found = validation_figures(bank.report_inputs, first)
    assert found.migration == Omitted("omitted.no_previous_champion")
    assert not isinstance(found.now, Omitted)
