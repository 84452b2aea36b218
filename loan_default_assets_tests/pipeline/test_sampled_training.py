from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loan_default_assets.commands.plan_report import rows_text
from loan_default_assets.commands.status import champion_lines
from loan_default_assets.limits import split_limits
from loan_default_assets.model import artifact
from loan_default_assets.model.baseline import baselines
from loan_default_assets.model.config import ModelConfig
from loan_default_assets.model.row_sampling import as_sampled
from loan_default_assets.model.training import fit
from loan_default_assets.model.training_cost import StepCost
from loan_default_assets.pipeline.evaluate_models import WindowEvaluation
from loan_default_assets.pipeline.model_storage import load_encoder
from loan_default_assets.pipeline.pretrain_encoder import PretrainedEncoder
from loan_default_assets.pipeline.run_plan import plan_run, plan_training
from loan_default_assets.pipeline.train_classifier import TrainedClassifier
from loan_default_assets.warehouse import retraining_facts
from loan_default_assets_tests.pipeline.bank_steps import BankSteps

MAX_ROWS = 1200


@pytest.fixture(scope="module")
def bank(bank_with_features: BankSteps) -> BankSteps:
    changed = {
        "training_max_rows": MAX_ROWS,
        "retraining_sample_threshold": 100,
        "retraining_positive_threshold": 10,
    }
    settings = bank_with_features.settings.model_copy(update=changed)
    return replace(bank_with_features, settings=settings)


@pytest.fixture(scope="module")
def chain(bank: BankSteps) -> tuple[PretrainedEncoder, TrainedClassifier, WindowEvaluation]:
    return bank.pretrain(), bank.train(), bank.evaluate()


Chain = tuple[PretrainedEncoder, TrainedClassifier, WindowEvaluation]


def test_the_models_of_a_sample_say_so(bank: BankSteps, chain: Chain) -> None:
    encoder, trained, _ = chain
    snapshot = bank.snapshot()
    sampling = snapshot.sampling
    assert sampling is not None
    rows_before = sampling.rows(before=True)
    assert len(snapshot.rows) < 1.1 * MAX_ROWS < rows_before
    for shown in (encoder.snapshot, trained.snapshot):
        assert shown["rows_before_sampling"] == rows_before
        assert shown["rows"] == len(snapshot.rows)
        assert shown["training_rows_before_sampling"] == sampling.before["training"].rows
        before = sampling.before["training"]
        assert shown["training_default_rate"] == before.defaults / before.rows
    for record in (encoder.record, trained.record):
        assert record.metrics["rows_before_sampling"] == rows_before
        assert record.metrics["sampled_rows"] == len(snapshot.rows)
        stored = artifact.load(Path(record.artifact_uri))
        assert stored.extra["sampling"] == sampling.as_dict()
    whole = replace(bank, settings=bank.settings.model_copy(update={"training_max_rows": 0})).snapshot()
    assert trained.record.metrics["matured_labels"] == whole.matured
    facts = retraining_facts.state(bank.database, bank.portfolio, max_rows=MAX_ROWS, forced=True)
    assert facts.snapshot == trained.record.snapshot_hash == snapshot.digest


def test_training_again_on_the_same_rows_gives_the_same_version(bank: BankSteps, chain: Chain) -> None:
    encoder, trained, _ = chain
    assert bank.pretrain().reused
    assert bank.train().model is None
    assert trained.model is not None
    snapshot = bank.snapshot()
    train, validation = (snapshot.select(part) for part in (snapshot.split.train, snapshot.split.validation))
    again = fit(
        load_encoder(encoder.record, bank.portfolio, bank.store),
        train,
        validation,
        trained.model.config,
        prior_odds=snapshot.prior_odds,
    )
    assert (again.threshold, again.calibration, again.members) == (
        trained.model.threshold,
        trained.model.calibration,
        trained.model.members,
    )


def test_the_evaluation_of_a_sampled_window_says_so(bank: BankSteps, chain: Chain) -> None:
    *_, evaluated = chain
    sampling = bank.snapshot().sampling
    assert sampling is not None
    share = sampling.share("window")
    assert 0 < share < 1
    assert evaluated.window.share == share
    assert "uniform random sample" in evaluated.verdict.reasons[-1]
    assert f"{sampling.before['window'].rows:,} rows" in evaluated.verdict.reasons[-1]
    (recorded,) = evaluated.recorded
    assert recorded.metrics["window_share"] == share
    assert "uniform random sample" in recorded.reason


def test_the_references_of_a_sampled_training_have_the_base_rate_of_all_rows(
    bank: BankSteps, chain: Chain
) -> None:
    *_, evaluated = chain
    snapshot = bank.snapshot()
    assert snapshot.sampling is not None
    assert snapshot.sampling.prior_odds < 0.8
    train, validation = (snapshot.select(part) for part in (snapshot.split.train, snapshot.split.validation))
    thinned = validation.take(as_sampled(validation.outcome(), snapshot.prior_odds, bank.settings.seed))
    assert len(thinned) < len(validation)
    cardinalities = bank.portfolio.features.cardinalities
    uncorrected = baselines(train, thinned, evaluated.window.rows, cardinalities, bank.settings.seed)
    for reference in (evaluated.references.best, *evaluated.references.others):
        (plain,) = (other for other in uncorrected if other.name == reference.name)
        odds = [np.log(scores.probability / (1 - scores.probability)) for scores in (reference, plain)]
        np.testing.assert_allclose(
            odds[0] - odds[1], np.log(snapshot.prior_odds), rtol=5e-2, err_msg=reference.name
        )


def test_the_plan_reckons_with_the_sample(bank: BankSteps) -> None:
    cost = StepCost(ModelConfig(), 0.5, 0.025, 0.01)
    limits = split_limits(bank.settings)
    plan = plan_run(bank.portfolio, bank.loans, bank.keys, cost, limits=limits, package=False)
    snapshot = bank.snapshot()
    refreshed = plan_training(plan, bank.portfolio, bank.registry, bank.store, snapshot, cost)
    assert plan.rows is not None
    assert refreshed.rows is not None
    assert snapshot.sampling is not None
    assert refreshed.rows.before_sampling == snapshot.sampling.rows(before=True)
    assert plan.rows.before_sampling == len(bank.loans.read_processed())
    assert rows_text(refreshed).startswith(
        f"sampled from {refreshed.rows.before_sampling:,} rows: pretrain on"
    )
    for name in ("pretraining", "training", "validation", "window", "before_sampling"):
        assert getattr(plan.rows, name) == pytest.approx(getattr(refreshed.rows, name), rel=0.25), name
    assert refreshed.rows.window_defaults == (snapshot.rows.label[snapshot.split.window] == 1).sum() > 0
    assert refreshed.rows.training == len(snapshot.split.train)


def test_status_names_the_sample() -> None:
    champion = {
        "version": "c1",
        "verdict": "approved",
        "threshold": 0.5,
        "trained_from": None,
        "files": {"state": "intact", "folder": "c1", "problem": None},
        "signature": {"key": None, "warning": None},
        "warnings": [],
        "promotion_verdict": "approved",
        "sampling": {"rows": 2_000_000, "rows_before": 19_000_000},
    }
    evaluation = {
        "version": "c1",
        "rows": 400_000,
        "positives": 4000,
        "window_from": None,
        "window_share": 0.2,
        "baseline": None,
        "metrics": dict.fromkeys(("f1", "roc_auc", "pr_auc", "ks"), 0.5),
        "intervals": {},
    }
    text = "\n".join(champion_lines(champion, evaluation))
    assert "trained on a sample of 2,000,000 of 19,000,000 rows" in text
    assert "a uniform random sample of about 2,000,000 rows of the window" in text
