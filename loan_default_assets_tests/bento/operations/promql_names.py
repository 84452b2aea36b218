"""Metrics, labels and label values that a PromQL expression of this project names."""

import re
from dataclasses import dataclass

_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"\b((?:loan_default_\w+|up|ALERTS))\b\s*(?:\{{((?:[^}}\"]|{_STRING})*)\}})?")
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


@dataclass(frozen=True)
class NamedSeries:
    """One selector.

    Attributes:
        metric: Name of the metric, with the suffix of its samples.
        matchers: Label, operator and value.
    """

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def named_series(expression: str) -> list[NamedSeries]:
    """The selectors of an expression."""
    return [
        NamedSeries(
            name, tuple((label, sign, value[1:-1]) for label, sign, value in _MATCHER.findall(matchers))
        )
        for name, matchers in _SELECTOR.findall(expression)
    ]


def grouping_labels(expression: str) -> set[str]:
    """Labels by which an expression groups or joins."""
    listed = [label.strip() for group in _GROUPING.findall(expression) for label in group.split(",")]
    return {label for label in listed if label}
