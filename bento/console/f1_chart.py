"""The geometry of the chart of F1 over the evaluations of champions, which a template draws as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loan_default_assets.warehouse.recent_activity import ChampionEvaluation

# The plot's edges in the coordinates of the template.
LEFT, RIGHT, TOP, BOTTOM = 42, 470, 34, 220
MOST_DATES = 4
# Room for half a date beside the first and the last point.
MARGIN = 34


@dataclass(frozen=True)
class F1Point:
    """One evaluation: its position in pixels, its interval, and whether its model follows another one."""

    x: float
    y: float
    low: float
    high: float
    begins: bool
    evaluation: ChampionEvaluation


@dataclass(frozen=True)
class F1Chart:
    """F1 over time.

    Attributes:
        lines: One line per champion, as the points of a `polyline`.
        ticks: Height in pixels by F1.
        dates: Position in pixels and date.
        target: Height of the target.
    """

    points: tuple[F1Point, ...]
    lines: tuple[str, ...]
    ticks: tuple[tuple[float, float], ...]
    dates: tuple[tuple[float, str], ...]
    target: float


def f1_chart(evaluations: Sequence[ChampionEvaluation], target: float) -> F1Chart | None:
    """The chart of the evaluations whose F1 is defined, the first one left; None where there is none.

    Args:
        evaluations: In the order of time.
        target: The target F1.
    """
    shown = [evaluation for evaluation in evaluations if evaluation.f1 is not None]
    if not shown:
        return None
    bounds = [_bounds(evaluation) for evaluation in shown]
    bottom = _bottom(min(target, *(low for low, _ in bounds)))
    step = (RIGHT - LEFT - 2 * MARGIN) / max(len(shown) - 1, 1)
    points: list[F1Point] = []
    lines: list[list[str]] = []
    for number, (evaluation, (low, high)) in enumerate(zip(shown, bounds, strict=True)):
        y, lower, upper = (_height(value, bottom) for value in (evaluation.f1 or 0.0, low, high))
        begins = number == 0 or shown[number - 1].version != evaluation.version
        x = LEFT + MARGIN + number * step if len(shown) > 1 else (LEFT + RIGHT) / 2
        point = F1Point(x, y, lower, upper, begins, evaluation)
        if begins:
            lines.append([])
        lines[-1].append(f"{point.x:.1f},{point.y:.1f}")
        points.append(point)
    every = -(-len(points) // MOST_DATES)
    dates = tuple((point.x, _day(point.evaluation)) for point in points[::every])
    return F1Chart(tuple(points), tuple(map(" ".join, lines)), _ticks(bottom), dates, _height(target, bottom))


def _bounds(evaluation: ChampionEvaluation) -> tuple[float, float]:
    """The interval of F1; F1 itself where it has none."""
    f1 = evaluation.f1 or 0.0
    return (
        f1 if evaluation.f1_low is None else evaluation.f1_low,
        f1 if evaluation.f1_high is None else evaluation.f1_high,
    )


def _bottom(lowest: float) -> float:
    """F1 at the lower edge, a multiple of 0.2: an interval of a few hundredths is visible only without what is empty.

    Examples:
        >>> _bottom(0.8), _bottom(0.62), _bottom(0.07)
        (0.6, 0.4, 0.0)
    """
    return max(math.floor(5 * lowest - 0.25), 0) / 5


def _ticks(bottom: float) -> tuple[tuple[float, float], ...]:
    """Values and heights: every tenth above a high edge, else every fifth."""
    tenths = range(round(10 * bottom), 11, 1 if bottom > 0.5 else 2)
    return tuple((tenth / 10, _height(tenth / 10, bottom)) for tenth in tenths)


def _height(f1: float, bottom: float) -> float:
    return BOTTOM - (f1 - bottom) / (1 - bottom) * (BOTTOM - TOP)


def _day(evaluation: ChampionEvaluation) -> str:
    return (evaluation.window_to or evaluation.evaluated_at.date()).isoformat()
