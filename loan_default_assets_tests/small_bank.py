"""A portfolio of a few thousand loans with a strong signal, small enough that its whole chain runs in seconds."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.settings import Settings

START = date(2025, 1, 1)
HORIZON = 10
TODAY = date(2025, 6, 1)
DESCRIPTION = {
    "name": "small_bank",
    "source": {"kind": "csv", "path": "${LOAN_SOURCE}"},
    "key": "loan",
    "as_of": "issued",
    "cadence": "daily",
    "start": START.isoformat(),
    "end": (START + timedelta(days=40)).isoformat(),
    "label": {"column": "defaulted", "horizon_days": HORIZON},
    "columns": {
        "income": {"kind": "number", "min": 0, "unit": "USD"},
        "amount": {"kind": "number", "min": 0, "unit": "USD"},
        "months_employed": {"kind": "number", "min": 0, "nullable": True},
        "purpose": {"kind": "category", "values": ["car", "home", "other"], "unknown": "forbid"},
        "branch": {"kind": "category", "values": ["north", "south"], "nullable": True},
        "collected": {"kind": "number", "nullable": True},
    },
    "derive": {"share": "amount / income"},
    "known_after_outcome": ["collected"],
    # The signal is stronger than that of real applications.
    "known_at_application": ["income", "amount"],
    "training": {
        "d_model": 8,
        "nhead": 2,
        "num_layers": 1,
        "dim_feedforward": 16,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "batch_size": 64,
        # Falls to nothing within the three epochs: at a constant rate, as high a one leaves the second model no better.
        "learning_rate": 0.01,
        "schedule": "one_cycle",
        # As many as the product fits would take two thirds of the training.
        "boosting_rounds": 40,
        "boosting_folds": 2,
        "pretrain_epochs": 1,
        "max_epochs": 3,
        "min_steps": 1,
    },
}


def loans(days: int = 40, rows_per_day: int = 60, seed: int = 0) -> pd.DataFrame:
    """Loans of `days` days from START; the rows of a day do not depend on the number of days."""
    parts = []
    for day in range(days):
        rng = np.random.default_rng([seed, day])
        income = np.round(rng.lognormal(10, 0.4, rows_per_day), 2)
        amount = np.round(rng.lognormal(9, 0.6, rows_per_day), 2)
        purpose = rng.choice(["car", "home", "other"], rows_per_day)
        employed = np.where(rng.random(rows_per_day) < 0.1, np.nan, rng.integers(0, 200, rows_per_day))
        logit = 6 * (amount / income - 0.45) + 1.5 * (purpose == "other") - 0.01 * np.nan_to_num(employed)
        defaulted = (logit + rng.logistic(0, 0.4, rows_per_day) > 1).astype(int)
        parts.append(
            pd.DataFrame(
                {
                    "loan": [f"{day:03d}-{row:03d}" for row in range(rows_per_day)],
                    "issued": (START + timedelta(days=day)).isoformat(),
                    "defaulted": defaulted,
                    "income": income,
                    "amount": amount,
                    "months_employed": employed,
                    "purpose": purpose,
                    "branch": rng.choice(["north", "south"], rows_per_day),
                    "collected": np.where(defaulted == 1, amount, 0.0),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write_portfolio(folder: Path, **changes: object) -> Path:
    """Write the portfolio file, with some of its keys changed."""
    path = folder / "small_bank.yaml"
    path.write_text(yaml.safe_dump(DESCRIPTION | changes, sort_keys=False))
    return path


def bank(folder: Path, frame: pd.DataFrame | None = None, **changes: object) -> Portfolio:
    """Write the loans as a CSV file and the portfolio into `folder`, and load the portfolio."""
    csv = folder / "loans.csv"
    (loans() if frame is None else frame).to_csv(csv, index=False)
    return load(str(write_portfolio(folder, **changes)), source=str(csv))


def environment(folder: Path, database_url: str) -> dict[str, str]:
    """The variables that give `settings` to a process or a command."""
    chosen = settings(folder, database_url)
    return {
        "DATABASE_URL": database_url,
        "LOAN_DEFAULT_HOME": str(chosen.home),
        "LOAN_SOURCE": str(chosen.loan_source),
        "PORTFOLIO": chosen.portfolio,
        "RETRAINING_SAMPLE_THRESHOLD": str(chosen.retraining_sample_threshold),
        "RETRAINING_POSITIVE_THRESHOLD": str(chosen.retraining_positive_threshold),
    }


def settings(folder: Path, database_url: str) -> Settings:
    """Settings with thresholds that the small portfolio's evaluation window reaches."""
    return Settings(
        portfolio=str(folder / "small_bank.yaml"),
        loan_source=str(folder / "loans.csv"),
        loan_default_home=folder / "home",
        database_url=database_url,
        retraining_sample_threshold=300,
        retraining_positive_threshold=30,
    )
