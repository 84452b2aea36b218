"""The rows of a recorded evaluation, read again and scored, for the model report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loan_default_assets.pipeline.development_sample import DevelopmentSample, development_sample
from loan_default_assets.pipeline.training_snapshot import TrainingSnapshot
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.ungrouped_numbers import is_ungrouped
from loan_default_assets.reports.figures.drift import PeriodRows, periods
from loan_default_assets.reports.figures.feature_table import (
    MISSING,
    OTHER,
    Feature,
    Grouping,
    group_codes,
    group_numbers,
    group_texts,
)
from loan_default_assets.reports.figures.group_figures import FEWEST_ROWS
from loan_default_assets.warehouse.evaluations import EvaluationRecord
from loan_default_assets.warehouse.loans import Loans

if TYPE_CHECKING:
    from loan_default_assets.model.predictor import Predictor

# Rows that are scored besides those of the window; more would cost time, and change no figure visibly.
REFERENCE_ROWS = 2_000
PERIOD_ROWS = 400


@dataclass(frozen=True)
class ReportRows:
    """The rows of an evaluation.

    Attributes:
        window: Positions of the evaluated rows.
        development: PDs and outcomes of the validation rows of the model's training.
        reference: Positions of the rows with which drift of the features is compared: of the training, or of the
            validation where the training rows are a case-control sample.
        as_of: (n,) day of each row; NaT for the rows of a case-control sample, which stand for no period.
        by_period: Rows by period.
        matured: (n,) bool: whether the outcome counts by the data cutoff.
        pd: (n,) PDs, NaN for rows that were not scored.
        predictor: The model.
    """

    snapshot: TrainingSnapshot
    window: np.ndarray
    development: DevelopmentSample
    reference: np.ndarray
    as_of: np.ndarray
    by_period: PeriodRows
    matured: np.ndarray
    pd: np.ndarray
    predictor: Predictor

    @property
    def expected_pd(self) -> np.ndarray:
        """PDs with which others are compared: of the development sample, by what was not fitted on its loans.

        The PDs of training rows lie further apart, since the model knows their outcomes: an index against them is above
        zero without any change of the loans.
        """
        return self.development.pd if _compares_development(self) else self.pd[self.reference]

    @property
    def expected_source(self) -> str:
        """Where the PDs of `expected_pd` are from."""
        if _compares_development(self):
            return f"{self.development.source.table}, {self.development.source.row}"
        return f"part=training, rows={len(self.reference)}"

    def label(self, index: np.ndarray) -> np.ndarray:
        """Labels at positions."""
        labels: np.ndarray = self.snapshot.rows.label[index]
        return labels


def _compares_development(rows: ReportRows) -> bool:
    """Whether its PDs are by what was not fitted on these loans, and represent a period; else training rows do."""
    return rows.predictor.model.validation is not None or rows.snapshot.sampling is not None


def window_of(snapshot: TrainingSnapshot, evaluation: EvaluationRecord) -> np.ndarray:
    """Positions of the rows that were evaluated: the snapshot's window from the recorded first day on."""
    index: np.ndarray = snapshot.split.window
    if evaluation.window_from is not None:
        index = index[snapshot.rows.as_of[index] >= np.datetime64(evaluation.window_from, "D")]
    return index


def report_rows(snapshot: TrainingSnapshot, evaluation: EvaluationRecord, predictor: Predictor) -> ReportRows:
    """Score the window, and samples of reference rows and of every period."""
    rng = np.random.default_rng(1)

    def some(index: np.ndarray, most: int) -> np.ndarray:
        return index if len(index) <= most else np.sort(rng.choice(index, most, replace=False))

    rows, split = snapshot.rows, snapshot.split
    window = window_of(snapshot, evaluation)
    development = development_sample(predictor, snapshot)
    whole_reference = split.validation if snapshot.sampling else split.train
    reference = some(whole_reference, REFERENCE_ROWS)
    as_of = rows.as_of.copy()
    if snapshot.sampling:
        as_of[split.train] = np.datetime64("NaT")
    by_period = periods(as_of)
    matured = np.zeros(len(rows), bool)
    for part in (split.train, split.validation, split.window, split.excluded):
        matured[part] = True
    found = ReportRows(
        snapshot,
        window,
        development,
        reference,
        as_of,
        by_period,
        matured,
        np.full(len(rows), np.nan),
        predictor,
    )
    parts = [window, *(some(index, PERIOD_ROWS) for index in by_period.index)]
    scored = np.unique(np.concatenate(parts if _compares_development(found) else [*parts, reference]))
    found.pd[scored] = predictor.predict(rows.numerical[scored], rows.categorical[scored]).pd
    return found


def features_of(portfolio: Portfolio) -> list[Feature]:
    """The model's features, numerical first, with their texts."""
    names = portfolio.features
    return [
        *(_described(portfolio, name, None) for name in names.numerical),
        *(_described(portfolio, name, portfolio.columns[name].values or ()) for name in names.categorical),
    ]


def described_column(portfolio: Portfolio, name: str) -> Feature:
    """A column with its texts, whether or not it is a feature of the model."""
    column = portfolio.columns[name]
    return _described(portfolio, name, None if column.kind == "number" else column.values or ())


def _described(portfolio: Portfolio, name: str, categories: tuple[str, ...] | None) -> Feature:
    texts = (portfolio.reason(name, "en"), portfolio.reason(name, "ko"))
    if categories is not None:
        return Feature(name, "category", *texts, "", categories)
    column = portfolio.columns.get(name)
    unit = "" if column is None else "days" if column.kind == "date" else column.unit or ""
    return Feature(name, "number", *texts, unit, grouped=grouped(portfolio, name))


def feature_groupings(features: list[Feature], rows: ReportRows) -> list[Grouping]:
    """The window's rows by the values of every feature."""
    numerical = rows.snapshot.rows.numerical[rows.window]
    categorical = rows.snapshot.rows.categorical[rows.window]
    count = numerical.shape[1]
    return [
        group_numbers(feature.name, numerical[:, position].astype(np.float64), grouped=feature.grouped)
        if feature.kind == "number"
        else group_codes(feature, categorical[:, position - count])
        for position, feature in enumerate(features)
    ]


def column_groupings(
    portfolio: Portfolio, loans: Loans, rows: ReportRows, names: tuple[str, ...]
) -> list[Grouping]:
    """The window's rows by the values of columns that need not be features."""
    stored = rows.snapshot.rows
    keys, ids = stored.partition_key[rows.window].tolist(), stored.loan_id[rows.window].tolist()
    values = loans.read_raw_columns(keys, ids, names)
    return [
        _grouping(name, portfolio.columns[name].kind, values[name], with_separators=grouped(portfolio, name))
        for name in names
    ]


def grouped(portfolio: Portfolio, name: str) -> bool:
    """Whether thousands are separated in the numbers of a column or a derived feature."""
    column = portfolio.columns.get(name)
    return column is None or not is_ungrouped(name, column)


def _grouping(name: str, kind: str, values: list[Any], *, with_separators: bool = True) -> Grouping:
    if kind == "number":
        numbers = np.array([np.nan if v is None else float(v) for v in values])
        return group_numbers(name, numbers, grouped=with_separators)
    if kind == "date":
        return group_texts(name, [MISSING if v is None else str(v.year) for v in values])
    texts = [MISSING if v is None else str(v) for v in values]
    if kind == "text":
        # A text of few loans may be a name or an address; the values of a category are the portfolio's own.
        counts = Counter(texts)
        texts = [text if counts[text] >= FEWEST_ROWS else OTHER for text in texts]
    return group_texts(name, texts)
