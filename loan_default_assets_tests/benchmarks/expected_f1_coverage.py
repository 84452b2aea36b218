"""How often the measured F1 of the demo's champion lies in the interval expected from its PDs: docs/drift.md.

Run `loan-default demo` before, with the same LOAN_DEFAULT_HOME. The loans after the training are those that the demo
generates, with the outcomes that it knows before they mature.
"""

import argparse
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.model.expected_f1 import expected_f1
from loan_default_assets.pipeline.live_performance import block_bounds
from loan_default_assets.pipeline.model_storage import load_predictor
from loan_default_assets.pipeline.reference_storage import stored_reference
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.synthetic.generator import generate_partition
from loan_default_assets.settings import Settings


@dataclass(frozen=True)
class Window:
    """F1 of consecutive partitions: measured, expected, and the interval of what was expected."""

    first: str
    last: str
    measured: float
    expected: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the measured F1 lies in the interval."""
        return self.low <= self.measured <= self.high


def windows(session: Session, days: int) -> list[Window]:
    """Full windows among the days after the training of the champion."""
    champion, portfolio = session.registry.champion(), session.portfolio
    assert champion is not None, "run loan-default demo first"
    assert isinstance(champion.trained_to, date)
    predictor = load_predictor(champion, portfolio, session.artifacts)
    reference = stored_reference(champion, session.artifacts)
    assert reference is not None
    keys = [str(champion.trained_to + timedelta(days=1 + day)) for day in range(days)]
    frames = [generate_partition(portfolio, key) for key in keys]
    found = []
    block_rows = session.settings.retraining_sample_threshold
    for first, last in block_bounds([len(frame) for frame in frames], block_rows):
        frame = pd.concat(frames[first : last + 1], ignore_index=True)
        if len(frame) < block_rows:
            continue
        features = transform(portfolio, frame, frame["as_of"].to_numpy().astype("datetime64[D]"))
        scored = predictor.predict(features.numerical, features.categorical)
        measured = f1_score(frame["label"].to_numpy() == 1, scored.decision == 1)
        expected = expected_f1(scored.pd, predictor.threshold, reference.declined, reference.approved)
        found.append(
            Window(keys[first], keys[last], float(measured), expected.f1, expected.low, expected.high)
        )
    return found


def main() -> None:
    """One line per window, then the share inside."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=520, help="days after the training")
    given = parser.parse_args()
    with open_session(Settings(portfolio="demo")) as session:
        found = windows(session, given.days)
    for each in found:
        print(
            f"{each.first} to {each.last}: measured {each.measured:.3f}, expected {each.expected:.3f} "
            f"[{each.low:.3f}, {each.high:.3f}]{'' if each.inside else ' outside'}"
        )
    error = np.mean([each.measured - each.expected for each in found])
    print(f"{sum(each.inside for each in found)} of {len(found)} inside, mean error {error:.3f}")


if __name__ == "__main__":
    main()
