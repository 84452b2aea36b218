"""Plots for asset metadata: Markdown images short enough that Dagster's UI shows them without a click.

The page of an asset shows Markdown of fewer than 1,000 characters in its place, and a link to it otherwise; an image is
allowed as SVG in a `data:` address. The model report has the large charts.
"""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

MOST_CHARACTERS = 999
_LEFT, _RIGHT, _TOP, _BOTTOM = 38, 282, 20, 200
_MOST_POINTS = 17
_COLOURS = ("navy", "darkorange", "teal", "crimson")
# What a Markdown address or a `data:` address cannot hold as it is.
_ENCODED = {character: f"%{ord(character):02X}" for character in "%#<> ()"}


def calibration(label: np.ndarray, probability: np.ndarray, bins: int = 10) -> str:
    """Observed default rate against mean PD, by quantile bin of PD; the grey line is perfect calibration.

    Args:
        label: Shape (N,), 1 for a default, else 0.
        probability: PD, shape (N,), in 0..1.
        bins: Number of quantile bins.

    Returns:
        A Markdown image.
    """
    groups = [part for part in np.array_split(np.argsort(probability, kind="stable"), bins) if len(part)]
    points = [(float(probability[part].mean()), float((label[part] == 1).mean())) for part in groups]
    top = max(max(point) for point in points) or 1.0
    return _image("Calibration by decile", ("mean PD", "default rate"), [points], (0, top), (0, top), True)


def roc_curve(label: np.ndarray, probability: np.ndarray) -> str:
    """True against false positive rate over all thresholds; the grey line is a model without discrimination.

    Args:
        label: Shape (N,), 1 for a default, else 0; both occur.
        probability: PD, shape (N,), in 0..1.

    Returns:
        A Markdown image.
    """
    order = np.argsort(-probability, kind="stable")
    positive = label[order] == 1
    # Rows of one PD are passed together.
    ends = np.append(np.flatnonzero(np.diff(probability[order])), len(order) - 1)
    true, false = (np.append(0, np.cumsum(each)[ends] / max(1, each.sum())) for each in (positive, ~positive))
    wanted = np.linspace(0, 1, _MOST_POINTS) ** 2
    points = [(float(x), float(np.interp(x, false, true))) for x in wanted]
    titles = ("false positive rate", "true positive rate")
    return _image("ROC curve", titles, [points], (0, 1), (0, 1), True)


def course(title: str, *lines: Sequence[float]) -> str:
    """A value per epoch, for up to four trainings.

    Args:
        title: What the values are.
        lines: The values of each training; those that are not finite are omitted.

    Returns:
        A Markdown image.
    """
    shown = lines[: len(_COLOURS)]
    most = 2 * _MOST_POINTS // (1 + max(1, len(shown)))
    drawn = [_course_points(values, most) for values in shown]
    values = [y for points in drawn for _, y in points] or [0.0]
    low, high = min(values), max(values)
    last = max([2, *map(len, shown)])
    return _image(
        f"{title} by epoch", ("epoch", title), drawn, (1, last), (low, high if high > low else low + 1)
    )


def _course_points(values: Sequence[float], most: int) -> list[tuple[float, float]]:
    finite = [(float(n), float(v)) for n, v in enumerate(values, start=1) if math.isfinite(v)]
    kept = np.unique(np.linspace(0, len(finite) - 1, most).round().astype(int)) if finite else ()
    return [finite[position] for position in kept]


def _image(
    name: str,
    titles: tuple[str, str],
    lines: Sequence[Sequence[tuple[float, float]]],
    x: tuple[float, float],
    y: tuple[float, float],
    diagonal: bool = False,
) -> str:
    """A Markdown image of lines in a frame, with the first and last value of each axis."""
    drawn = [("M38 200L282 20", "silver")] if diagonal else []
    drawn += [
        (_path(points, x, y), colour) for points, colour in zip(lines, _COLOURS, strict=False) if points
    ]
    paths = "".join(f"<path d='{path}' stroke='{colour}'/>" for path, colour in drawn)
    texts = "".join(
        f"<text x='{left}' y='{top}'>{escape(text)}</text>"
        for left, top, text in (
            (_LEFT, 12, titles[1]),
            (_LEFT, 214, f"{x[0]:.3g}"),
            (115, 214, titles[0]),
            (256, 214, f"{x[1]:.3g}"),
            (2, _BOTTOM, f"{y[0]:.3g}"),
            (2, 28, f"{y[1]:.3g}"),
        )
    )
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='290' height='220' fill='none' stroke-width='2'>"
        "<rect width='290' height='220' fill='white'/><path d='M38 20V200H282' stroke='gray'/>"
        f"{paths}<g fill='black' font-family='sans-serif' font-size='11'>{texts}</g></svg>"
    )
    return f"![{name}](data:image/svg+xml,{''.join(_ENCODED.get(c, c) for c in svg)})"


def _path(points: Sequence[tuple[float, float]], x: tuple[float, float], y: tuple[float, float]) -> str:
    """The `d` of a line in whole pixels, relative after its first point, which is shorter."""
    pixels = [
        (
            round(_LEFT + (a - x[0]) / (x[1] - x[0]) * (_RIGHT - _LEFT)),
            round(_BOTTOM - (b - y[0]) / (y[1] - y[0]) * (_BOTTOM - _TOP)),
        )
        for a, b in points
    ]
    steps = [(a - c, b - d) for (c, d), (a, b) in pairwise(pixels)]
    return f"M{pixels[0][0]},{pixels[0][1]}l" + ",".join(f"{a},{b}" for a, b in steps or [(0, 0)])
