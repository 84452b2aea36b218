"""Every command that needs a champion, with the champion manipulated in every way, or not signed at all."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.restore import restore
from loan_default_assets.commands.run import fingerprint, run
from loan_default_assets.commands.session import open_session
from loan_default_assets.commands.status import status
from loan_default_assets.limits import promotion_limits, split_limits
from loan_default_assets.model.artifact_files import MANIFEST, digest_of
from loan_default_assets.pipeline.evaluate_models import evaluate_models
from loan_default_assets.pipeline.pipeline_errors import ModelFilesError
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import private_path
from loan_default_assets.signing.signing_keys import SigningKey, signing_key
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests import small_bank
from loan_default_assets_tests.commands.moved_bank import MovedBank, bank
from loan_default_assets_tests.databases import fresh_database
from loan_default_assets_tests.promoting import promote
from loan_default_assets_tests.tamperings import TAMPERINGS

__all__ = ["bank"]

# A command, the model that it needs, and what it is called with.
COMMANDS: dict[str, tuple[str, Callable[[MovedBank], tuple[str, ...]]]] = {
    "score": ("champion", lambda bank: ("score", str(bank.folder / "loans.csv"))),
    "score-loans": ("champion", lambda _: ("score-loans", "--from", "2025-01-01", "--to", "2025-01-02")),
    "rollback": ("former", lambda bank: ("rollback",)),
    "promote": ("former", lambda bank: ("promote", bank.former)),
    "promote the champion": ("champion", lambda bank: ("promote", bank.champion)),
    "doctor": ("champion", lambda bank: ("doctor",)),
    "status": ("champion", lambda bank: ("status",)),
}


def key_of(bank: MovedBank) -> SigningKey:
    return signing_key(private_path(bank.session.settings), None)


def tamper(bank: MovedBank, name: str) -> None:
    """Manipulate both models."""
    for version, other in ((bank.champion, bank.former), (bank.former, bank.champion)):
        TAMPERINGS[name].do(bank.models / version, bank.pristine / other, key_of(bank))


@pytest.mark.parametrize("tampering", [name for name in TAMPERINGS if not TAMPERINGS[name].new_version])
def test_a_command_that_needs_a_manipulated_model(bank: MovedBank, tampering: str) -> None:
    tamper(bank, tampering)
    expected = TAMPERINGS[tampering]
    before = fingerprint(bank.session)
    for name, (needed, arguments) in COMMANDS.items():
        version = getattr(bank, needed)
        result = bank.command(*arguments(bank))
        assert result.exit_code == (0 if name == "status" else 1), (name, result.output)
        assert f"the files of model {version} are {expected.state}: " in result.output, (name, result.output)
        assert expected.message in result.output, (name, result.output)
        assert "loan-default" in result.output.partition(version)[2], (name, result.output)
        for word in ("Traceback", "[Errno", "Error:"):
            assert word not in result.output, (name, result.output)
    assert fingerprint(bank.session) == before


def test_a_manipulated_model_that_is_registered_as_a_champion_is_refused(bank: MovedBank) -> None:
    """By one who can write to the folder of the models and to the database."""
    [(name, tampering)] = [(name, each) for name, each in TAMPERINGS.items() if each.new_version]
    folder = bank.models / bank.champion
    tamper(bank, name)
    version, digest = tampering.registered(folder, bank.champion)
    folder.rename(folder.with_name(version))
    registry = bank.session.registry
    registry.register(
        replace(registry.get(bank.champion), version=version, artifact_sha256=digest, attempt=99)
    )
    promote(bank.session.promotions, version, expected=bank.champion, reason="an attack")
    for arguments in (COMMANDS["score"][1](bank), ("doctor",)):
        result = bank.command(*arguments)
        assert result.exit_code == 1, result.output
        assert f"the files of model {version} are untrusted: " in result.output
        assert tampering.message in result.output


def test_files_of_one_version_never_serve_as_another(bank: MovedBank) -> None:
    """A signed model of before, registered as the digest of the champion."""
    with bank.session.database.transaction() as cursor:
        cursor.execute("ALTER TABLE model_metadata DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE model_metadata SET artifact_sha256 = %s WHERE version = %s",
            (digest_of((bank.models / bank.former / MANIFEST).read_bytes()), bank.champion),
        )
    result = bank.command("score", str(bank.folder / "loans.csv"))
    assert result.exit_code == 1
    assert f"the files of model {bank.champion} are replaced: " in result.output


def test_a_manipulated_champion_is_neither_evaluated_nor_trained_again(bank: MovedBank) -> None:
    session = bank.session
    TAMPERINGS["another key"].do(bank.models / bank.champion, bank.models / bank.former, key_of(bank))
    before = fingerprint(session)
    with pytest.raises(ModelFilesError, match=f"the files of model {bank.champion} are untrusted"):
        evaluate_models(
            session.portfolio,
            session.loans,
            session.registry,
            session.evaluations,
            session.artifacts,
            limits=promotion_limits(session.settings),
            split_limits=split_limits(session.settings),
            seed=0,
            log=logging.getLogger(__name__),
        )
    assert fingerprint(session) == before
    (bank.models / bank.champion / SIGNATURE).unlink()
    assert bank.command("rollback").exit_code == 0
    # The champion now is the model of these rows; training it again would not give it another signature.
    TAMPERINGS["another key"].do(bank.models / bank.former, bank.models / bank.champion, key_of(bank))
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(Exception, match="are untrusted: "):
        run(session, instance, today=small_bank.TODAY)


def test_a_champion_of_an_earlier_release_serves_and_is_signed_by_promote(bank: MovedBank) -> None:
    signature = bank.models / bank.champion / SIGNATURE
    key_id = status(bank.session)["champion"]["signature"]["key"]
    assert key_id == key_of(bank).public.key_id
    assert f"  signed by key {key_id[:16]}\n" in bank.command("status").output
    signature.unlink()
    said = f"WARN {bank.champion} is not signed, as models of earlier releases; loan-default promote {bank.champion}"
    output = bank.command("status").output
    assert said in output
    assert "cannot be loaded" not in output
    doctor = bank.command("doctor").output
    assert f"warn champion    {bank.champion} loads and scores, not signed" in doctor
    assert len(bank.scores().splitlines()) == 2401
    before = fingerprint(bank.session)
    result = bank.command("promote", bank.champion)
    assert (
        result.output
        == f"{bank.champion} is the champion already; it is signed now, with key {key_id[:16]}\n"
    )
    assert bank.command("promote", bank.champion).output == f"{bank.champion} is the champion already\n"
    assert fingerprint(bank.session) == before
    assert status(bank.session)["champion"]["signature"] == {"key": key_id, "warning": None}


def test_where_signatures_are_required(bank: MovedBank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_SIGNATURE", "true")
    for version in (bank.champion, bank.former):
        (bank.models / version / SIGNATURE).unlink()
    before = fingerprint(bank.session)
    for name in ("score", "score-loans", "rollback", "doctor", "status"):
        needed, arguments = COMMANDS[name]
        version, result = getattr(bank, needed), bank.command(*arguments(bank))
        assert result.exit_code == (0 if name == "status" else 1), (name, result.output)
        assert f"the files of model {version} are unsigned: " in result.output, (name, result.output)
        assert f"loan-default promote {version}, which signs them" in result.output, (name, result.output)
    assert fingerprint(bank.session) == before
    assert bank.command("promote", bank.former).exit_code == 0
    assert bank.command("score", str(bank.folder / "loans.csv")).exit_code == 0
    assert "the files of model" in bank.command("rollback").output, "the champion before is not signed"


def test_rollback_signs_a_former_champion_that_is_not_signed(bank: MovedBank) -> None:
    (bank.models / bank.former / SIGNATURE).unlink()
    assert bank.command("rollback").exit_code == 0
    assert status(bank.session)["champion"]["signature"]["key"] == key_of(bank).public.key_id


@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_nothing_is_promoted_that_cannot_be_signed(
    bank: MovedBank, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """As in a container without the private key."""
    (bank.models / bank.former / SIGNATURE).unlink()
    monkeypatch.setenv("SIGNING_KEY", "/proc/no-such-folder/signing.pem")
    before = fingerprint(bank.session)
    result = bank.command(*COMMANDS[verb][1](bank))
    assert result.exit_code == 1
    assert "no model can be signed: the private key /proc/no-such-folder/signing.pem" in result.output
    assert "\nNext: set SIGNING_KEY" in result.output
    assert fingerprint(bank.session) == before
    # What is signed needs no private key.
    assert bank.command("score", str(bank.folder / "loans.csv")).exit_code == 0


def test_a_restored_home_verifies_old_models_and_signs_new_ones_with_a_key_of_its_own(
    bank: MovedBank, postgres: LocalPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, private = bank.scores(), private_path(bank.session.settings).read_bytes()
    said = backup(bank.session.settings, tmp_path / "backup")
    assert f"the private key {private_path(bank.session.settings)}" in said
    for path in (path for path in (tmp_path / "backup").rglob("*") if path.is_file()):
        assert private not in path.read_bytes(), path
    former_key = key_of(bank).public.key_id
    (tmp_path / "home").rename(tmp_path / "gone")
    with fresh_database(postgres) as url:
        changed = {
            "database_url": SecretStr(url),
            "portfolio": str(tmp_path / "home" / "portfolio" / "small_bank.yaml"),
        }
        settings = bank.session.settings.model_copy(update=changed)
        restore(settings, tmp_path / "backup")
        monkeypatch.setenv("DATABASE_URL", url)
        with open_session(settings) as session:
            restored = replace(bank, session=session)
            assert restored.scores() == scores
            assert status(session)["champion"]["signature"]["key"] == former_key
            assert not private_path(settings).exists()
            (restored.models / bank.former / SIGNATURE).unlink()
            assert restored.command("promote", bank.former).exit_code == 0
            newer = status(session)["champion"]["signature"]["key"]
            assert newer != former_key
            assert session.artifacts.check(session.registry.get(bank.champion)).signed_by == former_key
