"""Whether the parts of a portfolio agree: every name it mentions, and what each may be used for."""

from collections import Counter
from collections.abc import Iterator

from loan_default_assets.portfolio.description import Description
from loan_default_assets.portfolio.errors import did_you_mean

RESERVED = ("partition_key", "loan_id", "as_of", "label", "label_observed_at")


def problems(p: Description) -> list[str]:
    """One line a problem, each with its key path; an empty list for a sound portfolio."""
    return [*_names(p), *_time(p), *_uses(p), *_derived(p), *_texts(p)]


def _names(p: Description) -> Iterator[str]:
    special = {"key": p.key, "as_of": p.as_of, "label.column": p.label.column}
    special["label.observed_at"] = p.label.observed_at
    for where, name in special.items():
        if name is not None and name in p.columns:
            yield f"columns.{name}: it is the portfolio's {where}; leave it out of columns"
        if name is not None and name in p.ignore:
            yield f"ignore: {name!r} is the portfolio's {where}"
    counts = Counter(name for name in special.values() if name is not None)
    for name in [name for name, count in counts.items() if count > 1]:
        yield f"{', '.join(where for where, other in special.items() if other == name)}: all name {name!r}"
    for name in p.columns:
        if name in p.ignore:
            yield f"ignore: {name!r} is in columns too"
        if name in RESERVED:
            yield f"columns.{name}: the name is taken by the tables; rename the column in the source"
        if not name or name != name.strip() or len(name.encode()) > 63:
            yield f"columns.{name}: a name has 1 to 63 bytes and no blanks around it"


def _time(p: Description) -> Iterator[str]:
    if p.as_of is None:
        for where, value in {
            "end": p.end,
            "refresh": p.refresh,
            "label.horizon_days": p.label.horizon_days,
        }.items():
            if value is not None:
                yield f"{where}: only with as_of, the column of the date a loan was known"
    elif p.start is None:
        yield "start: the first date of the history is needed with as_of"
    elif p.end is not None and p.end <= p.start:
        yield "end: it must be after start (it is the first day that is not read)"
    if p.source.kind == "sql" and p.key is None:
        yield "key: needed for a query, whose rows have no stable number"


def _uses(p: Description) -> Iterator[str]:
    named = {
        "known_after_outcome": p.known_after_outcome,
        "known_at_application": p.known_at_application,
        "protected": p.protected,
    }
    for where, names in named.items():
        for name in names:
            if name not in p.columns:
                yield f"{where}: {name!r} is not a column{did_you_mean(name, p.columns)}"
    for name in p.known_at_application:
        if name in p.known_after_outcome:
            yield f"known_at_application: {name!r} is in known_after_outcome too; it can be only one of them"
    if p.as_of is None:
        for name, column in p.columns.items():
            if column.kind == "date" and name not in p.known_after_outcome and name not in p.protected:
                yield f"columns.{name}: a date needs an as_of to count days from; make it kind text"
    if not p.features.numerical and not p.features.categorical:
        yield "columns: no column is left to score with"


def _derived(p: Description) -> Iterator[str]:
    usable = [name for name in p.features.numerical if name in p.columns]
    for name, expression in p.derived.items():
        if name in p.columns or name in RESERVED:
            yield f"derive.{name}: the name is taken"
        for part in expression.names:
            if part in p.known_after_outcome:
                yield f"derive.{name}: {part!r} is in known_after_outcome: no feature may use it"
            elif part in p.protected:
                yield f"derive.{name}: {part!r} is protected: no feature may use it"
            elif part in (p.label.column, p.label.observed_at):
                yield f"derive.{name}: {part!r} is the label"
            elif part in p.columns and part not in usable:
                yield f"derive.{name}: {part!r} is kind {p.columns[part].kind}, not number or date"
            elif part not in p.columns:
                yield f"derive.{name}: {part!r} is not a column{did_you_mean(part, usable)}"


def _texts(p: Description) -> Iterator[str]:
    features = (*p.features.numerical, *p.features.categorical)
    for name in p.reasons:
        if name not in features:
            yield f"reasons.{name}: it is not a feature{did_you_mean(name, features)}"
