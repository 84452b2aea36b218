"""Loans that stand in a file with both outcomes are named with their rows; a few repeated rows make no panel."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.file_account import account_for
from loan_default_assets.portfolio.profiling.key_hashes import KeyHashes
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, PortfolioDraft, draft_for

TODAY = date(2024, 6, 1)
ROWS = 400
SAID = "in the file with both outcomes"


def drafted(folder: Path, frame: pd.DataFrame, **decided: object) -> PortfolioDraft:
    path = folder / "loans.csv"
    frame.to_csv(path, index=False)
    draft = draft_for(path, DraftRequest(label="bad", **decided))  # type: ignore[arg-type]
    return complete_draft(draft, account_for(draft, TODAY), TODAY)


def loans(repeated: list[int], outcome: str = "other", days: int = 0, key: str = "loan_id") -> pd.DataFrame:
    """400 loans of three years, some of them once more at the end with the same outcome, the other one, or none."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            key: [f"K{n:05d}" for n in range(ROWS)],
            "issued": (np.datetime64("2020-01-01") + 2 * np.arange(ROWS)).astype(str),
            "amount": rng.lognormal(9, 1, ROWS).round(2),
            "bad": ["1" if n % 5 == 0 else "0" for n in range(ROWS)],
        }
    )
    again = frame.iloc[repeated].copy()
    again["issued"] = (again["issued"].to_numpy().astype("datetime64[D]") + days).astype(str)
    if outcome == "other":
        again["bad"] = again["bad"].map({"1": "0", "0": "1"})
    elif outcome == "none":
        again["bad"] = ""
    return pd.concat([frame, again], ignore_index=True)


@pytest.mark.parametrize("decided", [{"undated": True}, {"date": "issued"}])
@pytest.mark.parametrize("days", [0, 1, 70])
def test_a_loan_with_both_outcomes_is_named_with_its_rows(
    tmp_path: Path, days: int, decided: dict[str, object]
) -> None:
    draft = drafted(tmp_path, loans([10, 20, 33], days=days), **decided)
    [said] = [text for text in draft.decisions if SAID in text]
    assert said.startswith("contradictions: 3 loans are in the file")
    assert (
        "with the same loan_id (rows 11, 21, 34, 401, 402, 403). Keep the row with the final outcome" in said
    )
    assert ("--date" in said) == ("undated" in decided)
    assert "K000" not in "\n".join(draft.decisions)


@pytest.mark.parametrize(
    ("frame", "decided"),
    [
        (loans([10, 20, 33], outcome="same"), {"undated": True}),
        (loans([10, 20, 33], outcome="none"), {"undated": True}),
        (loans([10, 20, 33], outcome="same", days=70), {"date": "issued"}),
        (loans([]), {"undated": True}),
    ],
)
def test_rows_without_two_outcomes_are_no_contradiction(
    tmp_path: Path, frame: pd.DataFrame, decided: dict[str, object]
) -> None:
    assert not any(SAID in text for text in drafted(tmp_path, frame, **decided).decisions)


def test_a_panel_whose_loans_turn_to_default_has_no_contradiction(tmp_path: Path) -> None:
    frame = loans(list(range(ROWS)), outcome="same", days=70)
    frame["bad"] = ["0"] * ROWS + ["1" if n % 4 == 0 else "0" for n in range(ROWS)]
    draft = drafted(tmp_path, frame, date="issued")
    assert draft.key == "loan_id"
    assert not any(SAID in text for text in draft.decisions)


def test_a_borrower_may_have_a_loan_of_each_outcome(tmp_path: Path) -> None:
    draft = drafted(tmp_path, loans([10], key="customer_id"), undated=True)
    [said] = [text for text in draft.decisions if SAID in text]
    assert said.startswith("contradictions: 1 borrower is in the file with both outcomes")
    assert "this is right: name the number of the loan with --key" in said


def test_a_few_repeated_rows_do_not_make_the_label_one_of_the_rows_period(tmp_path: Path) -> None:
    """Three corrected rows of 400 once set a horizon of a month: loans of a month then counted as good."""
    frame = loans([11, 21, 31], days=70)
    draft = drafted(tmp_path, frame, date="issued")
    assert draft.horizon is not None
    assert (draft.key, draft.horizon.days) == ("loan_id", 365)
    assert any("3 rows repeat the loan of another one" in text for text in draft.decisions)


def test_a_key_that_few_rows_repeat_may_stay_after_they_are_deleted(tmp_path: Path) -> None:
    draft = drafted(tmp_path, loans([10, 20, 33], outcome="same"), undated=True)
    assert draft.key is None
    assert any(
        "Keep one row per loan and draft again: the key then stays" in text for text in draft.decisions
    )


def test_keys_are_compared_over_all_blocks() -> None:
    count = 250_000
    keys = KeyHashes(count)
    texts, outcome = np.arange(count).astype(str).astype(object), np.zeros(count, np.int8)
    texts[count - 1], outcome[count - 1] = "3", 1
    texts[count - 2], outcome[count - 2] = "3", -1
    keys.add(texts, None, outcome)
    found = keys.contradicted()
    assert (found.keys, found.rows, found.first) == (1, 2, (4, count))
