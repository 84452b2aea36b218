"""Everything that opens a model works from a root behind a URL, as from a folder, in homes that share nothing else."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import pytest
from click.testing import CliRunner, Result

from loan_default_assets.cli import loan_default
from loan_default_assets.commands.retrain import retrain
from loan_default_assets.commands.run import run
from loan_default_assets.commands.session import Session, open_session
from loan_default_assets.model.artifact_files import MANIFEST, ArtifactRootError
from loan_default_assets.object_store.object_root import ObjectRoot
from loan_default_assets.pipeline.prune_models import prunable_files, prune_files
from loan_default_assets.policy.model_retention import ModelRetention
from loan_default_assets.report_files import ReportFileError, read_report
from loan_default_assets.signing.signed_models import private_path
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.object_store.conftest import needs_s3
from loan_default_assets_tests.object_store.hosts import Host
from loan_default_assets_tests.object_store.test_artifact_cache import unreachable
from loan_default_assets_tests.pipeline.bank_steps import BankSteps
from loan_default_assets_tests.two_champions import TwoChampions

LONG_AGO = datetime.now(UTC) - timedelta(days=100)


@dataclass(frozen=True)
class SharedBank:
    """The bank of two champions on a root, and a home that has seen none of its models."""

    session: Session
    folder: Path
    former: str
    champion: str

    @property
    def host(self) -> Host:
        return Host(self.session.settings)

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(loan_default, list(arguments))

    def done(self, *arguments: str) -> str:
        result = self.command(*arguments)
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture
def shared(
    two_champions: TwoChampions,
    postgres: LocalPostgres,
    root_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[SharedBank]:
    small_bank.bank(tmp_path)
    shutil.copytree(two_champions.home / "keys", tmp_path / "home" / "keys")
    with fresh_database(postgres, two_champions.url) as url:
        root = {"ARTIFACT_ROOT": root_url, "SCORED_LOANS_PARQUET": "true"}
        for name, value in (small_bank.environment(tmp_path, url) | root).items():
            monkeypatch.setenv(name, value)
        settings = small_bank.settings(tmp_path, url)
        with open_session(settings) as session:
            bank = SharedBank(session, tmp_path, two_champions.former, two_champions.champion)
            _copy_by_hand(two_champions.home / "models", bank.host)
            yield bank


def _copy_by_hand(models: Path, host: Host) -> None:
    """What `aws s3 cp --recursive` does with the folder of an installation that moves to a root."""
    for path in sorted(path for path in models.rglob("*") if path.is_file()):
        host.objects.write({str(path.relative_to(models)): path.read_bytes()})
    for key in (host.settings.home / "keys" / "public").glob("*.pem"):
        host.objects.write({f".keys/{key.name}": key.read_bytes()})


def test_every_command_works_from_the_root(shared: SharedBank, tmp_path: Path) -> None:
    loans, objects = str(shared.folder / "loans.csv"), shared.host.objects
    assert f"{shared.champion} loads and scores, signed by key" in shared.done("doctor")
    assert f"models in {shared.host.cache.url}" in shared.done("doctor")
    shown = shared.done("status")
    assert "signed by key" in shown
    assert "artifact cache " in shown
    scored = shared.done("score", loans)
    assert len(scored.splitlines()) >= 2401
    shared.done("score-loans", "--from", "2025-01-01", "--to", "2025-01-02")
    assert sorted(objects.sizes("scored_loans")) == [
        f"scored_loans/small_bank/2025-01-0{day}.parquet" for day in (1, 2)
    ]
    shared.done("sbom")
    assert "verified" in shared.done("verify", "--all")
    assert shared.former in shared.done("rollback")
    assert shared.champion in shared.done("promote", shared.champion)
    assert shared.done("score", loans) == scored
    # The home holds copies and nothing else of the models.
    shutil.rmtree(shared.session.settings.home / "artifact-cache")
    assert shared.done("score", loans) == scored
    assert not (shared.session.settings.home / "models").exists()


def test_a_model_report_is_read_by_other_homes(shared: SharedBank, tmp_path: Path) -> None:
    objects, version = shared.host.objects, shared.champion
    objects.write({f"reports/{version}-former.html": b"former", "reports/c0-former.html": b"another"})
    shared.done("report")
    record, pages = f"reports/{version}.json", f"reports/{version}-"
    [page] = [name for name in objects.sizes("reports") if name.startswith(pages)]
    assert {record, "reports/c0-former.html"} <= set(objects.sizes("reports"))
    other = Host.of(tmp_path / "other", shared.host.cache.url).cache
    other.refresh_report(f"c{0:012}")
    with pytest.raises(ReportFileError, match="there is no report"):
        read_report(other.root, f"c{0:012}")
    other.refresh_report(version)
    content = read_report(other.root, version)
    assert content == objects.read([page])[page]
    # A report that was replaced at the root stays nowhere.
    former = other.root / "reports" / f"{version}-{0:012}.html"
    former.write_bytes(b"former")
    (other.root / record).unlink()
    other.refresh_report(version)
    assert not former.exists()
    # A copy that was altered is replaced; a report that was altered at the root is refused.
    (other.root / page).write_bytes(b"altered")
    other.refresh_report(version)
    assert read_report(other.root, version) == content
    objects.write({page: b"altered"})
    (other.root / page).unlink()
    other.refresh_report(version)
    with pytest.raises(ReportFileError, match="differs from its recorded SHA-256"):
        read_report(other.root, version)


def test_damage_at_the_root_is_found_in_spite_of_a_copy(shared: SharedBank) -> None:
    shared.done("doctor")
    weights = f"{shared.champion}/weights.safetensors"
    good = shared.host.objects.read([weights])
    shared.host.objects.write({weights: b"damaged"})
    for arguments in (("doctor",), ("verify", "--all")):
        result = shared.command(*arguments)
        assert result.exit_code == 1
        assert "weights.safetensors differs from its SHA-256" in result.output
        assert shared.host.cache.url in result.output
    shared.host.objects.write(good)
    shared.done("doctor")
    shared.host.objects.delete([f"{shared.champion}/{MANIFEST}"])
    for arguments in (("score", str(shared.folder / "loans.csv")), ("promote", shared.champion), ("doctor",)):
        result = shared.command(*arguments)
        assert result.exit_code == 1
        assert f"the files of model {shared.champion} are missing: {shared.host.cache.url}" in result.output


def test_a_training_publishes_and_is_not_repeated_by_another_machine(
    database_url: str, root_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTIFACT_ROOT", root_url)
    steps = BankSteps.open(tmp_path, database_url)
    steps = replace(steps, artifacts=steps.settings.models_folder)
    steps.load()
    steps.features()
    encoder, trained = steps.pretrain().record, steps.train().record
    host = Host(steps.settings)
    assert set(host.cache.sizes()) == {encoder.version, trained.version}
    assert trained.artifact_uri == f"{root_url}/{trained.version}"
    shutil.rmtree(host.store.root)
    assert steps.pretrain().reused
    assert steps.train().record == trained
    # A root that lost a model gets it again, and a copy of before does not stand in for it.
    host.objects.delete([f"{encoder.version}/{MANIFEST}"])
    assert not steps.pretrain().reused
    host.objects.delete([*host.objects.sizes(trained.version)])
    assert steps.train().record == trained
    for record in (encoder, trained):
        assert host.check_whole(record).intact
    # An outage is no lost model: nothing is trained in its place.
    monkeypatch.setattr(ObjectRoot, "read", unreachable)
    for step in (steps.pretrain, steps.train, steps.evaluate):
        with pytest.raises(ArtifactRootError):
            step()
    assert steps.evaluations_recorded() == []


@pytest.mark.slow
def test_a_run_publishes_what_it_trains_and_trains_nothing_twice(
    postgres: LocalPostgres, root_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_bank.bank(tmp_path)
    monkeypatch.setenv("ARTIFACT_ROOT", root_url)
    with fresh_database(postgres) as url, dg.DagsterInstance.ephemeral() as instance:
        monkeypatch.setenv("DATABASE_URL", url)
        with open_session(small_bank.settings(tmp_path, url)) as session:
            run(session, instance, today=small_bank.TODAY)
            champion = session.registry.champion()
            assert champion is not None
            assert champion.artifact_uri == f"{root_url}/{champion.version}"
            host = Host(session.settings)
            assert set(host.cache.sizes()) == {record.version for record in session.registry.history()}
        # Another machine, which has nothing but the database and the root.
        shutil.rmtree(tmp_path / "home" / "artifact-cache")
        with open_session(small_bank.settings(tmp_path, url)) as session:
            assert run(session, instance, today=small_bank.TODAY).changed == ()
            host.objects.delete([*host.objects.sizes(champion.version)])
            run(session, instance, today=small_bank.TODAY)
            assert host.check_whole(champion).intact, "what the root has lost is trained and published again"
            retrain(session, instance)
            assert len(host.cache.sizes()) == 3


def test_a_backup_and_a_restore_to_another_root(
    shared: SharedBank,
    postgres: LocalPostgres,
    root_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scored = shared.done("score", str(shared.folder / "loans.csv"))
    shared.done("backup", str(tmp_path / "backup"))
    with fresh_database(postgres) as url:
        other = f"{root_url}-restored"
        for name, value in {
            "DATABASE_URL": url,
            "ARTIFACT_ROOT": other,
            "LOAN_DEFAULT_HOME": str(tmp_path / "other"),
        }.items():
            monkeypatch.setenv(name, value)
        shared.done("restore", str(tmp_path / "backup"))
        host = Host.of(tmp_path / "third", other)
        assert set(host.cache.sizes()) == set(shared.host.cache.sizes())
        assert host.store.check(shared.session.registry.get(shared.champion)).signed_by
        assert shared.done("score", str(shared.folder / "loans.csv")) == scored


def test_retention_deletes_at_the_root_and_goes_on_after_a_cut(
    shared: SharedBank, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, database = shared.host.cache, shared.session.database
    newest = shared.session.registry.history()[0]
    # Of other rows than those of the last training, whose models are kept.
    candidate = replace(newest, version=f"c{0:012}", snapshot_hash="0" * 64, created_at=LONG_AGO)
    shared.session.registry.register(candidate)
    shared.session.registry.reject(candidate.version, "worse")
    found = cache.objects.read([*cache.objects.sizes(shared.champion)])
    cache.objects.write(
        {name.replace(shared.champion, candidate.version): each for name, each in found.items()}
    )
    arguments = (database, cache.root, ModelRetention(candidate_days=30), datetime.now(UTC), cache)
    [shown] = prunable_files(*arguments)
    assert (shown.version, shown.size_bytes) == (candidate.version, sum(map(len, found.values())))

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(cache), "delete", cut)
        with pytest.raises(KeyboardInterrupt):
            prune_files(*arguments)
    left = cache.objects.sizes(candidate.version)
    assert left
    assert f"{candidate.version}/{MANIFEST}" not in left
    assert [files.version for files in prune_files(*arguments)] == [candidate.version]
    assert candidate.version not in cache.sizes()
    assert prune_files(*arguments) == []
    assert "nothing to delete" in shared.done("prune")
    shared.done("doctor")


def test_every_worker_serves_from_the_root_and_from_copies_while_it_is_gone(
    shared: SharedBank, tmp_path: Path
) -> None:
    settings = shared.session.settings
    environment = {
        "portfolio": settings.portfolio,
        "database_url": shared.session.url,
        "artifact_root": settings.artifact_root,
        "service_workers": 2,
        "service_poll_seconds": 0.2,
    }
    shared.done("report")
    with service(tmp_path / "pod", ready="/readyz", **environment) as served:
        wait_for(served, shared.champion)
        assert httpx.get(served.http + "/report", timeout=60).status_code == 200
        shared.done("rollback")
        assert httpx.post(served.http + "/reload-model", json={}, timeout=60).status_code == 200
        wait_for(served, shared.former)
    copies = Host.of(tmp_path / "pod", str(settings.artifact_root)).store.root
    assert {path.name for path in copies.glob("c*")} == {shared.champion, shared.former}
    unreachable = str(settings.artifact_root)
    if unreachable.startswith("s3"):
        environment["aws_endpoint_url_s3"] = "http://127.0.0.1:9"
        with service(tmp_path / "pod", ready="/readyz", **environment) as served:
            wait_for(served, shared.former)
            assert f"the copy of {shared.former} is used: artifacts in s3://" in served.output()


def wait_for(served: Served, version: str) -> None:
    """Until both workers serve a version; they start one after the other."""
    until = time.monotonic() + 90
    while True:
        states = httpx.get(served.http + "/model-info", timeout=30).json()["workers"]["states"]
        if [state["loaded"] for state in states] == [version] * 2:
            return
        assert time.monotonic() < until, served.output()
        time.sleep(0.2)


@needs_s3
def test_commands_say_that_the_server_is_down(
    shared: SharedBank, monkeypatch: pytest.MonkeyPatch, root_url: str
) -> None:
    if not root_url.startswith("s3"):
        pytest.skip("a folder has no server")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    commands = {
        ("score", str(shared.folder / "loans.csv")): 1,
        ("promote", shared.former): 1,
        ("backup", str(shared.folder / "backup")): 1,
        ("status",): 0,
        ("doctor",): 1,
    }
    for arguments, code in commands.items():
        result = shared.command(*arguments)
        assert result.exit_code == code, result.output
        assert f"artifacts in {root_url}: the store cannot be reached" in result.output
        assert "check the network" in result.output
        assert "Traceback" not in result.output
    assert private_path(shared.session.settings).exists()
