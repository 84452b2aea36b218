"""Panel data, several rows per loan: whether the outcome is that of the row's period or that of the loan."""

from dataclasses import dataclass

import numpy as np

from loan_default_assets.portfolio.calendar import Cadence
from loan_default_assets.portfolio.profiling.draft_horizon import Horizon

_LONGEST_PERIOD: dict[Cadence, int] = {
    "daily": 1,
    "weekly": 7,
    "monthly": 31,
    "quarterly": 92,
    "yearly": 366,
}


# A smaller share of loans with a second row is that of slips and renewals, and says nothing about the label.
_FEWEST_REPEATED = 0.05


def repeats_rarely(repeated: int, rows: int) -> bool:
    """Whether rows that repeat the loan of an earlier row are so few that the file is no panel.

    Args:
        repeated: Number of rows whose loan an earlier row has.
        rows: Number of rows.

    Examples:
        >>> repeats_rarely(3, 500), repeats_rarely(100, 500)
        (True, False)
    """
    return repeated < _FEWEST_REPEATED * (rows - repeated)


@dataclass(frozen=True)
class Panel:
    """What the rows of the loans have in common.

    Attributes:
        rows: Number of rows.
        loans: Number of loans.
        defaulting: Loans of several rows with a default in some row.
        turning: Those of them whose first outcome is none.
        after_default: Rows that follow a row with a default of the same loan.
        borrowers: Whether the rows are of borrowers with several loans: the key is that of a borrower, and rows without
            a default follow rows with one.
    """

    rows: int
    loans: int
    defaulting: int
    turning: int
    after_default: int
    borrowers: bool = False

    @property
    def by_period(self) -> bool:
        """Whether the outcome is that of the row's own period: most loans that default begin without one."""
        return 2 * self.turning > self.defaulting and not self.few and not self.borrowers

    @property
    def few(self) -> bool:
        """Whether hardly any loan has a second row."""
        return repeats_rarely(self.rows - self.loans, self.rows)

    def horizon(self, cadence: Cadence) -> Horizon | None:
        """Days until the outcome is known, where it is that of the row's period."""
        if not self.by_period:
            return None
        why = "the outcome is that of the row's own period, which is over then"
        return Horizon(_LONGEST_PERIOD[cadence], why, certain=True)

    def notes(self, key: str) -> tuple[str, ...]:
        """What was found, for the user."""
        who = "borrower" if self.borrowers else "loan"
        return (
            f"Several rows per {who}: {self.rows:,} rows of {self.loans:,} {who}s by {key}. Each row is an observation "
            f"of its own, identified by key and period; no {who} is in more than one of training, validation and "
            "window.",
        )

    def decisions(self) -> tuple[str, ...]:
        """What a human must decide."""
        if self.few:
            return (
                f"several rows per loan: {self.rows - self.loans:,} rows repeat the loan of another one. Where they "
                "are that loan once more, such as a correction or a later state, keep one row per loan: as it was "
                "known at application, with its final outcome.",
            )
        if self.borrowers:
            return (
                "several rows per borrower: each row is taken for a loan of its own, as some follow a default of the "
                "same borrower without being one. Where the file has the number of the loan, name it with --key.",
            )
        if not self.by_period:
            return (
                "several rows per loan with one outcome: every row of a loan that defaults counts as a default, "
                "however long before it. For a decision at application, keep one row per loan: the first, or the last "
                "before the outcome.",
            )
        found = [
            "several rows per loan: the label is read as the outcome of the row's own period. A column must hold "
            "what is known when the period begins, also in the row of the default."
        ]
        if self.after_default:
            found.append(
                f"several rows per loan: {self.after_default:,} rows follow a default of the same loan. Where a "
                "default is final, remove them from the file."
            )
        return tuple(found)


def panel_of(keys: np.ndarray, days: np.ndarray, outcome: np.ndarray, *, borrowers: bool = False) -> Panel:
    """Describe the rows of a panel.

    Args:
        keys: (n,) hashes of the loans' keys.
        days: (n,) datetime64[D].
        outcome: (n,) 1 for a default, 0 for none, -1 for an outcome that is not known.
        borrowers: Whether the keys are those of borrowers, who may have several loans.

    Examples:
        >>> days = np.datetime64("2024-01-01") + np.arange(6)
        >>> panel_of(np.array([1, 1, 1, 2, 2, 2]), days, np.array([0, 0, 1, 0, 0, 0])).by_period
        True
        >>> panel_of(np.array([1, 1, 1, 2, 2, 2]), days, np.array([1, 1, 1, 0, 0, 0])).by_period
        False
    """
    order = np.lexsort((days, keys))
    order = order[outcome[order] >= 0]
    loan, default = keys[order], outcome[order] == 1
    first, size = np.unique(loan, return_index=True, return_counts=True)[1:]
    defaults = np.add.reduceat(default, first, dtype=np.int64) if len(order) else np.zeros(0, np.int64)
    defaulting = (defaults > 0) & (size > 1)
    follows = (loan[1:] == loan[:-1]) & default[:-1]
    return Panel(
        rows=len(keys),
        loans=len(np.unique(keys)),
        defaulting=int(defaulting.sum()),
        turning=int((defaulting & ~default[first]).sum()),
        after_default=int(follows.sum()),
        borrowers=borrowers and bool((follows & ~default[1:]).any()),
    )
