"""What the account of a file adds to a draft: calendar, horizon, ranges, and what a human must correct or decide."""

from collections import Counter
from dataclasses import replace
from datetime import date

from loan_default_assets.portfolio.errors import row_list
from loan_default_assets.portfolio.ingest.cell_errors import CellErrors
from loan_default_assets.portfolio.ingest.missing_values import propose_sentinels
from loan_default_assets.portfolio.profiling.column_roles import ColumnRole
from loan_default_assets.portfolio.profiling.draft_calendar import (
    draft_calendar,
    draft_horizon,
    finer_cadence,
)
from loan_default_assets.portfolio.profiling.file_account import FileAccount
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft


def complete_draft(draft: PortfolioDraft, account: FileAccount, today: date) -> PortfolioDraft:
    """The draft with its calendar and horizon, and what a human must correct or decide.

    Args:
        draft: A draft without a calendar.
        account: The account of its file.
        today: The last date that a loan may have.
    """
    decisions, notes = list(draft.decisions), list(draft.notes)
    problems = [str(_problem(draft, key, account)) for key in account.errors.counts]
    calendar = horizon = None
    key = draft.key
    if draft.as_of:
        problems += _date_problems(account.unusable_dates)
        calendar = draft_calendar(account.dates, today)
        horizon = draft_horizon(account.dates)
        if not horizon.certain:
            decisions.append(f"label.horizon_days: {horizon.days} is {horizon.why}.")
        if calendar and calendar.end is None:
            decisions.append(
                f"the last {calendar.running_rows:,} rows are of a {calendar.cadence} partition that is not over; "
                "`run` loads them when it is."
            )
    if key and account.keys is not None:
        repeated = account.keys.repeats()
        finer = None
        if repeated and calendar and not account.dates.undated:
            finer = finer_cadence(account.dates, account.keys, calendar.cadence)
        if repeated and finer is None:
            first = row_list(account.keys.first_repeats(), repeated)
            problem = f"{repeated:,} rows repeat a value of {key} ({first})"
            if calendar:
                problem += f" within one {calendar.cadence} partition"
            decisions.append(
                f"{problem}: it does not identify the rows, so the draft numbers them instead (no `key`). Where they "
                "are several rows per loan, keep one per loan, such as the last before the outcome, or one per period."
            )
            key = None
        elif repeated and calendar and finer:
            notes.append(
                f"Several rows per loan: {repeated:,} rows repeat a value of {key}, each in another partition, so each "
                "row is an observation of its own."
            )
            calendar = draft_calendar(account.dates, today, finer)
    decisions += _late_sentinels(draft, account)
    drafted = replace(
        draft,
        label=replace(draft.label, counted=(account.outcomes, account.defaults)),
        roles=tuple(replace(role, range=account.ranges.text(role.name)) for role in draft.roles),
        calendar=calendar,
        horizon=horizon,
        key=key,
        notes=tuple(notes),
    )
    if draft.key and key is None:
        drafted = _without_key(drafted, draft.key)
    decisions += [f"{problem}. `run` refuses the file until this is corrected." for problem in problems]
    for role in draft.roles:
        decisions += [
            f"{role.source_name}: {text}." for text in role.remarks if text.startswith("could also be")
        ]
    return replace(drafted, decisions=tuple(decisions))


def _problem(draft: PortfolioDraft, key: tuple[str, str], account: FileAccount) -> str:
    name, problem = key
    count = account.errors.counts[key]
    hint = account.errors.hints.get(key, "")
    cells = "cell" if count == 1 else "cells"
    return f"column {name}: {problem}: {count} {cells} ({row_list(account.errors.rows[key], count)}){hint}"


def _date_problems(unusable: CellErrors) -> list[str]:
    return [
        f"column {name}: {count} {'row has' if count == 1 else 'rows have'} {problem} "
        f"({row_list(unusable.rows[name, problem], count)})"
        for (name, problem), count in unusable.counts.items()
    ]


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


def _without_key(draft: PortfolioDraft, key: str) -> PortfolioDraft:
    role = ColumnRole(
        key, draft.profile.layout.portfolio_names[key], "ignored", reason="an identifier whose values repeat"
    )
    return replace(draft, roles=(role, *draft.roles))
