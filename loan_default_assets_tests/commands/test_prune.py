"""`prune`: nothing by default, shown before it is done, and the same result whenever it is repeated."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loan_default_assets.commands import promote
from loan_default_assets.commands.prune import prune, text
from loan_default_assets.commands.session import Session
from loan_default_assets.commands.sizes import size_lines, size_text
from loan_default_assets.commands.status import status
from loan_default_assets.definitions import build_definitions
from loan_default_assets.orchestration.retention import PrunedKind
from loan_default_assets.warehouse.alert_log import AlertLog
from loan_default_assets.warehouse.predictions import Prediction
from loan_default_assets.warehouse.registry import RegistryError
from loan_default_assets_tests import promoting
from loan_default_assets_tests.opened_bank import OpenBank, open_bank
from loan_default_assets_tests.warehouse.samples import classifier, performance

__all__ = ["open_bank"]

LATER = datetime.now(UTC) + timedelta(days=200)
ALL = {
    "retention_dagster_days": 90,
    "retention_candidate_days": 90,
    "retention_champions": 2,
    "retention_bentos": 2,
    "retention_prediction_days": 31,
}


@dataclass(frozen=True)
class Grown:
    """An installation with four champions in turn, a rejected candidate, an alert, a run and predictions."""

    session: Session
    instance: dg.DagsterInstance

    def prune(self, *, apply: bool = False, **arguments: Any) -> dict[str, PrunedKind]:
        found = prune(self.session, self.instance, apply=apply, now=LATER, **arguments)
        return {each.kind: each for each in found}

    def set(self, **changes: Any) -> "Grown":
        return replace(
            self, session=replace(self.session, settings=self.session.settings.model_copy(update=changes))
        )

    def state(self) -> dict[str, Any]:
        """Everything that a deletion could change."""
        home = self.session.settings.home
        return {
            "files": sorted(str(path) for path in home.rglob("*")),
            "runs": len(self.instance.get_runs()),
            "predictions": self.session.loans.counts()["predictions"],
            "alerts": status(self.session)["alerts"]["recent"],
            "sizes": status(self.session)["sizes"]["pruned_models"],
        }


@dg.asset
def replaced() -> None:
    return None


@pytest.fixture
def grown(open_bank: OpenBank) -> Grown:
    bank = open_bank()
    session = bank.session
    for version in ("c1", "c2", "c3", "c4", "rejected", "last"):
        add_version(session, version)
        if version.startswith("c"):
            champion = session.registry.champion()
            promoting.promote(session.promotions, version, expected=champion.version if champion else None)
        else:
            session.registry.reject(version, "worse")
    values: dict[str, Any] = {
        "loan_id": None, "model_version": "c4", "features": {}, "probability": 0.5, "decision": 1, "threshold": 0.4,
        "reasons": None, "channel": "file", "latency_ms": None, "created_at": datetime.now(UTC),
    }  # fmt: skip
    session.predictions.append(
        [Prediction(request_id=str(uuid.uuid4()), **values | {"loan_id": loan}) for loan in (None, "unknown")]
    )
    AlertLog(session.database).record(
        "run:1", "run_failed", "ingest", "small_bank: a run failed", "ingest failed"
    )
    for _ in range(2):
        dg.materialize([replaced], instance=bank.instance)
    return Grown(session, bank.instance)


def add_version(session: Session, version: str) -> None:
    """A registered version with files, a Bento and a BentoML model."""
    settings = session.settings
    folder = settings.artifact_folder / version
    bento = settings.bento_store / "bentos" / "loan_default_small_bank" / version
    for each, size in ((folder, 1000), (bento, 10)):
        each.mkdir(parents=True)
        (each / "content").write_bytes(b"c" * size)
    session.registry.register(
        classifier(version, artifact_uri=str(folder), portfolio_hash=session.portfolio.hash)
    )
    session.evaluations.record(performance(version, 0.8))


def test_nothing_goes_by_default(grown: Grown) -> None:
    before = grown.state()
    found = grown.prune(apply=True, unmatured=True)
    assert {each.count for each in found.values()} == {None}
    assert text([*found.values()], applied=False).count("is not set") == 7
    assert grown.state() == before


def test_the_dry_run_shows_what_goes_and_changes_nothing(grown: Grown) -> None:
    grown = grown.set(**ALL)
    before = grown.state()
    shown = grown.prune()
    assert {kind: (each.count, each.size_bytes) for kind, each in shown.items() if kind != "predictions"} == {
        "runs": (1, 0),
        "ticks": (0, None),
        "alerts": (1, None),
        "candidates": (1, 1000),
        "champions": (2, 2000),
        "bentos": (4, 40),
    }
    predictions = shown["predictions"]
    assert (predictions.count, predictions.note[:26]) == (1, "1 older predictions stay: ")
    assert grown.state() == before
    assert "next: loan-default prune --apply" in text([*shown.values()], applied=False)


def test_what_was_shown_goes_once(grown: Grown) -> None:
    grown = grown.set(**ALL)
    shown = grown.prune()
    assert grown.prune(apply=True) == shown
    settings = grown.session.settings
    assert {path.name for path in settings.artifact_folder.iterdir()} == {"c3", "c4", "last"}
    bentos = settings.bento_store / "bentos" / "loan_default_small_bank"
    assert {path.name for path in bentos.iterdir()} == {"c3", "c4"}
    assert grown.state()["predictions"] == 1
    after = grown.state()
    assert {each.count for each in grown.prune(apply=True).values()} == {0}
    assert grown.state() == after
    assert grown.prune(apply=True, unmatured=True)["predictions"].count == 1
    assert grown.state()["predictions"] == 0
    assert {*grown.state()["sizes"]} == {"c1", "c2", "rejected"}
    lines = size_lines(status(grown.session, grown.instance)["sizes"])
    assert lines[-1].strip() == "models whose files retention has deleted: c1, c2, rejected"
    with pytest.raises(RegistryError, match="rejected: retention deleted its files"):
        promote.promote(grown.session, "rejected", "test")
    assert grown.session.registry.rollback("test").version == "c3"
    with pytest.raises(RegistryError, match="c2: retention deleted its files"):
        promote.rollback(grown.session, "test")


def test_a_setting_lets_its_kind_go_alone(grown: Grown) -> None:
    gone = {
        setting: {kind for kind, each in grown.set(**{setting: value}).prune().items() if each.count}
        for setting, value in ALL.items()
    }
    assert gone == {
        "retention_dagster_days": {"runs", "alerts"},
        "retention_candidate_days": {"candidates"},
        "retention_champions": {"champions"},
        "retention_bentos": {"bentos"},
        "retention_prediction_days": {"predictions"},
    }


def test_what_is_younger_than_its_setting_stays(grown: Grown) -> None:
    """Everything is about 200 days old; predictions leave by month, so that a month more is certain."""
    for days, gone in ((150, True), (250, False)):
        found = grown.set(
            retention_dagster_days=days, retention_candidate_days=days, retention_prediction_days=days
        ).prune(unmatured=True)
        for kind in ("runs", "alerts", "candidates", "predictions"):
            assert bool(found[kind].count) is gone, kind


def test_the_bento_of_a_pending_challenger_stays(grown: Grown) -> None:
    add_version(grown.session, "pending")
    grown = grown.set(**ALL)
    grown.prune(apply=True)
    bentos = grown.session.settings.bento_store / "bentos" / "loan_default_small_bank"
    assert {path.name for path in bentos.iterdir()} == {"c3", "c4", "pending"}


def test_files_of_models_wait_for_a_run(grown: Grown) -> None:
    job = dg.Definitions([replaced], jobs=[dg.define_asset_job("job")]).resolve_job_def("job")
    run = grown.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    grown = grown.set(**ALL)
    found = grown.prune(apply=True)
    for kind in ("candidates", "champions", "bentos"):
        assert (found[kind].count, found[kind].note) == (
            None,
            "waits for the end of the run job, which may read them",
        )
    grown.instance.report_run_failed(run)
    assert grown.prune(apply=True)["champions"].count == 2


def test_a_served_bento_stays(grown: Grown) -> None:
    grown = grown.set(**ALL, service_model_tag="small_bank:c1")
    grown.prune(apply=True)
    bentos = grown.session.settings.bento_store / "bentos" / "loan_default_small_bank"
    assert {path.name for path in bentos.iterdir()} == {"c1", "c3", "c4"}


def test_the_job_exists_only_with_its_schedule_and_does_what_the_command_does(grown: Grown) -> None:
    grown = grown.set(**(ALL | {"retention_candidate_days": None}))
    portfolio = grown.session.portfolio
    assert not build_definitions(settings=grown.session.settings, portfolio=portfolio).schedules
    settings = grown.session.settings.model_copy(update={"retention_schedule": "0 3 * * *"})
    graph = build_definitions(settings=settings, portfolio=portfolio).get_repository_def()
    (schedule,) = graph.schedule_defs
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert graph.get_job("prune").execute_in_process(instance=grown.instance).success
    assert {path.name for path in settings.artifact_folder.iterdir()} == {"c3", "c4", "last", "rejected"}


def test_status_shows_sizes(grown: Grown) -> None:
    sizes = status(grown.session, grown.instance)["sizes"]
    assert sizes["artifacts"] == 6000
    assert sizes["bentos"] == 60
    assert sizes["spool"] == sizes["logs"] == 0
    assert sizes["tables"]["small_bank"]["predictions"] > 0
    assert sizes["database"] == sum(sum(tables.values()) for tables in sizes["tables"].values())


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (3e15, "3,000.0 TB")],
)
def test_sizes_as_text(size: float, expected: str) -> None:
    assert size_text(size) == expected


def test_a_folder_that_cannot_be_deleted_is_named(grown: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    from loan_default_assets.commands.command_errors import CommandError

    def refuse(self: Path, _: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(CommandError, match=r"c2|rejected.*Permission denied"):
            grown.set(**ALL).prune(apply=True)
    assert grown.set(**ALL).prune(apply=True)["champions"].count == 2
