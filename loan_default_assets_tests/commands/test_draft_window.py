"""A file whose newest final outcomes are fewer than a verdict requires is said not to suffice."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.init import accounted_draft
from loan_default_assets.portfolio.profiling import file_account
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_for

TODAY = date(2024, 6, 1)
ROWS = 3000


def file_of(folder: Path, bad: np.ndarray, *, dated: bool = True) -> Path:
    """A file of loans, two a day."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"amount": rng.lognormal(9, 1, len(bad)).round(2), "bad": bad.astype(int)})
    if dated:
        frame["issued"] = (np.datetime64("2019-01-01") + np.arange(len(bad)) // 2).astype(str)
    path = folder / "loans.csv"
    frame.to_csv(path, index=False)
    return path


def said(folder: Path, bad: np.ndarray, *, dated: bool = True) -> str:
    """What `init` decides on the evaluation of such a file."""
    path = file_of(folder, bad, dated=dated)
    draft, _ = accounted_draft(draft_for(path, DraftRequest("bad", "issued" if dated else None)), TODAY)
    return "\n".join(text for text in draft.decisions if text.startswith("evaluation: "))


NUMBER = np.arange(ROWS)


@pytest.mark.parametrize(
    ("bad", "dated", "text"),
    [
        (np.arange(4000) % 10 == 0, True, ""),
        (np.arange(5000) % 10 == 0, False, ""),
        (NUMBER % 10 == 0, True, ": a first model can serve provisionally, but none is approved. "),
        (NUMBER % 600 == 0, True, " 1 of them defaults, and fit on "),
        (NUMBER % 600 == 0, False, " of them defaults, and fit on "),
        ((NUMBER % 5 == 0) & (NUMBER < 1200), True, " 0 of them defaults, and fit on "),
    ],
)
def test_too_few_of_one_outcome_are_named(tmp_path: Path, bad: np.ndarray, dated: bool, text: str) -> None:
    found = said(tmp_path, bad, dated=dated)
    assert (text in found, bool(found)) == (True, bool(text))


def test_the_numbers_are_those_of_the_split_of_a_run(tmp_path: Path) -> None:
    found = said(tmp_path, NUMBER % 600 == 0)
    assert (
        "`run` would evaluate on 924 loans of 2020-11-25 to 2022-03-01, 1 of them defaults, and fit on 1,388 with 3:"
        in found
    )
    assert "A verdict requires 1,000 loans, 100 of them defaults" in found


def test_the_limits_are_those_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETRAINING_SAMPLE_THRESHOLD", "400")
    monkeypatch.setenv("RETRAINING_POSITIVE_THRESHOLD", "1")
    name = str(file_of(tmp_path, NUMBER % 600 == 0))
    arguments = ["init", name, "--label", "bad", "--date", "issued", "--horizon-days", "90"]
    result = CliRunner().invoke(loan_default, arguments)
    found = " ".join(result.output.split())
    assert "A verdict requires 400 loans, 1 of them defaults" in found
    # The window does not grow to 924 loans where 400 suffice.
    assert "`run` would evaluate on 924" not in found


def test_a_sample_stands_for_all_loans_of_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = np.arange(4000) % 10 == 0
    whole = said(tmp_path, bad)
    monkeypatch.setattr(file_account, "SAMPLE_ROWS", len(bad) // 4)
    assert said(tmp_path, bad) == whole == ""


def test_a_file_of_two_loans_is_said_not_to_suffice(tmp_path: Path) -> None:
    found = said(tmp_path, np.arange(2) == 1, dated=False)
    assert "`run` would evaluate on 0 loans, 0 of them defaults, and fit on 2 with 1" in found
    assert "--horizon-days" not in found
