"""Readings of the recorded state: at most one at a time, rarely, and never waited for long."""

import threading
from dataclasses import replace

import pytest

from bento.operations.recorded_state import (
    LATE_SECONDS,
    PAUSE_SECONDS,
    PAUSES_PER_READING,
    RecordedState,
    StateReader,
    refresh_seconds,
)
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.database_errors import WarehouseError
from loan_default_assets_tests.bento.small_portfolio import PORTFOLIO

STATE = RecordedState("c1", 1.0, 0.7, 0.6, 0.8, 2.0, 3.0, "OK", 0, 5)


class Readings:
    """A clock, and a database that answers, takes `seconds`, hangs or fails."""

    def __init__(self) -> None:
        self.now, self.count, self.seconds = 100.0, 0, 0.0
        self.error: Exception | None = None
        self.answer = threading.Event()
        self.answer.set()

    def read(self) -> RecordedState:
        self.count += 1
        self.answer.wait()
        self.now += self.seconds
        if self.error:
            raise self.error
        return replace(STATE, new_labels=self.count)

    def reader(self) -> StateReader:
        return StateReader(self.read, wait_seconds=5.0, clock=lambda: self.now)


def ended(reader: StateReader) -> None:
    """Wait until no reading is in progress."""
    reading = reader._reading
    if reading is not None:
        reading.join()


def test_values_are_read_again_after_a_pause() -> None:
    readings = Readings()
    reader = readings.reader()
    assert reader.latest() == (replace(STATE, new_labels=1), True)
    readings.now += PAUSE_SECONDS - 1
    assert reader.latest() == (replace(STATE, new_labels=1), True)
    readings.now += 1
    assert reader.latest() == (replace(STATE, new_labels=2), True)


def test_slow_readings_take_a_twentieth_of_the_time_at_most() -> None:
    readings = Readings()
    readings.seconds = 30.0
    reader = readings.reader()
    reader.latest()
    readings.now += PAUSES_PER_READING * 30 - 1
    reader.latest()
    assert readings.count == 1
    readings.now += 1
    reader.latest()
    assert readings.count == 2


@pytest.mark.parametrize("error", [WarehouseError("unreachable"), RuntimeError("a value of an applicant")])
def test_a_failed_reading_keeps_the_last_values(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    readings = Readings()
    reader = readings.reader()
    reader.latest()
    readings.error = error
    readings.now += PAUSE_SECONDS
    assert reader.latest() == (replace(STATE, new_labels=1), False)
    readings.error = None
    readings.now += PAUSE_SECONDS
    assert reader.latest() == (replace(STATE, new_labels=3), True)
    assert "applicant" not in caplog.text


def test_a_hanging_reading_is_neither_waited_for_nor_doubled() -> None:
    readings = Readings()
    reader = StateReader(readings.read, wait_seconds=0.0, clock=lambda: readings.now)
    readings.answer.clear()
    try:
        assert reader.latest() == (None, False)
        readings.now += 10 * PAUSE_SECONDS
        assert reader.latest() == (None, False)
        assert readings.count == 1
    finally:
        readings.answer.set()
    ended(reader)
    assert reader.latest()[0] is not None


def test_a_reading_that_hangs_after_others_counts_as_failed() -> None:
    readings = Readings()
    reader = StateReader(readings.read, wait_seconds=0.0, clock=lambda: readings.now)
    reader.latest()
    ended(reader)
    assert reader.latest()[1]
    readings.answer.clear()
    try:
        readings.now += PAUSE_SECONDS
        assert reader.latest()[1]
        readings.now += LATE_SECONDS + 1
        assert reader.latest() == (replace(STATE, new_labels=1), False)
    finally:
        readings.answer.set()
    ended(reader)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"refresh": "0 6 * * *"}, 86_400.0),
        ({"refresh": "0 6 1 * *", "cadence": "monthly"}, 31 * 86_400.0),
        ({}, None),
        ({"refresh": "0 6 * * *", "end": "2025-01-01"}, None),
    ],
)
def test_new_rows_are_expected_where_the_portfolio_says_so(
    changes: dict[str, str], seconds: float | None
) -> None:
    assert refresh_seconds(Portfolio.model_validate(PORTFOLIO | changes)) == seconds
