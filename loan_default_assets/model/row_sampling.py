"""How a portfolio that is too large for memory is sampled, and what the sample does to the base rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Of the most rows: what is left by validation, window and rows without a known outcome is for training.
PART_SHARE = 0.2
# Of the training rows: beyond it, defaults are sampled too.
DEFAULT_SHARE = 0.5
# How many times what a window needs is left to it, as the number of sampled rows varies.
WINDOW_MARGIN = 1.5
WITHOUT_OUTCOME = ("immature", "unlabelled")


@dataclass(frozen=True)
class ClassCounts:
    """Rows without default (or without an outcome), and defaults."""

    others: int = 0
    defaults: int = 0

    @property
    def rows(self) -> int:
        """All rows.

        Examples:
            >>> ClassCounts(3, 1).rows
            4
        """
        return self.others + self.defaults

    def __add__(self, other: ClassCounts) -> ClassCounts:
        return ClassCounts(self.others + other.others, self.defaults + other.defaults)


def sample_shares(
    counts: Mapping[str, ClassCounts], max_rows: int, window: ClassCounts = ClassCounts()
) -> dict[str, tuple[float, float]]:
    """The shares of rows to read, so that about `max_rows` are read in all.

    Training rows are a case-control sample: all defaults, up to half of the training rows, and a sample of the rest.
    The other parts are uniform samples, so that metrics, calibration and threshold keep the base rate.

    Args:
        counts: All rows of `training`, `validation`, `window`, `immature` and `unlabelled`.
        max_rows: Most rows.
        window: Rows and defaults that an evaluation window must have, and that sampling leaves it.

    Returns:
        By part, the share of its rows without default, and that of its defaults.

    Examples:
        >>> counts = {"training": ClassCounts(980_000, 20_000), "validation": ClassCounts(200_000, 4_000)}
        >>> others, defaults = sample_shares(counts, 200_000)["training"]
        >>> round(others * 980_000), defaults
        (140000, 1.0)
    """
    shares: dict[str, tuple[float, float]] = {}
    left = float(max_rows)
    for names in (("validation",), ("window",), WITHOUT_OUTCOME):
        total = sum(counts[name].rows for name in names if name in counts)
        share = min(max_rows * PART_SHARE / total, 1.0) if total else 1.0
        if names == ("window",) and total:
            share = max(share, _share_for_window(counts["window"], window))
        shares |= {name: (share, share) for name in names if name in counts}
        left = max(left - total * share, 0.0)
    train = counts["training"]
    defaults = min(train.defaults, max(left * DEFAULT_SHARE, left - train.others))
    others = min(train.others, left - defaults)
    of_others = others / train.others if train.others else 1.0
    return shares | {"training": (of_others, defaults / train.defaults if train.defaults else 1.0)}


def _share_for_window(counts: ClassCounts, needed: ClassCounts) -> float:
    """The smallest share of a window that has enough rows and defaults, of both a little more than needed."""
    pairs = ((needed.rows, counts.rows), (needed.defaults, counts.defaults))
    return min(max(WINDOW_MARGIN * least / max(found, 1) for least, found in pairs), 1.0)


@dataclass(frozen=True)
class RowSampling:
    """The rows of a snapshot before and after sampling.

    Attributes:
        before: All rows by part.
        after: The rows that were read, by part.
    """

    before: Mapping[str, ClassCounts]
    after: Mapping[str, ClassCounts]

    @property
    def prior_odds(self) -> float:
        """Factor on the odds of a default by which a model of the training rows must be multiplied.

        A case-control sample changes the log-odds of all rows by the same number (King and Zeng 2001); this is the
        exponential of the number that is added to correct it.

        Examples:
            >>> sampling = RowSampling({"training": ClassCounts(900, 100)}, {"training": ClassCounts(100, 100)})
            >>> round(sampling.prior_odds, 4)
            0.1111
        """
        before, after = self.before["training"], self.after["training"]
        if not (after.others and after.defaults):
            return 1.0
        return (after.others / before.others) / (after.defaults / before.defaults)

    def other_weight(self) -> float:
        """Loans that a training or validation row without default stands for, where a default stands for one.

        Examples:
            >>> all_rows = {"training": ClassCounts(900, 100), "validation": ClassCounts(100, 10)}
            >>> read = {"training": ClassCounts(100, 100), "validation": ClassCounts(100, 10)}
            >>> RowSampling(all_rows, read).other_weight()
            5.0
        """
        before, after = (counts["training"] + counts["validation"] for counts in (self.before, self.after))
        if not (after.others and after.defaults):
            return 1.0
        return (before.others / after.others) / (before.defaults / after.defaults)

    def share(self, part: str) -> float:
        """The share of a part's rows that were read.

        Examples:
            >>> RowSampling({"window": ClassCounts(90, 10)}, {"window": ClassCounts(9, 1)}).share("window")
            0.1
        """
        return self.after[part].rows / self.before[part].rows if self.before[part].rows else 1.0

    def rows(self, before: bool = False) -> int:
        """Rows of all parts.

        Examples:
            >>> RowSampling({"training": ClassCounts(900, 100)}, {"training": ClassCounts(100, 100)}).rows()
            200
        """
        return sum(count.rows for count in (self.before if before else self.after).values())

    @property
    def matured(self) -> int:
        """Rows with a known outcome before sampling.

        Examples:
            >>> counts = {"training": ClassCounts(3, 1), "unlabelled": ClassCounts(5)}
            >>> RowSampling(counts, counts).matured
            4
        """
        return sum(count.rows for name, count in self.before.items() if name not in WITHOUT_OUTCOME)

    def describe(self) -> dict[str, float]:
        """What the metadata of an asset says: all rows by part beside those that were read, and the true base rate.

        Examples:
            >>> counts = {"training": ClassCounts(3, 1), "excluded": ClassCounts(1)}
            >>> RowSampling(counts, counts).describe()["training_rows_before_sampling"]
            4
        """
        found: dict[str, float] = {
            f"{name}_rows_before_sampling": count.rows for name, count in self.before.items() if count.rows
        }
        found["rows_before_sampling"] = self.rows(before=True)
        if self.before["training"].rows:
            found["training_defaults_before_sampling"] = self.before["training"].defaults
            found["training_default_rate"] = self.before["training"].defaults / self.before["training"].rows
            found["training_default_rate_of_the_sample"] = self.after["training"].defaults / max(
                self.after["training"].rows, 1
            )
        return found

    def as_dict(self) -> dict[str, dict[str, int]]:
        """The counts as JSON values.

        Examples:
            >>> RowSampling({"window": ClassCounts(90, 10)}, {"window": ClassCounts(9, 1)}).as_dict()
            {'window': {'rows': 10, 'defaults': 1, 'rows_before': 100, 'defaults_before': 10}}
        """
        return {
            name: {
                "rows": self.after[name].rows,
                "defaults": self.after[name].defaults,
                "rows_before": before.rows,
                "defaults_before": before.defaults,
            }
            for name, before in self.before.items()
        }

    def sentence(self) -> str:
        """What was sampled, for logs and reports.

        Examples:
            >>> RowSampling({"training": ClassCounts(900, 100)}, {"training": ClassCounts(100, 100)}).sentence()
            'a sample of 200 of 1,000 rows: training on 100 of 100 defaults and 100 of 900 others'
        """
        before, after = self.before["training"], self.after["training"]
        parts = [
            f"training on {after.defaults:,} of {before.defaults:,} defaults and {after.others:,} of "
            f"{before.others:,} others"
        ]
        parts += [
            f"{title} on {self.after[name].rows:,} of {self.before[name].rows:,}"
            for name, title in (("validation", "validated"), ("window", "evaluated"))
            if name in self.before
        ]
        return f"a sample of {self.rows():,} of {self.rows(before=True):,} rows: {', '.join(parts)}"


def as_sampled(outcome: np.ndarray, odds: float, seed: int) -> np.ndarray:
    """Positions of rows of a uniform sample, thinned so that their classes are sampled as those of the training rows.

    Otherwise a model of both samples would take whatever tells the one from the other for what causes a default.

    Args:
        outcome: (n,) bool, True for a default.
        odds: `RowSampling.prior_odds`; with 1, all rows.
        seed: Seed of the sample.

    Returns:
        Ascending positions.

    Examples:
        >>> index = as_sampled(np.arange(1000) < 100, 0.5, seed=0)
        >>> int((index < 100).sum()), int((index >= 100).sum())
        (100, 450)
    """
    others, defaults = np.flatnonzero(~outcome), np.flatnonzero(outcome)
    kept = (round(len(others) * min(odds, 1.0)), round(len(defaults) * min(1 / odds, 1.0)))
    draw = np.random.default_rng(seed).permutation
    return np.sort(np.concatenate([draw(others)[: kept[0]], draw(defaults)[: kept[1]]]))


def with_prior(probability: np.ndarray, odds: float) -> np.ndarray:
    """Probabilities of a model of sampled rows as those of all rows.

    Args:
        probability: (n,) probabilities of default.
        odds: `RowSampling.prior_odds`, by which their odds are multiplied.

    Examples:
        >>> with_prior(np.array([0.5, 1.0]), 0.25).tolist()
        [0.2, 1.0]
    """
    return probability if odds == 1 else probability * odds / (probability * odds + 1 - probability)
