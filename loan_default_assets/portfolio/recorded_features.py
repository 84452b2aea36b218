"""Recorded features of applications, by column of the portfolio, turned into a model's inputs again."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from loan_default_assets.portfolio.features import Features, transform
from loan_default_assets.portfolio.spec import Portfolio


class RecordedFeatures:
    """How records of predictions become model inputs.

    Args:
        portfolio: That of the model.
    """

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio
        self._columns = [name for name in portfolio.columns if name != portfolio.as_of]
        self._dated = any(
            portfolio.columns[name].kind == "date"
            for name in portfolio.features.numerical
            if name in portfolio.columns
        )

    def complete(self, record: Mapping[str, Any]) -> bool:
        """Whether the date is there from which the model's features count days, where it has such features."""
        return not self._dated or record.get("as_of") is not None

    def features(self, records: Sequence[Mapping[str, Any]]) -> Features:
        """The features of n applications.

        Raises:
            ValueError: A value is not of its column's kind.
        """
        columns = {name: [record.get(name) for record in records] for name in self._columns}
        as_of = np.array([record["as_of"] for record in records], "datetime64[D]") if self._dated else None
        return transform(self._portfolio, columns, as_of)
