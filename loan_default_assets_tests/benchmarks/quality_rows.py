"""The rows of one set as every model gets them, in memory and as a file."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from loan_default_assets.model.rows import Rows


@dataclass(frozen=True)
class QualitySet:
    """Rows of one set, divided.

    Attributes:
        split: How the rows are divided, in words.
        train: Labelled training rows.
        validation: Rows for early stopping, calibration and threshold.
        window: Rows that no model is fitted or chosen on.
        unlabelled: More rows for pretraining, of which no label is known.
        cardinalities: Number of codes of each categorical feature.
        bayes_auc: ROC-AUC of the true probability of default on the window; None where it is not known.
    """

    name: str
    split: str
    train: Rows
    validation: Rows
    window: Rows
    unlabelled: Rows
    cardinalities: tuple[int, ...]
    bayes_auc: float | None = None

    @property
    def digest(self) -> str:
        """Hash of everything that a fit depends on."""
        found = hashlib.sha256(repr(self.cardinalities).encode())
        for part, values in sorted(self._arrays().items()):
            found.update(f"{part} {values.shape} {values.dtype}".encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    def save(self, path: Path) -> None:
        """Write the set as one file of arrays."""
        texts = {"name": np.array(self.name), "split": np.array(self.split)}
        bayes = np.array(np.nan if self.bayes_auc is None else self.bayes_auc)
        sizes = np.array(self.cardinalities, np.int64)
        np.savez(path, cardinalities=sizes, bayes_auc=bayes, **texts, **self._arrays())

    def store(self, folder: Path) -> Path:
        """Write the set into a folder unless it is there; a crash leaves no readable half."""
        path = folder / f"{self.name}-{self.digest[:12]}.npz"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            written = path.with_suffix(f".{os.getpid()}.npz")
            self.save(written)
            written.replace(path)
        return path

    @classmethod
    def read(cls, path: Path) -> "QualitySet":
        """The inverse of `save`."""
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        bayes = float(arrays["bayes_auc"])
        return cls(
            name=str(arrays["name"]),
            split=str(arrays["split"]),
            **{part: _rows(arrays, part) for part in ("train", "validation", "window")},
            unlabelled=_rows(arrays, "unlabelled").without_label(),
            cardinalities=tuple(arrays["cardinalities"].tolist()),
            bayes_auc=None if np.isnan(bayes) else bayes,
        )

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {}
        for part in ("train", "validation", "window", "unlabelled"):
            rows: Rows = getattr(self, part)
            label = np.full(len(rows), -1, np.int8) if rows.label is None else rows.label
            arrays |= {
                f"{part}_numerical": rows.numerical,
                f"{part}_categorical": rows.categorical,
                f"{part}_label": label.astype(np.int8),
            }
        return arrays


def _rows(arrays: Mapping[str, np.ndarray], part: str) -> Rows:
    return Rows(arrays[f"{part}_numerical"], arrays[f"{part}_categorical"], arrays[f"{part}_label"])
