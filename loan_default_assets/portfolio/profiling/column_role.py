"""What one column of a file becomes in a drafted portfolio, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class ColumnRole:
    """What a column becomes.

    Attributes:
        source_name: Its name as read from the file.
        name: Its name in the portfolio.
        use: Feature, protected, or ignored; `known_after_outcome` where evidence says so.
        kind: Number, category, date or text.
        keys: The keys under `columns`, apart from kind and source_name.
        reason: Why it is no feature.
        remarks: What a human should know.
        range: The smallest and the largest value in the whole file, once every row was read.
    """

    source_name: str
    name: str
    use: Literal["feature", "protected", "ignored", "known_after_outcome"]
    kind: Literal["number", "category", "date", "text"] = "text"
    keys: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    remarks: tuple[str, ...] = ()
    range: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """The range and the remarks."""
        return tuple(filter(None, (self.range, *self.remarks)))
