"""The check of new partitions for drift of their features, against the rows that the champion was trained on.

It only warns: nothing of the pipeline depends on its outcome.
"""

from collections.abc import Callable, Sequence
from datetime import date
from logging import Logger
from typing import TYPE_CHECKING

import numpy as np

from loan_default_assets.error_outline import outline
from loan_default_assets.pipeline.check_results import NO_FEATURE_DRIFT, CheckResult
from loan_default_assets.pipeline.reference_storage import stored_reference
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.warehouse.drift_log import SCORE, DriftCheck, DriftLog, StoredPsi
from loan_default_assets.warehouse.loans import Loans
from loan_default_assets.warehouse.registry import Registry

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore
    from loan_default_assets.model.reference_rows import PsiResult, ReferenceRows

# A run that loads a long history again compares its newest partitions.
MOST_PARTITIONS = 100
_LISTED = 5

Counts = tuple[int, Sequence[np.ndarray]]


def check_features_or_warn(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    store: "ArtifactStore",
    drift_log: DriftLog,
    keys: Sequence[str],
    log: Logger,
) -> CheckResult:
    """Compare partitions with the champion's reference rows, and record the result; no error is raised.

    Partitions of the champion's training are not compared. One with too few rows is compared together with those
    before it.

    Args:
        keys: Partitions whose features were stored just now.
    """
    try:
        result = _check(portfolio, loans, registry, store, drift_log, keys)
    except Exception as error:  # noqa: BLE001 - the rows are stored, whether or not they can be compared
        result = CheckResult(
            NO_FEATURE_DRIFT, passed=False, description=f"not compared: {outline(error)}", warning=True
        )
    if not result.passed:
        log.warning(f"processed_features: {result.description}")
    return result


def _check(
    portfolio: Portfolio,
    loans: Loans,
    registry: Registry,
    store: "ArtifactStore",
    drift_log: DriftLog,
    keys: Sequence[str],
) -> CheckResult:
    champion = registry.champion()
    if champion is None or champion.portfolio_hash != portfolio.hash:
        return _not_compared("there is no champion of this portfolio yet")
    if champion.trained_to is None:
        return _not_compared("the loans have no dates")
    later = [key for key in keys if is_later(portfolio, key, champion.trained_to)][-MOST_PARTITIONS:]
    if not later:
        return _not_compared(
            f"champion {champion.version} was trained on loans of these partitions or later ones"
        )
    reference = stored_reference(champion, store)
    if reference is None:
        return _not_compared(f"champion {champion.version} is of a release that kept no reference rows")
    counted = _Partitions(portfolio, loans, reference, champion.trained_to)
    checks = [compare_features(reference, key, counted.before(key), counted.count) for key in later]
    for check in checks:
        drift_log.record_check(champion.version, check)
    return result_of(checks, portfolio)


def is_later(portfolio: Portfolio, key: str, trained_to: date) -> bool:
    """Whether a partition holds no loan of a training."""
    return portfolio.partition_bounds(key)[0] > trained_to


class _Partitions:
    """Rows of stored partitions by bin; each partition is read once."""

    def __init__(
        self, portfolio: Portfolio, loans: Loans, reference: "ReferenceRows", trained_to: date
    ) -> None:
        self._portfolio, self._loans, self._reference = portfolio, loans, reference
        self._trained_to = trained_to
        self._counted: dict[str, Counts] = {}
        self._keys: list[str] | None = None

    def before(self, key: str) -> Callable[[], Sequence[str]]:
        """The later partitions before this one, the newest first; listed only where they are needed."""

        def listed() -> Sequence[str]:
            if self._keys is None:
                stored = self._loans.partitions()
                self._keys = [each for each in stored if is_later(self._portfolio, each, self._trained_to)]
            return [each for each in reversed(self._keys) if each < key]

        return listed

    def count(self, key: str) -> Counts:
        if key not in self._counted:
            from loan_default_assets.model.rows import Rows

            rows, total = 0, [np.zeros(len(each.counts), np.int64) for each in self._reference.features]
            for batch in self._loans.read_processed_batches(key):
                rows += len(batch)
                counted = self._reference.count(Rows(batch.numerical, batch.categorical))
                total = [sum_ + each for sum_, each in zip(total, counted, strict=True)]
            self._counted[key] = rows, total
        return self._counted[key]


def compare_features(
    reference: "ReferenceRows", key: str, before: Callable[[], Sequence[str]], count: Callable[[str], Counts]
) -> DriftCheck:
    """One partition beside the reference rows, together with partitions before it while the rows are too few.

    Args:
        key: The partition.
        before: The partitions before it, the newest first.
        count: The rows of a partition, and those per bin of every feature.
    """
    from loan_default_assets.model.reference_rows import FEWEST_ROWS

    rows, total = count(key)
    first = key
    for earlier in before() if rows < FEWEST_ROWS else ():
        more, counted = count(earlier)
        rows, total, first = rows + more, [a + b for a, b in zip(total, counted, strict=True)], earlier
        if rows >= FEWEST_ROWS:
            break
    found = reference.compare(total) if rows >= FEWEST_ROWS else ()
    return DriftCheck(key, first, rows, tuple(map(stored_psi, found)))


def stored_psi(result: "PsiResult") -> StoredPsi:
    """The index as it is recorded."""
    return StoredPsi(result.name, result.psi, result.limit, result.light)


def result_of(checks: Sequence[DriftCheck], portfolio: Portfolio) -> CheckResult:
    """The check's result: the drifted features of every partition, or how much drift could go unnoticed."""
    drifted = [check for check in checks if any(each.name != SCORE for each in check.drifted)]
    limits = [check.limit for check in checks if check.limit is not None]
    figures: dict[str, float] = {
        "partitions": len(checks),
        "partitions_with_drift": len(drifted),
        "partitions_with_too_few_rows": len(checks) - len(limits),
    }
    if limits:
        figures["highest_limit"] = max(limits)
    lines = [describe_check(check, portfolio) for check in (drifted or checks)[-_LISTED:]]
    if len(drifted) > _LISTED:
        lines.append(f"... and {len(drifted) - _LISTED} more partitions")
    return CheckResult(
        NO_FEATURE_DRIFT, passed=not drifted, description="\n".join(lines), figures=figures, warning=True
    )


def index_title(index: StoredPsi, portfolio: Portfolio) -> str:
    """What an index is of, in English: a feature by its text and its name, or the score."""
    return "score (PD)" if index.name == SCORE else portfolio.titled(index.name, "en")


def describe_check(check: DriftCheck, portfolio: Portfolio) -> str:
    """One line on a compared partition; it names features and no value of a loan."""
    where = f"partition {check.partition_key}"
    if check.pooled_from != check.partition_key:
        where += f", pooled from {check.pooled_from} on"
    where += f" ({check.rows:,} rows)"
    if check.limit is None:
        return f"{where}: too few rows to compare"
    if check.drifted:
        named = ", ".join(
            f"{index_title(each, portfolio)} PSI {each.psi:.3f} (limit {each.limit:.3f})"
            for each in check.drifted
        )
        return f"{where}: drift of {named}"
    return (
        f"{where}: no feature drifted; in so few rows a PSI up to {max(0.1, check.limit):.3f} may be chance"
    )


def _not_compared(why: str) -> CheckResult:
    return CheckResult(NO_FEATURE_DRIFT, passed=True, description=f"not compared: {why}", warning=True)
