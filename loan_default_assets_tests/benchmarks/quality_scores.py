"""What one fit leaves behind, with its cost, and how it is stored."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class FittedScores:
    """Probabilities of default of one fitted model.

    Attributes:
        validation: (n,) of the validation rows.
        window: (m,) of the window.
        threshold: Probability from which a default is predicted, chosen on the validation rows.
    """

    validation: np.ndarray
    window: np.ndarray
    threshold: float


@dataclass(frozen=True)
class FitCost:
    """What a fit cost, measured in a process of its own.

    Attributes:
        training_seconds: CPU seconds of encoding, training, calibration and threshold.
        peak_megabytes: Largest resident memory of the process, interpreter and libraries included.
    """

    training_seconds: float
    peak_megabytes: float


@dataclass(frozen=True)
class Fit:
    """One fit: its scores and its cost."""

    scores: FittedScores
    cost: FitCost


def save_fit(fit: Fit, path: Path) -> None:
    """Write `path`.json and its arrays beside it; a crash leaves no readable half."""
    for part in ("validation", "window"):
        _replace(path.with_suffix(f".{part}.npy"), getattr(fit.scores, part))
    written = path.with_suffix(f".{os.getpid()}.tmp")
    written.write_text(json.dumps({"threshold": fit.scores.threshold, **asdict(fit.cost)}, indent=1), "utf-8")
    written.replace(path.with_suffix(".json"))


def read_fit(path: Path) -> Fit | None:
    """The fit stored at `path`; None where there is none."""
    try:
        stored = json.loads(path.with_suffix(".json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    arrays = [np.load(path.with_suffix(f".{part}.npy")) for part in ("validation", "window")]
    return Fit(FittedScores(*arrays, stored.pop("threshold")), FitCost(**stored))


def _replace(path: Path, values: np.ndarray) -> None:
    written = path.with_suffix(f".{os.getpid()}.tmp")
    with written.open("wb") as file:
        np.save(file, values)
    written.replace(path)
