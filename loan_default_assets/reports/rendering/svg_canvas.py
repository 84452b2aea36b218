"""The parts of a hand-written SVG chart: scales, ticks, texts in both languages, axes and legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from loan_default_assets.reports.rendering.blocks import Axis
from loan_default_assets.reports.rendering.messages import Message
from loan_default_assets.reports.rendering.number_format import Format, formatted

# Okabe and Ito's colours, which stay apart for all common kinds of colour blindness, and on grey paper by their dashes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "4 2", "1 2")
WIDTH = 480
GREY = "#5b6470"


def both(message: Message, tag: str = "span") -> str:
    """A message in both languages, of which the page shows one; once where they are equal."""
    english, korean = message.text("en"), message.text("ko")
    if english == korean:
        return escape(english)
    return f'<{tag} lang="en">{escape(english)}</{tag}><{tag} lang="ko">{escape(korean)}</{tag}>'


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high.

    Examples:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        >>> ticks(3.0, 3.0)
        [3.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + index) * step, 12) for index in range(count)]


@dataclass(frozen=True)
class Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span else 0.5
        return self.first + share * (self.last - self.first)


def axis_scale(axis: Axis, values: Sequence[float], first: float, last: float) -> Scale:
    """The scale of an axis: its bounds, or those of the data with some room."""
    finite = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low = axis.low if axis.low is not None else min(finite)
    high = axis.high if axis.high is not None else max(finite)
    if high <= low:
        low, high = low - abs(low or 1) * 0.05, low + abs(low or 1) * 0.05
    room = 0.04 * (high - low)
    return Scale(
        low if axis.low is not None else low - room,
        high if axis.high is not None else high + room,
        first,
        last,
    )


@dataclass
class Canvas:
    """An SVG document that is being drawn."""

    width: int
    height: int
    parts: list[str] = field(default_factory=list)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str = GREY, width: float = 1, dash: str = ""
    ) -> None:
        """A straight line."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
        )

    def path(self, points: Sequence[tuple[float, float]], colour: str, width: float, dash: str = "") -> None:
        """A line through points; one that is not finite interrupts it."""
        drawn, pen = [], "M"
        for x, y in points:
            if not (math.isfinite(x) and math.isfinite(y)):
                pen = "M"
                continue
            drawn.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path d="{"".join(drawn)}" fill="none" stroke="{colour}" stroke-width="{width:g}"'
            f'{dashes} stroke-linejoin="round"/>'
        )

    def mark(self, x: float, y: float, colour: str, shape: int) -> None:
        """A mark whose shape repeats what its colour says."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        if shape == 0:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        elif shape == 1:
            self.parts.append(f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z" fill="{colour}"/>')
        else:
            self.parts.append(f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z" fill="{colour}"/>')

    def box(self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "") -> None:
        """A rectangle."""
        outline = f' stroke="{stroke}"' if stroke else ""
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}" '
            f'fill="{fill}"{outline}/>'
        )

    def text(
        self, x: float, y: float, content: str, anchor: str = "start", colour: str = "", turned: bool = False
    ) -> None:
        """A text; `content` is escaped already."""
        fill = f' fill="{colour}"' if colour else ""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{fill}{turn}>{content}</text>'
        )

    def words(
        self,
        x: float,
        y: float,
        message: Message,
        anchor: str = "start",
        colour: str = "",
        turned: bool = False,
    ) -> None:
        """A message in both languages at one position."""
        english, korean = message.text("en"), message.text("ko")
        if english == korean:
            self.text(x, y, escape(english), anchor, colour, turned)
            return
        for language, content in (("en", english), ("ko", korean)):
            fill = f' fill="{colour}"' if colour else ""
            turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
            self.parts.append(
                f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" lang="{language}"{fill}{turn}>'
                f"{escape(content)}</text>"
            )

    def x_axis(self, scale: Scale, y: float, top: float, kind: Format) -> None:
        """Ticks and grid lines of a horizontal axis."""
        for value in ticks(scale.low, scale.high, 5 if kind == "percent" else 6):
            if kind in ("count", "ungrouped") and value != round(value):
                continue
            at = scale(value)
            self.line(at, top, at, y, "#e3e6ea")
            self.text(at, y + 18, escape(tick_text(value, kind)), "middle")
        self.line(scale.first, y, scale.last, y, GREY)

    def y_axis(self, scale: Scale, x: float, right: float, kind: Format) -> None:
        """Ticks and grid lines of a vertical axis."""
        for value in ticks(scale.low, scale.high):
            at = scale(value)
            self.line(x, at, right, at, "#e3e6ea")
            self.text(x - 6, at + 5, escape(tick_text(value, kind)), "end")
        self.line(x, scale.first, x, scale.last, GREY)

    def svg(self, label: str) -> str:
        """The document, named by the element with the id `label`."""
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-labelledby="{label}">'
            f"{''.join(self.parts)}</svg>"
        )


def tick_text(value: float, kind: Format) -> str:
    """A tick: as short as its value allows.

    Examples:
        >>> tick_text(0.2, "number"), tick_text(0.2, "percent"), tick_text(250000, "number")
        ('0.2', '20 %', '250k')
        >>> tick_text(1995, "ungrouped"), tick_text(80331, "ungrouped")
        ('1995', '80331')
    """
    if kind == "ungrouped":
        return formatted(value, kind)
    if kind == "percent":
        return f"{100 * value:.4g} %"
    for size, suffix in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if suffix == 'k' else size):.4g}{suffix}"
    return formatted(value, kind) if kind == "count" else f"{value:.4g}"
