"""Sets of which only some training rows have a label: what pretraining is measured on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loan_default_assets.model.rows import Rows, concatenate
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet
from loan_default_assets_tests.benchmarks.quality_sets import generated_set, read_set


@dataclass(frozen=True)
class Condition:
    """How many rows of a set have a label; all others are unlabelled.

    Attributes:
        data: Name of the set.
        labels: Percent of the training rows that have a label, a stratified draw per seed.
        more: Generated unlabelled rows per training row, beside them.
    """

    data: str
    labels: int
    more: int = 0

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """`SET:PERCENT` or `SET:PERCENT:MORE`.

        Examples:
            >>> Condition.parse("heavy_tails:100:10")
            Condition(data='heavy_tails', labels=100, more=10)
        """
        data, labels, *more = text.split(":")
        return cls(data, int(labels), *map(int, more))

    def read(self, folder: Path | None) -> QualitySet:
        """The set with the labels of all training rows.

        Args:
            folder: Of the public files.
        """
        return generated_set(self.data, self.more) if self.more else read_set(self.data, folder)

    def drawn(self, data: QualitySet, seed: int) -> QualitySet:
        """The set with the labels of a draw; the features of the other training rows are among the unlabelled.

        Args:
            data: What `read` returns.
        """
        if self.labels == 100:
            return data
        from sklearn.model_selection import train_test_split

        rows = np.arange(len(data.train))
        kept, hidden = train_test_split(
            rows, train_size=self.labels / 100, stratify=data.train.label, random_state=seed
        )
        without: list[Rows] = [data.train.take(np.sort(hidden)).without_label(), data.unlabelled]
        name = f"{data.name}_{self.labels}_percent_{seed}"
        return replace(data, name=name, train=data.train.take(np.sort(kept)), unlabelled=concatenate(without))
