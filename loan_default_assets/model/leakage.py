"""Leakage candidates: features that predict the outcome too well to be known at application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loan_default_assets.model.baseline import columns
from loan_default_assets.model.leakage_evidence import UnivariateEvidence, univariate_evidence
from loan_default_assets.model.leakage_peeling import QuickBoosting
from loan_default_assets.model.leakage_rows import ExaminedRows
from loan_default_assets.model.leakage_search import ORDINARY, LeakageSearch
from loan_default_assets.model.rows import Rows

MAX_ROWS = 12_000
MAX_DEFAULTS = 3_000
# Below this number of defaults, or of other rows, the evidence against a feature is chance.
FEWEST_DEFAULTS = 30
# ROC-AUC alone, and number, of the features that a human is asked about although nothing accuses them.
TELLING_AUC, MOST_TELLING = 0.6, 6


@dataclass(frozen=True)
class LeakageEvidence:
    """The evidence on one feature.

    Attributes:
        feature: Its name.
        roc_auc_alone: ROC-AUC of the feature alone.
        information_value: Its information value, a missing value in a bin of its own.
        decided_share: Share of the rows in which its presence or a single value decides the outcome.
        peeled_at: Step at which peeling removed it; None where it was kept.
        group: Number shared by features that are redundant copies of each other; None for a feature without copies.
        reasons: Phrases of the evidence against it; empty where there is none.
        blocking: Whether training on it is refused.
        attested: Whether a human attests that it is known at application.
    """

    feature: str
    roc_auc_alone: float
    information_value: float
    decided_share: float
    peeled_at: int | None = None
    group: int | None = None
    reasons: tuple[str, ...] = ()
    blocking: bool = False
    attested: bool = False


@dataclass(frozen=True)
class LeakageAssessment:
    """The evidence on all features.

    Attributes:
        evidence: That of each feature, the blocking ones first, then by ROC-AUC alone.
        rows: Rows that were examined.
        defaults: Defaults among them.
        roc_auc: ROC-AUC of quick boosting, out of fold, on the features that are not attested.
        roc_auc_without: The same without the blocking features.
        enough_defaults: Whether there were enough defaults to accuse a feature.
    """

    evidence: tuple[LeakageEvidence, ...]
    rows: int
    defaults: int
    roc_auc: float
    roc_auc_without: float
    enough_defaults: bool = True

    @property
    def blocking(self) -> tuple[LeakageEvidence, ...]:
        """The features on which training is refused."""
        return tuple(entry for entry in self.evidence if entry.blocking)

    @property
    def most_telling(self) -> tuple[LeakageEvidence, ...]:
        """The features that are kept without an attestation and tell most of the outcome alone."""
        kept = (entry for entry in self.evidence if not entry.blocking and not entry.attested)
        return tuple(entry for entry in kept if entry.roc_auc_alone >= TELLING_AUC)[:MOST_TELLING]

    @property
    def suspicion(self) -> str:
        """Why leakage is not excluded although nothing accuses a single feature; an empty text otherwise.

        Several features that each know a little of the outcome discriminate together like one that knows it.
        """
        if not self.enough_defaults or self.roc_auc_without < ORDINARY or not self.most_telling:
            return ""
        found = f"ROC-AUC of a quick model is {self.roc_auc_without:.3f}"
        return f"{found}, more than features known at application usually reach"

    def telling_text(self) -> str:
        """The most telling features with their ROC-AUC alone."""
        return ", ".join(f"{entry.feature} ({entry.roc_auc_alone:.3f})" for entry in self.most_telling)

    def message(self, sources: Mapping[str, Sequence[str]] | None = None) -> str:
        """What was found, and the lines to add to the portfolio.

        Args:
            sources: Columns that a derived feature is computed from, by its name.
        """
        attested = ", ".join(entry.feature for entry in self.evidence if entry.attested and entry.reasons)
        note = f"; attested under known_at_application: {attested}" if attested else ""
        if not self.enough_defaults:
            return (
                f"too few defaults to assess leakage: {self.defaults} defaults in {self.rows} rows, at least "
                f"{FEWEST_DEFAULTS} of each outcome are needed{note}"
            )
        if not self.blocking:
            doubt = (
                f", but {self.suspicion}; the most telling ones alone are {self.telling_text()}. "
                "Next: add those that change after the loan is granted to "
                "`known_after_outcome`, or those that are known at application to `known_at_application`"
                if self.suspicion
                else ""
            )
            return f"no feature is found to know the outcome{doubt}{note}"
        named = "; ".join(f"{entry.feature} ({', '.join(entry.reasons)})" for entry in self.blocking)
        listed = dict.fromkeys(
            column
            for entry in self.blocking
            for column in (sources or {}).get(entry.feature, (entry.feature,))
        )
        line = ", ".join(listed)
        return (
            f"features that may know the outcome: {named}. ROC-AUC is {self.roc_auc:.3f} with them and "
            f"{self.roc_auc_without:.3f} without. Next: add `known_after_outcome: [{line}]` to the portfolio for the "
            f"columns that exist only after the outcome, or `known_at_application: [{line}]` for those that are known "
            f"at application{note}"
        )


def assess_leakage(
    rows: Rows,
    cardinalities: Sequence[int],
    names: Sequence[str],
    *,
    known_at_application: Collection[str] = (),
    dates: Collection[str] = (),
    as_of: np.ndarray | None = None,
    immature: Rows | None = None,
    immature_as_of: np.ndarray | None = None,
    other_weight: float = 1.0,
    limit: float = 0.1,
    search: bool = True,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> LeakageAssessment:
    """Find the features that may know the outcome.

    Each feature is examined alone; then those that discriminate well are removed and quick boosting is refitted, so
    that features that replace each other cannot hide one another; then pairs, and each period by itself. A sample of
    12,000 rows is examined where there are more, with up to 3,000 defaults.

    Args:
        rows: Matured rows that may be trained on.
        cardinalities: Number of codes of each categorical feature.
        names: Feature names, numerical first.
        known_at_application: Attested features: reported, never blocking, and not used by the boosting.
        dates: Numerical features that are days from a date to `as_of`.
        as_of: (n,) datetime64 of the rows; None where they have no dates.
        immature: Rows whose outcome is not known yet.
        immature_as_of: (m,) datetime64 of the immature rows.
        other_weight: Loans that a row without default stands for, where the rows are a case-control sample.
        limit: Largest acceptable fall in ROC-AUC when features with a high ROC-AUC alone are removed.
        search: Whether features are accused; otherwise each is examined alone, and all of them together.
        seed: Seed of sample and folds.
        progress: Receives what is being examined, and how many of how many features so far.

    Raises:
        RowsError: A row lacks a label, or a class is absent.

    Examples:
        >>> label = np.arange(400) % 4 == 0
        >>> noise = np.random.default_rng(0).normal(size=400)
        >>> loans = Rows(np.stack([label, noise], 1).astype(np.float32), np.zeros((400, 0), np.int16), label)
        >>> found = assess_leakage(loans, (), ("recovered", "income"))
        >>> [entry.feature for entry in found.blocking]
        ['recovered']
    """
    outcome = rows.outcome()
    rng = np.random.default_rng(seed)
    chosen, sampled_weight = _sample(outcome, rng)
    other_weight *= sampled_weight
    table, outcome = columns(rows.take(chosen)), outcome[chosen]
    fold = _stratified_folds(outcome, rng)
    numerical = len(names) - len(cardinalities)
    alone = []
    for feature in range(len(names)):
        progress("columns alone,", feature, len(names))
        codes = feature >= numerical
        alone.append(univariate_evidence(table[:, feature], outcome, fold, other_weight, codes=codes))
    attested = {index for index, name in enumerate(names) if name in known_at_application}
    defaults = int(outcome.sum())
    total = int(rows.outcome().sum())
    if min(defaults, len(outcome) - defaults) < FEWEST_DEFAULTS:
        evidence = [_entry(name, found) for name, found in zip(names, alone, strict=True)]
        return LeakageAssessment(_ordered(evidence), len(rows), total, float("nan"), float("nan"), False)
    examined = ExaminedRows(
        table=table,
        cardinalities=tuple(cardinalities),
        names=tuple(names),
        outcome=outcome,
        fold=fold,
        alone=tuple(alone),
        attested=frozenset(attested),
        dates=frozenset(index for index, name in enumerate(names) if name in dates),
        as_of=None if as_of is None else as_of[chosen],
        immature=None if immature is None else columns(immature),
        immature_as_of=immature_as_of,
        other_weight=other_weight,
    )
    found_by = LeakageSearch(examined, limit, progress)
    found_by.run(accuse=search)
    evidence = []
    for index, (name, found) in enumerate(zip(names, alone, strict=True)):
        reasons = tuple(found_by.reasons.get(index, ()))
        entry = _entry(name, found)
        evidence.append(
            replace(
                entry,
                peeled_at=found_by.peeled.get(index),
                group=found_by.groups.get(index),
                reasons=reasons,
                blocking=bool(reasons) and index not in attested,
                attested=index in attested,
            )
        )
    return LeakageAssessment(
        _ordered(evidence), len(rows), total, found_by.level, found_by.level_without, enough_defaults=True
    )


def roc_auc_without(
    rows: Rows, cardinalities: Sequence[int], names: Sequence[str], omitted: Collection[str], seed: int = 0
) -> float:
    """ROC-AUC of quick boosting, out of fold, on all features but the omitted ones.

    Args:
        rows: Rows with labels; a sample of 12,000 is used where there are more.
        cardinalities: Number of codes of each categorical feature.
        names: Feature names, numerical first.
        omitted: Features that are not used.
        seed: Seed of sample and folds.

    Raises:
        RowsError: A row lacks a label, or a class is absent.

    Examples:
        >>> label = np.arange(400) % 4 == 0
        >>> loans = Rows(np.stack([label], 1).astype(np.float32), np.zeros((400, 0), np.int16), label)
        >>> roc_auc_without(loans, (), ("score",), {"score"})
        0.5
    """
    rng = np.random.default_rng(seed)
    chosen, _ = _sample(rows.outcome(), rng)
    outcome = rows.outcome()[chosen]
    fold = _stratified_folds(outcome, rng)
    model = QuickBoosting(columns(rows.take(chosen)), cardinalities, outcome, fold)
    return model.roc_auc([index for index, name in enumerate(names) if name not in omitted])[0]


def _entry(name: str, found: UnivariateEvidence) -> LeakageEvidence:
    return LeakageEvidence(str(name), found.roc_auc, found.information_value, found.decided_share)


def _ordered(evidence: Sequence[LeakageEvidence]) -> tuple[LeakageEvidence, ...]:
    return tuple(sorted(evidence, key=lambda entry: (not entry.blocking, -entry.roc_auc_alone)))


def _sample(outcome: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Rows to examine, ascending, and the rows without default that one of them stands for."""
    if len(outcome) <= MAX_ROWS:
        return np.arange(len(outcome)), 1.0
    defaults, others = rng.permutation(np.flatnonzero(outcome)), rng.permutation(np.flatnonzero(~outcome))
    kept = defaults[:MAX_DEFAULTS]
    share = len(kept) / len(defaults)
    rest = others[: MAX_ROWS - len(kept)]
    return np.sort(np.append(kept, rest)), len(others) * share / len(rest)


def _stratified_folds(outcome: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    fold = np.empty(len(outcome), np.int64)
    for rows in (np.flatnonzero(outcome), np.flatnonzero(~outcome)):
        fold[rng.permutation(rows)] = np.arange(len(rows)) % 3
    return fold
