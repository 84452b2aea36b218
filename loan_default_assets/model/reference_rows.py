"""What a model keeps of the rows it was trained on: binned features and PDs, with which later loans are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from loan_default_assets.model.expected_f1 import CalibrationSums
from loan_default_assets.model.metrics import psi_of_counts
from loan_default_assets.model.rows import Rows

# Rule of thumb: below 0.10 stable, above 0.25 shifted.
LEAST_PSI, GREAT_PSI = 0.10, 0.25
# Probability with which a comparison of all features names one of them although none has drifted.
FALSE_ALARM = 0.001
FEWEST_ROWS = 50
Light = Literal["green", "amber", "red"]
_BINS = 10
# A bin in which fewer rows are expected is merged with its neighbour: the limit holds for bins with some rows.
_EXPECTED_PER_BIN = 10


@dataclass(frozen=True)
class PsiResult:
    """The population stability index of one feature, or of the PD.

    Attributes:
        name: The feature.
        psi: The index over the bins of the reference rows.
        limit: What the index exceeds by chance, without drift, with the probability of a false alarm.
    """

    name: str
    psi: float
    limit: float

    @property
    def light(self) -> Light:
        """Green where chance or the rule of thumb 0.10 explains the index; red above 0.25.

        Examples:
            >>> [PsiResult("income", psi, 0.2).light for psi in (0.15, 0.22, 0.3)]
            ['green', 'amber', 'red']
        """
        if self.psi <= max(LEAST_PSI, self.limit):
            return "green"
        return "red" if self.psi > GREAT_PSI else "amber"


@dataclass(frozen=True)
class BinnedValues:
    """Reference rows of one feature, counted by bin.

    Attributes:
        name: The feature.
        edges: Upper ends of the bins of a numerical feature; above the last one and missing are two further bins. None
            for a categorical feature, which has a bin per code.
        counts: Reference rows per bin.
    """

    name: str
    edges: tuple[float, ...] | None
    counts: tuple[int, ...]

    @classmethod
    def of_numbers(cls, name: str, values: np.ndarray) -> BinnedValues:
        """Tenths of reference values.

        Args:
            name: The feature.
            values: (n,) values, NaN for a missing one.

        Examples:
            >>> BinnedValues.of_numbers("income", np.array([1.0] * 9 + [2.0, np.nan])).counts
            (9, 0, 1, 1)
        """
        present = values[~np.isnan(values)].astype(np.float64)
        cuts = np.quantile(present, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(present) else np.zeros(0)
        empty = cls(name, tuple(np.unique(cuts).tolist()), ())
        return cls(name, empty.edges, tuple(empty.count(values).tolist()))

    @classmethod
    def of_codes(cls, name: str, codes: np.ndarray, cardinality: int) -> BinnedValues:
        """A bin per code.

        Args:
            name: The feature.
            codes: (n,) codes below `cardinality`.
            cardinality: Number of codes.

        Examples:
            >>> BinnedValues.of_codes("branch", np.array([2, 2, 3]), 4).counts
            (0, 0, 2, 1)
        """
        return cls(name, None, tuple(np.bincount(codes, minlength=cardinality).tolist()))

    def count(self, values: np.ndarray) -> np.ndarray:
        """Rows per bin.

        Args:
            values: (m,) values or codes.

        Returns:
            (k,) int64.

        Examples:
            >>> BinnedValues("income", (1.0, 2.0), ()).count(np.array([0.5, 1.0, 3.0, np.nan])).tolist()
            [2, 0, 1, 1]
        """
        if self.edges is None:
            return np.bincount(values, minlength=len(self.counts))
        above = np.searchsorted(np.array(self.edges), values.astype(np.float64), side="left")
        position = np.where(np.isnan(values), len(self.edges) + 1, above)
        return np.bincount(position, minlength=len(self.edges) + 2)

    def compare(self, counts: np.ndarray, false_alarm: float) -> PsiResult:
        """PSI of later rows.

        Without drift the index is (1/n + 1/m) times a chi-squared with one degree of freedom less than bins, of mean
        (k - 1)(1/n + 1/m): Yurdakul and Naranjo, "Statistical properties of the population stability index", J.
        of Risk Model Validation 14(4), 2020. Bins in which few rows are expected are merged first.

        Args:
            counts: (k,) later rows per bin, as `count` returns them.
            false_alarm: Probability with which the limit is exceeded without drift.

        Examples:
            >>> binned = BinnedValues("branch", None, (0, 0, 500, 500))
            >>> later = [np.array([0, 0, 50, 50]), np.array([0, 40, 60, 0])]
            >>> [binned.compare(counts, 0.001).light for counts in later]
            ['green', 'red']
        """
        from scipy.stats import chi2

        before = np.array(self.counts)
        group = _groups(before, int(counts.sum()), self.edges is not None)
        bins = int(group.max()) + 1
        merged = [np.bincount(group, weights=rows, minlength=bins) for rows in (before, counts)]
        quantile = float(chi2.ppf(1 - false_alarm, max(bins - 1, 1)))
        limit = quantile * (1 / int(before.sum()) + 1 / int(counts.sum()))
        return PsiResult(self.name, psi_of_counts(*merged), limit)


def _groups(before: np.ndarray, rows: int, ordered: bool) -> np.ndarray:
    """The merged bin of each bin: neighbours of a number, the rarest categories; at least two where there are two.

    Args:
        before: (k,) reference rows per bin.
        rows: Later rows.
        ordered: Whether the bins are those of a number.

    Returns:
        (k,) from 0 on.
    """
    order = np.arange(len(before)) if ordered else np.argsort(before, kind="stable")
    expected = before / before.sum() * rows
    group, number, total = np.zeros(len(before), np.int64), 0, 0.0
    for position in order:
        group[position], total = number, total + expected[position]
        if total >= _EXPECTED_PER_BIN:
            number, total = number + 1, 0.0
    group = group.clip(max=max(number - 1, 0))
    if not group.any():
        # Otherwise a feature of one value would never be seen to take another one.
        group[int(before.argmax())] = 1
    return group


@dataclass(frozen=True)
class ReferenceRows:
    """What is kept of the rows of a training.

    Attributes:
        features: Numerical, then categorical features of the training rows.
        score: PDs of the validation rows, each by members that were not fitted on that row.
        declined: Validation rows with a PD at or above the threshold.
        approved: Those below it.
    """

    features: tuple[BinnedValues, ...]
    score: BinnedValues
    declined: CalibrationSums
    approved: CalibrationSums

    @classmethod
    def of(
        cls,
        numerical: Sequence[str],
        categorical: Mapping[str, int],
        rows: Rows,
        pd: np.ndarray,
        label: np.ndarray,
        threshold: float,
    ) -> ReferenceRows:
        """Count reference rows.

        Args:
            numerical: N names.
            categorical: C names with the number of codes of each.
            rows: Reference rows.
            pd: (v,) calibrated PDs of validation rows.
            label: (v,) their outcomes, 1 for a default.
            threshold: PD from which a default is predicted.

        Examples:
            >>> rows = Rows(np.ones((4, 1), np.float32), np.full((4, 1), 2, np.int16))
            >>> pd, label = np.array([0.2, 0.4]), np.array([0, 1])
            >>> ReferenceRows.of(["income"], {"branch": 3}, rows, pd, label, 0.3).names
            ('income', 'branch')
        """
        numbers = [BinnedValues.of_numbers(*pair) for pair in zip(numerical, rows.numerical.T, strict=True)]
        codes = [
            BinnedValues.of_codes(name, column, size)
            for (name, size), column in zip(categorical.items(), rows.categorical.T, strict=True)
        ]
        score = BinnedValues.of_numbers("pd", pd)
        decided = pd >= threshold
        sums = (CalibrationSums.of(pd[part], label[part]) for part in (decided, ~decided))
        return cls((*numbers, *codes), score, *sums)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    def count(self, rows: Rows) -> list[np.ndarray]:
        """Rows per bin of every feature; the counts of several batches can be added."""
        columns = [*rows.numerical.T, *rows.categorical.T]
        return [feature.count(column) for feature, column in zip(self.features, columns, strict=True)]

    def compare(self, counts: Sequence[np.ndarray]) -> tuple[PsiResult, ...]:
        """PSI of every feature; the probability of a false alarm is that of naming any of them (Bonferroni).

        Args:
            counts: As `count` returns them, of at least FEWEST_ROWS rows.
        """
        level = FALSE_ALARM / max(len(self.features), 1)
        return tuple(
            feature.compare(each, level) for feature, each in zip(self.features, counts, strict=True)
        )

    def compare_scores(self, pd: np.ndarray) -> PsiResult:
        """PSI of PDs.

        Args:
            pd: (m,) PDs of at least FEWEST_ROWS rows.
        """
        return self.score.compare(self.score.count(pd), FALSE_ALARM)

    def as_dict(self) -> dict[str, Any]:
        """The reference as JSON values.

        Examples:
            >>> score = BinnedValues("pd", (0.5,), (1, 1, 0))
            >>> sums = CalibrationSums(2.0, 0.5, 2)
            >>> reference = ReferenceRows((BinnedValues("branch", None, (1, 1)),), score, sums, sums)
            >>> ReferenceRows.from_dict(reference.as_dict()) == reference
            True
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReferenceRows:
        """The reference of `as_dict`, also after it was written as JSON."""
        return cls(
            features=tuple(map(_binned, values["features"])),
            score=_binned(values["score"]),
            declined=CalibrationSums(**values["declined"]),
            approved=CalibrationSums(**values["approved"]),
        )


def _binned(values: Mapping[str, Any]) -> BinnedValues:
    edges = values["edges"]
    return BinnedValues(values["name"], None if edges is None else tuple(edges), tuple(values["counts"]))
