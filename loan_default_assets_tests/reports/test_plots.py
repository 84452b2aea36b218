"""Plots of asset metadata: short enough to be shown without a click, well-formed, and of the right values."""

import re
from collections.abc import Callable
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest

from loan_default_assets.reports import plots

_RNG = np.random.default_rng(0)
_PD = _RNG.random(5000) ** 2 * 0.987
_LABEL = (_RNG.random(5000) < _PD).astype(np.int8)
_LONG = [float(value) for value in _RNG.random(300) * 0.000123456]

PLOTS: dict[str, Callable[[], str]] = {
    "calibration": lambda: plots.calibration(_LABEL, _PD),
    "calibration of one PD": lambda: plots.calibration(np.array([0, 1, 0]), np.full(3, 0.25)),
    "calibration of zeros": lambda: plots.calibration(np.zeros(20), np.zeros(20)),
    "ROC curve": lambda: plots.roc_curve(_LABEL, _PD),
    "course of four long trainings": lambda: plots.course("validation ROC-AUC", _LONG, _LONG, _LONG, _LONG),
    "course of more trainings than lines": lambda: plots.course("validation ROC-AUC", *[_LONG] * 9),
    "course of one epoch": lambda: plots.course("contrastive loss", [5.07]),
    "course without a finite value": lambda: plots.course("contrastive loss", [float("nan")]),
    "course of nothing": lambda: plots.course("contrastive loss"),
}


def _svg(image: str) -> ElementTree.Element:
    found = re.fullmatch(r"!\[[\w -]+\]\(data:image/svg\+xml,([^ ()<>#]+)\)", image)
    assert found is not None, image
    return ElementTree.fromstring(unquote(found[1]))


def _points(image: str, colour: str) -> list[tuple[int, int]]:
    """The points of a line, in pixels."""
    [path] = [each.get("d") or "" for each in _svg(image).iter() if each.get("stroke") == colour]
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    steps = np.array(numbers).reshape(-1, 2).cumsum(axis=0)
    return [(int(x), int(y)) for x, y in steps]


@pytest.mark.parametrize("name", PLOTS)
def test_an_image_is_short_and_well_formed(name: str) -> None:
    image = PLOTS[name]()
    assert len(image) <= plots.MOST_CHARACTERS
    assert _svg(image).tag.endswith("svg")


def test_calibrated_pds_lie_on_the_diagonal_and_others_beside_it() -> None:
    label = np.tile([1, 0, 0, 0, 1, 1, 0, 0], 50)
    pd = np.tile([0.25] * 4 + [0.5] * 4, 50)
    low, high = _points(plots.calibration(label, pd, bins=2), "navy")
    # The frame reaches from (38, 200) to (282, 20); PD 0.5 is its upper right corner.
    assert (low, high) == ((160, 110), (282, 20))
    [_, too_high] = _points(plots.calibration(label, pd * 2, bins=2), "navy")
    assert too_high == (282, 110)


@pytest.mark.parametrize(
    ("pd", "middle"), [([0.1, 0.2, 0.8, 0.9], 20), ([0.5] * 4, 110), ([0.9, 0.8, 0.2, 0.1], 200)]
)
def test_a_roc_curve_rises_as_far_as_the_model_discriminates(pd: list[float], middle: int) -> None:
    points = _points(plots.roc_curve(np.array([0, 0, 1, 1]), np.array(pd)), "navy")
    assert points[-1] == (282, 20)
    at_half = np.interp(160, *zip(*points, strict=True))
    assert at_half == pytest.approx(middle, abs=2)


def test_a_course_has_one_line_per_training_from_its_first_to_its_last_epoch() -> None:
    image = plots.course("loss", [3.0, 2.0, 1.0], [3.0, 2.5])
    assert _points(image, "navy") == [(38, 20), (160, 110), (282, 200)]
    assert _points(image, "darkorange") == [(38, 20), (160, 65)]
