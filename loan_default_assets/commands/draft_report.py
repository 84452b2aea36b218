"""What `init` prints: a table of all columns, what was found, what a human must decide, and the next command."""

import io
import shlex
from pathlib import Path

from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.file_account import FileAccount
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft

_LONGEST_NOTE = 90
_USES = {
    "feature": "feature",
    "protected": "protected",
    "known_after_outcome": "no feature",
    "ignored": "ignored",
}


def draft_report(draft: PortfolioDraft, account: FileAccount, path: Path, file: str) -> str:
    """The report on a written draft."""
    lines = [
        draft.label.text,
        f"{account.rows:,} rows in {file}: {draft.label.known:,} with an outcome, "
        f"{account.rows - draft.label.known:,} without; {_time_text(draft)}",
        "",
        _table(draft, account),
        *draft.notes,
        *([f"training: {draft.training.why}."] if draft.training else []),
    ]
    if draft.decisions:
        lines += ["", "To decide or correct:", *(f"  - {decision}" for decision in draft.decisions)]
    command = f"loan-default run --portfolio {shlex.quote(str(path))} --source {shlex.quote(file)}"
    return "\n".join([*lines, "", f"wrote {path}", f"Next: read it, then {command}"])


def _time_text(draft: PortfolioDraft) -> str:
    if draft.calendar is None:
        return "no dates"
    end = f" to {draft.calendar.end} (exclusive)" if draft.calendar.end else " on"
    return f"{draft.calendar.cadence} from {draft.calendar.start}{end}"


def _table(draft: PortfolioDraft, account: FileAccount) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("column", "used as", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("converted", "missing", "not converted"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("note", overflow="fold")
    for cells in _rows(draft, account):
        table.add_row(*map(Text, cells))
    out = io.StringIO()
    Console(file=out, width=200, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _rows(draft: PortfolioDraft, account: FileAccount) -> list[tuple[str, ...]]:
    special = {draft.key: "key", draft.as_of: "as_of", draft.label.column: "label"}
    roles = {role.source_name: role for role in draft.roles}
    rows: list[tuple[str, ...]] = []
    for name in draft.profile.layout.columns:
        if name in special:
            rows.append(
                (_short(name, 40), special[name], "", *_cells(name, account), _special_note(draft, name))
            )
        elif name in roles:
            rows.append(_role_row(roles[name], account))
    return rows


def _role_row(role: ColumnRole, account: FileAccount) -> tuple[str, ...]:
    name = _short(role.source_name, 40)
    if role.use == "ignored":
        return name, "ignored", "", "", "", "", _short(role.reason, _LONGEST_NOTE)
    note = "; ".join(filter(None, (role.reason, *_written(role), *role.notes)))
    bad = account.rows_of(role.name)
    note = f"{bad} not converted; {note}" if bad else note
    return name, _USES[role.use], role.kind, *_cells(role.name, account), _short(note, _LONGEST_NOTE)


def _written(role: ColumnRole) -> list[str]:
    """How the cells are read, where it is not the plain way."""
    keys = {key: value for key, value in role.keys.items() if key not in ("nullable", "values", "unit")}
    found = [f"{len(role.keys['values'])} values"] if "values" in role.keys else []
    return found + [f"{key} {value}" for key, value in keys.items()]


def _special_note(draft: PortfolioDraft, name: str) -> str:
    if name == draft.label.column:
        return _short(f"by {draft.label.why}", _LONGEST_NOTE)
    if name == draft.as_of and draft.date_reading is not None:
        return f"written {draft.date_reading.format or 'YYYY-MM-DD'}"
    return ""


def _cells(name: str, account: FileAccount) -> tuple[str, str, str]:
    bad = account.unconverted.get(name, 0)
    good = account.converted[name]
    return f"{good:,}", f"{account.rows - good - bad:,}", f"{bad:,}" if bad else ""


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
