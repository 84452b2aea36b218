"""The seeded generator: the loans of a day do not depend on the range of days that is generated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.synthetic.applicants import CATEGORIES, generate_applicants


@dataclass(frozen=True)
class _Odds:
    """Log-odds of default: `steepness` x (risk - `midpoint`)."""

    steepness: float
    midpoint: float


# By signal, and whether the day is after the drift.
_ODDS = {
    ("strong", False): _Odds(16.0, 0.93),
    ("strong", True): _Odds(30.0, 0.93),
    ("weak", False): _Odds(1.2, 1.25),
    ("weak", True): _Odds(1.2, 1.25),
}


def generate_partition(p: Portfolio, key: str) -> pd.DataFrame:
    """Generate the loans of one partition, in the layout of `sources.RawRows.frame`.

    Every loan has a label, observed after the portfolio's horizon.
    """
    first, after = p.partition_bounds(key)
    first, after = max(first, p.start or first), min(after, p.end or after)
    days = [_generate_day(p, first + timedelta(days=n)) for n in range((after - first).days)]
    frame = pd.concat(days) if days else _generate_day(p, first).head(0)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def check_columns(p: Portfolio) -> None:
    """Check that the portfolio describes the columns of the generator.

    Raises:
        PortfolioError: It describes other columns, or has no dates.
    """
    generated, _ = generate_applicants(np.random.default_rng(0), 1, drifted=False)
    missing, extra = sorted(generated.keys() - p.columns.keys()), sorted(p.columns.keys() - generated.keys())
    if missing or extra or p.as_of is None:
        raise PortfolioError(
            f"{p.name}: source.kind synthetic generates the columns of the portfolio demo and needs as_of; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(extra) or 'none'}"
        )


def _generate_day(p: Portfolio, day: date) -> pd.DataFrame:
    source, count = p.source, p.source.rows_per_day
    rng = np.random.default_rng((source.seed, day.toordinal()))
    drifted = source.drift_from is not None and day >= source.drift_from
    generated, risk = generate_applicants(rng, count, drifted=drifted)
    odds = _ODDS[source.signal, drifted]
    default = rng.random(count) < 1 / (1 + np.exp(-odds.steepness * (risk - odds.midpoint)))
    observed = day + timedelta(days=p.label.horizon_days) if p.label.horizon_days is not None else None
    frame = {
        "loan_id": np.array([f"{day:%Y%m%d}-{number:06d}" for number in range(1, count + 1)], object),
        "as_of": np.full(count, np.datetime64(day, "ns")),
        "label": default.astype(np.float64),
        "label_observed_at": np.full(count, np.datetime64(observed, "ns")),
    }
    return pd.DataFrame(frame | dict(_described_columns(p, generated)))


def _described_columns(
    p: Portfolio, generated: dict[str, np.ndarray]
) -> Iterator[tuple[str, pd.Categorical | np.ndarray]]:
    for name in p.columns:
        if name in CATEGORIES:
            dtype = pd.CategoricalDtype(list(CATEGORIES[name]))
            yield name, pd.Categorical.from_codes(generated[name].astype(np.int8), dtype=dtype)
        else:
            yield name, generated[name]
