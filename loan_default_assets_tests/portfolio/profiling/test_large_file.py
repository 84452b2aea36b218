"""What is said about a file whose first rows do not show everything, and what is kept of each row."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.portfolio.calendar import Cadence, partition_starts
from loan_default_assets.portfolio.errors import ROWS_SHOWN
from loan_default_assets.portfolio.profiling.column_profiles import MOST_VALUES
from loan_default_assets.portfolio.profiling.day_counts import DayCounts
from loan_default_assets.portfolio.profiling.draft_completion import complete_draft
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
from loan_default_assets.portfolio.profiling.file_account import account_for
from loan_default_assets.portfolio.profiling.key_hashes import KeyHashes
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_for

ROWS, TODAY = 3 * MOST_VALUES, date(2024, 6, 1)


def test_what_only_later_rows_show_is_seen_or_not_claimed(tmp_path: Path) -> None:
    number = np.arange(ROWS)
    late = number > 2.5 * MOST_VALUES
    pd.DataFrame(
        {
            "issued": np.where(late, "2023-12-01", "2023-01-01"),
            "loss": np.where(number % 3, 0.0, number + 0.5),
            "income": np.where(late & (number % 2 == 0), -999, 1000 + number),
            "city": [f"city {n % 50 if n % 2 else n}" for n in range(ROWS)],
            "score": number % 700,
        }
    ).to_csv(tmp_path / "loans.csv", index=False)
    draft = draft_for(
        tmp_path / "loans.csv", DraftRequest(label="loss", date="issued", positive=(">=0.5",), name="late")
    )
    account = account_for(draft, TODAY)
    draft = complete_draft(draft, account, TODAY)
    text, decisions = draft_yaml(draft), "\n".join(draft.decisions)
    assert f"-1000 to {1000 + ROWS:,}" in text
    assert "income: -999 may stand for a missing value" in decisions
    assert f"city: text of more than {MOST_VALUES:,} different values" in " ".join(
        f"{role.name}: {role.reason}" for role in draft.roles
    )
    assert (draft.label.known, draft.label.defaults) == (ROWS, int((number % 3 == 0).sum()))
    assert str(draft.calendar and draft.calendar.end) == "2024-01-01"


def test_the_sample_holds_the_values_of_its_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    pd.DataFrame(
        {
            "bad": np.arange(ROWS) % 2,
            "town": [f"town {n if n % 4 == 1 else n % 300}" for n in range(ROWS)],
            "amount": np.arange(ROWS) % 90,
        }
    ).to_csv(path, index=False)
    draft = draft_for(path, DraftRequest(label="bad", positive=("1",)))
    sample = account_for(draft, TODAY).sample["town"]
    assert len(sample.cat.categories) == sample.nunique() <= 300


@pytest.mark.parametrize("parts", [1, 7])
def test_days_are_counted(parts: int) -> None:
    rng = np.random.default_rng(parts)
    days = np.datetime64("2023-01-01") + rng.integers(-400, 400, 5_000) // 20
    days[rng.random(5_000) < 0.1] = np.datetime64("NaT")
    known = rng.random(5_000) < 0.3
    counts = DayCounts()
    for some in np.array_split(np.arange(5_000), parts):
        counts.add(days[some], known[some])
    expected = pd.Series(known).groupby(days).agg(["size", "sum"])
    found = counts.table()
    assert found[0].tolist() == expected.index.to_numpy("datetime64[D]").tolist()
    assert [found[1].tolist(), found[2].tolist()] == [expected["size"].tolist(), expected["sum"].tolist()]
    assert counts.undated == np.isnat(days).sum()


@pytest.mark.parametrize("different", [3, 4_000, 10**9])
@pytest.mark.parametrize("cadence", ["daily", "monthly", "yearly"])
def test_rows_that_repeat_a_key(different: int, cadence: Cadence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loan_default_assets.portfolio.profiling.key_hashes._BLOCK", 1_000)
    rng = np.random.default_rng(different % 97)
    keys = rng.integers(0, different, 5_000).astype(str).astype(object)
    keys[rng.random(5_000) < 0.001] = None
    days = np.datetime64("2023-01-01") + rng.integers(0, 500, 5_000)
    outcome = rng.integers(-1, 2, 5_000)
    hashes = KeyHashes(6_000)
    for some in np.array_split(np.arange(5_000), 4):
        hashes.add(keys[some], days[some], outcome[some])
    assert (hashes.outcome == outcome).all()
    assert (hashes.days == days).all()
    # A row without a key repeats no other.
    alone = pd.Series([key or f"row {row}" for row, key in enumerate(keys)])
    frame = pd.DataFrame({"key": alone, "start": partition_starts(days, cadence)})
    again = frame["key"].duplicated()
    assert hashes.repeats() == again.sum()
    assert hashes.first_repeats() == (np.flatnonzero(again)[:ROWS_SHOWN] + 1).tolist()
    assert hashes.repeats_within(cadence) == frame.duplicated().sum()
