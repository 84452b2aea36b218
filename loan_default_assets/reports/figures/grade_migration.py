"""How loans move between rating grades when one model's PDs replace another's on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.figures.rating_grades import RatingGrades


@dataclass(frozen=True)
class GradeMigration:
    """Loans by their grade under the other model and under this one; both on this model's grades.

    Attributes:
        other: Version of the other model.
        loans: Loans by grade: a row per grade under the other model, a column per grade under this one.
        source: Where the PDs come from.
    """

    other: str
    loans: tuple[tuple[int, ...], ...]
    source: FigureSource

    def share(self, lowest: int, highest: int) -> float:
        """Share of the loans that moved by `lowest` to `highest` grades; positive is to more risk.

        Examples:
            >>> found = GradeMigration("c0", ((6, 1), (2, 1)), FigureSource("", ""))
            >>> found.share(0, 0), found.share(1, 9), found.share(-9, -1)
            (0.7, 0.1, 0.2)
        """
        moved = sum(
            count
            for before, row in enumerate(self.loans)
            for now, count in enumerate(row)
            if lowest <= now - before <= highest
        )
        return moved / sum(map(sum, self.loans))


def grade_migration(
    grades: RatingGrades, pd: np.ndarray, other_pd: np.ndarray, *, other: str, source: FigureSource
) -> GradeMigration:
    """The migration matrix of the same loans.

    Args:
        grades: This model's grades, to which both PDs are assigned.
        pd: (n,) PDs of this model, n at least 1.
        other_pd: (n,) PDs of the other model.
        other: Version of the other model.
        source: Where the PDs come from.
    """
    bounds = [grade.highest_pd for grade in grades.grades[:-1]]
    size = len(grades.grades)
    before, now = (np.searchsorted(bounds, values, side="right") for values in (other_pd, pd))
    counts = np.bincount(before * size + now, minlength=size * size).reshape(size, size)
    return GradeMigration(other, tuple(tuple(row) for row in counts.tolist()), source)
