"""Keys on the elliptic curve P-256: a private key that signs, generated where it is first needed, and trusted ones."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.private_files import make_private_folders, write_file, write_partial


class SigningKeyError(ArtifactError):
    """A key is missing, cannot be read or generated, or is of another kind.

    Attributes:
        reason: The first line of its text, without the next command.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}\nNext: {remedy}", remedy=remedy)
        self.reason = reason


@dataclass(frozen=True)
class TrustedKey:
    """A public key whose signatures are accepted.

    Attributes:
        key: The key.
        key_id: SHA-256 of its DER encoding (SubjectPublicKeyInfo), in hexadecimal digits.
        hint: SHA-256 of its PEM encoding; names the key in a Sigstore bundle.
    """

    key: ec.EllipticCurvePublicKey

    @property
    def key_id(self) -> str:
        encoded = self.key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(encoded).hexdigest()

    @property
    def hint(self) -> str:
        return hashlib.sha256(self.pem).hexdigest()

    @property
    def file_name(self) -> str:
        """The name of the key's file in a folder of keys."""
        return f"{self.key_id[:16]}.pem"

    @property
    def pem(self) -> bytes:
        """The content of its file."""
        return self.key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Whether the signature (ECDSA with SHA-256, DER) is that of the content by this key."""
        try:
            self.key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A private key."""

    key: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> TrustedKey:
        """Its public half."""
        return TrustedKey(self.key.public_key())

    def sign(self, content: bytes) -> bytes:
        """The signature of the content: ECDSA with SHA-256, DER."""
        return self.key.sign(content, ec.ECDSA(hashes.SHA256()))


def signing_key(path: Path, password: str | None) -> SigningKey:
    """The private key of a file; generated where there is none. Processes that generate it at once agree on one.

    Args:
        path: PEM file. It gets mode 0600, and its folder, where that does not exist, 0700.
        password: Of the encrypted key; None for one that is not encrypted.

    Raises:
        SigningKeyError: The key cannot be read or generated, is of another kind, or the password is wrong.
    """
    try:
        if not path.exists():
            _generate(path, password)
        content = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(
            f"no model can be signed: the private key {path} cannot be read or generated ({error.strerror})",
            "set SIGNING_KEY to a PEM file of a P-256 private key, or to a path that can be written",
        ) from None
    try:
        key = serialization.load_pem_private_key(content, password.encode() if password else None)
    except TypeError:
        reason = "is encrypted" if password is None else "is not encrypted"
        remedy = "set" if password is None else "unset"
        raise SigningKeyError(f"{path} {reason}", f"{remedy} SIGNING_KEY_PASSWORD") from None
    except ValueError:
        raise SigningKeyError(
            f"{path} is no private key in PEM format, or SIGNING_KEY_PASSWORD is not its password",
            "set SIGNING_KEY and SIGNING_KEY_PASSWORD",
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SigningKeyError(f"{path} is not on the elliptic curve P-256", "set SIGNING_KEY to a P-256 key")
    return SigningKey(key)


def trusted_keys(paths: Sequence[Path]) -> tuple[TrustedKey, ...]:
    """The public keys of files, and of the files `*.pem` of folders.

    Raises:
        SigningKeyError: A path does not exist, or a file is no P-256 public key in PEM format.
    """
    found = []
    for path in paths:
        for file in sorted(path.glob("*.pem")) if path.is_dir() else (path,):
            try:
                key = serialization.load_pem_public_key(file.read_bytes())
            except OSError as error:
                raise _not_trusted(f"{file} cannot be read ({error.strerror})") from None
            except ValueError:
                raise _not_trusted(f"{file} is no public key in PEM format") from None
            if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
                raise _not_trusted(f"{file} is not on the elliptic curve P-256")
            found.append(TrustedKey(key))
    return tuple(found)


def publish(key: TrustedKey, folder: Path) -> None:
    """Keep a public key in a folder of trusted keys; repeated, it changes nothing.

    Raises:
        SigningKeyError: The folder cannot be written.
    """
    path = folder / key.file_name
    try:
        if path.exists() and path.read_bytes() == key.pem:
            return
        if not folder.exists():
            make_private_folders(folder)
            # In an artifact root of a group, whoever reads the models reads the keys.
            folder.chmod(folder.parent.stat().st_mode & 0o777)
        write_file(path, key.pem, partial_folder=folder)
    except OSError as error:
        raise SigningKeyError(
            f"no model can be signed: {path} cannot be written ({error.strerror})",
            "make the folder writable, or set SIGNING_PUBLIC_KEYS to the public key of SIGNING_KEY",
        ) from None


def _generate(path: Path, password: str | None) -> None:
    encryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    content = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    make_private_folders(path.parent)
    partial = write_partial(path, content, path.parent)
    try:
        # Unlike a rename, it fails where another process was first.
        with suppress(FileExistsError):
            path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)


def _not_trusted(reason: str) -> SigningKeyError:
    return SigningKeyError(reason, "correct SIGNING_PUBLIC_KEYS")
