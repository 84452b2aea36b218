"""The explanation of one decision as lines for a terminal, in one language, and as one JSON object with both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from loan_default_assets.model.decision_explanation import (
    DecisionChange,
    DecisionExplanation,
    DecisionGrade,
    ManualDecision,
    ModelVerdict,
    Value,
    ValueChange,
)
from loan_default_assets.model.reason_codes import ReasonText
from loan_default_assets.reports.figures.model_facts import Omitted
from loan_default_assets.reports.rendering.messages import LANGUAGES, Language, Message, in_both, message
from loan_default_assets.reports.rendering.number_format import formatted

_INDENT = "  "


def explanation_text(explanation: DecisionExplanation, language: Language) -> str:
    """All of the explanation as lines.

    Args:
        explanation: What to say.
        language: `en` or `ko`.
    """
    return "\n".join(line for part in _parts(explanation) for line in _lines(part, language))


def explanation_object(explanation: DecisionExplanation) -> dict[str, Any]:
    """All figures of the explanation, and under `text` its lines by language; for JSON."""
    found = asdict(explanation)
    found["scored_at"] = explanation.scored_at.isoformat()
    for override, each in zip(found["overrides"], explanation.overrides, strict=True):
        override["decided_at"] = each.decided_at.isoformat()
    found["reasons"] = [asdict(reason) for reason in explanation.reasons]
    # Tuples with names are arrays in JSON.
    for share in found["shares"]:
        share["category"] = ReasonText(*share["category"])._asdict()
    changed = [change for each in found["changes"] for change in each["values"]]
    if found["correction"]:
        changed += found["correction"]["values"]
    for value in (*found["values"], *changed):
        value["column"] = ReasonText(*value["column"])._asdict()
        # How a value is written is no figure.
        del value["grouped"]
    found["text"] = {language: explanation_text(explanation, language) for language in LANGUAGES}
    return found


# A title with the lines below it.
_Part = tuple[Message, list[Message]]


def _lines(part: _Part, language: Language) -> Iterator[str]:
    title, lines = part
    yield _printable(title.text(language))
    for line in lines:
        yield _INDENT + _printable(line.text(language))


def _printable(text: str) -> str:
    """A text without what a terminal would take for a command."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _parts(found: DecisionExplanation) -> Iterator[_Part]:
    title = message("explanation.title", position=str(found.position), request=found.request_id)
    head = [message("explanation.loan", loan=found.loan_id)] if found.loan_id else []
    head += [message("explanation.scored_at", time=f"{found.scored_at:%Y-%m-%d %H:%M}")]
    head += _outcome(found.decision, found.pd, found.threshold, found.grade)
    yield title, [*head, *_model(found.model)]
    reasons = [
        message("explanation.line", name=in_both(reason.en, reason.ko), text=_direction(reason.contribution))
        for reason in found.reasons
    ]
    yield message("explanation.reasons"), reasons or [message("explanation.no_reasons")]
    yield (
        message("explanation.shares"),
        [
            message(
                "explanation.share",
                category=_category(share.category),
                share=formatted(share.share, "percent"),
                direction=_direction(share.contribution),
            )
            for share in found.shares
        ],
    )
    yield (
        message("explanation.values"),
        [
            message(
                "explanation.line" if each.used else "explanation.line_unused",
                name=in_both(each.column.en, each.column.ko),
                text=_value(each.value, each.unit, each.grouped),
            )
            for each in found.values
        ],
    )
    yield message("explanation.changes"), _changes(found)
    if found.overrides:
        yield message("explanation.overrides"), [_override(each) for each in found.overrides]
    if found.correction is not None:
        correction = found.correction
        yield (
            message("explanation.correction"),
            [
                *map(_change, correction.values),
                *_outcome(correction.decision, correction.pd, found.threshold, correction.grade),
                message("explanation.rescored"),
            ],
        )


def _override(found: ManualDecision) -> Message:
    return message(
        "explanation.override",
        time=f"{found.decided_at:%Y-%m-%d %H:%M}",
        decision=message(f"override.decision_{found.decision}"),
        reason=message(f"override_reason.{found.reason_code}"),
    )


def _outcome(decision: int, pd: float, threshold: float, grade: DecisionGrade | Omitted) -> list[Message]:
    return [
        message("explanation.adverse" if decision else "explanation.favourable"),
        message("explanation.pd", pd=formatted(pd, "percent"), threshold=formatted(threshold, "percent")),
        _grade(grade),
    ]


def _grade(grade: DecisionGrade | Omitted) -> Message:
    if isinstance(grade, Omitted):
        return message("explanation.no_grade", why=message(grade.reason, detail=grade.detail))
    return message(
        "explanation.grade",
        number=str(grade.number),
        grades=str(grade.grades),
        low=formatted(grade.lowest_pd, "percent"),
        high=formatted(grade.highest_pd, "percent"),
    )


def _model(model: ModelVerdict) -> list[Message]:
    status = message(f"explanation.status_{model.status}")
    named = message("explanation.model", version=model.version, status=status)
    if not model.verdict:
        return [named, message("explanation.no_verdict")]
    verdict = message(f"verdict.{model.role}.{model.verdict}", version=model.version)
    # The word of this verdict has its warning already.
    told = model.verdict == "approved_leakage_not_excluded"
    warnings = () if told else (message(f"explanation.{warning.kind}") for warning in model.warnings)
    return [
        named,
        message("explanation.verdict", evaluation=str(model.evaluation), verdict=verdict),
        *warnings,
    ]


def _direction(contribution: float) -> Message:
    if contribution == 0:
        return message("explanation.neutral")
    return message("explanation.raised" if contribution > 0 else "explanation.lowered")


def _category(category: ReasonText) -> Message:
    return in_both(category.en, category.ko) if category.code else message("explanation.other_category")


def _changes(found: DecisionExplanation) -> list[Message]:
    if not found.actionable:
        return [message("explanation.not_actionable")]
    changes = [
        message("explanation.change_pd", change=_changed(change), pd=formatted(change.pd, "percent"))
        for change in found.changes
    ]
    return changes or [message("explanation.no_change")]


def _changed(change: DecisionChange) -> Message:
    first, *second = map(_change, change.values)
    return message("explanation.change_both", first=first, second=second[0]) if second else first


def _change(change: ValueChange) -> Message:
    return message(
        "explanation.change",
        column=in_both(change.column.en, change.column.ko),
        before=_value(change.before, change.unit, change.grouped),
        after=_value(change.after, change.unit, change.grouped),
    )


def _value(value: Value, unit: str, grouped: bool) -> str | Message:
    """A value as it was scored, unrounded."""
    if value is None:
        return message("explanation.missing_value")
    text = value if isinstance(value, str) else f"{value:{',' if grouped else ''}.15g}"
    return f"{text} {unit}" if unit else text
