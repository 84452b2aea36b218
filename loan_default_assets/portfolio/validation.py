"""Whether the parts of a portfolio agree: that every name it mentions exists and may be used where it is used."""

from collections import Counter
from collections.abc import Iterator

from loan_default_assets.portfolio.description import Description
from loan_default_assets.portfolio.errors import did_you_mean

# The tables' own columns, and the system columns that every table of PostgreSQL has.
_OWN_COLUMNS = ("partition_key", "loan_id", "as_of", "label", "label_observed_at")
RESERVED = (*_OWN_COLUMNS, "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")


def find_problems(p: Description) -> list[str]:
    """One line per problem, each with its key path; an empty list for a sound portfolio."""
    return [
        *_check_names(p),
        *_check_time(p),
        *_check_uses(p),
        *_check_derived(p),
        *_check_reasons(p),
        *_check_explained(p),
    ]


def _check_names(p: Description) -> Iterator[str]:
    special = {"key": p.key, "as_of": p.as_of, "label.column": p.label.column}
    special["label.observed_at"] = p.label.observed_at
    for key, name in special.items():
        if name is not None and name in p.columns:
            yield f"columns.{name}: it is the portfolio's {key}; remove it from columns"
        if name is not None and name in p.ignore:
            yield f"ignore: {name!r} is the portfolio's {key}"
    counts = Counter(name for name in special.values() if name is not None)
    for name in [name for name, count in counts.items() if count > 1]:
        yield f"{', '.join(key for key, other in special.items() if other == name)}: all name {name!r}"
    for name in p.columns:
        if name in p.ignore:
            yield f"ignore: {name!r} is in columns too"
        if name in RESERVED:
            yield f"columns.{name}: the name is reserved for the tables; rename the column in the source"
        if not name or name != name.strip() or len(name.encode()) > 63:
            yield f"columns.{name}: a name must have 1 to 63 bytes and no surrounding blanks"


def _check_time(p: Description) -> Iterator[str]:
    if p.as_of is None:
        for key, value in {
            "end": p.end,
            "refresh": p.refresh,
            "label.horizon_days": p.label.horizon_days,
        }.items():
            if value is not None:
                yield f"{key}: only with as_of, the column of the date a loan was known"
    elif p.start is None:
        yield "start: the first date of the history is needed with as_of"
    elif p.end is not None and p.end <= p.start:
        yield "end: must be after start (end is the first day that is not read)"
    if p.source.kind == "sql" and p.key is None:
        yield "key: needed with a query, whose rows have no stable number"


def _check_uses(p: Description) -> Iterator[str]:
    named = {
        "known_after_outcome": p.known_after_outcome,
        "known_at_application": p.known_at_application,
        "protected": p.protected,
        "segments": p.segments,
    }
    for key, names in named.items():
        for name in names:
            if name not in p.columns:
                yield f"{key}: {name!r} is not a column{did_you_mean(name, p.columns)}"
    for name in p.ignored_because:
        if name not in p.ignore:
            yield f"ignored_because: {name!r} is not under ignore{did_you_mean(name, p.ignore)}"
    for name in p.known_at_application:
        if name in p.known_after_outcome:
            yield f"known_at_application: {name!r} is in known_after_outcome too; list it under one of the two"
    if p.as_of is None:
        for name, column in p.columns.items():
            if column.kind == "date" and name not in p.known_after_outcome and name not in p.protected:
                yield f"columns.{name}: a date needs as_of to count days from; use kind text"
    if not p.features.numerical and not p.features.categorical:
        yield "columns: no column remains as a feature"


def _check_derived(p: Description) -> Iterator[str]:
    usable = [name for name in p.features.numerical if name in p.columns]
    for name, expression in p.derived.items():
        if name in p.columns or name in RESERVED:
            yield f"derive.{name}: the name is already used"
        for operand in expression.names:
            if operand in p.known_after_outcome:
                yield f"derive.{name}: {operand!r} is in known_after_outcome; no feature may use it"
            elif operand in p.protected:
                yield f"derive.{name}: {operand!r} is protected; no feature may use it"
            elif operand in (p.label.column, p.label.observed_at):
                yield f"derive.{name}: {operand!r} is the label"
            elif operand in p.columns and operand not in usable:
                yield f"derive.{name}: {operand!r} is kind {p.columns[operand].kind}, not number or date"
            elif operand not in p.columns:
                yield f"derive.{name}: {operand!r} is not a column{did_you_mean(operand, usable)}"


def _check_reasons(p: Description) -> Iterator[str]:
    features = (*p.features.numerical, *p.features.categorical)
    for name in p.reasons:
        if name not in features:
            yield f"reasons.{name}: not a feature{did_you_mean(name, features)}"


def _check_explained(p: Description) -> Iterator[str]:
    features = (*p.features.numerical, *p.features.categorical)
    for name, column in p.columns.items():
        if column.actionable and name not in features:
            yield f"columns.{name}: actionable, but no feature, so that a change alters no decision"
    used = {column.category for column in p.columns.values() if column.category}
    for name in p.categories:
        if name not in used:
            yield f"categories.{name}: no column has this category{did_you_mean(name, used)}"
