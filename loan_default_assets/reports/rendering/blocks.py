"""What a section consists of: paragraphs, tables and charts, independent of how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from loan_default_assets.reports.figures.proportions import FigureSource
from loan_default_assets.reports.rendering.messages import Message, message
from loan_default_assets.reports.rendering.number_format import DIGITS, Format

Tone = Literal["plain", "good", "warning", "bad"]


@dataclass(frozen=True)
class Number:
    """A number of a table, shown rounded to significant digits and kept whole."""

    value: float
    kind: Format = "number"
    tone: Tone = "plain"
    digits: int = DIGITS


@dataclass(frozen=True)
class Words:
    """A text of a table; a tone adds a mark beside the colour."""

    message: Message
    tone: Tone = "plain"


Cell = Number | Words


@dataclass(frozen=True)
class Paragraph:
    """A sentence or several."""

    message: Message
    tone: Tone = "plain"


@dataclass(frozen=True)
class Quotation:
    """A recorded text, in the language in which it was recorded."""

    text: str
    source: FigureSource


@dataclass(frozen=True)
class Table:
    """Rows of cells under titled columns; the first column names the row."""

    title: Message
    columns: tuple[Message, ...]
    rows: tuple[tuple[Cell, ...], ...]
    source: FigureSource
    folded: bool = False


@dataclass(frozen=True)
class Axis:
    """A titled axis, with its unit in the title; without bounds it covers the data."""

    title: Message
    kind: Format = "number"
    low: float | None = None
    high: float | None = None


def share_axis(key: str, low: float | None = 0.0, high: float | None = 1.0) -> Axis:
    """An axis in percent, titled by an entry of the catalogue."""
    return Axis(message(key), "percent", low, high)


@dataclass(frozen=True)
class Series:
    """Points of one line or one set of bars or marks.

    Attributes:
        low: Lower ends of error bars; empty without them.
        high: Upper ends of error bars.
        reference: Whether it is a line to compare with, drawn thin and grey.
        step: Whether the line is drawn as steps.
    """

    title: Message
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    reference: bool = False


@dataclass(frozen=True)
class Marker:
    """A vertical line at a value of the horizontal axis."""

    title: Message
    x: float


@dataclass(frozen=True)
class LineChart:
    """Lines over a numerical axis.

    Attributes:
        points: Whether every point is marked.
    """

    title: Message
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    markers: tuple[Marker, ...] = ()
    points: bool = False
    categories: tuple[Message, ...] = ()


@dataclass(frozen=True)
class BarChart:
    """Bars per category, side by side for several series; horizontal bars for long names."""

    title: Message
    names: tuple[Message, ...]
    value: Axis
    series: tuple[Series, ...]
    horizontal: bool = False


# Level of a cell without a value.
NO_SHADE = 3


@dataclass(frozen=True)
class HeatMap:
    """A number per row and column, written in its cell where there is room.

    Attributes:
        levels: Shade of each cell: position in `legend`.
        legend: What the shades mean, from the lightest to the darkest, then that of a cell without a value; four.
    """

    title: Message
    rows: tuple[Message, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    levels: tuple[tuple[int, ...], ...]
    legend: tuple[Message, ...]


Chart = LineChart | BarChart | HeatMap


@dataclass(frozen=True)
class Figures:
    """Charts that are shown side by side, and the table of their numbers."""

    charts: tuple[Chart, ...]
    source: FigureSource
    table: Table | None = None


Block = Paragraph | Quotation | Table | Figures


@dataclass(frozen=True)
class Section:
    """A titled part of a report.

    Attributes:
        id: Anchor of the section.
    """

    id: str
    title: Message
    blocks: Sequence[Block] = field(default_factory=tuple)


@dataclass(frozen=True)
class Headline:
    """A figure of the first lines: what it is, its value, and what to compare it with."""

    title: Message
    value: Number
    beside: Message
    tone: Tone = "plain"
