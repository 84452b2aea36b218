"""The chart of F1 over time: lines, marks and dates where a reader can tell them apart."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bento.console.f1_chart import BOTTOM, TOP, f1_chart
from loan_default_assets_tests.bento.console.overview_samples import FORMER, VERSION, evaluation


def test_the_chart_breaks_the_line_at_a_new_champion() -> None:
    shown = (evaluation(FORMER, 9, 0.0), evaluation(FORMER, 8, 1.0), evaluation(VERSION, 1, 0.5))
    chart = f1_chart(shown, 0.8)
    assert chart is not None
    assert [point.begins for point in chart.points] == [True, False, True]
    assert [len(line.split()) for line in chart.lines] == [2, 1]
    assert [point.y for point in chart.points] == [BOTTOM, TOP, (BOTTOM + TOP) / 2]
    assert f1_chart((evaluation(VERSION, 1, None),), 0.8) is None


@pytest.mark.parametrize("f1", [0.93, 0.81, 0.5, 0.12])
def test_an_interval_of_a_few_hundredths_is_seen_beside_its_mark(f1: float) -> None:
    chart = f1_chart([replace(evaluation(VERSION, 1, f1), f1_low=f1 - 0.02, f1_high=f1 + 0.02)], 0.8)
    assert chart is not None
    (point,) = chart.points
    # A mark is 8 units high.
    assert point.low - point.high > (8 if f1 > 0.4 else 0)
    drawn = [point.low, point.y, point.high, chart.target, *(height for _, height in chart.ticks)]
    assert all(TOP <= height <= BOTTOM for height in drawn)
    assert [tick for tick, _ in chart.ticks][-1] == 1
    assert chart.ticks[0][1] == BOTTOM


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_dates_below_the_chart_do_not_overlap(count: int) -> None:
    chart = f1_chart([evaluation(VERSION, count - n, 0.7) for n in range(count)], 0.8)
    assert chart is not None
    positions = [x for x, _ in chart.dates]
    assert 1 <= len(positions) <= 4
    # A date is 68 units wide.
    assert all(b - a > 68 for a, b in pairwise(positions) if count > 2)
    assert all(42 <= point.x <= 470 for point in chart.points)
