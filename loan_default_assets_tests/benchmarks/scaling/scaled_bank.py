"""The generated loans that scaling is measured on: file, portfolio, settings, and a champion that scores them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from loan_default_assets.commands.session import Session
from loan_default_assets.model import artifact
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.encoding import Encoding
from loan_default_assets.model.rows import Rows
from loan_default_assets.model.training import FittedModel, fit, pretrain
from loan_default_assets.portfolio.features import transform
from loan_default_assets.portfolio.ingest import sources
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests.benchmarks import large_file
from loan_default_assets_tests.benchmarks.ingestion import temporary_server
from loan_default_assets_tests.promoting import promote

Layout = Literal["monthly", "daily"]
Champion = Literal["default", "small"]
TODAY = date(2024, 6, 1)
DATES: dict[str, np.ndarray] = {
    "monthly": large_file.MONTHS,
    "daily": np.arange("2023-01-01", "2024-01-01", dtype="datetime64[D]"),
}
# Enough rows to fit a champion on, whose predictions cost what those of any other cost.
_FITTED_ROWS = 10_000
_TRAINED = {"pretrain_epochs": 0, "max_epochs": 1, "device": "cpu"}
_SIZES: dict[str, dict[str, Any]] = {
    "default": {},
    "small": {
        "d_model": 8, "nhead": 2, "num_layers": 1, "dim_feedforward": 16, "head_hidden": 16,
        "members": 1, "boosting": False, "teacher": 0.0,
    },
}  # fmt: skip


@dataclass(frozen=True)
class ScaledBank:
    """A folder with a file of loans, its portfolio file, and the home of its database.

    Attributes:
        folder: Where everything of it lies.
        layout: `monthly`: 72 partitions; `daily`: 365.
        rows: Rows of the file.
    """

    folder: Path
    layout: Layout
    rows: int

    @property
    def csv(self) -> Path:
        """The file of all loans."""
        return self.folder / "loans.csv"

    def part(self, worker: int, workers: int) -> Path:
        """The file that one of several workers scores."""
        return self.csv if workers == 1 else self.folder / f"loans-{worker + 1}-of-{workers}.csv"

    def write(self) -> None:
        """Write the file of loans and the portfolio."""
        self.folder.mkdir(parents=True, exist_ok=True)
        large_file.write_rows(self.csv, self.rows, DATES[self.layout])
        described = description(self.layout)
        (self.folder / "scaled.yaml").write_text(yaml.safe_dump(described, sort_keys=False))

    def write_part(self, worker: int, workers: int) -> None:
        """Write the file that one worker scores, a share of as many rows."""
        path = self.part(worker, workers)
        if not path.exists():
            large_file.write_rows(path, self.rows // workers, DATES[self.layout], seed=worker + 1)

    @contextmanager
    def served(self) -> Iterator[dict[str, str]]:
        """The variables of a process that works on this bank, while its database server runs."""
        with temporary_server(self.folder / "home") as url:
            yield {
                "PORTFOLIO": str(self.folder / "scaled.yaml"),
                "LOAN_SOURCE": str(self.csv),
                "LOAN_DEFAULT_HOME": str(self.folder / "home"),
                "DATABASE_URL": url,
                "OMP_NUM_THREADS": "1",
                "DAGSTER_HOME": str(self.folder / "home" / "dagster"),
            }


def description(layout: Layout) -> dict[str, Any]:
    """The portfolio: 30 columns, of which 27 are features."""
    codes = {f"code_{i}": ["rent", "own", "mortgage", "other"] for i in range(7)} | {"grade": list("ABCDEFG")}
    dates = DATES[layout]
    return {
        "name": "scaled",
        "source": {"kind": "csv", "path": "${LOAN_SOURCE}"},
        "key": "loan_number",
        "as_of": "issue_date",
        "cadence": layout,
        "start": str(dates[0]),
        "end": "2024-01-01",
        "label": {
            "column": "loan_status",
            "positive": "Charged Off",
            "negative": "Fully Paid",
            "pending": ["Current"],
            "horizon_days": 30,
        },
        "columns": {f"amount_{i}": {"kind": "number", "min": -1e9, "max": 1e9} for i in range(19)}
        | {name: {"kind": "category", "values": values} for name, values in codes.items()},
    }


def partition_keys(portfolio: Portfolio, worker: int = 0, workers: int = 1) -> list[str]:
    """The partitions of one of several workers, which follow each other."""
    keys = DATES[portfolio.cadence].astype(str)
    return [str(key) for key in np.array_split(keys, workers)[worker]]


def features_of(portfolio: Portfolio, file: Path, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Numerical (n, 19) and categorical (n, 8) features of the first rows of a file."""
    numerical, categorical, read = [], [], 0
    for frame in sources.application_batches(portfolio, str(file)):
        found = transform(portfolio, frame, frame["as_of"].to_numpy().astype("datetime64[D]"))
        numerical.append(found.numerical)
        categorical.append(found.categorical)
        read += len(frame)
        if read >= rows:
            break
    return np.concatenate(numerical)[:rows], np.concatenate(categorical)[:rows]


def fitted_champion(folder: Path, size: Champion) -> FittedModel:
    """A classifier of the default or of a small size, fitted quickly and kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in (folder / size).glob("*"):
            return artifact.load(path).classifier()
        return _fit_champion(folder, size)


def _fit_champion(folder: Path, size: Champion) -> FittedModel:
    file = folder / "fitted.csv"
    large_file.write_rows(file, _FITTED_ROWS, DATES["monthly"])
    description_file = folder / "fitted.yaml"
    description_file.write_text(yaml.safe_dump(description("monthly"), sort_keys=False))
    portfolio = load(str(description_file), source=str(file))
    parts = list(sources.read_rows(portfolio, partition_keys(portfolio), today=TODAY))
    label = np.concatenate([part.frame["label"].to_numpy() for part in parts])
    numerical, categorical = features_of(portfolio, file, _FITTED_ROWS)
    known = np.flatnonzero(~np.isnan(label))
    every = Rows(numerical[known], categorical[known], label[known].astype(np.int8))
    validation = np.arange(len(known)) % 5 == 0
    train, held = (
        Rows(every.numerical[chosen], every.categorical[chosen], every.outcome()[chosen].astype(np.int8))
        for chosen in (~validation, validation)
    )
    config = ModelConfig.from_dict(_TRAINED | _SIZES[size])
    encoding = Encoding.fit(train, portfolio.features.cardinalities, config)
    model = fit(pretrain(train.without_label(), encoding, config), train, held, config)
    names = portfolio.features
    artifact.save(
        folder / size,
        model,
        portfolio_hash=portfolio.hash,
        portfolio=portfolio.model_dump(mode="json"),
        snapshot_hash=f"scaling-{size}",
        feature_names={"numbers": names.numerical, "categories": names.categorical},
    )
    return model


def promote_champion(session: Session, folder: Path, size: Champion) -> str:
    """Make the fitted model of that size the champion of a bank; its version."""
    model, portfolio = fitted_champion(folder, size), session.portfolio
    names = portfolio.features
    session.artifacts.root.mkdir(parents=True, exist_ok=True)
    saved = artifact.save(
        session.artifacts.root,
        model,
        portfolio_hash=portfolio.hash,
        portfolio=portfolio.model_dump(mode="json"),
        snapshot_hash=f"scaling-{size}",
        feature_names={"numbers": names.numerical, "categories": names.categorical},
    )
    record = ModelRecord(
        version=saved.version,
        kind="classifier",
        portfolio_hash=portfolio.hash,
        snapshot_hash=f"scaling-{size}",
        threshold=model.threshold,
        artifact_uri=str(saved.path),
        artifact_sha256=saved.sha256,
    )
    session.registry.register(record)
    champion = session.registry.champion()
    promote(
        session.promotions,
        record.version,
        expected=champion.version if champion else None,
        reason="a measurement",
    )
    return record.version


def child_environment(variables: dict[str, str]) -> dict[str, str]:
    """The environment of this process with those variables, without others of the platform's that change the work."""
    return {
        name: value for name, value in os.environ.items() if name not in ("ENGINE", "TRAINING_MAX_ROWS")
    } | variables
