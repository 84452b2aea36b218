"""The leakage check on files whose columns are known one by one."""

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.model.leakage import LeakageAssessment, assess_leakage, roc_auc_without
from loan_default_assets.model.leakage_evidence import univariate_evidence
from loan_default_assets.model.leakage_names import named_after_outcome
from loan_default_assets.model.rows import Rows

LEAKS = ("principal", "interest", "late", "recovered", "collection", "last", "state")
PLAIN_NAMES = {name: f"c{number}" for number, name in enumerate(LEAKS)}


def assess(frame: pd.DataFrame, label: np.ndarray, **options: object) -> LeakageAssessment:
    rows = Rows(
        frame.to_numpy(np.float32), np.zeros((len(frame), 0), np.int16), np.asarray(label).astype(np.int8)
    )
    return assess_leakage(rows, (), tuple(frame.columns), **options)


def blocking(found: LeakageAssessment) -> set[str]:
    return {entry.feature for entry in found.blocking}


def honest(rng: np.random.Generator, count: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Applications with a ROC-AUC of about 0.72, and their outcomes."""
    frame = pd.DataFrame(
        {
            "amount": np.exp(rng.normal(9, 0.6, count)).round(-2),
            "rate": rng.normal(12, 3, count).clip(5, 28).round(2),
            "income": np.exp(rng.normal(11, 0.5, count)).round(-2),
            "burden": rng.normal(18, 8, count).clip(0, 45).round(1),
            "score": rng.normal(700, 40, count).clip(600, 850).round(),
        }
    )
    logit = (
        -1.6 + 0.12 * (frame["rate"] - 12) - 0.012 * (frame["score"] - 700) + 0.03 * (frame["burden"] - 18)
    )
    return frame, rng.random(count) < 1 / (1 + np.exp(-logit))


def repayments(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    """Columns of the repayment, each of which tells the outcome when the others are gone."""
    count = len(frame)
    share = np.where(default, rng.beta(2, 4, count), 1.0)
    recovered = np.where(
        default & (rng.random(count) < 0.7), (frame["amount"] * (1 - share) * 0.1).round(2), 0.0
    )
    last = frame["amount"] * np.where(default, rng.beta(1, 30, count), rng.beta(3, 3, count))
    return frame.assign(
        principal=(frame["amount"] * share).round(2),
        interest=(frame["amount"] * frame["rate"] * share * 0.016).round(2),
        late=np.where(rng.random(count) < np.where(default, 0.3, 0.03), 15.0, 0.0),
        recovered=recovered,
        collection=(recovered * 0.18).round(2),
        last=last.round(2),
        state=default * 1.0,
    )


def test_honest_features_are_not_blocked() -> None:
    frame, default = honest(np.random.default_rng(1), 3000)
    found = assess(frame, default)
    assert blocking(found) == set()
    assert 0.6 < found.roc_auc < 0.8
    assert found.message() == "no feature is found to know the outcome"


def test_features_that_discriminate_together_are_doubted_although_none_is_blocked() -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 3000)
    counts = {f"k{n}": rng.poisson(np.where(default, 2.2 + n, 1.0 + n * 0.75)) for n in range(1, 6)}
    found = assess(frame.assign(**counts), default)
    assert blocking(found) == set()
    assert "more than features known at application usually reach" in found.message()
    assert set(counts) <= {entry.feature for entry in found.most_telling}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_columns_that_hide_each_other_are_all_named(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame, default = honest(rng, 3000)
    names = {
        "principal": "principal_received",
        "interest": "interest_received",
        "late": "late_fees",
        "last": "last_payment",
        "collection": "collection_fee",
        "state": "loan_state",
    }
    found = assess(repayments(rng, frame, default).rename(columns=names), default)
    assert blocking(found) == {names.get(name, name) for name in LEAKS}
    assert found.roc_auc > 0.99
    assert found.roc_auc_without < 0.75
    groups = {entry.feature: entry.group for entry in found.blocking}
    assert groups["recovered"] == groups["collection_fee"] is not None
    assert "add `known_after_outcome: [" in found.message()


def test_names_that_say_nothing_hide_only_the_weakest_column() -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 3000)
    found = assess(repayments(rng, frame, default).rename(columns=PLAIN_NAMES), default)
    assert blocking(found) == set(PLAIN_NAMES.values()) - {PLAIN_NAMES["late"]}


def test_a_name_alone_accuses_no_column() -> None:
    frame, default = honest(np.random.default_rng(1), 3000)
    named = frame.rename(columns={"score": "last_payment_score", "burden": "recovered"})
    assert blocking(assess(named, default)) == set()


def test_an_attested_feature_is_reported_and_hides_no_other() -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 3000)
    frame["bureau"] = default + rng.normal(0, 0.3, len(frame))
    frame["state"] = default * 1.0
    found = assess(frame, default, known_at_application=["bureau"])
    assert blocking(found) == {"state"}
    [bureau] = [entry for entry in found.evidence if entry.feature == "bureau"]
    assert bureau.attested
    assert bureau.reasons
    assert "attested under known_at_application: bureau" in found.message()
    rows = Rows(frame.to_numpy(np.float32), np.zeros((len(frame), 0), np.int16), default.astype(np.int8))
    assert roc_auc_without(rows, (), tuple(frame.columns), {"bureau", "state"}) < 0.8


def test_a_few_defaults_accuse_no_column() -> None:
    frame, _ = honest(np.random.default_rng(1), 5000)
    found = assess(frame, np.arange(5000) % 500 == 7)
    assert blocking(found) == set()
    assert not found.enough_defaults
    assert found.message().startswith("too few defaults to assess leakage: 10 defaults in 5000 rows")


@pytest.mark.parametrize("combination", ["difference", "ratio", "either"])
def test_two_columns_that_tell_the_outcome_together_only(combination: str) -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 3000)
    if combination == "difference":
        frame["due"] = rng.normal(0, 1, len(frame)).round(3)
        frame["settled"] = np.where(default, frame["due"] - 0.01, frame["due"])
    elif combination == "ratio":
        frame["due"] = np.exp(rng.normal(8, 2, len(frame)))
        frame["settled"] = frame["due"] * np.where(default, rng.uniform(0.8, 0.97, len(frame)), 1.01)
    else:
        frame["due"] = (rng.random(len(frame)) < 0.5) * 1.0
        frame["settled"] = np.where(default, 1 - frame["due"], frame["due"])
    found = assess(frame, default)
    assert blocking(found) <= {"due", "settled"}
    assert "settled" in blocking(found)


def test_a_column_that_knew_the_outcome_in_one_year_only() -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 4000)
    as_of = np.datetime64("2018-01-01") + np.sort(rng.integers(0, 365 * 5, 4000)).astype("timedelta64[D]")
    in_2019 = as_of.astype("datetime64[Y]") == np.datetime64("2019")
    frame["grade"] = np.where(in_2019, default + rng.normal(0, 0.2, 4000), rng.normal(0.2, 0.4, 4000))
    assert blocking(assess(frame, default)) == set()
    found = assess(frame, default, as_of=as_of)
    assert blocking(found) == {"grade"}
    assert "alone in 2019" in found.blocking[0].reasons[0]


def test_dates_after_as_of_need_a_second_sign() -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 3000)
    frame["first_due"] = -rng.integers(20, 40, 3000)
    frame["closed"] = -np.where(default, rng.integers(100, 700, 3000), rng.integers(300, 900, 3000))
    found = assess(frame, default, dates=["first_due", "closed"])
    assert blocking(found) == {"closed"}
    assert "100.0% of its dates lie after as_of" in found.blocking[0].reasons


def test_a_column_that_is_filled_once_a_loan_matured() -> None:
    rng = np.random.default_rng(1)
    frame, default = honest(rng, 3000)
    frame["balance"] = np.where(default, rng.normal(3, 2, 3000), rng.normal(0, 2, 3000))
    later, _ = honest(rng, 1000)
    later["balance"] = rng.normal(20, 2, 1000)
    as_of = np.full(3000, np.datetime64("2020-05-05"))
    rows = Rows(later.to_numpy(np.float32), np.zeros((1000, 0), np.int16))
    before = assess(frame.drop(columns="balance"), default)
    assert blocking(before) == set()
    found = assess(frame, default, as_of=as_of, immature=rows, immature_as_of=as_of[:1000])
    assert blocking(found) == {"balance"}
    assert any("immature rows of the same month" in reason for reason in found.blocking[0].reasons)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("total_rec_prncp", True),
        ("Recovered Amount", True),
        ("ChgOffDate", True),
        ("last_pymnt_d", True),
        ("loan_status", True),
        ("상각일자", True),
        ("연체일수", True),
        ("income", False),
        ("payment_history", False),
        ("months_since_last_delinquency", False),
        ("credit_score", False),
        ("loan_amount", False),
        ("연소득", False),
        ("대출금액", False),
    ],
)
def test_words_for_what_happens_after_the_outcome(name: str, expected: bool) -> None:
    assert named_after_outcome(name) is expected


def coded(rng: np.random.Generator, codes: np.ndarray, default: np.ndarray, count: int) -> LeakageAssessment:
    """Applications with a category of `count` codes whose order says nothing."""
    frame, _ = honest(rng, len(codes))
    rows = Rows(
        frame.to_numpy(np.float32),
        (2 + rng.permutation(count)[codes])[:, None].astype(np.int16),
        default.astype(np.int8),
    )
    return assess_leakage(rows, (count + 2,), (*frame.columns, "code"))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["noise", "effects", "strong effects", "few rows per code"])
def test_an_honest_category_of_many_codes_is_not_accused(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 600 if kind == "few rows per code" else 300
    codes = rng.integers(0, count, 2000)
    spread = {"effects": 0.7, "strong effects": 1.2}.get(kind, 0.0)
    default = rng.random(2000) < 1 / (1 + np.exp(1.6 - rng.normal(0, spread, count)[codes]))
    found = coded(rng, codes, default, count)
    assert blocking(found) == set()
    assert not found.suspicion


@pytest.mark.parametrize(
    ("of_defaults", "of_others"), [(0.95, 0.05), (0.8, 0.05)], ids=["nearly all", "four in five"]
)
def test_a_list_of_codes_that_encodes_the_outcome_is_accused(of_defaults: float, of_others: float) -> None:
    """Codes from 261 on are given after a default, such as those of the staff that handle it."""
    rng = np.random.default_rng(3)
    default = rng.random(2000) < 0.17
    later = rng.random(2000) < np.where(default, of_defaults, of_others)
    codes = np.where(later, rng.integers(261, 300, 2000), rng.integers(0, 261, 2000))
    assert blocking(coded(rng, codes, default, 300)) == {"code"}


def test_the_evidence_on_codes_does_not_depend_on_their_order() -> None:
    rng = np.random.default_rng(4)
    outcome, fold = rng.random(3000) < 0.2, np.arange(3000) % 3
    codes = np.where(
        outcome & (rng.random(3000) < 0.6), rng.integers(0, 40, 3000), rng.integers(0, 300, 3000)
    )
    first = univariate_evidence(codes.astype(float), outcome, fold, codes=True)
    other = univariate_evidence(rng.permutation(300)[codes].astype(float), outcome, fold, codes=True)
    assert first == other
    assert first.roc_auc > 0.7
