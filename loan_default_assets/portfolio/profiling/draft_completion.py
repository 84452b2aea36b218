"""What the account of a file adds to a draft: calendar, horizon, ranges, and what a human must correct or decide."""

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from loan_default_assets.portfolio.calendar import Cadence
from loan_default_assets.portfolio.errors import ROWS_SHOWN, PortfolioError, row_list
from loan_default_assets.portfolio.ingest.missing_values import propose_sentinels
from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.draft_calendar import (
    DraftCalendar,
    draft_calendar,
    finer_cadence,
)
from loan_default_assets.portfolio.profiling.draft_candidates import names_person
from loan_default_assets.portfolio.profiling.draft_horizon import draft_horizon
from loan_default_assets.portfolio.profiling.file_account import NO_KEY, FileAccount
from loan_default_assets.portfolio.profiling.key_hashes import KeyHashes
from loan_default_assets.portfolio.profiling.panel_data import panel_of, repeats_rarely
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft, key_note
from loan_default_assets.portfolio.profiling.study_columns import MODEL_PREDICTION

_ROW_HINTS = {NO_KEY: "; a line of totals or remarks is no loan: delete it"}
_FIRST_YEAR = 1678
# A key that more rows lack is not corrected row by row.
_MOST_WITHOUT_KEY = 0.05


def complete_draft(draft: PortfolioDraft, account: FileAccount, today: date) -> PortfolioDraft:
    """The draft with its calendar and horizon, and what a human must correct or decide.

    Args:
        draft: A draft without a calendar.
        account: The account of its file.
        today: The last date that a loan may have.
    """
    problems = [_problem(key, account) for key in account.errors.counts]
    if draft.as_of:
        _refuse_later_dates(draft.as_of, account, today)
        apart = account.dates.apart()
        draft = replace(draft, decisions=(*draft.decisions, *_days_apart(draft.as_of, account, apart)))
        account = replace(account, dates=account.dates.without(apart))
        draft = replace(draft, calendar=draft_calendar(account.dates, today))
    panel = None
    key, keys = draft.key, account.keys
    if key and keys is not None and _often_without(key, account):
        draft = _without_key(draft, key, f"{account.unusable_rows.counts[key, NO_KEY]:,} rows have no {key}")
    elif key and keys is not None and (repeated := keys.repeats()):
        finer = _finer(draft.calendar, account, keys)
        if finer is None:
            few = repeats_rarely(repeated, account.rows)
            draft = _without_key(draft, key, _repeats(draft, key, keys, repeated), few=few)
            draft = replace(draft, decisions=(*draft.decisions, *_contradictions(draft, key, keys)))
        else:
            draft = replace(draft, calendar=draft_calendar(account.dates, today, finer))
            panel = panel_of(keys.hashes, keys.days, keys.outcome, borrowers=names_person(key))
            draft = replace(
                draft,
                notes=(*draft.notes, *panel.notes(key)),
                decisions=(
                    *draft.decisions,
                    *panel.decisions(),
                    *([] if panel.by_period or panel.borrowers else _contradictions(draft, key, keys)),
                ),
            )
    decisions = list(draft.decisions)
    if draft.as_of:
        calendar, given = draft.calendar, draft.given_horizon
        horizon = panel.horizon(calendar.cadence) if panel and calendar and given is None else None
        if horizon is None:
            horizon = draft_horizon(account.dates, calendar.cutoff if calendar else None, given)
            one_date = _one_date(draft, account)
            decisions += one_date or [horizon.text]
        decisions += horizon.gaps
        draft = replace(draft, horizon=horizon)
    if draft.calendar and draft.calendar.end is None:
        decisions.append(
            f"the last {draft.calendar.running_rows:,} rows are of a {draft.calendar.cadence} partition that is not "
            "over; `run` loads them when it is."
        )
    decisions += _late_sentinels(draft, account)
    problems += _row_problems(account, {draft.key, draft.as_of})
    decisions += [f"{problem}. `run` refuses the file until this is corrected." for problem in problems]
    for role in draft.roles:
        decisions += [
            f"{role.source_name}: {text}."
            for text in role.remarks
            if text.startswith("could also be") or text == MODEL_PREDICTION
        ]
    return replace(
        draft,
        label=replace(draft.label, counted=(account.outcomes, account.defaults)),
        roles=tuple(replace(role, range=account.ranges.text(role.name)) for role in draft.roles),
        decisions=tuple(decisions),
    )


def _finer(calendar: DraftCalendar | None, account: FileAccount, keys: KeyHashes) -> Cadence | None:
    """The cadence in which no partition holds a loan twice; None where there is none."""
    if calendar is None or account.dates.undated:
        return None
    return finer_cadence(account.dates, keys, calendar.cadence)


def _problem(key: tuple[str, str], account: FileAccount) -> str:
    name, problem = key
    count = account.errors.counts[key]
    hint = account.errors.hints.get(key, "")
    cells = "cell" if count == 1 else "cells"
    return f"column {name}: {problem}: {count} {cells} ({row_list(account.errors.rows[key], count)}){hint}"


def _row_problems(account: FileAccount, columns: Container[str | None]) -> list[str]:
    """Rows that lack a value that every loan needs; cells that cannot be converted are problems of their own."""
    unusable = account.unusable_rows
    return [
        f"column {name}: {count} {'row has' if count == 1 else 'rows have'} {problem} "
        f"({row_list(unusable.rows[name, problem], count)}){_ROW_HINTS.get(problem, '')}"
        for (name, problem), count in unusable.counts.items()
        if name in columns and (problem != NO_KEY or count > account.unconverted.get(name, 0))
    ]


def _often_without(key: str, account: FileAccount) -> bool:
    """Whether many cells of the key are empty; those that cannot be converted are problems of their own."""
    bad = account.unconverted.get(key, 0)
    return account.unusable_rows.counts.get((key, NO_KEY), 0) - bad > _MOST_WITHOUT_KEY * account.rows


def _refuse_later_dates(as_of: str, account: FileAccount, today: date) -> None:
    """Raise PortfolioError where every date lies in the future: no loan of the file could be loaded."""
    days = account.dates.table()[0]
    if len(days) and days[0] > np.datetime64(today):
        raise PortfolioError(
            f"every date in {as_of} lies after today, {today}: {days[0]} to {days[-1]}. Next: write them by the "
            "Gregorian calendar, or name the column of another date with --date"
        )


def _days_apart(as_of: str, account: FileAccount, days: Sequence[date]) -> list[str]:
    """What to correct where dates lie long before all others; years before 1678 are cells that do not convert."""
    days = [day for day in days if day.year >= _FIRST_YEAR]
    if not days:
        return []
    listed = []
    for day in days[:ROWS_SHOWN]:
        count, first = account.dates.rows_of(day)
        listed.append(
            f"{day} in {count:,} rows, the first is row {first}" if count > 1 else f"{day} in row {first}"
        )
    more = ", ..." if len(days) > ROWS_SHOWN else ""
    return [
        f"date: {as_of} holds dates long before all others, which are slips or stand for a missing date: "
        f"{'; '.join(listed)}{more}. The portfolio starts after them, and `run` refuses the file until their dates are "
        "corrected or these rows deleted. Where they are right, write an earlier `start`."
    ]


def _one_date(draft: PortfolioDraft, account: FileAccount) -> list[str]:
    """What to do where no loan is newer than another: no model can be evaluated on newer loans."""
    if len(account.dates.table()[0]) != 1:
        return []
    return [
        f"date: every loan has the same one in {draft.as_of}, so that no loan is newer than those that a model is "
        "fitted on, and `run` cannot evaluate. For these loans alone, draft it again with --no-date."
    ]


def _contradictions(draft: PortfolioDraft, key: str, keys: KeyHashes) -> list[str]:
    """What to correct where rows of one loan have different outcomes."""
    found = keys.contradicted()
    if not found.keys:
        return []
    person = names_person(key)
    who = "borrower" if person else "loan"
    text = (
        f"contradictions: {found.keys:,} {who}{' is' if found.keys == 1 else 's are'} in the file with both outcomes, "
        f"a default in one row and none in another with the same {key} ({row_list(list(found.first), found.rows)}). "
    )
    if person:
        text += "Where each row is another loan, this is right: name the number of the loan with --key. Otherwise keep "
    else:
        text += "Keep "
    text += "the row with the final outcome of each, delete the others, and draft again."
    if not draft.as_of and not person:
        text += " Where each row is an observation of its own period, name its date with --date."
    return [text]


def _late_sentinels(draft: PortfolioDraft, account: FileAccount) -> list[str]:
    """Numbers that may stand for a missing value in columns whose profile has the file's first rows only."""
    found = []
    for role in draft.roles:
        if (
            role.kind == "number"
            and role.use != "ignored"
            and not draft.profile.columns[role.source_name].complete
        ):
            cells = account.sample[role.name].dropna()
            sentinels = propose_sentinels(Counter(cells.tolist()))
            if sentinels:
                found.append(
                    f"{role.source_name}: {', '.join(sentinels)} may stand for a missing value; if so, list it under "
                    "`missing` of the column."
                )
    return found


def _without_key(draft: PortfolioDraft, key: str, problem: str, *, few: bool = False) -> PortfolioDraft:
    """The draft with numbered rows, as the key does not tell them apart; `few` where hardly any loan has two."""
    remedy = (
        "Keep one row per loan and draft again: the key then stays"
        if few
        else "Where they are several rows per loan, evaluation sees loans that training saw: give their period as "
        "--date, written as a date where it is a number, or keep one row per loan, such as the last before the outcome"
    )
    decision = (
        f"{problem}: it does not identify the rows, so the draft numbers them instead (no `key`). {remedy}."
    )
    name = draft.profile.layout.portfolio_names[key]
    role = ColumnRole(key, name, "ignored", reason="an identifier whose values repeat or are missing")
    return replace(
        draft,
        key=None,
        roles=(role, *draft.roles),
        notes=tuple(note for note in draft.notes if note != key_note(key)),
        decisions=(*draft.decisions, decision),
    )


def _repeats(draft: PortfolioDraft, key: str, keys: KeyHashes, repeated: int) -> str:
    rows = row_list(keys.first_repeats(), repeated)
    within = f" within one {draft.calendar.cadence} partition" if draft.calendar else ""
    return f"{repeated:,} rows repeat a value of {key} ({rows}){within}"
