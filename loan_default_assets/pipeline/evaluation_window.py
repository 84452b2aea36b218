"""The out-of-time rows on which models are evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.pipeline.pipeline_errors import NoRowsError
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.rows import Rows


@dataclass(frozen=True)
class EvaluationWindow:
    """The newest matured rows that none of the evaluated models was fitted on.

    Attributes:
        label: (n,) with 1 for a default.
        first: The first day of the window; None for rows without dates, as `last`.
        share: Share of the window's rows that were read, a uniform random sample; 1 where they are all of them.
    """

    rows: "Rows"
    label: np.ndarray
    first: date | None
    last: date | None
    share: float = 1.0

    @property
    def positives(self) -> int:
        """Defaults among the rows."""
        return int((self.label == 1).sum())

    @property
    def sampling(self) -> str | None:
        """A sentence that says so where the rows are a sample."""
        if self.share == 1:
            return None
        rows = len(self.label)
        return (
            f"The window is a uniform random sample: {rows:,} of about {round(rows / self.share):,} rows "
            "(TRAINING_MAX_ROWS)."
        )


def evaluation_window(snapshot: TrainingSnapshot, models: Sequence[ModelRecord]) -> EvaluationWindow:
    """The snapshot's window without the days that any of the models was fitted on.

    Raises:
        NoRowsError: No row remains.
    """
    index = snapshot.split.window
    fitted = [model.trained_to for model in models if model.trained_to is not None]
    days = snapshot.rows.as_of[index]
    if fitted and not np.isnat(days).any():
        index = index[days > np.datetime64(max(fitted), "D")]
    if not len(index):
        raise NoRowsError(
            "no matured loan is newer than what the models were fitted on; load newer partitions"
        )
    days = snapshot.rows.as_of[index]
    dated = not np.isnat(days).any()
    return EvaluationWindow(
        rows=snapshot.select(index),
        label=snapshot.rows.label[index],
        first=days.min().astype(object) if dated else None,
        last=days.max().astype(object) if dated else None,
        share=snapshot.sampling.share("window") if snapshot.sampling else 1.0,
    )
