"""The format of model.sig, that of OpenSSF model signing 1.0: a Sigstore bundle with an in-toto statement on all files.

The bundle holds a DSSE envelope, whose payload is the statement and whose signature is over the payload's
pre-authentication encoding. `model_signing verify key` of the project of that name verifies the same file.
docs/decisions/model-signing.md has the reasons for own code.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from loan_default_assets.model.artifact_files import SIGNATURE, ArtifactError, digest_of
from loan_default_assets.signing.signing_keys import SigningKey, TrustedKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"


class SignatureRefused(ArtifactError):
    """A signature that is present and does not prove that a trusted key signed exactly these files."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, "untrusted", remedy)


def sign_files(name: str, files: Mapping[str, bytes], key: SigningKey) -> bytes:
    """The signature of a model as the content of `model.sig`.

    Args:
        name: Of the model; informative.
        files: Content by file name, all files of the model's folder but the signature.
        key: The private key.
    """
    payload = json.dumps(_statement(name, files), separators=(",", ":")).encode()
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.public.hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"sig": base64.b64encode(key.sign(encoded(PAYLOAD_TYPE, payload))).decode(), "keyid": ""}
            ],
        },
    }
    return json.dumps(bundle, separators=(",", ":")).encode()


def verify_files(bundle: bytes, files: Mapping[str, bytes], trusted: Sequence[TrustedKey]) -> TrustedKey:
    """The trusted key that signed exactly these files.

    Args:
        bundle: Content of `model.sig`.
        files: Content by file name, all files of the model's folder but the signature.
        trusted: The keys whose signatures are accepted.

    Raises:
        SignatureRefused: The bundle is no complete signature, by no trusted key, altered, or one of other files.
    """
    payload, signature, hint = _opened(bundle)
    key = next((each for each in trusted if each.hint == hint), None)
    if key is None:
        raise SignatureRefused(
            f"it was signed with a key that is not trusted (hint {hint[:16]}..)",
            "add the file of that public key to SIGNING_PUBLIC_KEYS if it is yours",
        )
    if not key.verifies(encoded(PAYLOAD_TYPE, payload), signature):
        raise SignatureRefused("the signature was altered, or what it signs")
    signed, present = _signed_digests(payload), {name: digest_of(data) for name, data in files.items()}
    if differing := sorted(name for name in {*signed, *present} if signed.get(name) != present.get(name)):
        kinds = [_difference(name, signed, present) for name in differing]
        raise SignatureRefused(f"it is the signature of other files: {', '.join(kinds)}")
    return key


def encoded(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE 1.0: what is signed of a payload.

    Examples:
        >>> encoded("text/plain", b"loan")
        b'DSSEv1 10 text/plain 4 loan'
    """
    return f"DSSEv1 {len(payload_type.encode())} {payload_type} {len(payload)} ".encode() + payload


def _statement(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    digests = {file: digest_of(files[file]) for file in sorted(files)}
    whole = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": whole}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE],
            },
            "resources": [
                {"name": file, "algorithm": "sha256", "digest": digest} for file, digest in digests.items()
            ],
        },
    }


def _opened(bundle: bytes) -> tuple[bytes, bytes, str]:
    """Payload, signature and hint of the key. Nothing in them is proven yet."""
    try:
        parsed = json.loads(bundle)
        envelope = parsed["dsseEnvelope"]
        kinds = (parsed["mediaType"], envelope["payloadType"])
        [entry] = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(entry["sig"], validate=True)
        hint = parsed["verificationMaterial"]["publicKey"]["hint"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SignatureRefused("it is no complete Sigstore bundle") from None
    if kinds != (MEDIA_TYPE, PAYLOAD_TYPE) or not isinstance(hint, str):
        raise SignatureRefused("it is a Sigstore bundle of another kind")
    return payload, signature, hint


def _signed_digests(payload: bytes) -> dict[str, str]:
    """SHA-256 by file name of a statement whose signature was verified."""
    try:
        statement = json.loads(payload)
        kinds = (statement["_type"], statement["predicateType"])
        resources = statement["predicate"]["resources"]
        digests = {each["name"]: each["digest"] for each in resources if each["algorithm"] == "sha256"}
        complete = kinds == (STATEMENT_TYPE, PREDICATE_TYPE) and len(digests) == len(resources)
    except (ValueError, KeyError, TypeError, RecursionError):
        complete = False
    if not complete:
        raise SignatureRefused("it signs a statement of another kind")
    return digests


def _difference(name: str, signed: Mapping[str, str], present: Mapping[str, str]) -> str:
    if name not in signed:
        return f"{name} is not signed"
    return f"{name} differs" if name in present else f"{name} does not exist"
