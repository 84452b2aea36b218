"""Loans of the small bank whose columns each know a little of the outcome, and together too much of it."""

from typing import Any

import numpy as np
import pandas as pd

from loan_default_assets_tests import small_bank

# Mean of the events after the loan was granted: of a default, and of another loan.
EVENTS = {"letters": (1.9, 0.8), "calls": (5.0, 3.0), "visits": (0.9, 0.2), "reminders": (2.4, 1.1)}
CHANGES: dict[str, Any] = {
    "columns": small_bank.DESCRIPTION["columns"] | {name: {"kind": "number", "min": 0} for name in EVENTS},  # type: ignore[operator]
    "derive": {},
    "known_at_application": [],
}


def loans() -> pd.DataFrame:
    """One loan in four defaults, by chance; only the events tell."""
    frame = small_bank.loans()
    rng = np.random.default_rng(11)
    default = rng.random(len(frame)) < 0.25
    frame["defaulted"] = default.astype(int)
    for name, (of_defaults, of_others) in EVENTS.items():
        frame[name] = rng.poisson(np.where(default, of_defaults, of_others))
    return frame
