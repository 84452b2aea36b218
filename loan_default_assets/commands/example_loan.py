"""The application that the demo scores: one of the newest partition whose decision is worth reading."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from loan_default_assets.commands.session import Session
from loan_default_assets.pipeline.model_storage import load_predictor
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from bento.client import Loan


@dataclass(frozen=True)
class ExampleLoan:
    """An application without its outcome, and why it was chosen.

    Attributes:
        loan: As a client sends it.
        chosen: Which application of which partition it is, for the summary.
    """

    loan: "Loan"
    chosen: str


def example_loan(session: Session, champion: ModelRecord) -> ExampleLoan:
    """The application nearest to the champion's threshold among those with decision 1; without one, the highest PD.

    Most applications are far from the threshold: their PD is 0 to four digits, and a decision 0 has no reason codes.

    Raises: ArtifactError where the champion's files are missing or damaged.
    """
    key = max(session.loans.partitions())
    frame = session.loans.read_raw(key)
    predictor = load_predictor(champion, session.portfolio, session.artifacts)
    features = transform(session.portfolio, frame, frame["as_of"].to_numpy().astype("datetime64[D]"))
    pd_of = predictor.predict(features.numerical, features.categorical).pd
    position = nearest_to_threshold(pd_of, predictor.threshold)
    refused = pd_of[position] >= predictor.threshold
    which = (
        "the refused one nearest to the threshold" if refused else "none is refused; this is the highest PD"
    )
    return ExampleLoan(
        _application(session.portfolio, frame.iloc[position]),
        f"{frame['loan_id'].iloc[position]} of {key}: among {len(frame):,} applications {which}",
    )


def nearest_to_threshold(pd_of: np.ndarray, threshold: float) -> int:
    """Position of the smallest PD from the threshold on; of the largest one where all are below it.

    Args:
        pd_of: (n,) PDs, n >= 1.

    Examples:
        >>> nearest_to_threshold(np.array([0.1, 0.9, 0.6]), 0.5), nearest_to_threshold(np.array([0.1, 0.3, 0.2]), 0.5)
        (2, 1)
    """
    decided = pd_of >= threshold
    return int(np.where(decided, pd_of, np.inf).argmin() if decided.any() else pd_of.argmax())


def _application(portfolio: Portfolio, row: pd.Series) -> "Loan":
    """A row without what is known after the outcome."""
    from bento.client import Loan

    def given(kind: str) -> dict[str, Any]:
        names = [
            n
            for n, c in portfolio.columns.items()
            if c.kind == kind and n not in portfolio.known_after_outcome
        ]
        return {n: row[n] for n in names if row[n] == row[n] and row[n] is not None}

    return Loan(
        categorical_features={name: str(value) for name, value in given("category").items()},
        numerical_features={name: float(value) for name, value in given("number").items()},
        date_features={name: value.date() for name, value in given("date").items()},
        loan_id=str(row["loan_id"]),
    )
