"""The label of a portfolio: values per outcome, values without an outcome yet, and a threshold."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.portfolio.checks.pandera_schema import partition_violations
from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.portfolio.partition_rows import read_partitions

TODAY = date(2024, 6, 1)


def portfolio(folder: Path, label: str, cells: list[str], file_type: str = "csv") -> Portfolio:
    frame = pd.DataFrame({"state": cells, "income": range(len(cells))})
    path = folder / f"loans.{file_type}"
    if file_type == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    source = f"{{kind: {file_type}, path: {path}}}"
    text = f"name: bank\nsource: {source}\nlabel: {label}\ncolumns: {{income: {{kind: number}}}}\n"
    (folder / "bank.yaml").write_text(text, "utf-8")
    return load(str(folder / "bank.yaml"))


def labels(p: Portfolio) -> list[float | None]:
    [part] = read_partitions(p, ["snapshot"], today=TODAY)
    return [None if value != value else value for value in part.frame["label"]]


@pytest.mark.parametrize("file_type", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("label", "cells", "expected"),
    [
        (
            "{column: state, positive: [Charged Off, Default], negative: [Fully Paid], pending: [Current, Late]}",
            ["Charged Off", "Fully Paid", "Current", "Default", "", "Late"],
            [1, 0, None, 1, None, None],
        ),
        (
            "{column: state, positive: 1, negative: 0, pending: [unknown]}",
            ["1", "0", "unknown"],
            [1, 0, None],
        ),
        ("{column: state, positive: 2, negative: 1}", ["1", "2", "2.0"], [0, 1, 1]),
        ("{column: state, positive: [2, 3], negative: [1]}", ["1", "2", "3.0"], [0, 1, 1]),
        ("{column: state, positive: true, negative: false}", ["True", "FALSE", "true"], [1, 0, 1]),
        ("{column: state, at_least: 90}", ["89.5", "90", "120", "0", ""], [0, 1, 1, 0, None]),
        ("{column: state, at_least: 90, pending: [open]}", ["open", "90", "7"], [None, 1, 0]),
    ],
)
def test_values_become_outcomes(
    tmp_path: Path, label: str, cells: list[str], expected: list[float | None], file_type: str
) -> None:
    assert labels(portfolio(tmp_path, label, cells, file_type)) == expected


@pytest.mark.parametrize(
    ("label", "cell", "line"),
    [
        ("{column: state, positive: [bad], negative: [good], pending: [open]}", "odd", "label.pending"),
        ("{column: state, positive: bad, negative: good}", "odd", "label.positive or label.negative"),
        ("{column: state, at_least: 90}", "odd", "label.pending"),
    ],
)
def test_an_unknown_value_is_a_violation_that_names_the_portfolio_line(
    tmp_path: Path, label: str, cell: str, line: str
) -> None:
    p = portfolio(tmp_path, label, ["91", cell] if "at_least" in label else ["bad", cell])
    [part] = read_partitions(p, ["snapshot"], today=TODAY)
    (violation,) = partition_violations(p, part.frame, "snapshot", TODAY)
    assert (violation.rows, line in str(violation), "state" in str(violation)) == ((2,), True, True)
    assert "odd" not in str(violation)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("{column: state, positive: [a, b], negative: [b]}", "same value"),
        ("{column: state, positive: a, negative: b, pending: [a]}", "pending: 'a'"),
        ("{column: state, at_least: 90, positive: 1}", "not both"),
        ("{column: state, positive: [], negative: b}", "at least one value"),
    ],
)
def test_a_label_that_contradicts_itself_is_refused(tmp_path: Path, label: str, message: str) -> None:
    with pytest.raises(PortfolioError, match=message):
        portfolio(tmp_path, label, ["a"])


def test_lists_and_thresholds_count_into_the_hash_only_when_given(tmp_path: Path) -> None:
    plain = portfolio(tmp_path, "{column: state, positive: 1, negative: 0}", ["1"])
    assert plain.hash == portfolio(tmp_path, "{column: state}", ["1"]).hash
    pending = portfolio(tmp_path, "{column: state, pending: [open]}", ["1"])
    threshold = portfolio(tmp_path, "{column: state, at_least: 90}", ["1"])
    assert len({plain.hash, pending.hash, threshold.hash}) == 3


def test_what_counts_as_a_default_is_named(tmp_path: Path) -> None:
    label = "{column: state, positive: [Charged Off, Default], negative: [Fully Paid]}"
    assert portfolio(tmp_path, label, ["Default"]).label.default_text == "Charged Off or Default"
    assert portfolio(tmp_path, "{column: state, at_least: 90}", ["9"]).label.default_text == "at least 90"
