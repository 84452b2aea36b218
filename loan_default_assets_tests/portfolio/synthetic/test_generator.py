from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score

from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.portfolio.synthetic.generator import generate_partition
from loan_default_assets_tests.portfolio.partition_rows import read_partitions

FIRST = date(2025, 9, 1)


def changed(name: str, **options: object) -> Portfolio:
    p = load(name)
    return p.model_copy(update={"source": p.source.model_copy(update=options)})


def history(p: Portfolio, first: date, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, 25) and labels of `days` days."""
    keys = p.partition_keys(first, first + timedelta(days=days - 1))
    frame = pd.concat([generate_partition(p, key) for key in keys])
    made = transform(p, frame, frame["as_of"])
    return np.hstack([made.numerical, made.categorical]).astype(float), frame["label"].to_numpy()


def out_of_time(
    x: np.ndarray, y: np.ndarray, train: int, validation: int, numbers: int
) -> tuple[float, float]:
    """F1 and ROC-AUC on the rows after training and validation rows, at the threshold chosen on the validation rows."""
    categorical = np.arange(x.shape[1]) >= numbers
    model = HistGradientBoostingClassifier(random_state=0, categorical_features=categorical)
    model.fit(x[:train], y[:train])
    validation_rows, test_rows = slice(train, train + validation), slice(train + validation, None)
    score = model.predict_proba(x)[:, 1]
    precision, recall, thresholds = precision_recall_curve(y[validation_rows], score[validation_rows])
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    decision = score[test_rows] >= thresholds[np.argmax(f1[:-1])]
    return f1_score(y[test_rows], decision), roc_auc_score(y[test_rows], score[test_rows])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate", "f1", "auc"),
    [
        ("demo", (0.13, 0.17), (0.86, 0.94), (0.985, 1.0)),
        ("realistic", (0.18, 0.23), (0.43, 0.57), (0.74, 0.79)),
    ],
)
def test_the_signal_is_as_strong_as_documented(
    name: str, rate: tuple[float, float], f1: tuple[float, float], auc: tuple[float, float]
) -> None:
    p = changed(name, rows_per_day=1_200)
    x, y = history(p, FIRST, 10)
    measured = out_of_time(x, y, 7_700, 1_900, len(p.features.numerical))
    for value, (low, high) in zip((y.mean(), *measured), (rate, f1, auc), strict=True):
        assert low <= value <= high


@pytest.mark.slow
def test_after_the_drift_an_old_model_fails_and_a_new_one_does_not() -> None:
    p = changed("demo", rows_per_day=1_000, drift_from=FIRST + timedelta(days=8))
    x, y = history(p, FIRST, 16)
    before, numbers = 8_000, len(p.features.numerical)
    old_then = out_of_time(x[:before], y[:before], 5_000, 1_000, numbers)
    old_now = out_of_time(
        np.vstack([x[:6_000], x[before:]]), np.hstack([y[:6_000], y[before:]]), 5_000, 1_000, numbers
    )
    new_now = out_of_time(x, y, 12_000, 1_500, numbers)
    assert old_then[0] > 0.83
    assert old_now[0] < 0.5
    assert new_now[0] > 0.83


def test_a_day_does_not_depend_on_the_requested_range() -> None:
    p = load("demo")
    alone = generate_partition(p, "2025-03-04")
    pd.testing.assert_frame_equal(alone, generate_partition(p, "2025-03-04"))
    *_, last = read_partitions(
        p, p.partition_keys(date(2025, 3, 1), date(2025, 3, 4)), today=date(2026, 1, 1)
    )
    pd.testing.assert_frame_equal(alone, last.frame)
    weekly = p.model_copy(update={"cadence": "weekly"})
    week = generate_partition(weekly, "2025-03-03")
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), week.iloc[80:160].reset_index(drop=True))
    assert len(week) == 560
    assert (
        len(
            generate_partition(
                p.model_copy(update={"cadence": "monthly", "start": date(2025, 3, 30)}), "2025-03-01"
            )
        )
        == 160
    )


def test_seed_and_days_change_the_loans_and_rows_per_day_their_number() -> None:
    base = generate_partition(load("demo"), "2025-03-04")
    assert not base["annual_income"].equals(generate_partition(load("demo"), "2025-03-05")["annual_income"])
    assert not base["annual_income"].equals(
        generate_partition(changed("demo", seed=1), "2025-03-04")["annual_income"]
    )
    assert len(generate_partition(changed("demo", rows_per_day=7), "2025-03-04")) == 7


def test_drift_changes_nothing_before_its_day() -> None:
    drifting = changed("demo", drift_from=date(2025, 3, 5))
    before, after = (generate_partition(drifting, day) for day in ("2025-03-04", "2025-03-05"))
    pd.testing.assert_frame_equal(generate_partition(load("demo"), "2025-03-04"), before)
    assert after["interest_rate"].min() > before["interest_rate"].max()


def test_loans_have_realistic_distributions() -> None:
    p = load("demo")
    frame = generate_partition(changed("demo", rows_per_day=20_000), "2025-03-04")
    income = frame["annual_income"]
    assert income.mean() > 1.05 * income.median()
    for name, column in p.columns.items():
        if column.kind == "category":
            assert set(frame[name]) == set(column.values or ())
        elif column.integer:
            assert (frame[name].dropna() % 1 == 0).all()
        assert frame[name].isna().any() == column.nullable
    for one, other, sign in [
        ("annual_income", "credit_score", 1),
        ("annual_income", "loan_amount", 1),
        ("credit_score", "interest_rate", -1),
        ("age", "employment_length_years", 1),
        ("debt_to_income_ratio", "existing_debt", 1),
        ("revolving_utilization", "num_credit_inquiries", 1),
    ]:
        assert sign * frame[one].corr(frame[other], method="spearman") > 0.15
    assert (frame["label_observed_at"] - frame["as_of"] == pd.Timedelta(days=90)).all()
    assert frame["label"].isin((0.0, 1.0)).all()
    assert frame["loan_id"].is_unique
