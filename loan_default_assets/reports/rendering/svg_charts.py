"""Charts as SVG: lines, bars and heat maps; every text in both languages."""

from __future__ import annotations

import math
from html import escape

from loan_default_assets.reports.rendering.blocks import NO_SHADE, BarChart, Chart, HeatMap, LineChart, Series
from loan_default_assets.reports.rendering.messages import Message, verbatim
from loan_default_assets.reports.rendering.number_format import formatted
from loan_default_assets.reports.rendering.svg_canvas import (
    COLOURS,
    DASHES,
    GREY,
    WIDTH,
    Canvas,
    Scale,
    axis_scale,
)

_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 26, 14, 50
_LEGEND_LINE = 20
_PLOT = 230
_BAR = 18
_NAME_WIDTH = 220
# From nearly white to dark blue; white with a dash where there is no value.
_SHADES = ("#f4f7fb", "#9ecae1", "#08519c", "#ffffff")


def svg(chart: Chart, label: str) -> str:
    """A chart, named by the element with the id `label`."""
    if isinstance(chart, HeatMap):
        return _heat_map(chart).svg(label)
    if isinstance(chart, BarChart):
        return (_horizontal_bars(chart) if chart.horizontal else _vertical_bars(chart)).svg(label)
    return _lines(chart).svg(label)


def _style(series: tuple[Series, ...]) -> list[tuple[str, str, float, int]]:
    """Colour, dashes, width and mark per series."""
    styles, number = [], 0
    for one in series:
        if one.reference:
            styles.append(("#8a929c", "3 3", 1.5, 2))
            continue
        styles.append((COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)], 2.4, number % 3))
        number += 1
    return styles


def _legend(canvas: Canvas, series: tuple[Series, ...], bars: bool, top: float) -> None:
    if len(series) == 1 and not series[0].reference:
        return
    for line, (one, (colour, dash, width, shape)) in enumerate(zip(series, _style(series), strict=True)):
        y = top + line * _LEGEND_LINE
        if bars:
            canvas.box(_LEFT, y - 10, 14, 12, colour)
        else:
            canvas.line(_LEFT, y - 4, _LEFT + 30, y - 4, colour, width, dash)
            if one.low:
                canvas.mark(_LEFT + 15, y - 4, colour, shape)
        canvas.words(_LEFT + 38, y, one.title)


def _legend_height(series: tuple[Series, ...]) -> int:
    shown = 0 if len(series) == 1 and not series[0].reference else len(series)
    return shown * _LEGEND_LINE


def _frame(x_title: Message, y_title: Message, legend: int) -> tuple[Canvas, float, float]:
    """The canvas with its titles, and the pixels of the plot's top and bottom."""
    top = _TOP + legend + (6 if legend else 0)
    bottom = top + _PLOT
    canvas = Canvas(WIDTH, int(bottom + _BOTTOM))
    canvas.words((_LEFT + WIDTH - _RIGHT) / 2, bottom + 42, x_title, "middle")
    canvas.words(14, (top + bottom) / 2, y_title, "middle", turned=True)
    return canvas, top, bottom


def _lines(chart: LineChart) -> Canvas:
    legend = _legend_height(chart.series)
    extra = _LEGEND_LINE * len(chart.markers)
    canvas, top, bottom = _frame(chart.x.title, chart.y.title, legend + extra)
    xs = [value for one in chart.series for value in one.x] + [marker.x for marker in chart.markers]
    ys = [value for one in chart.series for part in (one.y, one.low, one.high) for value in part]
    x = axis_scale(chart.x, xs, _LEFT, WIDTH - _RIGHT)
    y = axis_scale(chart.y, ys, bottom, top)
    canvas.y_axis(y, _LEFT, WIDTH - _RIGHT, chart.y.kind)
    if chart.categories:
        _category_ticks(canvas, chart.categories, x, bottom)
    else:
        canvas.x_axis(x, bottom, top, chart.x.kind)
    for one, (colour, dash, width, shape) in zip(chart.series, _style(chart.series), strict=True):
        points = [(x(a), y(b)) for a, b in zip(one.x, one.y, strict=True)]
        for a, low, high in zip(one.x, one.low, one.high, strict=bool(one.low)):
            if math.isfinite(low) and math.isfinite(high):
                canvas.line(x(a), y(low), x(a), y(high), colour, 1.6)
        canvas.path(points, colour, width, dash)
        if chart.points and not one.reference:
            for a, b in points:
                canvas.mark(a, b, colour, shape)
    _legend(canvas, chart.series, False, _TOP + 4)
    for number, marker in enumerate(chart.markers):
        colour, dash = ("#000000", "5 3") if number == 0 else (COLOURS[2], "2 2")
        canvas.line(x(marker.x), top, x(marker.x), bottom, colour, 1.6, dash)
        line = _TOP + legend + 4 + number * _LEGEND_LINE
        canvas.line(_LEFT + 15, line - 12, _LEFT + 15, line + 2, colour, 1.6, dash)
        canvas.words(_LEFT + 38, line, marker.title)
    return canvas


def _category_ticks(canvas: Canvas, names: tuple[Message, ...], x: Scale, bottom: float) -> None:
    most = max(2, int((x.last - x.first) / (9 * max(len(name.text("ko")) for name in names) + 12)))
    every = -(-len(names) // most)
    for index, name in enumerate(names):
        if index % every == 0:
            canvas.words(x(index), bottom + 18, name, "middle")
    canvas.line(x.first, bottom, x.last, bottom, GREY)


def _vertical_bars(chart: BarChart) -> Canvas:
    canvas, top, bottom = _frame(verbatim(""), chart.value.title, _legend_height(chart.series))
    values = [v for one in chart.series for part in (one.y, one.high) for v in part]
    y = axis_scale(chart.value, [0.0, *values], bottom, top)
    y = Scale(min(0.0, y.low) if min([0.0, *values]) < 0 else 0.0, y.high, bottom, top)
    canvas.y_axis(y, _LEFT, WIDTH - _RIGHT, chart.value.kind)
    slot = (WIDTH - _RIGHT - _LEFT) / max(len(chart.names), 1)
    each = slot * 0.8 / len(chart.series)
    for number, (one, (colour, *_)) in enumerate(zip(chart.series, _style(chart.series), strict=True)):
        for index, value in enumerate(one.y):
            if math.isfinite(value):
                left = _LEFT + index * slot + slot * 0.1 + number * each
                canvas.box(left, min(y(value), y(0)), each, abs(y(value) - y(0)), colour)
    every = -(-len(chart.names) // 10)
    for index, name in enumerate(chart.names):
        if index % every == 0:
            canvas.words(_LEFT + (index + 0.5) * slot, bottom + 18, name, "middle")
    canvas.line(_LEFT, y(0), WIDTH - _RIGHT, y(0), GREY)
    _legend(canvas, chart.series, True, _TOP + 4)
    return canvas


def _horizontal_bars(chart: BarChart) -> Canvas:
    """One bar per name, with its value beside it and error bars where the series has them."""
    (one,), left = chart.series, _NAME_WIDTH
    top = _TOP
    bottom = top + _BAR * 1.35 * max(len(chart.names), 1)
    canvas = Canvas(WIDTH, int(bottom + _BOTTOM))
    x = axis_scale(chart.value, [0.0, *one.y, *one.low, *one.high], left, WIDTH - 62)
    canvas.x_axis(x, bottom, top, chart.value.kind)
    colour = COLOURS[0]
    for index, (name, value) in enumerate(zip(chart.names, one.y, strict=True)):
        y = top + _BAR * 1.35 * (index + 0.5)
        canvas.words(left - 6, y + 5, _short(name), "end")
        if not math.isfinite(value):
            continue
        canvas.box(min(x(0), x(value)), y - _BAR / 2, abs(x(value) - x(0)), _BAR, colour)
        end = max(x(value), x(0))
        if one.low:
            canvas.line(x(one.low[index]), y, x(one.high[index]), y, "#000000", 1.4)
            end = max(end, x(one.high[index]))
        canvas.text(end + 5, y + 5, escape(formatted(value, chart.value.kind)))
    canvas.words((left + WIDTH - 62) / 2, bottom + 42, chart.value.title, "middle")
    return canvas


def _short(name: Message, most: int = 26) -> Message:
    """The name, cut where it does not fit."""
    english, korean = name.text("en"), name.text("ko")
    if len(english) <= most and len(korean) <= most * 0.6:
        return name
    cut = tuple(
        text if len(text) <= limit else f"{text[: limit - 1]}…"
        for text, limit in ((english, most), (korean, int(most * 0.62)))
    )
    return Message("word.given", (("en", cut[0]), ("ko", cut[1])))


def _heat_map(chart: HeatMap) -> Canvas:
    left, cell = _NAME_WIDTH, _BAR * 1.4
    wide = (WIDTH - left - 6) / max(len(chart.columns), 1)
    top = _TOP + 9 * max((len(name) for name in chart.columns), default=0)
    bottom = top + cell * len(chart.rows)
    canvas = Canvas(WIDTH, int(bottom + _LEGEND_LINE * len(chart.legend) + 10))
    for index, name in enumerate(chart.columns):
        at = left + (index + 0.5) * wide
        canvas.text(at + 5, top - 6, escape(name), "start", turned=True)
    cells = zip(chart.rows, chart.values, chart.levels, strict=True)
    for row, (title, values, levels) in enumerate(cells):
        y = top + row * cell
        canvas.words(left - 6, y + cell / 2 + 5, _short(title), "end")
        for column, (value, level) in enumerate(zip(values, levels, strict=True)):
            canvas.box(left + column * wide, y, wide, cell, _SHADES[level], "#ffffff")
            if level == NO_SHADE:
                _dash(canvas, left + (column + 0.5) * wide, y + cell / 2)
            elif wide >= 30:
                shown = f"{value:.2f}".lstrip("0") if math.isfinite(value) else "–"
                dark = "#ffffff" if level == 2 else "#1b1f24"
                canvas.text(left + (column + 0.5) * wide, y + cell / 2 + 5, shown, "middle", dark)
    for number, meaning in enumerate(chart.legend):
        y = bottom + (number + 1) * _LEGEND_LINE
        canvas.box(left, y - 11, 14, 13, _SHADES[number], GREY)
        if number == NO_SHADE:
            _dash(canvas, left + 7, y - 4.5)
        canvas.words(left + 22, y, meaning)
    return canvas


def _dash(canvas: Canvas, x: float, y: float) -> None:
    canvas.line(x - 3, y, x + 3, y, GREY, 1.6)
