"""The F1 expected from PDs on the history of the portfolio `demo`, window by window, and on one whose risk changes."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd

from loan_default_assets.model.calibration import expected_f1_threshold, platt
from loan_default_assets.model.expected_f1 import CalibrationSums, expected_f1
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.portfolio.synthetic.generator import generate_partition

FIRST, DRIFT, DAYS = date(2025, 1, 1), date(2025, 5, 31), 240
LOANS = 1_000


def history(seed: int, drift_from: date | None) -> tuple[Portfolio, pd.DataFrame]:
    """240 days of the demo, as `loan-default demo` loads them."""
    demo = load("demo")
    source = demo.source.model_copy(update={"seed": seed, "drift_from": drift_from})
    portfolio = demo.model_copy(update={"source": source})
    days = [generate_partition(portfolio, str(FIRST + timedelta(days=day))) for day in range(DAYS)]
    return portfolio, pd.concat(days, ignore_index=True)


@cache
def windows(drift_from: date | None = None) -> tuple[int, int]:
    """Windows whose measured F1 lies in the interval, and all windows: three histories, 90 days after the training."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    inside = total = 0
    for seed in range(3):
        portfolio, frame = history(seed, drift_from)
        features = transform(portfolio, frame, frame["as_of"].to_numpy())
        columns = np.hstack([features.numerical, features.categorical])
        label = frame["label"].to_numpy().astype(int)
        train, validation, later = (slice(80 * a, 80 * b) for a, b in ((0, 120), (120, 150), (150, DAYS)))
        model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(columns[train], label[train])
        logit = model.decision_function(columns)
        calibration = platt(logit[validation], label[validation])
        chance = calibration.probability(logit)
        threshold = expected_f1_threshold(chance[validation])
        known, above = chance[validation], chance[validation] >= threshold
        sums = [CalibrationSums.of(known[part], label[validation][part]) for part in (above, ~above)]
        rows = np.arange(later.start, later.stop)
        for window in np.array_split(rows, len(rows) // LOANS):
            expected = expected_f1(chance[window], threshold, *sums)
            decided, default = chance[window] >= threshold, label[window] == 1
            measured = 2 * (decided & default).sum() / (decided.sum() + default.sum())
            inside, total = inside + bool(expected.low <= measured <= expected.high), total + 1
    return inside, total


def test_the_measured_f1_of_the_demo_lies_in_the_interval_of_nine_windows_in_ten() -> None:
    inside, total = windows()
    assert total == 21
    assert inside >= 0.9 * total


def test_the_estimate_fails_where_the_demo_is_made_to_drift() -> None:
    inside, total = windows(DRIFT)
    assert inside <= 0.5 * total
