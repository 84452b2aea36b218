"""Files with several rows per loan: found without an option, drafted with key and period, and said on the terminal."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.commands.init import accounted_draft
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.file_account import account_for, drafted_portfolio
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, PortfolioDraft, draft_for
from loan_default_assets_tests.portfolio.partition_rows import found_violations, read_partitions

TODAY = date(2024, 6, 1)
LOANS, MONTHS = 300, 12


def panel(kind: str, key: str = "loan_id", date_format: str = "%Y-%m-%d") -> pd.DataFrame:
    """Monthly rows of loans until they default; the label is that of the month, of all later ones, or of the loan."""
    rng = np.random.default_rng(5)
    rows = []
    for loan in range(LOANS):
        rate, first = float(rng.normal(12, 3)), int(rng.integers(0, 24))
        ends = (
            int(rng.integers(2, MONTHS)) if rng.random() < 1 / (1 + np.exp(1 - 0.3 * (rate - 12))) else None
        )
        amount = int(rng.integers(5_000, 40_000))
        last = MONTHS if ends is None or kind == "from default on" else ends + 1
        for month in range(last):
            defaulted = ends is not None and (
                kind == "loan" or month == ends or (kind != "month" and month > ends)
            )
            day = (np.datetime64("2020-01") + first + month).astype("datetime64[D]").item()
            balance = round(amount * (1 - month / 24), 2)
            rows.append(
                (7000 + loan, day.strftime(date_format), rate, amount, balance, month, int(defaulted))
            )
    return pd.DataFrame(
        rows, columns=[key, "period", "rate", "amount", "balance", "months_on_book", "default"]
    )


def drafted(folder: Path, frame: pd.DataFrame, **decided: object) -> PortfolioDraft:
    path = folder / "loans.csv"
    frame.to_csv(path, index=False)
    draft = draft_for(path, DraftRequest(label="default", **decided))  # type: ignore[arg-type]
    return complete_draft(draft, account_for(draft, TODAY), TODAY)


@pytest.mark.parametrize(
    ("kind", "horizon", "said"),
    [
        ("month", 31, ["the outcome of the row's own period"]),
        ("loan", None, ["however long before it", "the first, or the last before the outcome"]),
    ],
)
def test_a_panel_has_key_and_period_and_honest_columns_stay_features(
    tmp_path: Path, kind: str, horizon: int | None, said: list[str]
) -> None:
    frame = panel(kind)
    frame.to_csv(tmp_path / "loans.csv", index=False)
    draft, _ = accounted_draft(draft_for(tmp_path / "loans.csv", DraftRequest("default", "period")), TODAY)
    p = drafted_portfolio(draft)
    assert (p.as_of, p.cadence, p.columns.keys() & {"period"}) == ("period", "monthly", set())
    assert p.key == draft.key == "loan_id"
    assert f"Several rows per loan: {len(frame):,} rows of {LOANS} loans by loan_id" in "\n".join(draft.notes)
    for text in said:
        assert text in "\n".join(draft.decisions)
    assert draft.horizon is not None
    assert draft.horizon.certain == (horizon is not None)
    assert horizon in (None, draft.horizon.days)
    assert set(p.features.numerical) == {"rate", "amount", "balance", "months_on_book"}
    keys = p.partition_keys(date(2020, 1, 1), date(2022, 12, 1))
    assert found_violations(p, keys, today=TODAY) == []
    assert sum(len(part.frame) for part in read_partitions(p, keys, today=TODAY)) == len(frame)


@pytest.mark.parametrize(
    "name", ["id", "ID", "LOAN_SEQUENCE_NUMBER", "acctNo", "customer_id", "계좌번호", "대출 번호"]
)
def test_the_key_of_a_panel_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "loans.csv"
    panel("month", name).to_csv(path, index=False)
    assert draft_for(path, DraftRequest("default", "period")).key == name


@pytest.mark.parametrize("name", ["branch_id", "product_id", "score", "open_accounts"])
def test_a_repeating_code_or_number_is_no_key(tmp_path: Path, name: str) -> None:
    path = tmp_path / "loans.csv"
    panel("month", name).to_csv(path, index=False)
    assert draft_for(path, DraftRequest("default", "period")).key is None


def test_rows_after_a_default_are_counted(tmp_path: Path) -> None:
    frame = panel("from default on")
    draft = drafted(tmp_path, frame, date="period")
    after = int(frame["default"].sum() - frame.groupby("loan_id")["default"].max().sum())
    assert any(f"{after:,} rows follow a default of the same loan" in text for text in draft.decisions)
    assert draft.horizon is not None
    assert draft.horizon.days == 31


def test_dates_within_the_month_make_a_panel_too(tmp_path: Path) -> None:
    frame = panel("month")
    frame["period"] = [f"{day[:8]}{15 + n % 10}" for n, day in enumerate(frame["period"])]
    assert drafted_portfolio(drafted(tmp_path, frame, date="period")).key == "loan_id"


@pytest.mark.parametrize("decided", [{"undated": True}, {"undated": True, "key": "loan_id"}])
def test_without_dates_the_loan_is_no_feature_and_is_said_to_repeat(
    tmp_path: Path, decided: dict[str, object]
) -> None:
    draft = drafted(tmp_path, panel("loan"), **decided)
    p = drafted_portfolio(draft)
    assert (p.key, "loan_id" in p.ignore) == (None, True)
    assert any("evaluation sees loans that training saw" in text for text in draft.decisions)


def test_a_unique_key_is_preferred_to_the_customer(tmp_path: Path) -> None:
    frame = panel("month", "customer_id")
    frame["contract_no"] = [f"C{n:06d}" for n in range(len(frame))]
    draft = drafted(tmp_path, frame, date="period")
    assert (draft.key, draft.notes[0]) == (
        "contract_no",
        "Column contract_no identifies the loans (key); --key names another.",
    )
    assert any(role.source_name == "customer_id" and role.use == "ignored" for role in draft.roles)


@pytest.mark.parametrize(("key", "borrowers"), [("customer_id", True), ("loan_id", False)])
def test_rows_of_a_borrower_are_loans_where_some_follow_a_default(
    tmp_path: Path, key: str, borrowers: bool
) -> None:
    """Two loans each, and most borrowers in default began without one: once a panel with a horizon of a month."""
    outcomes = [(0, 1) if n % 4 == 0 else (1, 0) if n % 19 == 0 else (0, 0) for n in range(LOANS)]
    rows = [
        (
            f"C{n:05d}",
            str(np.datetime64("2020-01-01") + n + 200 * second),
            1000.5 + 7 * n,
            outcomes[n][second],
        )
        for n in range(LOANS)
        for second in (0, 1)
    ]
    frame = pd.DataFrame(rows, columns=[key, "issued", "amount", "default"])
    draft = drafted(tmp_path, frame, date="issued")
    assert draft.horizon is not None
    assert (draft.key, draft.horizon.days) == (key, 365 if borrowers else 31)
    assert ("Several rows per borrower" in "".join(draft.notes)) == borrowers
    assert any("each row is taken for a loan of its own" in text for text in draft.decisions) == borrowers
    assert not any("contradictions" in text for text in draft.decisions)
