"""The evidence of leakage for a drafted portfolio: which columns of the file may exist only after the outcome."""

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from loan_default_assets.commands.draft_progress import Progress, silent
from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.features import MISSING, transform
from loan_default_assets.portfolio.profiling.file_account import FileAccount, drafted_portfolio
from loan_default_assets.portfolio.profiling.label_words import later_event
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft
from loan_default_assets.portfolio.spec import Portfolio

if TYPE_CHECKING:
    from loan_default_assets.model.leakage import LeakageAssessment
    from loan_default_assets.model.rows import Rows

_MOSTLY = 0.5
_FEWEST_REPEATED = 10
_FEWEST_MARKED, _BY_CHANCE = 20, 1e-6
_SHORTEST_SERIES = 4
# Names with numbers that stand for no series: columns whose names were removed.
_NAMELESS = re.compile(
    r"(?:x|v|f|c|var|variable|attr|attribute|feat|feature|col|column|field)[ _-]?#", re.IGNORECASE
)


@dataclass(frozen=True)
class DraftEvidence:
    """What was found.

    Attributes:
        reasons: The evidence per feature that is to be excluded.
        summary: One sentence on all features.
        decisions: What a human must decide about the features that remain.
    """

    reasons: dict[str, str]
    summary: str
    decisions: tuple[str, ...] = ()


def find_evidence(draft: PortfolioDraft, account: FileAccount, progress: Progress = silent) -> DraftEvidence:
    """Examine a sample of the file's loans with a known outcome; of several rows of a loan, one per outcome."""
    from loan_default_assets.model.leakage import assess_leakage
    from loan_default_assets.model.rows import Rows, RowsError
    from loan_default_assets.model.splits import one_row_per_loan

    p, frame = drafted_portfolio(draft), account.sample
    # Also of a key that the draft dropped because it repeats: rows of one loan are no evidence of their own.
    if account.keys is not None:
        loans, outcome = account.keys.hashes[account.sampled], account.keys.outcome[account.sampled]
        frame = frame.iloc[one_row_per_loan(loans, outcome)]
    label = frame["label"].to_numpy()
    as_of = frame["as_of"].to_numpy().astype("datetime64[D]")
    found = transform(p, frame, as_of)
    matured, immature = np.isin(label, (0.0, 1.0)), np.isnan(label)

    def rows(chosen: np.ndarray) -> Rows:
        outcome = np.where(np.isnan(label[chosen]), -1, label[chosen]).astype(np.int8)
        return Rows(found.numerical[chosen], found.categorical[chosen], outcome)

    dated = p.as_of is not None
    try:
        assessment = assess_leakage(
            rows(matured),
            p.features.cardinalities,
            (*p.features.numerical, *p.features.categorical),
            dates=[name for name, column in p.columns.items() if column.kind == "date"],
            as_of=as_of[matured] if dated else None,
            immature=rows(immature).without_label() if dated and immature.any() else None,
            immature_as_of=as_of[immature] if dated and immature.any() else None,
            progress=lambda what, done, total: progress(f"leakage check: {what}", done, total),
        )
    except RowsError as error:
        return DraftEvidence({}, f"leakage was not examined: {error}")
    reasons = {entry.feature: ", ".join(entry.reasons) for entry in assessment.blocking}
    reasons |= later_events(draft, frame, reasons)
    reasons |= of_a_series(draft, reasons)
    decisions = (
        *_on_telling_features(assessment),
        *_on_defaults_alone(rows(matured), p, reasons),
        *_on_repeated_rows(rows(matured), p),
    )
    if not reasons:
        return DraftEvidence({}, f"leakage: {assessment.message()}", decisions)
    return DraftEvidence(
        reasons,
        f"leakage: ROC-AUC of a quick model is {assessment.roc_auc:.3f} with the columns under known_after_outcome and "
        f"{assessment.roc_auc_without:.3f} without",
        decisions,
    )


def _on_telling_features(assessment: "LeakageAssessment") -> tuple[str, ...]:
    """The question on the features that tell most: figures do not tell a strong one from one that was filled later."""
    if not assessment.most_telling:
        return ()
    doubt = f"{assessment.suspicion}. " if assessment.suspicion else ""
    return (
        f"features: {doubt}Most of the outcome is told by {assessment.telling_text()} (ROC-AUC alone). A column that "
        "changes after the loan is granted, such as a balance, a status or a number of reminders, belongs under "
        "known_after_outcome, also where it is no clear sign of leakage.",
    )


def _on_defaults_alone(rows: "Rows", p: Portfolio, excluded: Container[str]) -> tuple[str, ...]:
    """The question on features that say something of a few loans only, all of them defaults.

    They tell too little of the outcome to be excluded, and a mark that no other loan has hardly comes by chance.
    """
    from loan_default_assets.model.leakage_evidence import filled_rows

    default = np.asarray(rows.label == 1)
    features = dict(zip(p.features.numerical, rows.numerical.T, strict=True))
    codes = np.where(rows.categorical == MISSING, np.nan, rows.categorical)
    features |= dict(zip(p.features.categorical, codes.T, strict=True))
    found = []
    for name, values in features.items():
        for phrase, inside in filled_rows(values) if name not in excluded else ():
            count = int(inside.sum())
            if count >= _FEWEST_MARKED and default[inside].all() and default.mean() ** count < _BY_CHANCE:
                found.append(f"{name} {phrase} ({count:,} loans)")
                break
    if not found:
        return ()
    return (
        f"features: every loan is a default by {', '.join(found)}. A column that is filled for loans in default "
        "belongs under known_after_outcome.",
    )


def _on_repeated_rows(rows: "Rows", p: Portfolio) -> tuple[str, ...]:
    """What to do where rows repeat others in all features and share their outcome: a model recognises them."""
    dates = [name in p.columns and p.columns[name].kind == "date" for name in p.features.numerical]
    values = np.hstack([np.nan_to_num(rows.numerical[:, ~np.array(dates, bool)], nan=-1.0), rows.categorical])
    if not values.shape[1]:
        return ()
    group, size = np.unique(values, axis=0, return_inverse=True, return_counts=True)[1:]
    defaults = np.bincount(group.ravel(), weights=rows.label == 1, minlength=len(size))
    repeated = (size > 1) & (defaults > 0)
    same = repeated & (defaults == size)
    # Loans that only look alike share their outcome by chance.
    if same.sum() < _FEWEST_REPEATED or same.sum() < _MOSTLY * repeated.sum():
        return ()
    return (
        f"repeated rows: {int(size[size > 1].sum()):,} rows have another row with the same features and nearly always "
        "the same outcome, so that evaluation sees loans that training saw. Keep one row per loan, or name the column "
        "of the loan or of its applicant with --key.",
    )


def later_events(draft: PortfolioDraft, frame: pd.DataFrame, excluded: Container[str]) -> dict[str, str]:
    """Features that belong by name to an event whose excluded date lies after `as_of`, and why.

    An amount that is disbursed, recovered or paid exists from the day of the event on, although it may tell little of
    the outcome.

    Args:
        draft: The draft before the evidence is applied.
        frame: Rows with the columns of the draft and `as_of`.
        excluded: Features that the evidence excludes.
    """
    found: dict[str, str] = {}
    for dated in draft.roles:
        if dated.kind != "date" or dated.use != "feature" or dated.name not in excluded:
            continue
        event = later_event(dated.source_name)
        days = frame[dated.name].dropna()
        if event is None or not (days > frame["as_of"][days.index]).mean() > _MOSTLY:
            continue
        for role in draft.roles:
            # Korean compounds are written in one word.
            same = words_of(role.source_name).startswith(f"{event} " if event.isascii() else event)
            if same and role.use == "feature" and role.name not in excluded:
                found[role.name] = f"of the event of {dated.name}, whose dates lie after as_of"
    return found


def of_a_series(draft: PortfolioDraft, excluded: Container[str]) -> dict[str, str]:
    """Features of a series, such as dpd_m01 to dpd_m24, most of which the evidence excludes, and why.

    The first months after a loan is granted tell little of its outcome, but are known no earlier than the others.
    Columns that have a number for a name are no series.

    Args:
        draft: The draft before the evidence is applied.
        excluded: Features that the evidence excludes.
    """
    series: dict[str, list[str]] = {}
    for role in draft.roles:
        if role.use == "feature":
            series.setdefault(re.sub(r"\d+", "#", role.source_name), []).append(role.name)
    found: dict[str, str] = {}
    for written, names in series.items():
        if _NAMELESS.fullmatch(written):
            continue
        rest = [name for name in names if name not in excluded]
        if len(names) >= _SHORTEST_SERIES and 2 * len(rest) <= len(names):
            reason = f"of the series {written}, of which the evidence excludes {len(names) - len(rest)} of {len(names)}"
            found |= dict.fromkeys(rest, reason)
    return found
