"""The drift of the score and of the features since training, as the console shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg2 import extensions


@dataclass(frozen=True)
class DriftLight:
    """The drift of one quantity.

    Attributes:
        name: Name of the feature; None for the score.
        index: Population stability index against the training rows.
    """

    name: str | None
    index: float
    light: Literal["green", "amber", "red"]


@dataclass(frozen=True)
class MeasuredDrift:
    """The newest measurement of drift."""

    measured_at: datetime
    lights: tuple[DriftLight, ...]


def newest_drift(_: extensions.cursor) -> MeasuredDrift | None:
    """The newest measurement; None while there is none, which the page shows as "not measured".

    No table holds measurements of drift yet. What will hold them is read here, and nowhere else in the console.
    """
    return None
