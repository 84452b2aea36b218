"""Portfolios as `init` drafts them, compared with the library's hand-written ones: ROC-AUC on the same window.

python -m loan_default_assets_tests.benchmarks.drafted_portfolios FOLDER [seeds] [portfolio ...]

FOLDER holds the public files that the library describes; one that is absent is skipped.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from loan_default_assets.commands.init import write
from loan_default_assets.commands.run import run
from loan_default_assets.commands.session import open_session
from loan_default_assets.limits import split_limits
from loan_default_assets.model.metrics import evaluate, paired_differences
from loan_default_assets.pipeline.evaluation_window import evaluation_window
from loan_default_assets.pipeline.model_evaluation import evaluate_model, evaluate_references
from loan_default_assets.pipeline.training_snapshot import read_snapshot
from loan_default_assets.portfolio.profiling.portfolio_draft import DraftRequest
from loan_default_assets.settings import Settings

_LIBRARY = Path(str(resources.files("loan_default_assets.portfolio"))) / "library"


@dataclass(frozen=True)
class PublicFile:
    """A public file, the portfolio of the library that describes it, and what a user answers to `init`."""

    name: str
    portfolio: str
    request: DraftRequest


FILES = (
    PublicFile("south_german_credit.csv", "south_german_credit", DraftRequest("target", undated=True)),
    PublicFile("polish_bankruptcy_1year.csv", "polish_bankruptcy", DraftRequest("target", undated=True)),
    PublicFile("taiwan_credit.csv", "taiwan_credit", DraftRequest("target", undated=True)),
    PublicFile("sba_prefix_22k.csv", "sba_loans", DraftRequest("target", "approval_date")),
)


@dataclass(frozen=True)
class TrainedPortfolio:
    """A trained model on its window.

    Attributes:
        label: (n,) 1 for a default.
        probability: (n,) calibrated probabilities of default.
        baseline: ROC-AUC of gradient boosting on the same features and rows.
    """

    label: np.ndarray
    probability: np.ndarray
    baseline: float


def trained(description: Path, source: Path, home: Path, seed: int) -> TrainedPortfolio:
    """Run the whole chain on a portfolio file at the preset `fast`, and score the window."""
    lines = [
        line
        for line in description.read_text("utf-8").splitlines()
        if not line.startswith(("name:", "training:"))
    ]
    path = home / "trained.yaml"
    schema = f"{description.stem}_{seed}"
    path.write_text(
        "\n".join([f"name: {schema}", *lines, f"training: {{preset: fast, seed: {seed}}}"]), "utf-8"
    )
    settings = Settings(portfolio=str(path), loan_source=str(source), loan_default_home=home / "home")
    with pytest.MonkeyPatch.context() as environment, open_session(settings) as session:
        environment.setenv("DATABASE_URL", session.url)
        with dg.DagsterInstance.ephemeral() as instance:
            run(session, instance, today=date.today())
        found = session.evaluations.latest()
        assert found is not None
        record = session.registry.get(found.model_version)
        snapshot = read_snapshot(session.loans, split_limits(settings))
        window = evaluation_window(snapshot, [record])
        probability = evaluate_model(record, session.portfolio, window, session.artifacts).probability
        assert probability is not None
        references = evaluate_references(session.portfolio, snapshot, window, seed)
        return TrainedPortfolio(window.label, probability, references.best.metrics.values["roc_auc"])


def main(folder: Path, seeds: int = 1, names: Sequence[str] = ()) -> None:
    """Print ROC-AUC of both portfolios with intervals, and the difference on the same rows with its interval."""
    print(
        f"{'portfolio':20} {'seed':>4}  {'hand-written':24} {'drafted':24} {'difference':26} boosting on both"
    )
    for file in FILES:
        source = folder / file.name
        if (names and file.portfolio not in names) or not source.exists():
            continue
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as home:
                drafted = Path(home) / "draft.yaml"
                write(str(source), file.request, str(drafted))
                written = trained(_LIBRARY / f"{file.portfolio}.yaml", source, Path(home), seed)
                found = trained(drafted, source, Path(home), seed)
            _report(file.portfolio, seed, written, found)


def _report(name: str, seed: int, written: TrainedPortfolio, found: TrainedPortfolio) -> None:
    assert np.array_equal(written.label, found.label), f"{name}: the windows differ"
    texts = []
    for model in (written, found):
        metrics = evaluate(model.label, model.probability, 0.5)
        low, high = metrics.intervals["roc_auc"]
        texts.append(f"{metrics.values['roc_auc']:.4f} ({low:.3f} to {high:.3f})")
    paired = paired_differences(written.label, found.probability, 0.5, written.probability, 0.5)
    difference = f"{paired.dauc:+.4f} ({paired.dauc_low:+.3f} to {paired.dauc_high:+.3f})"
    print(
        f"{name:20} {seed:4}  {texts[0]:24} {texts[1]:24} {difference:26} "
        f"{written.baseline:.4f} {found.baseline:.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, sys.argv[3:])
