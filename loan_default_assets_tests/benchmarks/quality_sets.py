"""The sets that models are compared on: real files read through their portfolios, and generated loans."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.splits import split
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.ingest.sources import read_rows
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets_tests.benchmarks.generated_sets import GENERATED, WINDOW_ROWS, generate_loans
from loan_default_assets_tests.benchmarks.quality_rows import QualitySet

STRATIFIED = "stratified 64/16/20 with random state 0"


@dataclass(frozen=True)
class SharedSet:
    """A public file, the library portfolio that describes it, and its split.

    Attributes:
        cutoffs: First days of validation and window; None for a stratified split.
    """

    file: str
    portfolio: str
    cutoffs: tuple[date, date] | None = None


SHARED = {
    "taiwan_credit": SharedSet("taiwan_credit.csv", "taiwan_credit"),
    "south_german_credit": SharedSet("south_german_credit.csv", "south_german_credit"),
    "polish_bankruptcy": SharedSet("polish_bankruptcy_1year.csv", "polish_bankruptcy"),
    "sba_loans": SharedSet("sba_prefix_22k.csv", "sba_loans", (date(2004, 10, 27), date(2004, 12, 17))),
}


def shared_set(name: str, folder: Path, *, project_split: bool = False) -> QualitySet:
    """A public set, split as its published marks are, or as the project splits.

    Raises:
        SourceError: The file is missing or does not fit its portfolio.
    """
    described = SHARED[name]
    portfolio = load(described.portfolio, source=str(folder / described.file))
    if project_split:
        return portfolio_set(portfolio, name)
    loans = read_loans(portfolio)
    if described.cutoffs is None:
        return _divided(name, STRATIFIED, loans, _stratified(loans.label), portfolio)
    first, second = (np.datetime64(day) for day in described.cutoffs)
    days = loans.as_of
    parts = days < first, (days >= first) & (days < second), days >= second
    described_split = f"by time, validation from {first}, window from {second}"
    return _divided(name, described_split, loans, tuple(map(np.flatnonzero, parts)), portfolio)


def portfolio_set(portfolio: Portfolio, name: str | None = None) -> QualitySet:
    """Any portfolio's set, split as the project splits: by time, or by a hash of the loan id without dates.

    Raises:
        SourceError: The source cannot be read or does not fit the portfolio.
    """
    loans = read_loans(portfolio)
    cutoff = None
    if portfolio.as_of is not None:
        newest = portfolio.partition_of(loans.as_of.max().astype(object))
        cutoff = portfolio.partition_bounds(newest)[1]
    found = split(loans.as_of, loans.loan_id, loans.label, loans.label_observed_at, cutoff)
    described = "64/16/20 by a hash of the loan id"
    if found.window_from is not None:
        described = f"by time, window from {found.window_from}"
    parts = found.train, found.validation, found.window
    more = np.concatenate([found.immature, found.unlabelled])
    return _divided(name or portfolio.name, described, loans, parts, portfolio, more)


def generated_set(name: str, unlabelled_per_row: int = 0) -> QualitySet:
    """Generated loans; the window is larger than that of a file of this size would be, so that it measures well.

    Args:
        unlabelled_per_row: Rows without a label per training row; with them the other rows are another draw.
    """
    unlabelled = unlabelled_per_row * GENERATED[name].train
    loans = generate_loans(name, window_rows=WINDOW_ROWS + unlabelled)
    labelled = len(loans.rows) - unlabelled
    order = np.arange(len(loans.rows))
    train, validation, window, more = np.split(order, [loans.train, loans.train + loans.validation, labelled])
    return QualitySet(
        name,
        "independent rows",
        *(loans.rows.take(part) for part in (train, validation, window)),
        loans.rows.take(more).without_label(),
        loans.cardinalities,
        roc_auc(loans.rows.label[window], loans.true_pd[window]),
    )


@dataclass(frozen=True)
class DatedLoans:
    """All loans of a portfolio's source, n of them, in its order.

    Attributes:
        as_of: (n,) datetime64[D], NaT without dates.
        label_observed_at: (n,) datetime64[D].
    """

    rows: Rows
    loan_id: np.ndarray
    as_of: np.ndarray
    label_observed_at: np.ndarray

    @property
    def label(self) -> np.ndarray:
        return self.rows.label


def read_loans(portfolio: Portfolio) -> DatedLoans:
    """The loans of a portfolio's source, to the end of the portfolio or until today.

    Raises:
        SourceError: The source cannot be read or does not fit the portfolio.
        ValueError: A label is neither positive nor negative.
    """
    today = date.today()
    first, last = portfolio.start or date(1900, 1, 1), portfolio.end or today
    keys = portfolio.partition_keys(first, last)
    frame = pd.concat([part.frame for part in read_rows(portfolio, keys, today=today)])
    features = transform(portfolio, frame, frame["as_of"].to_numpy())
    label = frame["label"].to_numpy()
    if (label == -1).any():
        raise ValueError(
            f"{portfolio.name}: {int((label == -1).sum())} labels are neither positive nor negative"
        )
    return DatedLoans(
        Rows(features.numerical, features.categorical, np.where(np.isnan(label), -1, label).astype(np.int8)),
        frame["loan_id"].to_numpy().astype(str),
        frame["as_of"].to_numpy().astype("datetime64[D]"),
        frame["label_observed_at"].to_numpy().astype("datetime64[D]"),
    )


def _stratified(label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    rest, window = train_test_split(np.arange(len(label)), test_size=0.2, stratify=label, random_state=0)
    train, validation = train_test_split(rest, test_size=0.2, stratify=label[rest], random_state=0)
    return np.sort(train), np.sort(validation), np.sort(window)


def _divided(
    name: str,
    described: str,
    loans: DatedLoans,
    parts: tuple[np.ndarray, ...],
    portfolio: Portfolio,
    more: np.ndarray | None = None,
) -> QualitySet:
    train, validation, window = (loans.rows.take(part) for part in parts)
    unlabelled = loans.rows.take(np.zeros(0, np.int64) if more is None else more).without_label()
    cardinalities = tuple(portfolio.features.cardinalities)
    return QualitySet(name, described, train, validation, window, unlabelled, cardinalities)


def read_set(name: str, folder: Path | None, *, project_split: bool = False) -> QualitySet:
    """The set of that name.

    Raises:
        ValueError: There is no set of that name, or a public one is requested without its folder.
    """
    if name in GENERATED:
        return generated_set(name)
    if name not in SHARED:
        raise ValueError(f"set must be one of {', '.join([*SHARED, *GENERATED])}, got {name!r}")
    if folder is None:
        raise ValueError(f"set {name} is read from a file: give its folder with --data")
    return shared_set(name, folder, project_split=project_split)
