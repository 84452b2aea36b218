"""The chain on a Ray cluster of two nodes gives what it gives on one machine, also when a node is killed."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.commands.run import fingerprint
from loan_default_assets.commands.score_loans import score_loans
from loan_default_assets.limits import split_limits
from loan_default_assets.pipeline.batch_scoring import ScoredPartitions, score_partitions
from loan_default_assets.pipeline.training_settings import model_config
from loan_default_assets.pipeline.tune_settings import TuningResult, tune_settings
from loan_default_assets.warehouse import loans as loans_module
from loan_default_assets.warehouse.batch_scores import BatchScores
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.engines.two_nodes import (
    KillingEngine,
    NotingEngine,
    TwoNodes,
    head_node,
    two_nodes,
)
from loan_default_assets_tests.opened_bank import Bank, opening
from loan_default_assets_tests.pipeline.bank_steps import LOG, BankSteps
from loan_default_assets_tests.promoting import promote

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

LONG = small_bank.DESCRIPTION["training"] | {"max_epochs": 8, "patience": 8, "min_steps": 300}  # type: ignore[operator]
SCORES = "SELECT partition_key, loan_id, model_version, probability, decision FROM scored_loans ORDER BY 1, 2"


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    with head_node() as cluster:
        yield cluster


@pytest.fixture
def nodes(head: Any) -> Iterator[TwoNodes]:
    with two_nodes(head) as found:
        yield found


def champion_and_rows(bank: Bank) -> tuple[str, list[str], list[tuple[Any, ...]]]:
    """The champion's version, which is the hash of its content; hashes of the loans; scores."""
    champion = bank.session.registry.champion()
    assert champion is not None
    hashes = fingerprint(bank.session)
    scores = select(bank.session.database, SCORES)
    return champion.version, [hashes[table] for table in ("raw_data", "processed_data")], scores


def select(database: Database, statement: str) -> list[tuple[Any, ...]]:
    with database.transaction() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_the_chain_by_the_setting_gives_the_same_rows_and_champion(
    nodes: TwoNodes, postgres: LocalPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for engine in ("local", "ray"):
        monkeypatch.setenv("ENGINE", engine)
        folder = tmp_path / engine
        folder.mkdir()
        with fresh_database(postgres) as url, opening(url, folder) as opened:
            bank = opened()
            assert bank.session.settings.engine == engine
            bank.run()
            score_loans(bank.session, bank.instance)
            found.append(champion_and_rows(bank))
    local, ray = found
    assert len(local[2]) == 40 * 60
    assert ray == local


def test_a_node_killed_while_members_are_fitted_changes_nothing(
    nodes: TwoNodes, postgres: LocalPostgres, tmp_path: Path
) -> None:
    engine = KillingEngine(tmp_path / "calls", nodes, 2, "run")
    engine.folder.mkdir()
    versions, histories = [], []
    with ExitStack() as stack:
        for name in ("local", "ray"):
            (tmp_path / name).mkdir()
            url = stack.enter_context(fresh_database(postgres))
            bank = BankSteps.open(tmp_path / name, url, training=LONG)
            bank.load()
            bank.features()
            bank.pretrain()
            trained = bank.train(engine=engine) if name == "ray" else bank.train()
            assert trained.model is not None
            versions.append(trained.record.version)
            histories.append([(epoch.member, epoch.number, epoch.loss) for epoch in trained.model.history])
            models = select(bank.database, "SELECT kind FROM model_metadata ORDER BY kind")
            assert models == [("classifier",), ("encoder",)]
    assert engine.killed is not None
    node, call = engine.killed
    assert engine.nodes_of(call) == [node, next(other for other in nodes.nodes if other != node)]
    assert engine.nodes() == set(nodes.nodes)
    assert versions[0] == versions[1]
    assert histories[0] == histories[1]


def test_a_node_killed_while_loans_are_scored_changes_nothing(
    nodes: TwoNodes, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loans_module, "_ROWS_PER_BATCH", 7)
    bank = BankSteps.open(tmp_path, database_url)
    bank.load()
    bank.features()
    bank.pretrain()
    version = bank.train().record.version
    promote(bank.promotions, version, expected=None)
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = KillingEngine(folder, nodes, 4, "map")
    results = []
    for each in (engine, None):
        scored = score(bank, engine=each) if each else score(bank)
        results.append((scored.described, select(bank.database, SCORES)))
    assert results[0] == results[1]
    assert len(results[0][1]) == 3 * 60
    assert engine.killed is not None
    assert engine.nodes() == set(nodes.nodes)
    # The batches of the first partition that follow on the killed node are scored on the other.
    repeated = [path.name for path in folder.iterdir() if len(engine.nodes_of(path.name)) > 1]
    assert repeated


def score(bank: BankSteps, **engine: Any) -> ScoredPartitions:
    scores = BatchScores(bank.database)
    return score_partitions(
        bank.portfolio, bank.loans, bank.registry, bank.store, scores, bank.keys[:3], log=LOG, **engine
    )


def test_a_node_killed_while_trials_run_loses_none(
    nodes: TwoNodes, database_url: str, tmp_path: Path
) -> None:
    bank = BankSteps.open(tmp_path, database_url)
    bank.load()
    bank.features()
    folder = tmp_path / "calls"
    folder.mkdir()
    engine = KillingEngine(folder, nodes, 2, "run")
    result = tune(bank, 6, engine)
    assert len(result.trials) == 6
    assert engine.killed is not None
    assert engine.nodes() == set(nodes.nodes)
    assert tune(bank, 6, NotingEngine(folder)).trials == result.trials


def tune(bank: BankSteps, trials: int, engine: NotingEngine) -> TuningResult:
    return tune_settings(
        bank.portfolio,
        bank.loans,
        url=bank.database.url,
        config=model_config(bank.portfolio, bank.settings),
        limits=split_limits(bank.settings),
        leakage_limit=bank.settings.leakage_auc_limit,
        trials=trials,
        engine=engine,
        say=print,
    )
