"""The training settings of a drafted portfolio: those of a large file train in minutes instead of hours."""

from dataclasses import dataclass
from typing import Any

LARGE_FILE, LARGE_TABLE = 20_000, 1_000_000
# Four epochs of 640,000 training rows are 10,000 steps; with 160,000 rows the best epoch came after 3,100.
VERY_LARGE_FILE = 1_000_000


@dataclass(frozen=True)
class DraftTraining:
    """The keys of `training`, and why they are proposed."""

    keys: dict[str, Any]
    why: str


def draft_training(rows: int, features: int) -> DraftTraining | None:
    """The settings for a file of this size; None where the defaults fit."""
    if rows >= VERY_LARGE_FILE:
        return DraftTraining(
            {"preset": "fast", "pretrain_epochs": 1, "max_epochs": 4},
            f"preset fast (fewer layers) with few epochs, as one epoch of {rows:,} rows has as many "
            "steps as the whole training of a small file; remove max_epochs to train as long as it helps",
        )
    if rows >= LARGE_FILE or rows * features >= LARGE_TABLE:
        return DraftTraining(
            {"preset": "fast"},
            f"preset fast (fewer layers), as the file has {rows:,} rows with {features:,} features; "
            "remove the line for the larger network, which takes twice as long",
        )
    return None
