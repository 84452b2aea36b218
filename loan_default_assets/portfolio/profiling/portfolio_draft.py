"""A first portfolio file for a CSV or Parquet file, from a look at its columns; a person then corrects it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from loan_default_assets.portfolio.errors import PortfolioError, did_you_mean
from loan_default_assets.portfolio.profiling.column_profiles import Profile, profile
from loan_default_assets.portfolio.validation import RESERVED

_MANY_VALUES, _FEW_CODES = 200, 12
_POSITIVE = ("1", "y", "yes", "true", "t", "default", "bad", "chgoff")
_PROTECTED = re.compile(
    r"(?:^|[^a-z])(?:sex|gender|race|ethnic|religio|national|foreign|marital|marriage)|성별|인종|종교|국적|혼인",
    re.IGNORECASE,
)
_OUTCOME = re.compile(r"chg_?off|charge_?off|recover|collect|writ(e|ten)_?off|default|status|outcome", re.I)


def draft(path: str, *, name: str, label: str, date: str | None = None, key: str | None = None) -> str:
    """YAML of a portfolio for the file at `path`: `load` accepts it, and the file's rows fit it.

    `label`, `date` (when a loan was known) and `key` name columns. Raises PortfolioError for a column that is not
    there, a label without two values and a date that is none; SourceError for a file that cannot be read.
    """
    delimiter, columns = profile(Path(path))
    for given in filter(None, (label, date, key)):
        if given not in columns:
            raise PortfolioError(f"{path}: {given!r} is not a column{did_you_mean(given, columns)}")
    source = {
        "kind": "parquet" if path.lower().endswith((".parquet", ".pq")) else "csv",
        "path": "${LOAN_SOURCE}",
    }
    if delimiter != ",":
        source["delimiter"] = delimiter
    special = {label, date, key}
    used = {n: p for n, p in columns.items() if n not in special and n not in RESERVED}
    lines = [
        f"# Drafted from {Path(path).name}. Read every line; then list under `known_after_outcome` what is",
        "# known only after the outcome, and under `protected` what no decision may rest on.",
        f"name: {_identifier(name)}",
        f"source: {_flow(source)}",
    ]
    if key:
        lines.append(f"key: {_flow(key)}")
    if date:
        lines += _time(path, date, columns[date])
    lines += [_label(path, label, columns[label], dated=date is not None), "columns:"]
    lines += [f"  {_flow(n)}: {_column(p, dated=date is not None)}{_remark(n, p)}" for n, p in used.items()]
    ignored = [n for n in columns if n in RESERVED and n not in special]
    for part, names in {"ignore": ignored, "protected": [n for n in used if _PROTECTED.search(n)]}.items():
        if names:
            lines.append(f"{part}: {_flow(names)}")
    return "\n".join(lines) + "\n"


def _identifier(name: str) -> str:
    plain = re.sub("[^a-z0-9_]+", "_", name.lower()).strip("_")[:50]
    return plain if plain[:1].isalpha() else f"loans_{plain}".rstrip("_")


def _time(path: str, name: str, found: Profile) -> Iterator[str]:
    if found.dates is None or found.first is None or found.last is None:
        raise PortfolioError(
            f"{path}: {name!r} is not a date in every row, so it cannot be the date of a loan"
        )
    days = (found.last - found.first).days + 1
    cadence = "daily" if found.rows / days >= 20 else "weekly" if found.rows * 7 / days >= 20 else "monthly"
    yield f"as_of: {_flow(name)}"
    if found.dates:
        yield f"date_format: {_flow(found.dates)}{_ambiguous(found)}"
    yield f"cadence: {cadence}"
    yield f"start: {found.first}"


def _label(path: str, name: str, found: Profile, *, dated: bool) -> str:
    values = found.values
    if values is None or len(values) != 2:
        count = "more than 1000" if values is None else len(values)
        raise PortfolioError(f"{path}: the label {name!r} has {count} different values; it needs two")
    rare = min(values, key=lambda value: values[value])
    positive = next((value for value in values if value.lower() in _POSITIVE), rare)
    negative = next(value for value in values if value != positive)
    spec: dict[str, Any] = {"column": name, "positive": _code(positive), "negative": _code(negative)}
    if dated:
        spec["horizon_days"] = 365
    remark = "  # days until the outcome is known: correct them" if dated else ""
    return f"label: {_flow(spec)}{remark}"


def _column(found: Profile, *, dated: bool) -> str:
    values = found.values
    codes = found.whole and values is not None and len(values) <= _FEW_CODES
    if found.dates is not None and not found.number:
        spec: dict[str, Any] = {"kind": "date" if dated else "text"}
        if dated and found.dates:
            spec["format"] = found.dates
    elif found.number and not codes:
        spec = {"kind": "number"}
        if found.low >= 0:
            spec["min"] = 0
        if found.whole:
            spec["integer"] = True
    elif values and len(values) <= _MANY_VALUES:
        ordered = sorted(values, key=lambda v: (float(v) if found.number else 0.0, v))
        spec = {"kind": "category", "values": [_code(value) for value in ordered]}
    else:
        spec = {"kind": "text"}
    return _flow(spec | ({"nullable": True} if found.missing else {}))


def _remark(name: str, found: Profile) -> str:
    remarks = []
    if found.number and found.values is None:
        remarks.append(f"{found.low:g} to {found.high:g}")
    if _OUTCOME.search(name):
        remarks.append("an outcome? then add it to known_after_outcome")
    return "  # " + "; ".join(remarks) + _ambiguous(found, "; ") if remarks else _ambiguous(found)


def _ambiguous(found: Profile, before: str = "  # ") -> str:
    return f"{before}day and month could also be the other way round" if found.ambiguous else ""


def _code(value: str) -> str | int:
    return int(value) if re.fullmatch(r"-?(0|[1-9][0-9]{0,8})", value) and value != "-0" else value


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
