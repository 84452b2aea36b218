"""Codes of a label for an outcome that is not known: proposed beside two plain outcomes, and said."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.label_inference import LabelReading, infer_label
from loan_default_assets.portfolio.profiling.outcome_columns import holds_outcome
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest, draft_for
from loan_default_assets.portfolio.profiling.undecided import UndecidedError


def reading(name: str, values: str, *positive: str, pending: tuple[str, ...] = ()) -> LabelReading:
    """The reading of values in the order good, bad and further ones, with 150, 40 and 9 loans each."""
    counts = dict(zip(values.split(), (150, 40, 9, 8, 7), strict=False))
    return infer_label(name, counts, True, positive, pending)


@pytest.mark.parametrize(
    ("name", "values", "unknown"),
    [
        ("default", "0 1 9", "9"),
        ("default", "0 1 99", "99"),
        ("default", "0 1 999", "999"),
        ("default", "0 1 -1", "-1"),
        ("default", "0 1 -9", "-9"),
        ("default", "0 1 8 9", "8 9"),
        ("default", "0 1 98 99", "98 99"),
        ("default", "0.0 1.0 9.0", "9"),
        ("default", "0 1 U", "U"),
        ("default", "N Y U", "U"),
        ("default", "N Y X", "X"),
        ("default", "N Y 9", "9"),
        ("default", "No Yes -1", "-1"),
        ("default", "false true unk", "unk"),
        ("default", "x o 9", "9"),
        ("default", "아니오 예 9", "9"),
        ("default", "-1 1 9", "9"),
        ("target", "0 1 9", "9"),
        ("status", "good bad U", "U"),
        ("status", "Paid Default 9", "9"),
        ("상태", "정상 연체 9", "9"),
    ],
)
def test_a_code_beside_two_outcomes_is_an_unknown_outcome(name: str, values: str, unknown: str) -> None:
    found = reading(name, values)
    good, bad = (value.removesuffix(".0") for value in values.split()[:2])
    assert (found.negative, found.positive) == ((good,), (bad,))
    assert found.unknown == found.pending == tuple(unknown.split())
    assert found.known == 190


@pytest.mark.parametrize(
    "value", ["unknown", "n/a", ".", "?", "-", "NA", "모름", "pending", "Rejected", "cancelled"]
)
@pytest.mark.parametrize("outcomes", ["0 1", "N Y", "paid default"])
def test_a_word_for_an_unknown_outcome_is_pending(outcomes: str, value: str) -> None:
    found = reading("default", f"{outcomes} {value}")
    assert (found.positive, found.pending, found.unknown) == ((outcomes.split()[1],), (value,), ())


@pytest.mark.parametrize(
    "values", ["0 1 2", "0 1 3", "0 1 2 9", "3 5 9", "A B C", "paid default X", "G B I", "1 2 3 9"]
)
def test_a_value_that_is_no_such_code_is_asked_about(values: str) -> None:
    with pytest.raises(UndecidedError, match="which value of the label"):
        reading("default", values)


def test_a_code_among_several_outcomes_is_named_as_one_that_may_be_unknown() -> None:
    with pytest.raises(UndecidedError) as asked:
        reading("default", "0 1 2 9")
    said = {
        choice.value: "often a code for an unknown outcome: --pending" in choice.text
        for choice in asked.value.choices
    }
    assert said == {"0": False, "1": False, "2": False, "9": True}


@pytest.mark.parametrize(
    ("values", "positive", "pending", "expected"),
    [
        ("0 1 9", ("1",), (), (("1",), ("0",), ("9",), ("9",))),
        ("1 2 9", ("2",), (), (("2",), ("1",), ("9",), ("9",))),
        ("0 1 9", ("1,9",), (), (("1", "9"), ("0",), (), ())),
        ("0 1 9", ("9",), (), (("9",), ("0", "1"), (), ())),
        ("3 5 9", ("5",), (), (("5",), ("3", "9"), (), ())),
        ("0 1 9", ("1",), ("9",), (("1",), ("0",), ("9",), ())),
    ],
)
def test_what_the_user_says_goes_before_the_code(
    values: str, positive: tuple[str, ...], pending: tuple[str, ...], expected: tuple[tuple[str, ...], ...]
) -> None:
    found = reading("default", values, *positive, pending=pending)
    assert (found.positive, found.negative, found.pending, found.unknown) == expected


@pytest.mark.parametrize(("threshold", "defaults", "unknown"), [(">=1", 40, ("9",)), (">=9", 9, ())])
def test_a_code_beyond_a_threshold_is_no_default_unless_only_it_reaches_it(
    threshold: str, defaults: int, unknown: tuple[str, ...]
) -> None:
    found = reading("default", "0 1 9", threshold)
    assert (found.defaults, found.unknown) == (defaults, unknown)


def test_a_code_alone_is_no_second_outcome() -> None:
    with pytest.raises(PortfolioError):
        reading("default", "0 9")


@pytest.mark.parametrize("values", [("0", "1", "9"), ("N", "Y", "U"), ("0", "1", "-1")])
def test_the_draft_says_which_code_it_takes_for_unknown(tmp_path: Path, values: tuple[str, str, str]) -> None:
    outcomes = [values[2] if n % 20 == 0 else values[n % 5 == 1] for n in range(400)]
    path = tmp_path / "loans.csv"
    channel = ["web" if n % 3 else "branch" for n in range(400)]
    frame = pd.DataFrame({"amount": [n * 7.5 for n in range(400)], "channel": channel, "bad": outcomes})
    frame.to_csv(path, index=False)
    said = "\n".join(draft_for(path, DraftRequest("bad")).decisions)
    assert f"20 loans have {values[2]} in bad, which beside " in said
    assert f"--positive {values[1]},{values[2]}; where it is none, move it from label.pending" in said
    # The label is also offered where it is not named.
    with pytest.raises(UndecidedError) as asked:
        draft_for(path, DraftRequest())
    assert [choice.value for choice in asked.value.choices] == ["bad"]


def test_a_second_outcome_with_a_code_is_no_feature() -> None:
    answers = ColumnProfile(rows=100, counts=Counter({"0": 80, "1": 15, "9": 5}))
    assert holds_outcome("charged_off", answers)
    assert not holds_outcome(
        "charged_off", ColumnProfile(rows=100, counts=Counter({"0": 80, "1": 15, "2": 5}))
    )
