"""The seeded generator: every day has its loans, whatever range of days is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from loan_default_assets.portfolio.errors import PortfolioError
from loan_default_assets.portfolio.spec import Portfolio
from loan_default_assets.portfolio.synthetic.applicants import CATEGORIES, applicants


@dataclass(frozen=True)
class _Odds:
    """Log-odds of default: `steepness` x (risk - `middle`)."""

    steepness: float
    middle: float


# By signal and whether the drift has come.
_ODDS = {
    ("strong", False): _Odds(16.0, 0.93),
    ("strong", True): _Odds(30.0, 0.93),
    ("weak", False): _Odds(1.2, 1.25),
    ("weak", True): _Odds(1.2, 1.25),
}


def rows(p: Portfolio, key: str) -> pd.DataFrame:
    """The loans of one partition, in the layout of `sources.RawPartition.frame`.

    Every loan has a label, known after the portfolio's horizon.
    """
    first, after = p.partition_bounds(key)
    first, after = max(first, p.start or first), min(after, p.end or after)
    days = [_day(p, first + timedelta(days=n)) for n in range((after - first).days)]
    frame = pd.concat(days) if days else _day(p, first).head(0)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def check(p: Portfolio) -> None:
    """Raises PortfolioError when the portfolio's columns are not the generator's."""
    made, _ = applicants(np.random.default_rng(0), 1, drifted=False)
    missing, extra = sorted(made.keys() - p.columns.keys()), sorted(p.columns.keys() - made.keys())
    if missing or extra or p.as_of is None:
        raise PortfolioError(
            f"{p.name}: source.kind synthetic makes the columns of the portfolio demo and needs as_of; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(extra) or 'none'}"
        )


def _day(p: Portfolio, day: date) -> pd.DataFrame:
    source, count = p.source, p.source.rows_per_day
    rng = np.random.default_rng((source.seed, day.toordinal()))
    drifted = source.drift_from is not None and day >= source.drift_from
    made, risk = applicants(rng, count, drifted=drifted)
    odds = _ODDS[source.signal, drifted]
    default = rng.random(count) < 1 / (1 + np.exp(-odds.steepness * (risk - odds.middle)))
    known = day + timedelta(days=p.label.horizon_days) if p.label.horizon_days is not None else None
    frame = {
        "loan_id": np.array([f"{day:%Y%m%d}-{number:06d}" for number in range(1, count + 1)], object),
        "as_of": np.full(count, np.datetime64(day, "ns")),
        "label": default.astype(np.float64),
        "label_observed_at": np.full(count, np.datetime64(known, "ns")),
    }
    return pd.DataFrame(frame | dict(_described(p, made)))


def _described(
    p: Portfolio, made: dict[str, np.ndarray]
) -> Iterator[tuple[str, pd.Categorical | np.ndarray]]:
    for name in p.columns:
        if name in CATEGORIES:
            dtype = pd.CategoricalDtype(list(CATEGORIES[name]))
            yield name, pd.Categorical.from_codes(made[name].astype(np.int8), dtype=dtype)
        else:
            yield name, made[name]
