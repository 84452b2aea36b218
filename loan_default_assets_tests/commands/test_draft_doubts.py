"""What `init` asks about features that nothing accuses: the most telling ones, and loans that are in a file twice."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loan_default_assets.commands.init import accounted_draft
from loan_default_assets.portfolio.profiling.draft_yaml import draft_yaml
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, PortfolioDraft, draft_for
from loan_default_assets_tests import small_bank

ROWS = 3000

Change = Callable[[np.random.Generator, pd.DataFrame, np.ndarray], pd.DataFrame]


def drafted(folder: Path, change: Change) -> PortfolioDraft:
    """A draft for loans with honest features of ROC-AUC below 0.75, changed."""
    rng = np.random.default_rng(5)
    score, income, rate = rng.normal(700, 45, ROWS), rng.lognormal(10, 0.5, ROWS), rng.normal(9, 2, ROWS)
    default = rng.random(ROWS) < 1 / (1 + np.exp(1.9 + 0.015 * (score - 700) - 0.2 * (rate - 9)))
    day = np.datetime64("2017-01-01") + rng.integers(0, 900, ROWS)
    frame = pd.DataFrame(
        {
            "issued": day.astype(str),
            "score": score.round(),
            "income": income.round(),
            "rate": rate.round(2),
            "bad": default.astype(int),
        }
    )
    path = folder / "loans.csv"
    change(rng, frame, default).to_csv(path, index=False)
    return accounted_draft(draft_for(path, DraftRequest("bad", "issued")), small_bank.TODAY)[0]


def _as_they_are(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    return frame


def _weak_leaks(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    """Counts that each tell a little of the outcome, under names that say nothing."""
    return frame.assign(
        **{f"k{n}": rng.poisson(np.where(default, 2.2 + n, 1.0 + n * 0.75)) for n in range(1, 7)}
    )


def _missing(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    absent = rng.random(ROWS) < np.where(default, 0.65, 0.2)
    return frame.assign(reach=np.where(absent, np.nan, rng.integers(1, 9, ROWS)))


def _rare_marks(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    """A text and an amount of a few defaults, and the same of a few loans of any outcome."""
    few, any_few = default & (rng.random(ROWS) < 0.09), rng.random(ROWS) < 0.02
    fee = rng.uniform(5, 90, ROWS).round(2)
    return frame.assign(
        note=np.where(few, "X", ""),
        fee=np.where(few, fee, 0),
        honest_note=np.where(any_few, "X", ""),
        honest_fee=np.where(any_few, fee, 0),
    )


def _twice(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    later = frame.assign(issued=(pd.to_datetime(frame["issued"]) + pd.Timedelta(days=950)).astype(str))
    return pd.concat([frame, later])


def _alike(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    """Few different applications, so that loans look alike, with an outcome of their own."""
    return frame.assign(
        score=(frame["score"] / 40).round() * 40, income=rng.integers(1, 60, ROWS), rate=frame["rate"].round()
    )


def _closed_alone(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    """Outcomes of loans that have ended: of those without default every second is still repaid."""
    open_ = ~default & (rng.random(ROWS) < 0.5)
    return frame.assign(bad=np.where(open_, "", frame["bad"].astype(str)))


def _scored(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    return frame.assign(pd_v2=(1 / (1 + np.exp(2 + (frame["score"] - 700) / 60))).round(4))


def _twice_by_applicant(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
    return _twice(rng, frame.assign(applicant=300_000 + rng.permutation(ROWS)), default)


@pytest.mark.parametrize(
    ("change", "asked", "unasked"),
    [
        (_as_they_are, ["features: Most", "score ("], ["usually reach", "repeated rows", "is a default by"]),
        (_weak_leaks, ["more than features known at application usually reach", "k1 (", "k6 ("], []),
        (
            _rare_marks,
            ["every loan is a default by fee where it differs", "note where it is present"],
            ["honest_"],
        ),
        (_missing, ["reach (", "known_after_outcome"], ["usually reach"]),
        (_twice, ["repeated rows: 6,000 rows", "--key"], ["usually reach"]),
        (_alike, [], ["repeated rows"]),
        (_closed_alone, ["older than 365 days have no outcome"], ["pd_v2"]),
        (_scored, ["pd_v2: by its name and values the prediction of another model"], ["have no outcome"]),
        (_twice_by_applicant, ["several rows per loan"], ["repeated rows"]),
    ],
)
def test_features_that_nothing_accuses_are_asked_about(
    tmp_path: Path, change: Change, asked: list[str], unasked: list[str]
) -> None:
    said = "\n".join(drafted(tmp_path, change).decisions)
    assert [text for text in asked if text not in said] == []
    assert [text for text in unasked if text in said] == []


def test_an_applicant_by_number_is_an_identifier_and_no_feature(tmp_path: Path) -> None:
    draft = drafted(tmp_path, _twice_by_applicant)
    assert draft.key == "applicant"
    assert "applicant" not in [role.name for role in draft.roles if role.use == "feature"]


def test_a_number_whose_values_repeat_is_not_said_to_identify_the_loans(tmp_path: Path) -> None:
    draft = drafted(tmp_path, lambda rng, frame, _: frame.assign(customer=rng.integers(10_000, 11_200, ROWS)))
    assert draft.key is None
    assert "does not identify the rows" in "\n".join(draft.decisions)
    assert "identifies the loans" not in "\n".join(draft.notes)


def test_further_outcomes_are_no_features_and_the_applicants_past_is(tmp_path: Path) -> None:
    """Independent of the label: only their names and values tell what they are."""
    further = {
        "Bankrupt?": 0.02,
        "Settled?": 0.05,
        "previous_default": 0.1,
        "bankruptcies_before_application": 0.1,
    }

    def change(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
        return frame.assign(
            **{name: np.where(rng.random(ROWS) < rate, "Yes", "No") for name, rate in further.items()}
        )

    draft = drafted(tmp_path, change)
    used = {role.source_name: role.use for role in draft.roles if role.source_name in further}
    outcome, past = "known_after_outcome", "feature"
    assert used == dict(zip(further, (outcome, outcome, past, past), strict=True))
    written = draft_yaml(draft)
    assert "  - Bankrupt?  # its name and its values are those of an outcome" in written
    assert "may exist only after the outcome: Bankrupt?, Settled?." in " ".join(draft.decisions)


def test_rows_of_one_loan_are_no_evidence_against_what_it_had_at_application(tmp_path: Path) -> None:
    """A model recognises a loan by its score and income where each of its payments is a row."""

    def payments(rng: np.random.Generator, frame: pd.DataFrame, default: np.ndarray) -> pd.DataFrame:
        some = frame.head(300).assign(loan_id=[f"K{n}" for n in range(300)])
        return pd.concat([some.assign(instalment=n) for n in range(1, 13)])

    draft = drafted(tmp_path, payments)
    assert draft.key is None
    assert {"score", "income", "rate"} <= {role.name for role in draft.roles if role.use == "feature"}
