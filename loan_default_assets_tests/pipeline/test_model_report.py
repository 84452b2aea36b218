"""The report of a bank's models: traced to the tables, written beside the artifact, omitted parts explained."""

import hashlib
import json
import logging
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from loan_default_assets.model.artifact_files import read
from loan_default_assets.model.metrics import METRICS
from loan_default_assets.pipeline import model_report
from loan_default_assets.pipeline.evaluated_version import usable_predictor
from loan_default_assets.pipeline.model_report import report_figures, write_report, write_report_or_warn
from loan_default_assets.pipeline.pipeline_errors import NoModelError
from loan_default_assets.pipeline.report_records import history_of
from loan_default_assets.pipeline.report_rows import _grouping, described_column, features_of, report_rows
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.report_files import ReportFileError, find_report, read_report
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.figures.report_figures import ReportFigures
from loan_default_assets.reports.rendering.blocks import Figures, Number, Table
from loan_default_assets.reports.rendering.html_page import render, sections
from loan_default_assets.warehouse.evaluations import EvaluationInputs
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO
from loan_default_assets_tests.pipeline.bank_steps import LOG, BankSteps
from loan_default_assets_tests.pipeline.reported_bank import bank, newest
from loan_default_assets_tests.warehouse.samples import performance

__all__ = ["bank", "newest"]

NUMBER = re.compile(r'<data value="([^"]+)">')


@pytest.fixture(scope="module")
def figures(bank: BankSteps, newest: str) -> ReportFigures:
    return report_figures(bank.report_inputs, newest)


def test_every_section_has_figures(figures: ReportFigures) -> None:
    assert [name for name, value in vars(figures).items() if isinstance(value, Omitted)] == []
    assert figures.reproduced is not None
    assert figures.reproduced < 1e-6


def test_the_figures_are_those_of_the_tables(bank: BankSteps, newest: str, figures: ReportFigures) -> None:
    stored = [each for each in bank.evaluations.history() if each.evaluation.model_version == newest][-1]
    recorded, record = stored.evaluation, bank.registry.get(newest)
    assert figures.evaluation.source.row == f"id={stored.id}"
    assert [row.name for row in figures.evaluation.metrics] == list(METRICS)
    for row in figures.evaluation.metrics:
        assert row.interval.value == recorded.metrics[row.name]
        assert (row.interval.low, row.interval.high) == recorded.intervals[row.name]
        assert recorded.baseline is not None
        assert row.references[recorded.baseline["name"]] == recorded.baseline["metrics"][row.name]
    assert dict(figures.model.lineage)["artifact_sha256"] == record.artifact_sha256
    assert not isinstance(figures.discrimination, Omitted)
    assert figures.discrimination.roc_auc == pytest.approx(recorded.metrics["roc_auc"])
    assert figures.discrimination.ks == pytest.approx(recorded.metrics["ks"])
    assert not isinstance(figures.calibration, Omitted)
    assert sum(band.rows for band in figures.calibration.bands) == recorded.rows
    assert sum(band.defaults for band in figures.calibration.bands) == recorded.positives
    assert not isinstance(figures.swaps, Omitted)
    assert {swap.other for swap in figures.swaps} == {recorded.compared_with}
    own, same_rate = figures.swaps
    assert own.threshold == record.threshold
    assert same_rate.swapped_in.rows == pytest.approx(same_rate.swapped_out.rows, abs=0.01 * recorded.rows)
    assert not isinstance(figures.gates, Omitted)
    assert {"df1_low", "dauc_low"} < {gate.name for gate in figures.gates.gates}
    assert not isinstance(figures.vintages, Omitted)
    assert sum(one.rows for one in figures.vintages.vintages) == 40 * 60


def test_protected_columns_and_segments_are_read_for_the_same_rows(
    bank: BankSteps, figures: ReportFigures
) -> None:
    assert not isinstance(figures.groups, Omitted)
    found = {(one.column, one.role): one for one in figures.groups}
    assert set(found) == {("branch", "protected"), ("purpose", "segment")}
    split = bank.snapshot().split
    rows = bank.snapshot().rows
    # `purpose` is a feature too, so that the groups can be counted without raw_data.
    codes = rows.categorical[split.window][:, bank.portfolio.features.categorical.index("purpose")]
    by_code = {name: int((codes == 2 + i).sum()) for i, name in enumerate(["car", "home", "other"])}
    assert {group.name: group.rows for group in found["purpose", "segment"].groups} == by_code
    with bank.database.transaction() as cursor:
        cursor.execute(
            "SELECT coalesce(branch, 'missing'), count(*), sum(label) FROM raw_data "
            "WHERE (partition_key, loan_id) IN (SELECT * FROM unnest(%s::text[], %s::text[])) GROUP BY 1",
            (rows.partition_key[split.window].tolist(), rows.loan_id[split.window].tolist()),
        )
        stored = {name: (count, defaults) for name, count, defaults in cursor.fetchall()}
    shown = {group.name: (group.rows, group.defaults) for group in found["branch", "protected"].groups}
    assert shown == stored


def test_columns_come_in_the_order_of_the_rows(bank: BankSteps) -> None:
    snapshot = bank.snapshot()
    index = snapshot.split.window[::-3]
    rows, income = snapshot.rows, bank.portfolio.features.numerical.index("income")
    keys, ids = rows.partition_key[index].tolist(), rows.loan_id[index].tolist()
    values = bank.loans.read_raw_columns([*keys, keys[0]], [*ids, "no such loan"], ("income", "branch"))
    assert np.float32(values["income"][:-1]).tolist() == rows.numerical[index, income].tolist()
    assert [column[-1] for column in values.values()] == [None, None]
    assert bank.loans.read_raw_columns(keys, ids, ()) == {}


def test_every_number_of_a_table_is_on_the_page(figures: ReportFigures) -> None:
    on_page = {float(value) for value in NUMBER.findall(render(figures))}
    numbers = [
        cell.value
        for section in sections(figures)
        for block in section.blocks
        for table in (
            block if isinstance(block, Table) else block.table if isinstance(block, Figures) else None,
        )
        if table is not None
        for row in table.rows
        for cell in row
        if isinstance(cell, Number) and cell.value == cell.value
    ]
    assert len(numbers) > 300
    assert set(map(float, numbers)) <= on_page


def test_the_economics_of_the_portfolio_are_used(figures: ReportFigures) -> None:
    assert not isinstance(figures.cut_offs, Omitted)
    found = figures.cut_offs.economics
    assert (found.lgd, found.margin, found.stated) == (0.6, 0.1, True)


def test_a_report_is_written_beside_the_artifact_and_changes_no_file_of_it(
    bank: BankSteps, newest: str
) -> None:
    record, before = bank.registry.get(newest), read(bank.store.folder(bank.registry.get(newest)))
    stored = write_report(bank.report_inputs, newest, LOG)
    assert stored.path.parent == bank.store.root / "reports"
    assert hashlib.sha256(stored.path.read_bytes()).hexdigest() == stored.sha256
    assert find_report(bank.store.root, newest) == stored
    assert read_report(bank.store.root, newest) == stored.path.read_bytes()
    assert read(bank.store.folder(record)) == before
    assert bank.store.check(record).intact
    # Written again from the same rows it is the same file, and the only one.
    assert write_report(bank.report_inputs, newest, LOG) == stored
    assert [path.name for path in sorted(stored.path.parent.glob(f"{newest}*"))] == [
        stored.path.name,
        f"{newest}.json",
    ]


def test_an_altered_report_is_refused(bank: BankSteps, newest: str) -> None:
    stored = write_report(bank.report_inputs, newest, LOG)
    stored.path.write_bytes(stored.path.read_bytes() + b" ")
    with pytest.raises(
        ReportFileError, match=f"differs from its recorded SHA-256\nNext: loan-default report {newest}"
    ):
        read_report(bank.store.root, newest)
    write_report(bank.report_inputs, newest, LOG)
    assert read_report(bank.store.root, newest)


@pytest.mark.parametrize("version", ["c000000000000", "../secret", "c1"])
def test_there_is_no_report_of_an_unknown_version(bank: BankSteps, version: str) -> None:
    assert find_report(bank.store.root, version) is None
    with pytest.raises(ReportFileError, match="there is no report"):
        read_report(bank.store.root, version)


def test_a_side_file_names_no_file_of_another_folder(bank: BankSteps, newest: str, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    record = {"version": newest, "evaluation": 1, "file": "../../secret", "sha256": "0"}
    (tmp_path / "reports" / f"{newest}.json").write_text(json.dumps(record))
    found = find_report(tmp_path, newest)
    assert found is not None
    assert found.path.parent == tmp_path / "reports"


def test_a_model_that_was_not_evaluated_has_no_report(bank: BankSteps) -> None:
    encoder = next(record for record in bank.registry.history() if record.kind == "encoder")
    with pytest.raises(NoModelError, match="has no recorded evaluation"):
        report_figures(bank.report_inputs, encoder.version)


def test_a_report_that_fails_stops_no_promotion(
    bank: BankSteps, newest: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: object) -> None:
        raise ValueError("income 12345")

    monkeypatch.setattr(model_report, "report_figures", failing)
    with caplog.at_level(logging.WARNING):
        assert write_report_or_warn(bank.report_inputs, newest, LOG) is None
    assert f"Next: loan-default report {newest}" in caplog.text
    assert "12345" not in caplog.text


def test_changed_rows_leave_the_recorded_figures_and_the_reason(bank: BankSteps, newest: str) -> None:
    complete = report_figures(bank.report_inputs, newest)
    with bank.database.transaction() as cursor:
        cursor.execute("UPDATE processed_data SET label = 1 - label WHERE loan_id = '003-003'")
    try:
        found = report_figures(bank.report_inputs, newest)
    finally:
        with bank.database.transaction() as cursor:
            cursor.execute("UPDATE processed_data SET label = 1 - label WHERE loan_id = '003-003'")
    assert isinstance(found.discrimination, Omitted)
    assert found.discrimination.reason == "omitted.rows_changed"
    assert found.evaluation == complete.evaluation
    assert found.gates == complete.gates
    # The artifact is still there, and so is what it records of the training.
    assert found.course == complete.course
    assert found.reproduced is None


def test_lost_files_of_the_previous_champion_omit_the_swap_set_alone(
    bank: BankSteps, newest: str, tmp_path: Path
) -> None:
    evaluation = [
        each.evaluation for each in bank.evaluations.history() if each.evaluation.model_version == newest
    ]
    previous = evaluation[-1].compared_with
    assert previous is not None
    folder = bank.store.root / previous
    folder.rename(tmp_path / "away")
    try:
        found = report_figures(bank.report_inputs, newest)
    finally:
        (tmp_path / "away").rename(folder)
    assert found.swaps == Omitted("omitted.no_files", previous)
    assert not isinstance(found.discrimination, Omitted)


def test_rare_texts_are_not_named() -> None:
    values = ["Seoul"] * 40 + ["Kim Minjun"] * 29 + [None] * 31
    found = _grouping("address", "text", values)
    assert found.names == ("Seoul", "missing", "other")
    assert (found.group == 2).sum() == 29
    # The values of a category are in the portfolio file.
    assert "Kim Minjun" in _grouping("address", "category", values).names


def test_years_are_described_and_grouped_without_separators() -> None:
    described = {**PORTFOLIO["columns"], "built_year": {"kind": "number", "min": 1900}}
    bank = Portfolio.model_validate({**PORTFOLIO, "columns": described})
    grouped = {feature.name: feature.grouped for feature in features_of(bank)}
    assert {name for name, each in grouped.items() if not each} == {"built_year"}
    sex = described_column(bank, "sex")
    assert (sex.kind, sex.categories, described_column(bank, "income").unit) == (
        "category",
        ("f", "m"),
        "USD",
    )
    names = _grouping("zip", "number", [10_115.0, 80_331.0], with_separators=False).names
    assert names == ("10115", "80331")


def test_a_sampled_portfolio_compares_drift_with_validation_rows(bank: BankSteps) -> None:
    snapshot = bank.snapshot()
    record = bank.registry.champion()
    assert record is not None
    evaluation = bank.evaluations.latest(record.version)
    predictor = usable_predictor(bank.report_inputs, record)
    assert evaluation is not None
    assert not isinstance(predictor, Omitted)
    whole = report_rows(snapshot, evaluation, predictor)
    assert set(whole.reference) <= set(snapshot.split.train)
    sampled = report_rows(replace(snapshot, sampling=object()), evaluation, predictor)  # type: ignore[arg-type]
    assert set(sampled.reference) <= set(snapshot.split.validation)
    # A case-control sample has the default rate that was chosen, not that of its period.
    of_periods = set(np.concatenate(sampled.by_period.index).tolist())
    assert not of_periods & set(snapshot.split.train.tolist())
    assert of_periods >= set(snapshot.split.window.tolist())
    assert set(np.concatenate(whole.by_period.index)) >= set(snapshot.split.train)
    label, pd = whole.label(whole.window), whole.pd[whole.window]
    assert roc_auc_score(label, pd) == pytest.approx(evaluation.metrics["roc_auc"])


def test_an_evaluation_without_dates_has_no_end_of_its_window() -> None:
    undated = performance("c1", 0.5, window_from=None, window_to=None)
    dated = performance("c1", 0.5, window_to=date(2026, 1, 31))
    history = history_of(
        "c1", [EvaluationInputs(1, undated, None), EvaluationInputs(2, dated, None)], None, 0.8
    )
    assert [point.window_to for point in history.evaluations] == ["", "2026-01-31"]
