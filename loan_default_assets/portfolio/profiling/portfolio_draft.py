"""A first portfolio file for a CSV or Parquet file, drafted from the profiles of its columns, for review."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from loan_default_assets.portfolio.errors import PortfolioError, did_you_mean
from loan_default_assets.portfolio.file_format import file_format
from loan_default_assets.portfolio.profiling.column_profiles import ColumnProfile, profile_columns
from loan_default_assets.portfolio.validation import RESERVED

_MANY_VALUES, _FEW_CODES = 200, 12
_POSITIVE = ("1", "y", "yes", "true", "t", "default", "bad", "chgoff")
_PROTECTED = re.compile(
    r"(?:^|[^a-z])(?:sex|gender|race|ethnic|religio|national|foreign|marital|marriage)|성별|인종|종교|국적|혼인",
    re.IGNORECASE,
)
_OUTCOME = re.compile(r"chg_?off|charge_?off|recover|collect|writ(e|ten)_?off|default|status|outcome", re.I)


def draft_portfolio(
    path: str, *, name: str, label: str, date: str | None = None, key: str | None = None
) -> str:
    """Draft a portfolio that `spec.load` accepts and that the rows of the file fit.

    Args:
        path: A CSV or Parquet file.
        name: The portfolio's name; characters other than letters, digits and _ are replaced.
        label: The outcome column.
        date: The column of the date on which a loan was known.
        key: The column that identifies a loan.

    Returns:
        The YAML text.

    Raises:
        PortfolioError: A column does not exist, the label does not have two values, or the date column has values
            that are not dates.
        SourceError: The file cannot be read.
    """
    delimiter, profiles = profile_columns(Path(path))
    for given in filter(None, (label, date, key)):
        if given not in profiles:
            raise PortfolioError(f"{path}: {given!r} is not a column{did_you_mean(given, profiles)}")
    source: dict[str, str] = {"kind": file_format(path), "path": "${LOAN_SOURCE}"}
    if delimiter != ",":
        source["delimiter"] = delimiter
    special = {label, date, key}
    used = {n: p for n, p in profiles.items() if n not in special and n not in RESERVED}
    lines = [
        f"# Drafted from {Path(path).name}; review every line. List columns that exist only after the outcome under",
        "# `known_after_outcome`, and columns that no decision may depend on under `protected`.",
        f"name: {_identifier(name)}",
        f"source: {_flow(source)}",
    ]
    if key:
        lines.append(f"key: {_flow(key)}")
    if date:
        lines += _time_lines(path, date, profiles[date])
    lines += [_label_line(path, label, profiles[label], dated=date is not None), "columns:"]
    lines += [
        f"  {_flow(n)}: {_column_spec(p, dated=date is not None)}{_remark(n, p)}" for n, p in used.items()
    ]
    ignored = [n for n in profiles if n in RESERVED and n not in special]
    for section, names in {"ignore": ignored, "protected": [n for n in used if _PROTECTED.search(n)]}.items():
        if names:
            lines.append(f"{section}: {_flow(names)}")
    return "\n".join(lines) + "\n"


def _identifier(name: str) -> str:
    plain = re.sub("[^a-z0-9_]+", "_", name.lower()).strip("_")[:50]
    return plain if plain[:1].isalpha() else f"loans_{plain}".rstrip("_")


def _time_lines(path: str, name: str, profile: ColumnProfile) -> Iterator[str]:
    if profile.date_format is None or profile.first_date is None or profile.last_date is None:
        raise PortfolioError(f"{path}: {name!r} is not a date in every row, so it cannot be as_of")
    days = (profile.last_date - profile.first_date).days + 1
    cadence = (
        "daily" if profile.rows / days >= 20 else "weekly" if profile.rows * 7 / days >= 20 else "monthly"
    )
    yield f"as_of: {_flow(name)}"
    if profile.date_format:
        yield f"date_format: {_flow(profile.date_format)}{_ambiguous(profile)}"
    yield f"cadence: {cadence}"
    yield f"start: {profile.first_date}"


def _label_line(path: str, name: str, profile: ColumnProfile, *, dated: bool) -> str:
    values = profile.values
    if values is None or len(values) != 2:
        count = "more than 1000" if values is None else len(values)
        raise PortfolioError(f"{path}: the label {name!r} has {count} distinct values; it needs two")
    rare = min(values, key=lambda value: values[value])
    positive = next((value for value in values if value.lower() in _POSITIVE), rare)
    negative = next(value for value in values if value != positive)
    spec: dict[str, Any] = {"column": name, "positive": _code(positive), "negative": _code(negative)}
    if dated:
        spec["horizon_days"] = 365
    remark = "  # days until the outcome is known; set the true number" if dated else ""
    return f"label: {_flow(spec)}{remark}"


def _column_spec(profile: ColumnProfile, *, dated: bool) -> str:
    values = profile.values
    codes = profile.integral and values is not None and len(values) <= _FEW_CODES
    if profile.date_format is not None and not profile.numeric:
        spec: dict[str, Any] = {"kind": "date" if dated else "text"}
        if dated and profile.date_format:
            spec["format"] = profile.date_format
    elif profile.numeric and not codes:
        spec = {"kind": "number"}
        if profile.low >= 0:
            spec["min"] = 0
        if profile.integral:
            spec["integer"] = True
    elif values and len(values) <= _MANY_VALUES:
        ordered = sorted(values, key=lambda v: (float(v) if profile.numeric else 0.0, v))
        spec = {"kind": "category", "values": [_code(value) for value in ordered]}
    else:
        spec = {"kind": "text"}
    return _flow(spec | ({"nullable": True} if profile.missing else {}))


def _remark(name: str, profile: ColumnProfile) -> str:
    remarks = []
    if profile.numeric and profile.values is None:
        remarks.append(f"{profile.low:g} to {profile.high:g}")
    if _OUTCOME.search(name):
        remarks.append("an outcome? then add it to known_after_outcome")
    return "  # " + "; ".join(remarks) + _ambiguous(profile, "; ") if remarks else _ambiguous(profile)


def _ambiguous(profile: ColumnProfile, before: str = "  # ") -> str:
    return f"{before}day and month may be in the other order" if profile.ambiguous else ""


def _code(value: str) -> str | int:
    return int(value) if re.fullmatch(r"-?(0|[1-9][0-9]{0,8})", value) and value != "-0" else value


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
