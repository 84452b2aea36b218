"""Columns beside the label that hold an outcome of the loan too, by their names and values."""

import re
from collections.abc import Mapping

from loan_default_assets.portfolio.column_words import words_of
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile
from loan_default_assets.portfolio.profiling.label_unknowns import unknown_codes
from loan_default_assets.portfolio.profiling.label_words import (
    Meaning,
    is_target_name,
    meaning_of,
    names_outcome_alone,
    yes_or_no,
)
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft

_STATUS = re.compile(r"\b(?:status|state|outcome|result|performance)\b|상태|결과")
# What an applicant brings along, or what is known of other loans.
_HISTORY = re.compile(
    r"\b(?:previous(?:ly)?|prev|prior|past(?! due)|histor\w*|hist|before|earlier|former(?:ly)?|existing|other|ever"
    r"|bureau|application|applicant|apply)\b|과거|이전|기존|이력|타행|타사|직전|신청"
)
_GOOD = frozenset({Meaning.STRONG_GOOD, Meaning.WEAK_GOOD})
_BAD = frozenset({Meaning.STRONG_DEFAULT, Meaning.WEAK_DEFAULT})


def outcome_columns(draft: PortfolioDraft) -> dict[str, str]:
    """The drafted features that are named for an outcome and hold one, each with the reason against it.

    Loans end in several ways: a file with a column "Charged off?" has others, such as "Bankrupt?" or "Settled?".
    """
    return {
        role.name: "its name and its values are those of an outcome"
        for role in draft.roles
        if role.use == "feature" and holds_outcome(role.source_name, draft.profile.columns[role.source_name])
    }


def holds_outcome(name: str, profile: ColumnProfile) -> bool:
    """Whether a column is named for the outcome of the loan itself and its values say how the loan ended.

    Examples:
        >>> answers = ColumnProfile(rows=100, counts={"Yes": 4, "No": 96})
        >>> [holds_outcome(name, answers) for name in ("Bankrupt?", "previous_default", "Settled?", "owns_car")]
        [True, False, True, False]
    """
    present = profile.present
    if not profile.complete or not present:
        return False
    if names_outcome_alone(name) or is_target_name(name):
        return _answers(present, profile) or _tell_both(present)
    words = words_of(name)
    return bool(_STATUS.search(words)) and not _HISTORY.search(words) and _tell_both(present)


def _answers(present: Mapping[str, int], profile: ColumnProfile) -> bool:
    """Whether the values answer yes and no, or yes alone where the other cells are empty."""
    codes = unknown_codes(present)
    answers = {yes_or_no(value.removesuffix(".0")) for value in present if value not in codes}
    return answers == {True, False} or (answers == {True} and profile.empty > 0)


def _tell_both(present: Mapping[str, int]) -> bool:
    meanings = {meaning_of(value) for value in present}
    return bool(meanings & _GOOD) and bool(meanings & _BAD)
