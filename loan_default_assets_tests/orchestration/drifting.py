"""Generated portfolios whose loans drift from a given day, small enough that a training takes a minute."""

from pathlib import Path
from typing import Any

import yaml

from loan_default_assets.portfolio import spec

FIRST, BEFORE_DRIFT, DRIFT = "2025-01-01", "2025-03-01", "2025-03-02"
AFTER_DRIFT, LAST = "2025-05-25", "2025-06-30"
TRAINING: dict[str, Any] = {
    "d_model": 16,
    "nhead": 2,
    "num_layers": 1,
    "dim_feedforward": 32,
    "batch_size": 64,
    "learning_rate": 0.005,
    "pretrain_epochs": 1,
    "max_epochs": 6,
}


def describe(folder: Path, like: str, **changes: Any) -> str:
    """A portfolio file like `demo`, which drifts, or like `realistic`; labels mature in five days."""
    original = Path(spec.__file__).parent / "library" / f"{like}.yaml"
    described = yaml.safe_load(original.read_text())
    described |= {"name": f"{like}_bank", "start": FIRST, "end": LAST, "refresh": None, "training": TRAINING}
    described["label"]["horizon_days"] = 5
    described["source"]["rows_per_day"] = 80
    if like == "demo":
        described["source"]["drift_from"] = DRIFT
    described |= changes
    path = folder / f"{described['name']}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in described.items() if v is not None}, sort_keys=False))
    return str(path)
