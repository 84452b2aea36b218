"""Recorded drift figures: one row per model and partition, blocks that never overlap, and the newest state."""

from typing import Any

import pytest

from loan_default_assets.commands.drift_status import drift_lines, drift_values
from loan_default_assets.portfolio.calendar import UNDATED_PARTITION
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.drift_log import DriftCheck, DriftLog, F1Block, Light, StoredPsi
from loan_default_assets_tests.warehouse.samples import portfolio

STABLE = StoredPsi("amount", 0.02, 0.3, "green")
AMBER = StoredPsi("rate", 0.2, 0.15, "amber")
RED = StoredPsi("amount", 0.9, 0.3, "red")
SCORE = StoredPsi("pd", 0.4, 0.3, "red")


@pytest.fixture
def log(database_url: str) -> DriftLog:
    database = Database(database_url, "sample")
    database.migrate(portfolio())
    return DriftLog(database)


def block(first: str, last: str, **changes: Any) -> F1Block:
    values: dict[str, Any] = {
        "rows": 1000,
        "estimate": 0.8,
        "low": 0.75,
        "high": 0.85,
        "outcomes": 0,
        "measured": None,
    }
    return F1Block(first, last, **(values | changes))


def test_a_check_is_replaced_its_alert_stays_and_models_are_apart(log: DriftLog) -> None:
    log.record_check("c1", DriftCheck("2024-01-02", "2024-01-01", 60, (STABLE, AMBER)))
    log.record_check("c2", DriftCheck("2024-01-02", "2024-01-02", 60, ()))
    log.record_score("c1", "2024-01-02", SCORE)
    log.mark_alerted("c1", ["2024-01-02"])
    assert log.checks("c1") == [
        DriftCheck("2024-01-02", "2024-01-01", 60, (STABLE, AMBER), SCORE, alerted=True)
    ]
    replaced = DriftCheck("2024-01-02", "2024-01-02", 80, (STABLE,))
    log.record_check("c1", replaced)
    [found] = log.checks("c1")
    assert (found.rows, found.score, found.alerted) == (80, None, True)
    assert log.checks("c2") == [DriftCheck("2024-01-02", "2024-01-02", 60, ())]


def test_blocks_replace_those_that_they_overlap(log: DriftLog) -> None:
    log.record_check("c1", DriftCheck("2024-01-09", "2024-01-09", 60, ()))
    log.record_blocks("c1", [block("2024-01-01", "2024-01-03"), block("2024-01-04", "2024-01-05")])
    log.record_blocks("c1", [])
    newer = [block("2024-01-04", "2024-01-06", outcomes=900, measured=0.7), block("2024-01-07", "2024-01-09")]
    log.record_blocks("c1", newer)
    state = log.state("c1")
    assert state is not None
    assert state.blocks == (block("2024-01-01", "2024-01-03"), *newer)
    assert (state.estimate, state.measured) == (newer[1], newer[0])
    assert [each.as_estimated for each in state.blocks] == [None, False, None]


@pytest.mark.parametrize(
    ("newest", "scored", "light", "drifted"),
    [
        ((STABLE,), None, "green", []),
        ((STABLE, AMBER), None, "amber", ["rate"]),
        ((AMBER, RED), None, "red", ["amount", "rate"]),
        ((STABLE,), SCORE, "red", ["pd"]),
        ((), None, None, []),
    ],
)
def test_the_state_is_that_of_the_newest_partition(
    log: DriftLog,
    newest: tuple[StoredPsi, ...],
    scored: StoredPsi | None,
    light: Light | None,
    drifted: list[str],
) -> None:
    assert log.state("c1") is None
    log.record_check("c1", DriftCheck("2024-01-01", "2024-01-01", 60, (RED,), scored))
    log.record_check("c1", DriftCheck("2024-01-02", "2024-01-02", 60, newest))
    state = log.state("c1")
    assert state is not None
    assert state.newest.partition_key == "2024-01-02"
    assert (state.light, [each.name for each in state.drifted]) == (light, drifted)
    values = drift_values(state, portfolio())
    assert values["light"] == light
    [line, *_] = drift_lines(values)
    assert all(("score (PD)" if name == "pd" else name) in line for name in drifted)
    assert ("too few rows" in line) == (not newest and not drifted)


def test_the_status_shows_f1_before_and_after_outcomes(log: DriftLog) -> None:
    log.record_check("c1", DriftCheck("2024-01-02", "2024-01-02", 60, (STABLE,)))
    blocks = [
        block("2024-01-01", "2024-01-03", outcomes=1000, measured=0.81),
        block("2024-01-04", "2024-01-06", outcomes=1000, measured=0.6),
        block("2024-01-07", "2024-01-09", rows=60),
        block("2024-01-10", "2024-01-12", estimate=None, low=None, high=None),
    ]
    log.record_blocks("c1", blocks)
    state = log.state("c1")
    assert state is not None
    assert drift_lines(drift_values(state, portfolio())) == [
        "drift       none in partition 2024-01-02 (60 rows)",
        "F1 of later loans, as their PDs let expect",
        "  2024-01-01 to 2024-01-03    1,000 loans  0.800  [0.750, 0.850]  measured 0.810",
        "  2024-01-04 to 2024-01-06    1,000 loans  0.800  [0.750, 0.850]  measured 0.600, not as expected",
        "  2024-01-07 to 2024-01-09       60 loans  0.800  [0.750, 0.850]  outcomes not matured",
    ]
    assert drift_lines(None) == []


def test_the_status_names_features_by_their_text_and_their_column(log: DriftLog) -> None:
    log.record_check("c1", DriftCheck("2024-01-02", "2024-01-02", 60, (RED, AMBER), SCORE))
    state = log.state("c1")
    assert state is not None
    texts = {"amount": {"en": "Amount of the loan", "ko": "대출 금액"}}
    values = drift_values(state, portfolio().model_copy(update={"reasons": texts}))
    assert [(each["name"], each["title"]) for each in values["drifted"]] == [
        ("amount", "Amount of the loan (amount)"),
        ("pd", "score (PD)"),
        ("rate", "rate"),
    ]
    assert drift_lines(values) == [
        "drift       partition 2024-01-02 (60 rows): Amount of the loan (amount) PSI 0.900, score (PD) PSI 0.400, "
        "rate PSI 0.200"
    ]


def test_loans_without_dates_are_those_of_the_window(log: DriftLog) -> None:
    log.record_check("c1", DriftCheck(UNDATED_PARTITION, UNDATED_PARTITION, 600, (STABLE,)))
    log.record_blocks("c1", [block(UNDATED_PARTITION, UNDATED_PARTITION, outcomes=1000, measured=0.81)])
    state = log.state("c1")
    assert state is not None
    assert drift_lines(drift_values(state, portfolio())) == [
        "drift       none in the evaluation window (600 rows)",
        "F1 of the window, as its PDs let expect",
        "     1,000 loans  0.800  [0.750, 0.850]  measured 0.810",
    ]
