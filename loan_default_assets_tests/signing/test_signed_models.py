import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from loan_default_assets.model.artifact_files import ArtifactError, read, sweep
from loan_default_assets.model.artifact_store import ArtifactStore
from loan_default_assets.private_files import tighten
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import (
    artifact_store,
    check_model,
    model_signer,
    private_path,
    public_folder,
    record_check,
    signature_rules,
    signer,
)
from loan_default_assets.signing.signing_keys import SigningKey, SigningKeyError, signing_key
from loan_default_assets_tests.model.test_artifact_store import MODELS, Registered, put
from loan_default_assets_tests.signing.test_signing_keys import private_pem
from loan_default_assets_tests.tamperings import TAMPERINGS, Tampering, stranger


@dataclass(frozen=True)
class Installation:
    """A home with two models, one of which is signed unless a test says otherwise."""

    settings: Settings
    one: Registered
    two: Registered

    @property
    def store(self) -> ArtifactStore:
        return artifact_store(self.settings)

    @property
    def key(self) -> SigningKey:
        return signing_key(private_path(self.settings), None)

    def with_settings(self, **changed: object) -> "Installation":
        return replace(self, settings=self.settings.model_copy(update=changed))

    def folder(self, model: Registered) -> Path:
        return self.settings.home / "models" / model.version

    def sign(self, model: Registered) -> str:
        return model_signer(self.settings)(self.store.check(model).required())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    for name in MODELS:
        put(home / "models", name)
    return home


@pytest.fixture
def installation(made: Path, tmp_path: Path) -> Installation:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    tighten(home)
    return Installation(
        Settings(loan_default_home=home), put(home / "models", "one"), put(home / "models", "two")
    )


@pytest.fixture
def signed(installation: Installation) -> Installation:
    for model in (installation.one, installation.two):
        installation.sign(model)
    return installation


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_manipulated_model_is_refused_with_the_reason_and_a_next_command(
    signed: Installation, tampering: Tampering
) -> None:
    folder = signed.folder(signed.one)
    tampering.do(folder, signed.folder(signed.two), signed.key)
    version, digest = tampering.registered(folder, signed.one.version)
    registered = replace(signed.one, version=version, artifact_sha256=digest)
    found = signed.store.check(registered)
    assert found.state == tampering.state
    assert f"the files of model {version} are {tampering.state}: {folder}" in found.problem
    assert tampering.message in found.problem
    assert found.problem.count("\nNext: ") == 1
    assert signed.store.check_served(registered) == found
    with pytest.raises(ArtifactError, match=r"are (untrusted|damaged|unreadable): "):
        signed.store.folder(registered)
    with pytest.raises(ArtifactError):
        check_model(folder, signature_rules(signed.settings))
    assert signed.store.check(signed.two).signed_by == signed.key.public.key_id


def test_a_model_is_signed_once_and_stays_signed(installation: Installation) -> None:
    assert installation.store.check(installation.one).signed_by is None
    key_id = installation.sign(installation.one)
    signature = installation.folder(installation.one) / SIGNATURE
    content, written = signature.read_bytes(), signature.stat().st_mtime_ns
    assert stat.S_IMODE(signature.stat().st_mode) == 0o600
    assert installation.sign(installation.one) == key_id
    assert (signature.read_bytes(), signature.stat().st_mtime_ns) == (content, written)
    found = installation.store.check(installation.one)
    assert (found.state, found.signed_by) == ("intact", key_id)
    assert check_model(found.path, signature_rules(installation.settings)) == key_id
    # Nothing is left of the partial file, and the next training of the same model keeps the signature.
    put(installation.settings.home / "models")
    assert sorted(p.name for p in found.path.iterdir()) == sorted([*read(found.path), SIGNATURE])
    assert sorted(p.name for p in found.path.parent.iterdir()) == sorted(
        [installation.one.version, installation.two.version]
    )


def test_the_remains_of_a_killed_signing_are_removed(installation: Installation) -> None:
    root = installation.settings.home / "models"
    for pid in (1, 2**22 + 1):
        (root / f".{SIGNATURE}.0123abcd.{pid}.partial").write_bytes(b"")
    sweep(root)
    assert [path.name for path in root.glob(".*")] == [f".{SIGNATURE}.0123abcd.1.partial"]


def test_models_of_a_replaced_key_stay_verifiable(signed: Installation, tmp_path: Path) -> None:
    former = signed.key.public.key_id
    shutil.copy(private_path(signed.settings), tmp_path / "former.pem")
    (signed.folder(signed.two) / SIGNATURE).unlink()
    rotated = signed.with_settings(signing_key=tmp_path / "new.pem")
    assert rotated.sign(rotated.one) == former, "its signature is kept"
    newer = rotated.sign(rotated.two)
    assert newer != former
    for model, key_id in ((rotated.one, former), (rotated.two, newer)):
        assert rotated.store.check(model).signed_by == key_id
    # A key that is not trusted any more.
    (public_folder(signed.settings) / f"{former[:16]}.pem").unlink()
    assert rotated.store.check(rotated.two).signed_by == newer
    found = rotated.store.check(rotated.one)
    assert found.state == "untrusted"
    assert "a key that is not trusted" in found.problem
    assert "add the file of that public key to SIGNING_PUBLIC_KEYS" in found.problem


def test_named_public_keys_are_the_only_trusted_ones(signed: Installation, tmp_path: Path) -> None:
    local = next(public_folder(signed.settings).iterdir())
    other = tmp_path / "other.pem"
    other.write_bytes(stranger().public.pem)
    for named, trusted in {str(other): False, f"{other}, {local}": True, str(local.parent): True}.items():
        installation = signed.with_settings(signing_public_keys=named)
        assert installation.store.check(signed.one).intact is trusted, named
    # A service without the private key verifies, and leaves nothing behind.
    private_path(signed.settings).unlink()
    assert signed.store.check(signed.one).intact
    assert not private_path(signed.settings).exists()
    missing = signed.with_settings(signing_public_keys=str(tmp_path / "missing.pem")).store.check(signed.one)
    assert missing.state == "untrusted"
    assert "missing.pem cannot be read (No such file or directory)\nNext: correct SIGNING_PUBLIC_KEYS" in (
        missing.problem
    )


def test_processes_with_homes_of_their_own_share_the_keys_of_an_artifact_root(
    installation: Installation, tmp_path: Path
) -> None:
    """As pods do."""
    root = str(installation.settings.home / "models")
    homes = [
        installation.with_settings(loan_default_home=tmp_path / name, artifact_root=root)
        for name in ("run", "next run", "service")
    ]
    first, second = homes[0].sign(installation.one), homes[1].sign(installation.two)
    assert first != second
    for model, key_id in ((installation.one, first), (installation.two, second)):
        assert homes[2].store.check_served(model).signed_by == key_id
    assert not homes[2].settings.home.exists()


@pytest.mark.parametrize(
    ("changed", "required"),
    [
        ({}, False),
        ({"require_signature": True}, True),
        ({"signing_public_keys": "keys"}, True),
        ({"signing_public_keys": "keys", "require_signature": False}, False),
    ],
)
def test_where_a_champion_without_a_signature_is_refused(
    installation: Installation, changed: dict[str, object], required: bool
) -> None:
    model = installation.one
    store = installation.with_settings(**changed).store
    found = store.check_served(model)
    assert found.intact is not required
    assert store.check(model).intact, "a candidate is not signed yet"
    if required:
        assert found.state == "unsigned"
        assert found.problem.endswith(f"Next: loan-default promote {model.version}, which signs them")


def test_a_copy_without_a_signature_does_not_replace_a_refused_one(signed: Installation) -> None:
    folder, model = signed.folder(signed.one), signed.one
    shutil.copytree(folder, folder.with_name("copy"))
    (folder.with_name("copy") / SIGNATURE).unlink()
    (folder / SIGNATURE).write_bytes(b"")
    assert signed.store.check(model).state == "untrusted"
    shutil.copytree(signed.folder(signed.two), folder.with_name("other"))
    shutil.rmtree(folder)
    assert signed.store.check(model).signed_by is None, "without the refused one it is an unsigned model"


def _not_writable(installation: Installation) -> str:
    shutil.rmtree(installation.settings.home / "keys", ignore_errors=True)
    (installation.settings.home / "keys").write_text("no folder")
    return "the private key .* cannot be read or generated"


def _another_key(installation: Installation) -> str:
    private_path(installation.settings).write_bytes(private_pem(stranger().key))
    return "is not among SIGNING_PUBLIC_KEYS\nNext: openssl pkey -in .* -pubout"


def _other_file(installation: Installation) -> str:
    (installation.folder(installation.one) / "notes.txt").touch()
    return "holds other files: notes.txt\nNext: remove them"


def _other_model(installation: Installation) -> str:
    folder = installation.folder(installation.one)
    shutil.rmtree(folder)
    shutil.copytree(installation.folder(installation.two), folder)
    return "was changed meanwhile"


@pytest.mark.parametrize("obstacle", [_not_writable, _another_key, _other_file, _other_model])
def test_a_model_that_cannot_be_signed(signed: Installation, obstacle: Callable[[Installation], str]) -> None:
    named = str(public_folder(signed.settings)) if obstacle is _another_key else None
    (signed.folder(signed.one) / SIGNATURE).unlink()
    installation = signed.with_settings(signing_public_keys=named)
    found = installation.store.check(installation.one)
    with pytest.raises(ArtifactError, match=obstacle(installation)):
        model_signer(installation.settings)(found)
    assert obstacle is _other_model or not (installation.folder(installation.one) / SIGNATURE).exists()


def test_records_are_signed_and_checked(installation: Installation, tmp_path: Path) -> None:
    sign = signer(installation.settings)
    key_id, signature = sign(b"a decision")
    assert key_id == installation.key.public.key_id
    check = record_check(signature_rules(installation.settings))
    assert check(key_id, b"a decision", signature)
    assert not check(key_id, b"another decision", signature)
    assert not check("0" * 64, b"a decision", signature)
    assert not check(key_id, b"a decision", signature[:-1])
    assert not installation.key.public.verifies(b"a decision", signature), (
        "it is no signature of the bytes alone"
    )
    stranger_file = tmp_path / "stranger.pem"
    stranger_file.write_bytes(stranger().public.pem)
    others = installation.with_settings(signing_public_keys=str(stranger_file))
    assert not record_check(signature_rules(others.settings))(key_id, b"a decision", signature)
    with pytest.raises(SigningKeyError, match="is not among SIGNING_PUBLIC_KEYS"):
        signer(others.settings)


@pytest.mark.parametrize(("root_mode", "file_mode"), [(0o700, 0o600), (0o750, 0o640)])
def test_signature_and_public_keys_are_as_open_as_the_models(
    installation: Installation, tmp_path: Path, root_mode: int, file_mode: int
) -> None:
    root = tmp_path / "shared"
    (installation.settings.home / "models").rename(root)
    for folder in (root, *(path for path in root.iterdir() if path.is_dir())):
        folder.chmod(root_mode)
    shared = installation.with_settings(artifact_root=str(root))
    shared.sign(shared.one)
    [key] = (root / ".keys").glob("*.pem")
    files = (root / shared.one.version / SIGNATURE, key)
    assert {path.stat().st_mode & 0o777 for path in files} == {file_mode}
    assert (root / ".keys").stat().st_mode & 0o777 == root_mode
    assert private_path(shared.settings).stat().st_mode & 0o777 == 0o600
