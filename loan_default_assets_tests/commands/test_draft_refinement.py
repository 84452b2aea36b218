"""What the outcome of the training rows changes in a draft, and that evaluation rows change nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.commands.draft_evidence import later_events, of_a_series
from loan_default_assets.commands.init import accounted_draft
from loan_default_assets.model.splits import split
from loan_default_assets.portfolio.profiling.file_account import account_for, drafted_portfolio
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, PortfolioDraft, draft_for
from loan_default_assets_tests import small_bank

ROWS = 2000


def loans() -> pd.DataFrame:
    """Loans without dates: codes whose order the outcome follows, codes without one, and a guaranteed share."""
    rng = np.random.default_rng(2)
    savings, purpose, grade = (rng.integers(1, 6, ROWS) for _ in range(3))
    approved, share = rng.lognormal(10, 1, ROWS).round(), rng.uniform(0.3, 1, ROWS)
    logit = -0.5 * savings - 2 * share + 0.8 * (grade == 2) - 0.4 * purpose + 2.5
    return pd.DataFrame(
        {
            "savings": savings,
            "purpose": purpose,
            "grade": grade,
            "approved": approved,
            "guaranteed": (approved * share).round(2),
            "defaulted": (rng.random(ROWS) < 1 / (1 + np.exp(-logit))).astype(int),
        }
    )


def drafted(folder: Path, frame: pd.DataFrame) -> PortfolioDraft:
    path = folder / "loans.csv"
    frame.to_csv(path, index=False)
    return accounted_draft(draft_for(path, DraftRequest("defaulted", undated=True)), small_bank.TODAY)[0]


def test_ordered_codes_are_numbers_and_telling_shares_are_derived(tmp_path: Path) -> None:
    p = drafted_portfolio(drafted(tmp_path, loans()))
    # A purpose has no order by its name, although the outcome follows it here.
    assert {name: column.kind for name, column in p.columns.items()} == {
        "savings": "number",
        "purpose": "category",
        "grade": "category",
        "approved": "number",
        "guaranteed": "number",
    }
    assert p.derive == {"guaranteed_of_approved": "guaranteed / approved"}


def test_what_was_found_is_said_in_the_draft(tmp_path: Path) -> None:
    draft = drafted(tmp_path, loans())
    assert any("guaranteed is a part of approved; ROC-AUC" in note for note in draft.notes)
    (savings,) = (role for role in draft.roles if role.name == "savings")
    assert savings.remarks == ("codes 1 to 5, whose order the default rate follows",)


@pytest.mark.parametrize("part", ["validation", "window"])
def test_only_training_rows_shape_a_draft(tmp_path: Path, part: str) -> None:
    frame = loans()
    undated = np.full(ROWS, np.datetime64("NaT", "D"))
    ids = np.array([f"{n:09d}" for n in range(1, ROWS + 1)])
    index = getattr(split(undated, ids, frame["defaulted"].to_numpy(), undated, None), part)
    before = drafted(tmp_path, frame)
    frame.loc[index, "defaulted"] = np.random.default_rng(0).permutation(frame.loc[index, "defaulted"])
    after = drafted(tmp_path, frame)
    assert (after.roles, after.derived) == (before.roles, before.derived)


def test_a_share_of_a_column_known_after_the_outcome_is_not_drafted(tmp_path: Path) -> None:
    frame = loans()
    frame["repaid"] = np.where(frame["defaulted"] == 1, frame["approved"] * 0.4, frame["approved"])
    p = drafted_portfolio(drafted(tmp_path, frame))
    assert "repaid" not in p.features.numerical
    assert not any("repaid" in expression for expression in p.derive.values())


@pytest.mark.parametrize(
    ("date_name", "amount_name", "days", "excluded"),
    [
        ("disbursement_date", "disbursement_gross", 30, True),
        ("상각일", "상각금액", 30, True),
        ("disbursement_date", "disbursement_gross", -30, False),
        ("maturity_date", "maturity_amount", 30, False),
        ("disbursement_date", "gross", 30, False),
    ],
)
def test_an_amount_of_a_later_event_is_excluded_with_its_date(
    tmp_path: Path, date_name: str, amount_name: str, days: int, excluded: bool
) -> None:
    frame = loans()
    issued = np.datetime64("2018-01-01") + np.arange(ROWS) % 700
    frame["issued"] = issued.astype(str)
    frame[date_name] = (issued + days).astype(str)
    frame[amount_name] = np.random.default_rng(4).lognormal(9, 1, ROWS).round()
    path = tmp_path / "loans.csv"
    frame.to_csv(path, index=False)
    draft = draft_for(path, DraftRequest("defaulted", "issued"))
    account = account_for(draft, small_bank.TODAY)
    found = later_events(draft, account.sample, [date_name])
    assert list(found) == ([amount_name] if excluded else [])
    assert later_events(draft, account.sample, []) == {}


@pytest.mark.parametrize(
    ("names", "excluded", "found"),
    [
        (["dpd_m01", "dpd_m02", "dpd_m03", "dpd_m04"], ["dpd_m03", "dpd_m04"], ["dpd_m01", "dpd_m02"]),
        (["dpd_m01", "dpd_m02", "dpd_m03", "dpd_m04"], ["dpd_m04"], []),
        (["dpd_m01", "dpd_m02", "dpd_m03"], ["dpd_m02", "dpd_m03"], []),
        (["dpd_m01", "dpd_m02", "due_m03", "due_m04"], ["due_m03", "due_m04"], []),
        (["x1", "x2", "x3", "x4"], ["x3", "x4"], []),
        (["Attr_1", "Attr_2", "Attr_3", "Attr_4"], ["Attr_3", "Attr_4"], []),
    ],
)
def test_the_rest_of_a_series_is_excluded_with_most_of_it(
    tmp_path: Path, names: list[str], excluded: list[str], found: list[str]
) -> None:
    frame = loans().assign(**{name: np.arange(ROWS) * 7.5 + n for n, name in enumerate(names)})
    path = tmp_path / "loans.csv"
    frame.to_csv(path, index=False)
    draft = draft_for(path, DraftRequest("defaulted", undated=True))
    assert list(of_a_series(draft, excluded)) == found


def test_a_history_of_payments_after_the_loan_is_excluded_as_a_whole(tmp_path: Path) -> None:
    frame, rng = loans(), np.random.default_rng(6)
    default = frame["defaulted"] == 1
    for month in range(1, 9):
        late = rng.random(ROWS) < np.where(default & (month > 3), 0.15 * month - 0.3, 0.03)
        frame[f"dpd_m{month}"] = np.where(late, 30, 0) * rng.integers(1, 4, ROWS)
    p = drafted_portfolio(drafted(tmp_path, frame))
    assert [name for name in p.features.numerical if name.startswith("dpd")] == []
