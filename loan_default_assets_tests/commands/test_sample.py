from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.sample import write_sample


@pytest.mark.parametrize("rows", [1, 20, 21, 500])
def test_the_file_has_as_many_matured_loans_of_the_last_days(tmp_path: Path, rows: int) -> None:
    text = write_sample(tmp_path / "loans.csv", rows)
    loans = pd.read_csv(tmp_path / "loans.csv", parse_dates=["application_date"])
    assert (len(loans), loans["loan_id"].is_unique, loans["default"].isin([0, 1]).all()) == (rows, True, True)
    assert f"{rows:,} generated loans, {loans['default'].sum():,} of them in default" in text
    assert loans["application_date"].max() == pd.Timestamp("2024-12-31")
    assert loans.groupby("application_date").size().max() <= 20


def test_the_same_loans_at_every_call(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write_sample(tmp_path / name, 50)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    path.write_text("loans of the bank", "utf-8")
    with pytest.raises(CommandError, match=r"exists and is not overwritten\nNext: another FILE"):
        write_sample(path, 5)
    assert path.read_text("utf-8") == "loans of the bank"
    with pytest.raises(CommandError, match="cannot be written"):
        write_sample(tmp_path / "none" / "loans.csv", 5)
