"""The text of a drafted portfolio, with the account of every column as comments."""

from collections.abc import Iterator
from typing import Any

import yaml

from loan_default_assets.portfolio.profiling.column_role import ColumnRole
from loan_default_assets.portfolio.profiling.portfolio_draft import PortfolioDraft

_WIDTH = 116


def draft_yaml(draft: PortfolioDraft) -> str:
    """The YAML of a draft, which `spec.load` accepts."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: PortfolioDraft) -> Iterator[str]:
    yield f"# Drafted from {_plain(draft.profile.path.name)}, {draft.profile.rows:,} rows. Review every line."
    yield from _comment(
        "A later delivery may have missing values, decimals, negative numbers and unknown categories in any column; "
        "`nullable: false`, `integer: true`, `min`, `max` or `unknown: forbid` of a column refuse them. A column that "
        "is not described here is named and not read until it is listed under `columns`; `new_columns: refuse` "
        "refuses it."
    )
    for text in draft.notes:
        yield from _comment(text)
    if draft.decisions:
        yield "# To decide:"
        for text in draft.decisions:
            yield from _comment(text, first="- ")
    yield f"name: {draft.name}"
    source = draft.profile.layout.source_keys()
    yield f"source: {_flow({'kind': source.pop('kind'), 'path': '${LOAN_SOURCE}', **source})}"
    if draft.key:
        yield f"key: {_flow(draft.key)}"
    yield from _time(draft)
    yield from _label(draft)
    yield "columns:"
    for role in draft.roles:
        if role.use != "ignored":
            yield f"  {_flow(role.name)}: {_flow(_column(role))}{_remark(role)}"
    if draft.derived:
        yield "derive:"
        for ratio in draft.derived:
            yield f"  {_flow(ratio.name)}: {_flow(ratio.expression)}  # {_plain(ratio.reason)}"
    for key in ("known_after_outcome", "protected"):
        roles = [role for role in draft.roles if role.use == key]
        if roles:
            yield f"{key}:"
            yield from (f"  - {_flow(role.name)}  # {_plain(role.reason)}" for role in roles)
    if ignored := [role for role in draft.roles if role.use == "ignored"]:
        yield "ignore:"
        yield from (f"  {_flow(role.source_name)}: {_flow(_plain(role.reason))}" for role in ignored)
    yield "new_columns: ignore"
    if training := draft.training:
        yield from _comment(f"training: {training.why}")
        yield f"training: {_flow(training.keys)}"


def _time(draft: PortfolioDraft) -> Iterator[str]:
    if draft.as_of is None:
        return
    yield f"as_of: {_flow(draft.as_of)}"
    if draft.date_reading is not None and draft.date_reading.format:
        yield f"date_format: {_flow(draft.date_reading.format)}"
    calendar = draft.calendar
    yield f"cadence: {calendar.cadence if calendar else 'monthly'}"
    yield f"start: {calendar.start if calendar else '1678-01-01'}"
    if calendar is not None and calendar.end is not None:
        yield f"end: {calendar.end}  # the file ends before it; remove the line when later loans are added"


def _label(draft: PortfolioDraft) -> Iterator[str]:
    keys = draft.label.keys()
    for outcome in ("positive", "negative"):
        if isinstance(keys.get(outcome), str):
            keys[outcome] = _code(keys[outcome])
    yield from _comment(f"{draft.label.text}, by {draft.label.why}")
    if len(draft.label.counts) <= 60 and draft.label.at_least is None:
        counts = sorted(draft.label.counts.items(), key=lambda item: -item[1])
        yield from _comment("loans per value: " + ", ".join(f"{value} {count:,}" for value, count in counts))
    horizon = draft.horizon
    if horizon is None:
        yield f"label: {_flow(keys)}"
    else:
        yield from _comment(f"horizon_days: {horizon.why}")
        yield f"label: {_flow(keys | {'horizon_days': horizon.days})}"


def _column(role: ColumnRole) -> dict[str, Any]:
    renamed = {"source_name": role.source_name} if role.source_name != role.name else {}
    return {"kind": role.kind, **renamed, **role.keys}


def _remark(role: ColumnRole) -> str:
    return f"  # {_plain('; '.join(role.notes))}" if role.notes else ""


def _comment(text: str, first: str = "") -> Iterator[str]:
    """The text as comment lines."""
    line, indent = f"# {first}", "# " + " " * len(first)
    for word in _plain(text).split():
        if len(line) + len(word) > _WIDTH and line.strip("# -"):
            yield line.rstrip()
            line = indent
        line += word + " "
    yield line.rstrip()


def _plain(text: str) -> str:
    """One printable line, as a comment must be."""
    return "".join(character if character.isprintable() else " " for character in text)


def _code(value: str) -> str | int:
    return int(value) if value.isascii() and value.isdecimal() and str(int(value)) == value else value


class _OneLineDumper(yaml.SafeDumper):
    """YAML on one line: texts with line breaks or control characters are written with escapes."""


def _one_line(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_OneLineDumper.add_representer(str, _one_line)


def _flow(value: Any) -> str:
    text = yaml.dump(
        value,
        Dumper=_OneLineDumper,
        default_flow_style=True,
        allow_unicode=True,
        width=1_000_000,
        sort_keys=False,
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
