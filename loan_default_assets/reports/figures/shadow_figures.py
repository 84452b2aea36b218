"""A model that was the shadow of the service beside the champion, on the outcomes of what both scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loan_default_assets.reports.figures.proportions import FigureSource, Interval


@dataclass(frozen=True)
class ShadowFigures:
    """Both models on the same served applications.

    Attributes:
        champion: Version that answered them.
        rows: Applications with a known outcome.
        positives: Defaults among them.
        conclusive: Whether there are enough of them for the intervals to mean something.
        first_scored: Day of the first of these predictions; `last_scored`: of the last.
        metrics: By name: value of the model, value of the champion, and model minus champion.
    """

    champion: str
    rows: int
    positives: int
    conclusive: bool
    first_scored: str
    last_scored: str
    metrics: Mapping[str, tuple[float, float, Interval]]
    source: FigureSource
