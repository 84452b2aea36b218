"""Generated loan files whose leaking columns are known, and honest ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loan_default_assets.model.metrics import roc_auc
from loan_default_assets.model.rows import Rows

MOST_LEAKS = 12
FEWEST_ROWS, MOST_ROWS = 600, 12_000


@dataclass(frozen=True)
class GeneratedFile:
    """Loans whose leaking columns are known.

    Attributes:
        rows: The loans, the leaking columns among the numerical features.
        names: Names that say nothing.
        as_of: Dates; None in an undated file.
        leaks: Kind of each leaking column by name.
        honest_auc: ROC-AUC of the true probability of default.
        cardinalities: Number of codes of each categorical feature.
    """

    rows: Rows
    names: tuple[str, ...]
    as_of: np.ndarray | None
    leaks: dict[str, str]
    honest_auc: float
    cardinalities: tuple[int, ...]


def generate(
    seed: int, *, leaking: bool, most_leaks: int = MOST_LEAKS, most_rows: int = MOST_ROWS
) -> GeneratedFile:
    """One file: 600 to 12,000 loans, 4 to 16 honest columns, and 1 to 12 leaking ones where `leaking`."""
    rng = np.random.default_rng([seed, int(leaking)])
    count = int(np.exp(rng.uniform(np.log(FEWEST_ROWS), np.log(most_rows))))
    rate = rng.uniform(max(0.04, 60 / count), 0.4)
    numerical, categorical, effect = _honest_columns(rng, count)
    label, honest_auc = _outcomes(rng, effect, rate, rng.uniform(0.6, 0.92))
    dated = rng.random() < 0.6
    years = int(rng.integers(2, 7))
    days = np.sort(rng.integers(0, 365 * years, count))
    as_of = np.datetime64("2015-01-01") + days.astype("timedelta64[D]") if dated else None
    leaks = _leaks(rng, label.astype(bool), days // 365, dated, most_leaks) if leaking else []
    columns = [*numerical, *(values for _, values in leaks)]
    order = rng.permutation(len(columns))
    names = [f"c{number}" for number in range(len(columns))]
    kinds = {
        names[place]: leaks[source - len(numerical)][0]
        for place, source in enumerate(order)
        if source >= len(numerical)
    }
    table = np.stack([columns[source] for source in order], 1).astype(np.float32)
    codes = np.stack(categorical, 1) if categorical else np.zeros((count, 0), np.int16)
    return GeneratedFile(
        Rows(table, codes.astype(np.int16), label),
        (*names, *(f"g{number}" for number in range(codes.shape[1]))),
        as_of,
        kinds,
        honest_auc,
        tuple(int(column.max()) + 1 for column in codes.T),
    )


def _honest_columns(
    rng: np.random.Generator, count: int
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Numerical and categorical columns, and their joint effect on the log-odds, of any scale."""
    numerical, categorical = list[np.ndarray](), list[np.ndarray]()
    effect = np.zeros(count)
    common = rng.normal(size=count)
    for _ in range(int(rng.integers(3, 12))):
        base = rng.uniform(0, 0.7) * common + rng.normal(size=count)
        shape = rng.integers(5)
        values = [
            base,
            np.exp(base),
            np.round(base * 3),
            rng.poisson(np.exp(0.5 * base)),
            np.clip(base, -1, 9),
        ][shape].astype(np.float64)
        weight = rng.normal()
        effect += weight * (np.abs(base) if rng.random() < 0.15 else base)
        if rng.random() < 0.25:
            missing = rng.random(count) < rng.uniform(0.01, 0.4)
            values[missing] = np.nan
            effect += missing * rng.normal() * 0.5
        numerical.append(values * 10 ** rng.uniform(-1, 4))
    for _ in range(int(rng.integers(1, 6))):
        size = int(rng.integers(2, 12))
        codes = rng.choice(size, count, p=rng.dirichlet(np.ones(size)))
        effect += rng.normal(0, 0.7, size)[codes]
        categorical.append(codes + 2)
    if rng.random() < 0.3:
        amount, income = np.exp(rng.normal(9, 0.6, count)), np.exp(rng.normal(10.5, 0.5, count))
        effect += np.log(amount / income) * rng.uniform(0.3, 1.5)
        numerical += [amount.round(-2), income.round()]
    return numerical, categorical, (effect - effect.mean()) / effect.std()


def _outcomes(
    rng: np.random.Generator, effect: np.ndarray, rate: float, target: float
) -> tuple[np.ndarray, float]:
    """Labels of about that default rate, drawn so that the effect's ROC-AUC is about the target."""
    uniform = rng.random(len(effect))
    low, high = 0.05, 8.0
    label, auc = np.zeros(len(effect), np.int8), 0.5
    for _ in range(14):
        scale = (low + high) / 2
        below, above = -30.0, 30.0
        for _ in range(40):
            offset = (below + above) / 2
            mean = (1 / (1 + np.exp(-(scale * effect + offset)))).mean()
            below, above = (offset, above) if mean < rate else (below, offset)
        label = (uniform < 1 / (1 + np.exp(-(scale * effect + offset)))).astype(np.int8)
        auc = roc_auc(label, effect)
        low, high = (scale, high) if auc < target else (low, scale)
    return label, auc


Leak = tuple[str, np.ndarray]
Maker = Callable[[np.random.Generator, np.ndarray, np.ndarray, bool], list[Leak]]


def _leaks(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
    most: int,
) -> list[Leak]:
    """1 to `most` leaking columns of kinds drawn evenly, a quarter of them copies of another."""
    wanted = int(rng.integers(1, most + 1))
    found: list[Leak] = []
    while len(found) < wanted:
        if found and rng.random() < 0.25:
            kind, values = found[int(rng.integers(len(found)))]
            found.append(
                (f"copy of {kind}".replace("copy of copy of", "copy of"), values * rng.uniform(0.1, 3))
            )
            continue
        made = MAKERS[int(rng.integers(len(MAKERS)))](rng, default, year, dated)
        # Half a combination tells nothing: a file of one leak may hold a whole one.
        if len(found) + len(made) <= max(wanted, 2):
            found += made
    return found


def _exact(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
) -> list[Leak]:
    amount = np.exp(rng.normal(7, 1, len(default)))
    values = [
        default * 1.0,
        np.where(default, amount, 0.0),
        np.where(default, rng.integers(3, 6, len(default)), 1),
    ]
    return [("exact", values[int(rng.integers(3))].astype(np.float64))]


def _noisy(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
) -> list[Leak]:
    if rng.random() < 0.5:
        return [("noisy", default + rng.normal(0, rng.uniform(0.2, 0.7), len(default)))]
    flipped = rng.random(len(default)) < rng.uniform(0.01, 0.1)
    return [("noisy", (default ^ flipped) * 1.0)]


def _partial(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
) -> list[Leak]:
    told = default & (rng.random(len(default)) < rng.uniform(0.3, 0.95))
    return [("partial", np.where(told, np.exp(rng.normal(6, 1, len(default))), 0.0))]


def _missing(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
) -> list[Leak]:
    told = default if rng.random() < 0.5 else ~default
    present = told & (rng.random(len(default)) < rng.uniform(0.6, 1.0))
    present |= ~told & (rng.random(len(default)) < rng.uniform(0, 0.02))
    return [("missing", np.where(present, np.exp(rng.normal(6, 1, len(default))), np.nan))]


def _combination(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
) -> list[Leak]:
    due = np.exp(rng.normal(9, 1, len(default)))
    kind = int(rng.integers(3))
    if kind == 0:
        paid = due * np.where(default, rng.beta(3, 2, len(default)), 1.0)
        return [("combination", due.round(2)), ("combination", paid.round(2))]
    if kind == 1:
        shift = np.where(default, rng.uniform(0.3, 1.5, len(default)), 0) * due.std() / 2
        return [
            ("combination", due),
            ("combination", due + shift + rng.normal(0, due.std() / 30, len(default))),
        ]
    coin = rng.random(len(default)) < 0.5
    return [("combination", coin * 1.0), ("combination", (coin ^ default) * 1.0)]


def _one_year(
    rng: np.random.Generator,
    default: np.ndarray,
    year: np.ndarray,
    dated: bool,
) -> list[Leak]:
    inside = year == rng.choice(np.unique(year))
    known = default + rng.normal(0, rng.choice([0.0, 0.2]), len(default))
    elsewhere = np.full(len(default), np.nan)
    if dated and rng.random() < 0.5:
        elsewhere = rng.permutation(known)
    return [("one year", np.where(inside, known, elsewhere))]


MAKERS: tuple[Maker, ...] = (_exact, _noisy, _partial, _missing, _combination, _one_year)
