"""The geometry of the chart of F1 over the evaluations of champions, which a template draws as SVG."""

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
    step = (RIGHT - LEFT - 2 * MARGIN) / max(len(shown) - 1, 1)
    points: list[F1Point] = []
    lines: list[list[str]] = []
    for number, evaluation in enumerate(shown):
        f1 = evaluation.f1 or 0.0
        low = f1 if evaluation.f1_low is None else evaluation.f1_low
        high = f1 if evaluation.f1_high is None else evaluation.f1_high
        begins = number == 0 or shown[number - 1].version != evaluation.version
        x = LEFT + MARGIN + number * step if len(shown) > 1 else (LEFT + RIGHT) / 2
        point = F1Point(x, _height(f1), _height(low), _height(high), begins, evaluation)
        if begins:
            lines.append([])
        lines[-1].append(f"{point.x:.1f},{point.y:.1f}")
        points.append(point)
    every = -(-len(points) // MOST_DATES)
    dates = tuple((point.x, _day(point.evaluation)) for point in points[::every])
    ticks = tuple((tick / 5, _height(tick / 5)) for tick in range(6))
    return F1Chart(tuple(points), tuple(map(" ".join, lines)), ticks, dates, _height(target))


def _height(f1: float) -> float:
    return BOTTOM - f1 * (BOTTOM - TOP)


def _day(evaluation: ChampionEvaluation) -> str:
    return (evaluation.window_to or evaluation.evaluated_at.date()).isoformat()
