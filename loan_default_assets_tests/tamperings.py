"""What an attacker who can write the folder of a signed model does to it, and what is said of it then."""

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from loan_default_assets.model.artifact_files import MANIFEST, ArtifactState, digest_of, read, to_json
from loan_default_assets.signing.model_signature import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    SIGNATURE,
    encoded,
    sign_files,
)
from loan_default_assets.signing.signing_keys import SigningKey
from loan_default_assets_tests.damages import WEIGHTS


@dataclass(frozen=True)
class Tampering:
    """One manipulation.

    Attributes:
        message: What the refusal says.
        do: Manipulates the first folder, which is signed with the key; the second is that of another signed model.
        state: The state in which the store finds the files.
        new_version: Whether the files are another version now, which the attacker registers.
    """

    message: str
    do: Callable[[Path, Path, SigningKey], object]
    state: ArtifactState = "untrusted"
    new_version: bool = False

    def registered(self, folder: Path, version: str) -> tuple[str, str]:
        """Version and SHA-256 that the attacker registers."""
        digest = digest_of((folder / MANIFEST).read_bytes())
        return (version[0] + digest[:12] if self.new_version else version), digest


def stranger() -> SigningKey:
    """A key that nobody trusts."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()))


def _edit_manifest(folder: Path, *_: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    manifest[WEIGHTS] = "0" * 64
    (folder / MANIFEST).write_bytes(to_json(manifest))


def _swap_content(folder: Path, other: Path, _: SigningKey) -> None:
    """With a manifest that fits: a model that can be registered as another version."""
    shutil.copy(other / WEIGHTS, folder / WEIGHTS)
    details = json.loads((other / "model.json").read_bytes()) | {"threshold": 0.987}
    (folder / "model.json").write_bytes(to_json(details))
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(
        to_json({name: digest_of((folder / name).read_bytes()) for name in manifest})
    )


def _sign_as_a_stranger(folder: Path, *_: Any) -> None:
    (folder / SIGNATURE).write_bytes(sign_files(folder.name, read(folder), stranger()))


def _change_bundle(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path, SigningKey], None]:
    def do(folder: Path, *_: Any) -> None:
        bundle = json.loads((folder / SIGNATURE).read_bytes())
        change(bundle)
        (folder / SIGNATURE).write_text(json.dumps(bundle))

    return do


def _sign_as_a_stranger_under_the_trusted_hint(folder: Path, other: Path, key: SigningKey) -> None:
    _sign_as_a_stranger(folder)
    _change_bundle(lambda b: b["verificationMaterial"]["publicKey"].update(hint=key.public.hint))(
        folder, other, key
    )


def _sign_a_subset(folder: Path, _: Path, key: SigningKey) -> None:
    files = {name: data for name, data in read(folder).items() if name != WEIGHTS}
    (folder / SIGNATURE).write_bytes(sign_files(folder.name, files, key))


def _sign_another_statement(folder: Path, _: Path, key: SigningKey) -> None:
    bundle = json.loads((folder / SIGNATURE).read_bytes())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    payload = payload.replace(PREDICATE_TYPE.encode(), b"https://slsa.dev/provenance/v1")
    signature = base64.b64encode(key.sign(encoded(PAYLOAD_TYPE, payload))).decode()
    bundle["dsseEnvelope"] |= {
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": signature}],
    }
    (folder / SIGNATURE).write_text(json.dumps(bundle))


def _alter_payload(bundle: dict[str, Any]) -> None:
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"Statement/v1", b"Statement/v2")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()


def _alter_signature(bundle: dict[str, Any]) -> None:
    [entry] = bundle["dsseEnvelope"]["signatures"]
    content = bytearray(base64.b64decode(entry["sig"]))
    content[-1] ^= 1
    entry["sig"] = base64.b64encode(content).decode()


def _write(name: str, content: bytes) -> Callable[[Path, Path, SigningKey], object]:
    return lambda folder, *_: (folder / name).write_bytes(content)


def _put_a_folder_in_its_place(folder: Path, *_: Any) -> None:
    (folder / SIGNATURE).unlink()
    (folder / SIGNATURE).mkdir()


_NO_BUNDLE, _ALTERED = "it is no complete Sigstore bundle", "the signature was altered, or what it signs"
TAMPERINGS = {
    "edited manifest": Tampering(f"{WEIGHTS} differs from its SHA-256", _edit_manifest, "damaged"),
    "swapped weights and settings": Tampering(
        f"it is the signature of other files: {MANIFEST} differs, model.json differs",
        _swap_content,
        new_version=True,
    ),
    "another key": Tampering("it was signed with a key that is not trusted", _sign_as_a_stranger),
    "another key under the trusted hint": Tampering(_ALTERED, _sign_as_a_stranger_under_the_trusted_hint),
    "altered signature": Tampering(_ALTERED, _change_bundle(_alter_signature)),
    "altered payload": Tampering(_ALTERED, _change_bundle(_alter_payload)),
    "truncated bundle": Tampering(_NO_BUNDLE, lambda folder, *_: os.truncate(folder / SIGNATURE, 200)),
    "empty file": Tampering(_NO_BUNDLE, _write(SIGNATURE, b"")),
    "bytes that are no text": Tampering(_NO_BUNDLE, _write(SIGNATURE, b"\xff\xfe\x00")),
    "a nested document": Tampering(_NO_BUNDLE, _write(SIGNATURE, b"[" * 100_000)),
    "no signature in the envelope": Tampering(
        _NO_BUNDLE, _change_bundle(lambda bundle: bundle["dsseEnvelope"].update(signatures=[]))
    ),
    "another kind of payload": Tampering(
        "it is a Sigstore bundle of another kind",
        _change_bundle(lambda bundle: bundle["dsseEnvelope"].update(payloadType="text/plain")),
    ),
    "another signed statement": Tampering("it signs a statement of another kind", _sign_another_statement),
    "signature of another model": Tampering(
        "it is the signature of other files: ",
        lambda folder, other, _: shutil.copy(other / SIGNATURE, folder / SIGNATURE),
    ),
    "signature of a subset": Tampering(f"other files: {WEIGHTS} is not signed", _sign_a_subset),
    "extra file": Tampering("it does not sign notes.txt", _write("notes.txt", b"")),
    "a folder in place of the signature": Tampering(
        f"{SIGNATURE} cannot be read", _put_a_folder_in_its_place, "unreadable"
    ),
}
