"""Which value of a label is the default: inferred from words, never from a code alone."""

import pytest

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.profiling.label_inference import LabelReading, infer_label
from loan_default_assets.portfolio.profiling.label_words import Meaning, meaning_of, yes_is_default
from loan_default_assets.portfolio.profiling.undecided import UndecidedError

YES_NO = [
    ("1", "0"),
    ("Y", "N"),
    ("Yes", "No"),
    ("TRUE", "FALSE"),
    ("true", "false"),
    ("T", "F"),
    ("예", "아니오"),
    ("있음", "없음"),
    ("유", "무"),
    ("WAHR", "FALSCH"),
    ("oui", "non"),
    ("S", "N"),
    ("да", "нет"),
    ("J", "N"),
]
BAD_NAMES = (
    "default",
    "bad_flag",
    "SeriousDlqin2yrs",
    "charged_off",
    "not.fully.paid",
    "isDelinquent",
    "non_performing",
    "ausgefallen",
    "연체여부",
    "부도",
    "미상환여부",
)
GOOD_NAMES = (
    "loan_paid_back",
    "repaid",
    "good",
    "Performing",
    "paid",
    "is_current",
    "fully_paid",
    "creditability",
    "default_free",
    "Ausfallfrei (12M)",
    "상환여부",
    "정상여부",
    "완납",
)


def reading(name: str, counts: dict[str, int], *positive: str) -> LabelReading:
    return infer_label(name, counts, True, positive)


@pytest.mark.parametrize(("yes", "no"), YES_NO)
@pytest.mark.parametrize("name", BAD_NAMES)
def test_yes_is_the_default_in_a_column_named_for_defaults(name: str, yes: str, no: str) -> None:
    found = reading(name, {yes: 20, no: 80})
    assert (found.positive, found.negative, found.rate) == ((yes,), (no,), 0.2)


@pytest.mark.parametrize(("yes", "no"), YES_NO)
@pytest.mark.parametrize("name", GOOD_NAMES)
def test_no_is_the_default_in_a_column_named_for_repayment(name: str, yes: str, no: str) -> None:
    found = reading(name, {yes: 80, no: 20})
    assert (found.positive, found.negative, found.rate) == ((no,), (yes,), 0.2)


@pytest.mark.parametrize(
    ("default", "other"),
    [
        ("default", "no default"),
        ("bad", "good"),
        ("Charged Off", "Fully Paid"),
        ("CHGOFF", "P I F"),
        ("late", "current"),
        ("delinquent", "performing"),
        ("unpaid", "paid"),
        ("not repaid", "repaid"),
        ("연체", "정상"),
        ("부도", "상환"),
        ("불량", "우량"),
        ("미상환", "완납"),
        ("written off", "closed"),
        ("defaulted", "x"),
        ("B", "good"),
    ],
)
@pytest.mark.parametrize("name", ["status", "good", "x"])
def test_the_words_of_the_values_decide(name: str, default: str, other: str) -> None:
    found = reading(name, {default: 30, other: 70})
    assert (found.positive, found.negative) == ((default,), (other,))


@pytest.mark.parametrize(
    ("name", "counts", "rarer"),
    [
        ("credit_risk", {"1": 700, "2": 300}, "2"),
        ("y", {"-1": 20, "1": 80}, "-1"),
        ("target", {"0": 20, "1": 80}, "0"),
        ("target", {"0": 52, "1": 48}, "1"),
        ("class", {"A": 90, "B": 10}, "B"),
        ("default", {"Y": 90, "N": 10}, "N"),
        ("repaid", {"1": 20, "0": 80}, "1"),
        ("status", {"bad": 70, "good": 30}, "good"),
        ("x17", {"0": 80, "1": 20}, "1"),
        ("status", {"0": 80, "1": 20}, "1"),
        ("class", {"N": 80, "Y": 20}, "Y"),
        ("flag", {"false": 80, "true": 20}, "true"),
        ("결과", {"0": 80, "1": 20}, "1"),
    ],
)
def test_without_words_or_above_one_half_both_readings_are_shown(
    name: str, counts: dict[str, int], rarer: str
) -> None:
    with pytest.raises(UndecidedError, match="--positive VALUE") as error:
        reading(name, counts)
    assert error.value.choices[0].value == rarer
    share = 100 * counts[rarer] / sum(counts.values())
    assert f"default = {rarer} ({share:.1f} % of loans" in str(error.value)
    for value in counts:
        given = reading(name, counts, value)
        assert (given.positive, len(given.negative)) == ((value,), 1)


@pytest.mark.parametrize("name", ["y", "Y", "TARGET", "target_flag", "label", "event", "목표변수"])
def test_a_rarer_yes_of_a_target_without_words_is_the_default_and_said_to_be_a_guess(name: str) -> None:
    found = reading(name, {"0": 60, "1": 30, "unknown": 10})
    assert found.guessed
    assert (found.positive, found.negative, found.pending) == (("1",), ("0",), ("unknown",))
    assert "rarer" in found.why
    assert found.text == "default = 1 (33.3 % of loans)"


@pytest.mark.parametrize(
    ("counts", "positive", "negative", "pending"),
    [
        (
            {
                "Fully Paid": 60,
                "Charged Off": 20,
                "Default": 1,
                "Current": 9,
                "Late (31-120 days)": 5,
                "In Grace Period": 5,
            },
            {"Charged Off", "Default"},
            {"Fully Paid"},
            {"Current", "Late (31-120 days)", "In Grace Period"},
        ),
        ({"정상": 80, "연체": 10, "완납": 10}, {"연체"}, {"정상", "완납"}, set()),
        ({"완납": 50, "부도": 10, "연체": 10, "진행중": 30}, {"부도"}, {"완납"}, {"연체", "진행중"}),
        ({"paid": 70, "bad": 20, "pending": 10}, {"bad"}, {"paid"}, {"pending"}),
    ],
)
def test_a_status_becomes_lists_of_values(
    counts: dict[str, int], positive: set[str], negative: set[str], pending: set[str]
) -> None:
    found = reading("loan_status", counts)
    assert (set(found.positive), set(found.negative), set(found.pending)) == (positive, negative, pending)


def test_a_status_with_a_value_that_no_word_explains_is_asked_for() -> None:
    counts = {"Fully Paid": 60, "Charged Off": 20, "QX": 20}
    with pytest.raises(UndecidedError, match="no known word is in QX"):
        reading("status", counts)
    given = reading("status", counts, "Charged Off", "QX")
    assert (set(given.positive), given.negative, given.rate) == ({"Charged Off", "QX"}, ("Fully Paid",), 0.4)


@pytest.mark.parametrize("positive", [("b, c", "d"), ("b, c,d",), ("d", "B, C")])
def test_several_values_are_given_one_by_one_or_with_commas(positive: tuple[str, ...]) -> None:
    counts = {"a": 60, "b, c": 10, "b": 5, "c": 5, "d": 5}
    found = reading("status", counts, *positive)
    expected = {"b", "c", "d"} if "b, c,d" in positive else {"b, c", "d"}
    assert set(found.positive) == expected


def test_days_past_due_have_the_threshold_of_90_and_others_are_asked_for() -> None:
    days = {str(number): 1 for number in range(100)}
    found = reading("days_past_due", days)
    assert (found.at_least, found.defaults) == (90.0, 10)
    with pytest.raises(UndecidedError, match="--positive '>=NUMBER'"):
        reading("balance", days)
    assert reading("balance", days, ">=60").keys() == {"column": "balance", "at_least": 60}


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (">0", "would leave out the number itself.*Next: .*'>=1'"),
        ("> 90", "would leave out the number itself"),
        (">", "is not a threshold"),
        (">=x", "is not a threshold"),
        (">=0", "of 100 loans, every one would be a default. Next: "),
        (">=100", "of 100 loans, none would be a default. Next: "),
        (">=nan", "none would be a default"),
    ],
)
def test_a_threshold_that_does_not_tell_the_loans_apart_is_refused(threshold: str, message: str) -> None:
    """`>0` was read as `>=0`, by which every loan is a default."""
    with pytest.raises(PortfolioError, match=message):
        reading("loss", {str(number): 1 for number in range(100)}, threshold)


@pytest.mark.parametrize(
    ("counts", "positive", "message"),
    [
        (
            {f"v{n}": 5 for n in range(61)},
            (),
            r"61 distinct values.*A row must be one loan.*\nNext: name the column",
        ),
        ({"Kim": 1, "Lee": 1, "Park": 1, "Choi": 9}, (), "4 distinct values; it needs two"),
        ({"1": 5}, (), "1 distinct value; it needs two. Next: "),
        ({"good": 5, "bad": 5}, ("worse",), "'worse' is not a value"),
    ],
)
def test_what_is_no_label_is_refused(counts: dict[str, int], positive: tuple[str, ...], message: str) -> None:
    with pytest.raises(PortfolioError, match=message):
        reading("x", counts, *positive)


@pytest.mark.parametrize(
    "counts",
    [
        {"A": 50, "B": 30, "C": 20},
        {"gekündigt": 20, "abgewickelt": 30, "laufend": 50},
        {"3": 20, "2": 30, "1": 50},
        {"paid": 50, "X": 30, "default": 20},
        {f"S{n}": 10 + n for n in range(12)},
    ],
)
def test_of_several_values_without_words_each_is_listed_with_the_options_that_answer(
    counts: dict[str, int],
) -> None:
    with pytest.raises(UndecidedError) as error:
        reading("status", counts)
    total = sum(counts.values())
    for value, count in counts.items():
        assert f"default = {value} ({100 * count / total:.1f} % of loans, {count:,} loans" in str(error.value)
    assert "Next: the same command with --positive VALUE, several with commas" in str(error.value)
    assert "--pending VALUE" in str(error.value)
    assert "A row must be one loan" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["months_to_default", "TimeToEvent", "days until charge-off", "부도까지 개월수"]
)
@pytest.mark.parametrize("positive", [(), (">=12",)])
def test_the_time_until_an_event_is_no_label(name: str, positive: tuple[str, ...]) -> None:
    """A threshold would take the loans without default for defaults."""
    with pytest.raises(PortfolioError, match=r"time until an event.*\n?.*add a column to the file that is 1"):
        reading(name, {str(number): 5 for number in range(1, 36)} | {"999": 800}, *positive)


def test_a_flag_of_a_time_until_an_event_is_one() -> None:
    assert reading("months_to_default_known", {"1": 20, "0": 80}, "1").positive == ("1",)


def test_defaults_alone_are_no_label_until_the_empty_cells_have_a_value() -> None:
    with pytest.raises(PortfolioError, match=r"80 cells are empty. Next: .* write 0 into it"):
        infer_label("default", {"1": 20}, True, empty=80)


def test_values_that_hardly_repeat_are_not_shown() -> None:
    with pytest.raises(PortfolioError) as error:
        reading("name", {"Kim": 1, "Lee": 2, "Park": 1, "Choi": 9})
    assert not any(name in str(error.value) for name in ("Kim", "Lee", "Park", "Choi"))


@pytest.mark.parametrize(
    ("counts", "positive", "pending", "read"),
    [
        ({"A": 50, "B": 30, "C": 20}, ("C",), ("b",), (("C",), ("A",), ("B",))),
        ({"A": 50, "B": 30, "C": 20}, ("C",), (), (("C",), ("A", "B"), ())),
        ({"A": 50, "B": 30, "C": 20, "D": 1}, ("C",), ("B,D",), (("C",), ("A",), ("B", "D"))),
        ({"paid": 50, "X": 30, "default": 20}, (), ("X",), (("default",), ("paid",), ("X",))),
        ({"1": 10, "0": 70, "9": 20}, (), ("9",), (("1",), ("0",), ("9",))),
        ({"2": 10, "1": 70, "unknown": 20}, ("2",), (), (("2",), ("1",), ("unknown",))),
    ],
)
def test_values_that_are_no_outcome_yet_are_named(
    counts: dict[str, int],
    positive: tuple[str, ...],
    pending: tuple[str, ...],
    read: tuple[tuple[str, ...], ...],
) -> None:
    found = infer_label("default", counts, True, positive, pending)
    assert (found.positive, found.negative, found.pending) == read


@pytest.mark.parametrize(
    ("positive", "pending", "message"),
    [
        (("C",), ("Z",), "--pending: 'Z' is not a value"),
        (("C",), ("C",), "--pending: 'C' is given with --positive too"),
    ],
)
def test_a_pending_value_that_cannot_be_is_refused(
    positive: tuple[str, ...], pending: tuple[str, ...], message: str
) -> None:
    with pytest.raises(PortfolioError, match=message):
        infer_label("x", {"A": 50, "B": 30, "C": 20}, True, positive, pending)


def test_words_in_other_words_mean_nothing() -> None:
    assert [meaning_of(value) for value in ("badge", "goods and services", "latex", "A", "12")] == [None] * 5
    assert meaning_of("Does not meet the credit policy. Status:Fully Paid") is Meaning.STRONG_GOOD


@pytest.mark.parametrize(
    ("meaning", "values"),
    [
        (
            Meaning.STRONG_DEFAULT,
            ["in default", "In Default 90+", "loan in default", "in loss", "in bankruptcy", "impagado", "en défaut",
             "Ausfall", "incumplimiento", "inadimplente", "non remboursé", "no pagado", "nicht zurückgezahlt",
             "대위변제", "기한이익상실", "강제해지", "상환불능"],
        ),
        (Meaning.WEAK_DEFAULT, ["in arrears", "in late stage", "in collections", "상환지연"]),
        (
            Meaning.STRONG_GOOD,
            ["not in default", "never in default", "in good standing", "no arrears", "kein Ausfall", "sin impago",
             "sans défaut", "중도상환", "만기상환", "변제",
             "부도 미발생", "연체아님", "비부도", "remboursé", "pagado", "zurückgezahlt"],
        ),
        (Meaning.WEAK_GOOD, ["상환중", "상환 중"]),
        (Meaning.PENDING, ["en cours", "laufend"]),
    ],
)  # fmt: skip
def test_a_word_before_an_outcome_turns_it_only_where_it_is_a_negation(
    meaning: Meaning, values: list[str]
) -> None:
    """`In default` counted as repaid beside `Charged off`, and 대위변제, the guarantor's payment, did too."""
    assert {value: meaning_of(value) for value in values} == dict.fromkeys(values, meaning)


@pytest.mark.parametrize(
    ("names", "default"),
    [
        (["in_default", "is_in_default", "loan_in_default", "in_arrears", "impago", "incumplimiento", "défaut",
          "대위변제여부", "상환지연여부"], True),
        (["kein_Ausfall", "ohne_ausfall", "sin_impago", "nodefault", "no_npl", "absence_of_default", "free_of_default",
          "default_not_occurred", "연체미발생", "부도없음여부", "비부도", "불량아님"], False),
        (["par_id", "sin_number", "in_store", "moraleja", "latex", "pagaduria", "vigencia"], None),
    ],
)  # fmt: skip
def test_a_negation_in_a_name_makes_yes_the_good_outcome(names: list[str], default: bool | None) -> None:
    assert {name: yes_is_default(name) for name in names} == dict.fromkeys(names, default)


def test_loans_in_default_are_defaults_beside_charged_off_ones() -> None:
    found = reading("loan_status", {"Fully Paid": 60, "Charged Off": 20, "In default": 5})
    assert (set(found.positive), found.negative) == ({"Charged Off", "In default"}, ("Fully Paid",))


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("90+ dpd", Meaning.STRONG_DEFAULT),
        ("90-119 days past due", Meaning.STRONG_DEFAULT),
        ("> 120 days late", Meaning.STRONG_DEFAULT),
        ("연체 90일 이상", Meaning.STRONG_DEFAULT),
        ("Late (31-120 days)", Meaning.WEAK_DEFAULT),
        ("60-89 dpd", Meaning.WEAK_DEFAULT),
        ("연체 30일", Meaning.WEAK_DEFAULT),
        ("late since 2019", Meaning.WEAK_DEFAULT),
    ],
)
def test_90_days_past_due_in_a_value_are_a_default(value: str, meaning: Meaning) -> None:
    assert meaning_of(value) is meaning


def test_days_past_due_below_90_have_no_outcome_beside_those_above() -> None:
    found = reading("bucket", {"Current": 800, "1-29 dpd": 90, "60-89 dpd": 40, "90+ dpd": 70})
    assert (found.positive, found.negative, found.pending) == (
        ("90+ dpd",), ("Current",), ("1-29 dpd", "60-89 dpd"),
    )  # fmt: skip
