"""How columns of a table are best given to a model: codes with an order, and shares of one amount in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.leakage_evidence import univariate_evidence

# A trend of 3 standard errors is chance in 1 of 370 columns without information.
TREND_ERRORS = 3.0
FIT_LEVEL = 0.95
FEWEST_LEVELS = 3
# A part lies in its whole in nearly all rows, and both grow together.
WITHIN_SHARE = 0.99
BOTH_POSITIVE = 0.95
LEAST_CORRELATION = 0.8
# A share must tell more than part and whole do, by this much and by two standard errors.
LEAST_GAIN = 0.03
# A share that ranks the rows as some column does says nothing new.
MOST_RANK_CORRELATION = 0.95
MOST_SHARES = 3


@dataclass(frozen=True)
class TellingShare:
    """A share of one amount in another that tells more of the outcome than either amount.

    Attributes:
        part: Position of the smaller amount.
        whole: Position of the larger amount.
        roc_auc: ROC-AUC of the share alone.
        roc_auc_of_amounts: The larger ROC-AUC of the two amounts alone.
    """

    part: int
    whole: int
    roc_auc: float
    roc_auc_of_amounts: float


def codes_are_ordered(codes: np.ndarray, outcome: np.ndarray) -> bool:
    """Whether the default rate rises, or falls, with the codes, and does not depart from that beyond chance.

    A trend of three standard errors is required, and a likelihood ratio of free rates against the best monotone ones
    (isotonic regression) below the 95 % quantile of a chi-squared distribution with the degrees of freedom that a line
    lacks, an upper bound where the order holds.

    Args:
        codes: (n,) whole numbers, NaN for a missing one.
        outcome: (n,) bool, True for a default.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> codes = rng.integers(1, 5, 2000).astype(float)
        >>> codes_are_ordered(codes, rng.random(2000) < 0.1 * codes)
        True
        >>> codes_are_ordered(codes, rng.random(2000) < np.array([0, 0.4, 0.1, 0.3, 0.2])[codes.astype(int)])
        False
    """
    from scipy.stats import chi2
    from sklearn.isotonic import isotonic_regression

    present = ~np.isnan(codes)
    outcome = outcome[present]
    values, level = np.unique(codes[present], return_inverse=True)
    if len(values) < FEWEST_LEVELS or outcome.all() or not outcome.any():
        return False
    rows = np.bincount(level).astype(float)
    defaults = np.bincount(level, weights=outcome)
    trend = np.corrcoef(values[level], outcome)[0, 1] * np.sqrt(len(outcome))
    if abs(trend) < TREND_ERRORS:
        return False
    monotone = isotonic_regression(defaults / rows, sample_weight=rows, increasing=bool(trend > 0))
    departure = _deviance(defaults, rows, monotone) - _deviance(defaults, rows, defaults / rows)
    return bool(departure <= chi2.ppf(FIT_LEVEL, len(values) - 2))


def telling_shares(numerical: np.ndarray, outcome: np.ndarray, seed: int = 0) -> tuple[TellingShare, ...]:
    """Shares that tell more than their amounts, such as the guaranteed share of a loan; at most three, the best first.

    Trees and networks that are given two amounts learn their ratio only where amounts repeat, and lose it as amounts
    grow over the years.

    Args:
        numerical: (n, N) values, NaN for a missing one.
        outcome: (n,) bool, True for a default.
        seed: Seed of the folds.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> whole, share = rng.lognormal(10, 1, 2000), rng.uniform(0.3, 1, 2000)
        >>> amounts = np.stack([whole, whole * share], axis=1)
        >>> [(found.part, found.whole) for found in telling_shares(amounts, rng.random(2000) < 1 - share)]
        [(1, 0)]
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(len(outcome), np.int64)
    for rows in (np.flatnonzero(outcome), np.flatnonzero(~outcome)):
        fold[rng.permutation(rows)] = np.arange(len(rows)) % 3
    defaults = int(outcome.sum())
    if min(defaults, len(outcome) - defaults) < 2:
        return ()
    # Hanley and McNeil (1982) for a feature without information.
    error = np.sqrt((1 / defaults + 1 / (len(outcome) - defaults)) / 12)

    def alone(values: np.ndarray) -> float:
        return univariate_evidence(values, outcome, fold).roc_auc

    found = []
    for part, whole in _parts(numerical):
        amounts = max(alone(numerical[:, part]), alone(numerical[:, whole]))
        with np.errstate(all="ignore"):
            share = numerical[:, part] / numerical[:, whole]
        share = np.where(np.isfinite(share), share, np.nan)
        area = alone(share)
        if area - amounts >= max(LEAST_GAIN, 2 * error) and not _is_known(share, numerical):
            found.append(TellingShare(part, whole, area, amounts))
    return tuple(sorted(found, key=lambda share: share.roc_auc_of_amounts - share.roc_auc)[:MOST_SHARES])


def _parts(numerical: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of columns of which the first is at most the second, both positive, and correlated."""
    with np.errstate(all="ignore"):
        logs = np.log(np.where(numerical > 0, numerical, np.nan))
    usable = [i for i in range(logs.shape[1]) if np.mean(~np.isnan(logs[:, i])) >= BOTH_POSITIVE / 2]
    pairs = []
    for part in usable:
        for whole in usable:
            given = ~np.isnan(numerical[:, part]) & ~np.isnan(numerical[:, whole])
            both = ~np.isnan(logs[:, part]) & ~np.isnan(logs[:, whole])
            if part == whole or both.sum() < max(BOTH_POSITIVE * given.sum(), 2):
                continue
            left, right = logs[both, part], logs[both, whole]
            within = (left <= right).mean() >= WITHIN_SHARE and (left < right).mean() > 1 - WITHIN_SHARE
            varies = left.std() > 0 and right.std() > 0
            if within and varies and np.corrcoef(left, right)[0, 1] >= LEAST_CORRELATION:
                pairs.append((part, whole))
    return pairs


def _is_known(share: np.ndarray, numerical: np.ndarray) -> bool:
    from scipy.stats import spearmanr

    for column in numerical.T:
        given = ~np.isnan(share) & ~np.isnan(column)
        varies = given.sum() > 1 and np.ptp(share[given]) > 0 and np.ptp(column[given]) > 0
        if varies and abs(spearmanr(share[given], column[given]).statistic) >= MOST_RANK_CORRELATION:
            return True
    return False


def _deviance(defaults: np.ndarray, rows: np.ndarray, rate: np.ndarray) -> float:
    rate = np.clip(rate, 1e-9, 1 - 1e-9)
    return float(-2 * (defaults * np.log(rate) + (rows - defaults) * np.log(1 - rate)).sum())
