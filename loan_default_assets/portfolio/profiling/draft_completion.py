"""A draft with its time: calendar, horizon and key, from the account of the file, and what a human must decide."""

from dataclasses import replace
from datetime import date

import numpy as np

from loan_default_assets.portfolio.calendar import Cadence
from loan_default_assets.portfolio.errors import row_list
from loan_default_assets.portfolio.profiling.column_roles import ColumnRole
from loan_default_assets.portfolio.profiling.draft_calendar import (
    DraftCalendar,
    draft_calendar,
    draft_horizon,
    finer_cadence,
)
from loan_default_assets.portfolio.profiling.file_account import FileAccount
from loan_default_assets.portfolio.profiling.panel_data import panel_of
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft


def complete_draft(draft: PortfolioDraft, account: FileAccount, today: date) -> PortfolioDraft:
    """The draft with its calendar and horizon, and what a human must correct or decide.

    Args:
        draft: A draft without a calendar.
        account: The account of its file.
        today: The last date that a loan may have.
    """
    problems = [_problem(key, account) for key in account.errors.counts]
    if draft.as_of:
        problems += _date_problems(draft.as_of, account.days, today)
        draft = replace(draft, calendar=draft_calendar(account.days, today))
    panel = None
    key = draft.key
    if key and (repeated := len(account.keys) - len(np.unique(account.keys))):
        finer = _finer(draft.calendar, account)
        if finer is None:
            draft = _without_key(draft, key, account.keys, repeated)
        else:
            draft = replace(draft, calendar=draft_calendar(account.days, today, finer))
            panel = panel_of(account.keys, account.days, account.outcome)
            draft = replace(
                draft,
                notes=(*draft.notes, *panel.notes(key)),
                decisions=(*draft.decisions, *panel.decisions()),
            )
    decisions = list(draft.decisions)
    if draft.as_of:
        horizon = panel.horizon(draft.calendar.cadence) if panel and draft.calendar else None
        horizon = horizon or draft_horizon(account.days, account.outcome >= 0)
        draft = replace(draft, horizon=horizon)
        if not horizon.certain:
            decisions.append(f"label.horizon_days: {horizon.days} is {horizon.why}.")
    if draft.calendar and draft.calendar.end is None:
        decisions.append(
            f"the last {draft.calendar.running_rows:,} rows are of a {draft.calendar.cadence} partition that is not "
            "over; `run` loads them when it is."
        )
    decisions += [f"{problem}. `run` refuses the file until this is corrected." for problem in problems]
    for role in draft.roles:
        decisions += [
            f"{role.source_name}: {text}." for text in role.remarks if text.startswith("could also be")
        ]
    return replace(draft, decisions=tuple(decisions))


def _finer(calendar: DraftCalendar | None, account: FileAccount) -> Cadence | None:
    """The cadence in which no partition holds a loan twice; None where there is none."""
    if calendar is None or np.isnat(account.days).any():
        return None
    return finer_cadence(account.days, account.keys, calendar.cadence)


def _without_key(draft: PortfolioDraft, key: str, keys: np.ndarray, repeated: int) -> PortfolioDraft:
    """The draft with numbered rows, as the key's values repeat."""
    problem = f"{repeated:,} rows repeat a value of {key}{_repeats(keys)}"
    if draft.calendar:
        problem += f" within one {draft.calendar.cadence} partition"
    decision = (
        f"{problem}: it does not identify the rows, so the draft numbers them instead (no `key`). Where they are "
        "several rows per loan, evaluation sees loans that training saw: give their period as --date, or keep one "
        "row per loan, such as the last before the outcome."
    )
    name = draft.profile.layout.portfolio_names[key]
    role = ColumnRole(key, name, "ignored", reason="an identifier whose values repeat")
    return replace(draft, key=None, roles=(role, *draft.roles), decisions=(*draft.decisions, decision))


def _problem(key: tuple[str, str], account: FileAccount) -> str:
    name, problem = key
    count = account.errors.counts[key]
    hint = account.errors.hints.get(key, "")
    cells = "cell" if count == 1 else "cells"
    return f"column {name}: {problem}: {count} {cells} ({row_list(account.errors.rows[key], count)}){hint}"


def _date_problems(name: str, days: np.ndarray, today: date) -> list[str]:
    found = []
    for problem, wrong in (
        ("no date", np.isnat(days)),
        (f"a date after today, {today}", days > np.datetime64(today)),
    ):
        rows = [int(row) + 1 for row in np.flatnonzero(wrong)]
        if rows:
            have = "row has" if len(rows) == 1 else "rows have"
            found.append(f"column {name}: {len(rows)} {have} {problem} ({row_list(rows, len(rows))})")
    return found


def _repeats(keys: np.ndarray) -> str:
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rows = (np.flatnonzero(first[inverse] != np.arange(len(keys))) + 1).tolist()
    return f" ({row_list(rows, len(rows))})"
