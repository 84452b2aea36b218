"""What this installation signs and which signatures it trusts, by its settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.model.artifact_files import MANIFEST, ArtifactError, digest_of, read
from loan_default_assets.model.artifact_store import ArtifactCheck, ArtifactStore
from loan_default_assets.object_store.artifact_cache import KEYS, artifact_cache
from loan_default_assets.private_files import write_file
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import (
    SIGNATURE,
    SignatureRefused,
    encoded,
    sign_files,
    verify_files,
)
from loan_default_assets.signing.signing_keys import (
    SigningKey,
    SigningKeyError,
    TrustedKey,
    publish,
    signing_key,
    trusted_keys,
)

# What signatures of records are over, so that none can be taken for the signature of a model.
RECORD_TYPE = "application/vnd.loan-default.record"

_REPLACE = "restore a backup (loan-default restore DIR), or replace the model: loan-default retrain"

Sign = Callable[[ArtifactCheck], str]


@dataclass(frozen=True)
class SignatureRules:
    """Which signatures are accepted.

    Attributes:
        default: Folder of public keys, which are trusted where none are named; it may not exist yet.
        named: Files of public keys, or folders with them.
        required: Whether a model without a signature may not serve.
    """

    default: Path
    named: tuple[Path, ...] = ()
    required: bool = False

    def trusted(self) -> tuple[TrustedKey, ...]:
        """The keys whose signatures are accepted, read now.

        Raises:
            SigningKeyError: One cannot be read.
        """
        return trusted_keys(self.named or ((self.default,) if self.default.is_dir() else ()))

    def signed_by(self, folder: Path, files: Mapping[str, bytes]) -> str | None:
        """Id of the key that signed a model; None where it has no signature.

        Args:
            folder: Folder of the artifact.
            files: Its verified content by file name.

        Raises:
            ArtifactError: There is a signature, and it does not prove that a trusted key signed these files; or a
                trusted key cannot be read.
        """
        path = folder / SIGNATURE
        try:
            bundle = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror})", "unreadable") from None
        try:
            if unknown := _other_files(folder, files):
                raise SignatureRefused(f"it does not sign {', '.join(unknown)}")
            return verify_files(bundle, files, self.trusted()).key_id
        except SignatureRefused as error:
            known_good = (
                f"where you know the files to be good, delete {path}, and loan-default promote signs them"
            )
            raise ArtifactError(
                f"{path}: {error}", error.state, f"{error.remedy or _REPLACE}; {known_good}"
            ) from None
        except SigningKeyError as error:
            raise ArtifactError(error.reason, "untrusted", error.remedy) from None


def public_folder(settings: Settings) -> Path:
    """Where the public half of every key is kept that has signed here; trusted unless SIGNING_PUBLIC_KEYS is set.

    Where ARTIFACT_ROOT is set, processes with homes of their own may share the models, and so they share the keys. The
    keys of a URL are copied with the models.
    """
    return settings.artifact_folder / KEYS if settings.artifact_root else settings.home / "keys" / "public"


def private_path(settings: Settings) -> Path:
    """The file of the private key."""
    return (settings.signing_key or settings.home / "keys" / "signing.pem").expanduser().absolute()


def signature_rules(settings: Settings, *, default: Path | None = None) -> SignatureRules:
    """The rules of the settings.

    Args:
        settings: Of the installation.
        default: Folder of public keys that are trusted where SIGNING_PUBLIC_KEYS is unset, in place of the home's.
    """
    named = [part.strip() for part in (settings.signing_public_keys or "").split(",") if part.strip()]
    trusted = tuple(Path(part).expanduser().absolute() for part in named)
    required = settings.require_signature
    return SignatureRules(
        default or public_folder(settings), trusted, bool(trusted) if required is None else required
    )


def artifact_store(settings: Settings, *, default_keys: Path | None = None) -> ArtifactStore:
    """The artifacts of an installation, with the signatures that it accepts.

    Args:
        settings: Of the installation.
        default_keys: See `signature_rules`; given for a model in BentoML's store, which needs no root behind a URL.
    """
    return ArtifactStore(
        settings.models_folder,
        settings.home,
        signature_rules(settings, default=default_keys),
        artifact_cache(settings) if default_keys is None else None,
    )


def trust(key: TrustedKey, settings: Settings) -> None:
    """Keep a public key where every process that shares the models finds it; repeated, it changes nothing.

    Raises:
        SigningKeyError: The folder cannot be written.
        ArtifactRootError: The root of the artifacts cannot be reached or refuses.
    """
    if cache := artifact_cache(settings):
        cache.publish_key(key.file_name, key.pem)
    publish(key, public_folder(settings))


def check_model(folder: Path, rules: SignatureRules) -> str | None:
    """Verify every file of an artifact and its signature.

    Returns:
        Id of the key that signed it; None where it has no signature.

    Raises:
        ArtifactError: A file is missing or damaged, or there is a signature that is not accepted.
    """
    return rules.signed_by(folder, read(folder))


def model_signer(settings: Settings) -> Sign:
    """A function that signs a model which the store has found intact, and returns the id of the key.

    A model that has an accepted signature keeps it, and no private key is needed then. `model.sig` exists completely
    or not at all. The function raises ArtifactError where there is no key, the key is not trusted, or the folder cannot
    be written, and ArtifactRootError where the root of the artifacts cannot.
    """

    def sign(found: ArtifactCheck) -> str:
        if found.signed_by is not None:
            return found.signed_by
        key = _trusted_signing_key(settings)
        path = found.path / SIGNATURE
        try:
            files = read(found.path)
            if digest_of(files[MANIFEST]) != found.sha256:
                raise ArtifactError(f"{found.path} was changed meanwhile; the same command again", "replaced")
            if unknown := _other_files(found.path, files):
                raise SigningKeyError(
                    f"model {found.version} is not signed: {found.path} holds other files: {', '.join(unknown)}",
                    "remove them, then the same command",
                )
            content = sign_files(found.version, files, key)
            if cache := artifact_cache(settings):
                cache.publish_signature(found.version, content)
            # Beside the folder, which may hold no other file than the signed ones.
            write_file(path, content, partial_folder=found.path.parent)
        except OSError as error:
            raise SigningKeyError(
                f"model {found.version} is not signed: {path} cannot be written ({error.strerror})",
                "make the folder writable, or set ARTIFACT_ROOT to another folder; then the same command",
            ) from None
        return key.public.key_id

    return sign


def signer(settings: Settings) -> Callable[[bytes], tuple[str, bytes]]:
    """A function that signs a record: it returns the id of the key and the signature (ECDSA with SHA-256, DER).

    The signature is over the DSSE encoding of the bytes with the type `RECORD_TYPE`.

    Raises:
        ArtifactError: There is no private key and none can be generated, or the key is not trusted.
    """
    key = _trusted_signing_key(settings)
    key_id = key.public.key_id
    return lambda content: (key_id, key.sign(encoded(RECORD_TYPE, content)))


def decision_signer(settings: Settings) -> Callable[[bytes], tuple[str, bytes]]:
    """What `signer` returns, but the key is read, or generated, when the first record is signed."""
    return lambda content: signer(settings)(content)


def record_check(rules: SignatureRules) -> Callable[[str, bytes, bytes], bool]:
    """A function of key id, bytes and signature: whether `signer` made it with that key, and the key is trusted.

    Raises:
        ArtifactError: A trusted key cannot be read.
    """
    trusted = {key.key_id: key for key in rules.trusted()}

    def check_bytes(key_id: str, content: bytes, signature: bytes) -> bool:
        key = trusted.get(key_id)
        return key is not None and key.verifies(encoded(RECORD_TYPE, content), signature)

    return check_bytes


def unsigned_warning(version: str) -> str:
    """What is said of a champion that serves without a signature."""
    return f"{version} is not signed, as models of earlier releases; loan-default promote {version} signs it"


def _other_files(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    return sorted({path.name for path in folder.iterdir()} - {*files, SIGNATURE})


def _trusted_signing_key(settings: Settings) -> SigningKey:
    password = settings.signing_key_password
    path = private_path(settings)
    key = signing_key(path, password.get_secret_value() if password else None)
    rules = signature_rules(settings)
    if not rules.named:
        trust(key.public, settings)
    elif key.public.key_id not in {each.key_id for each in rules.trusted()}:
        raise SigningKeyError(
            f"no model can be signed: the public key of {path} is not among SIGNING_PUBLIC_KEYS",
            f"openssl pkey -in {path} -pubout -out PUBLIC.pem, and add PUBLIC.pem to SIGNING_PUBLIC_KEYS",
        )
    return key
