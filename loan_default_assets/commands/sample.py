"""`sample`: a file of generated loans, to try `init` and `run` without data of one's own."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.portfolio import spec
from loan_default_assets.portfolio.synthetic.generator import generate_partition

# Loans whose outcome is as hard to predict as that of real applications.
_PORTFOLIO = "realistic"
_PER_DAY = 20
_LAST_DAY = date(2024, 12, 31)


def write_sample(path: Path, rows: int) -> str:
    """Write a CSV of matured generated loans of 2024 and before, 20 per day; the same rows at every call.

    Args:
        path: The file, which must not exist.
        rows: Loans, from 1 to 1,000,000.

    Returns:
        Lines for people: what was written and the next command.

    Raises:
        CommandError: The file exists or cannot be written.
    """
    portfolio = spec.load(_PORTFOLIO)
    days = [_LAST_DAY - timedelta(days=n) for n in reversed(range(-(-rows // _PER_DAY)))]
    loans = pd.concat([generate_partition(portfolio, day.isoformat()).head(_PER_DAY) for day in days]).tail(
        rows
    )
    loans = loans.drop(columns="label_observed_at").rename(
        columns={"as_of": "application_date", "label": "default"}
    )
    loans["application_date"] = loans["application_date"].dt.strftime("%Y-%m-%d")
    loans["default"] = loans["default"].astype(int)
    try:
        with path.open("x", encoding="utf-8", newline="") as stream:
            loans.to_csv(stream, index=False)
    except FileExistsError:
        raise CommandError(f"{path} exists and is not overwritten\nNext: another FILE") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}\nNext: another FILE") from None
    defaults = int(loans["default"].sum())
    return (
        f"wrote {path}: {rows:,} generated loans, {defaults:,} of them in default\n"
        f"Next: loan-default init {path} --label default --date application_date --key loan_id --horizon-days 90"
    )
