"""`prune` killed at any moment: its repetition ends as an undisturbed one, and the champions stay usable."""

import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bento.inference.champion_loader import Champion
from bento.operations import bentoml_internals
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.warehouse.predictions import Prediction, PredictionLog
from loan_default_assets.warehouse.registry import Registry, RegistryError
from loan_default_assets_tests.bento import killed_prune
from loan_default_assets_tests.bento.killed_prune import MOMENTS
from loan_default_assets_tests.bento.served_process import ROOT, environment
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.databases import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RETENTION = {
    "retention_dagster_days": 90,
    "retention_candidate_days": 90,
    "retention_champions": 2,
    "retention_bentos": 2,
    "retention_prediction_days": 31,
}


def child(bank: ServedBank, home: Path, work: str) -> subprocess.CompletedProcess[str]:
    """One process of `killed_prune`."""
    given = environment(
        home,
        portfolio=bank.portfolio_file,
        loan_source="loans.csv",
        database_url=bank.url,
        **RETENTION,
    )
    return subprocess.run(
        [sys.executable, "-m", killed_prune.__name__, work],
        env=given | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def grown(make_bank: Callable[..., ServedBank], tmp_path_factory: pytest.TempPathFactory) -> ServedBank:
    """Four champions in turn, a rejected version, the last one trained; Bentos, predictions of three months, runs."""
    home = tmp_path_factory.mktemp("grown") / "home"
    bank = replace(make_bank(), root=home / "models")
    records = [bank.register(number) for number in range(6)]
    for record in records[:4]:
        bank.promote(record)
    for record in records[4:]:
        bank.registry.reject(record.version, "worse")
    name = bank.portfolio.name
    for record in records:
        with bentoml_internals.new_model(
            f"{name}:{record.version}", store=home / "bentoml", labels={}
        ) as model:
            Path(model.path_of("content")).write_text("{}")
        folder = home / "bentoml" / "bentos" / f"loan_default_{name}" / record.version
        folder.mkdir(parents=True)
        (folder / "bento.yaml").write_text(
            f"service: s:S\nname: loan_default_{name}\nversion: {record.version}\nbentoml_version: 1.4.39\n"
            "creation_time: 2024-05-01T00:00:00+00:00\n"
        )
    PredictionLog(bank.database).append(
        [prediction(records[day % 2].version, month, day) for month in (1, 2, 3) for day in range(1, 9)]
    )
    done = child(bank, home, "runs")
    assert done.returncode == 0, done.stderr
    return bank


def prediction(version: str, month: int, day: int) -> Prediction:
    return Prediction(
        request_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{month} {day}")),
        loan_id=None,
        model_version=version,
        features={"debt": day},
        probability=day / 10,
        decision=0,
        threshold=0.4,
        reasons=None,
        channel="file",
        latency_ms=None,
        created_at=datetime(2024, month, day, tzinfo=UTC),
    )


@contextmanager
def copied(bank: ServedBank, postgres: Any, folder: Path) -> Iterator[tuple[ServedBank, Path]]:
    """A copy of the installation with a database of its own."""
    home = folder / "home"
    shutil.copytree(bank.root.parent, home)
    with fresh_database(postgres, template=bank.url) as url:
        yield replace(bank, url=url, root=home / "models"), home


def state(bank: ServedBank, home: Path) -> dict[str, Any]:
    """Everything that a deletion changes."""
    queries = {
        "predictions": "SELECT request_id FROM predictions ORDER BY 1",
        "tombstones": "SELECT month, model_version, rows, pd_sum, sha256 FROM pruned_predictions ORDER BY 1, 2",
        "marks": "SELECT version, bytes FROM pruned_models ORDER BY 1",
        "runs": "SELECT run_id FROM dagster.runs ORDER BY 1",
        "events": "SELECT run_id, count(*) FROM dagster.event_logs GROUP BY 1 ORDER BY 1",
        "versions": "SELECT version, status FROM model_metadata ORDER BY 1",
    }
    folders = ("models", "bentoml/bentos", "bentoml/models")
    files = {
        part: sorted(str(path.relative_to(home)) for path in (home / part).rglob("*") if path.is_file())
        for part in folders
    }
    return files | {name: bank.rows(query) for name, query in queries.items()}


@pytest.fixture(scope="module")
def undisturbed(grown: ServedBank, postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state after one `prune` to its end."""
    with copied(grown, postgres, tmp_path_factory.mktemp("undisturbed")) as (bank, home):
        before = state(bank, home)
        done = child(bank, home, "to the end")
        assert done.returncode == 0, done.stderr
        found = state(bank, home)
    assert [len(found[kind]) for kind in ("predictions", "tombstones", "marks", "runs")] == [0, 6, 3, 1]
    assert all(
        len(found[kind]) < len(before[kind]) for kind in ("models", "bentoml/bentos", "bentoml/models")
    )
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_repetition_ends_as_an_undisturbed_one(
    moment: str, grown: ServedBank, undisturbed: dict[str, Any], postgres: Any, tmp_path: Path
) -> None:
    with copied(grown, postgres, tmp_path) as (bank, home):
        killed = child(bank, home, moment)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert state(bank, home) != undisturbed
        require_usable_champions(bank, home, roll_back=False)
        done = child(bank, home, "to the end")
        assert done.returncode == 0, done.stderr
        assert state(bank, home) == undisturbed
        require_usable_champions(bank, home, roll_back=True)


def require_usable_champions(bank: ServedBank, home: Path, *, roll_back: bool) -> None:
    """The champion is loaded, and after a rollback the one before it; a further rollback is refused with the reason."""
    registry: Registry = bank.registry
    champion = Champion(bank.portfolio, ArtifactStore(bank.root, home), registry.champion)
    assert champion.poll() == "loaded", champion.error
    if roll_back:
        first = champion.current
        assert registry.rollback("a test").version != (first and first.version)
        assert champion.poll() == "loaded", champion.error
        with pytest.raises(RegistryError, match="retention deleted its files"):
            registry.rollback("a test")
