"""The warnings on a verdict, as lines that commands print."""

from collections.abc import Mapping, Sequence

from loan_default_assets.commands.session import Session


def warning_lines(warnings: Sequence[Mapping[str, str]]) -> list[str]:
    """The recorded warnings as lines; what to do next on a line of its own.

    Examples:
        >>> warning_lines([{"kind": "leakage_doubt", "text": "Leakage is not excluded. Next: train again."}])
        ['  WARN Leakage is not excluded.', '  Next: train again.']
    """
    lines = []
    for warning in warnings:
        sentence, _, step = warning["text"].partition(" Next: ")
        lines += [f"  WARN {sentence}", *([f"  Next: {step}"] if step else [])]
    return lines


def version_warnings(session: Session, version: str) -> list[str]:
    """The warnings on the newest verdict on a version, as lines."""
    return warning_lines([warning.as_dict() for warning in session.evaluations.warnings(version)])
