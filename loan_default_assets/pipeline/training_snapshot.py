"""The exact rows of one training or evaluation: those known by the data cutoff, and their split."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.pipeline.pipeline_errors import NoRowsError
from loan_default_assets.pipeline.sampled_snapshot import read_sample
from loan_default_assets.warehouse.loans import LoanRows, Loans

if TYPE_CHECKING:
    from loan_default_assets.model.row_sampling import RowSampling
    from loan_default_assets.model.rows import Rows
    from loan_default_assets.model.split_bounds import SplitLimits
    from loan_default_assets.model.splits import Split


@dataclass(frozen=True)
class TrainingSnapshot:
    """Rows made under the portfolio's current description, their split, and the hash that names them.

    Attributes:
        digest: The hash; of all rows, also those that were not sampled.
        sampling: How many rows there are of each part, where there are more than may be read; otherwise None.
    """

    rows: LoanRows
    split: "Split"
    cutoff: date | None
    digest: str
    sampling: "RowSampling | None" = None

    def select(self, index: np.ndarray) -> "Rows":
        """Model rows at the positions `index` (k,)."""
        from loan_default_assets.model.rows import Rows

        return Rows(
            numerical=self.rows.numerical[index],
            categorical=self.rows.categorical[index],
            label=self.rows.label[index],
        )

    def pretraining_rows(self) -> "Rows":
        """Training, immature and unlabelled rows, those of validation and window not; labels of training rows alone.

        The label of an immature row is in the warehouse, but was not known by the cutoff: it is -1 here.
        """
        from loan_default_assets.model.rows import Rows

        train = self.split.train
        index = np.concatenate([train, self.split.immature, self.split.unlabelled])
        label = np.full(len(index), -1, np.int8)
        label[: len(train)] = self.rows.label[train]
        return Rows(self.rows.numerical[index], self.rows.categorical[index], label)

    @property
    def prior_odds(self) -> float:
        """`RowSampling.prior_odds` of the training rows, 1 where they are all there are."""
        return 1.0 if self.sampling is None else self.sampling.prior_odds

    @property
    def matured(self) -> int:
        """Rows whose outcome is known by the cutoff, also those that were not sampled."""
        if self.sampling is not None:
            return self.sampling.matured
        split = self.split
        return len(split.train) + len(split.validation) + len(split.window) + len(split.excluded)

    def describe(self) -> dict[str, Any]:
        """Counts and dates for the metadata of an asset that is made from this snapshot."""
        split = self.split
        labels = self.rows.label
        counts: dict[str, Any] = {
            "snapshot": self.digest,
            "rows": len(labels),
            "training_rows": len(split.train),
            "validation_rows": len(split.validation),
            "window_rows": len(split.window),
            "window_positives": int((labels[split.window] == 1).sum()),
            "immature_rows_excluded": len(split.immature),
            "unlabelled_rows": len(split.unlabelled),
        }
        if len(split.excluded):
            counts["rows_of_loans_in_another_part"] = len(split.excluded)
        if len(split.train):
            counts["training_default_rate"] = float((labels[split.train] == 1).mean())
        if self.cutoff is not None:
            counts["cutoff"] = str(self.cutoff)
        return counts | (self.sampling.describe() if self.sampling is not None else {})


def read_snapshot(loans: Loans, limits: "SplitLimits", cutoff: date | None = None) -> TrainingSnapshot:
    """Read the rows known by `cutoff` and split them by time, or by a hash of the loan id where they have no dates.

    Beyond `limits.max_rows` the database splits the rows, and a sample of them is read; see `sampled_snapshot`.

    Args:
        cutoff: None for all rows that are materialized.

    Raises:
        NoRowsError: No partition has been materialized under the portfolio's current description.
    """
    from loan_default_assets.model.splits import split

    known = loans.cutoff()
    if known is not None and cutoff is not None:
        known = min(known, cutoff)
    with loans.snapshot_rows(cutoff=cutoff) as stored:
        if not len(stored):
            raise NoRowsError(
                "there are no processed rows under the portfolio's current description; "
                "materialize raw_loans and processed_features first: loan-default run"
            )
        if stored.exceeds(limits.max_rows):
            rows, divided, sampling = read_sample(stored, limits, known)
            return TrainingSnapshot(rows, divided, known, stored.digest(limits.max_rows), sampling)
        rows = stored.read_all()
    divided = split(rows.as_of, rows.loan_id, rows.label, rows.label_observed_at, known, limits)
    return TrainingSnapshot(rows=rows, split=divided, cutoff=known, digest=rows.digest())
