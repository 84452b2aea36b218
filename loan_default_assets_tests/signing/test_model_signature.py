"""The format of model.sig: what is refused in test_signed_models.py; here, that other programs understand it."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loan_default_assets.signing.model_signature import SIGNATURE, encoded, sign_files, verify_files
from loan_default_assets.signing.signing_keys import SigningKey
from loan_default_assets_tests.signing.test_signing_keys import private_pem
from loan_default_assets_tests.tamperings import stranger

INSTALLED = os.environ.get("MODEL_SIGNING_PATH", "")
FILES = {"manifest.json": b"{}", "weights.safetensors": bytes(range(256)), "model.json": b'{"kind": 1}'}


@pytest.fixture
def key() -> SigningKey:
    return stranger()


@pytest.fixture
def model(tmp_path: Path, key: SigningKey) -> Path:
    """A folder with files, and the keys beside it."""
    folder = tmp_path / "c0123456789ab"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (tmp_path / "private.pem").write_bytes(private_pem(key.key))
    (tmp_path / "public.pem").write_bytes(key.public.pem)
    return folder


def test_openssl_verifies_a_signature(model: Path, key: SigningKey, tmp_path: Path) -> None:
    bundle = sign_files(model.name, FILES, key)
    assert verify_files(bundle, FILES, [stranger().public, key.public]) == key.public
    envelope = json.loads(bundle)["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "signed").write_bytes(encoded(envelope["payloadType"], payload))
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "signed"]
    subprocess.run(command, cwd=tmp_path, check=True)
    resources = json.loads(payload)["predicate"]["resources"]
    assert [resource["name"] for resource in resources] == sorted(FILES)


def _other_program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line of the project model_signing, which `make interop` installs into a folder of its own."""
    if not INSTALLED:
        pytest.skip("MODEL_SIGNING_PATH is not set: make interop")
    return subprocess.run(
        [sys.executable, "-m", "model_signing", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": INSTALLED},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_of_the_format_verifies_our_signature(
    model: Path, key: SigningKey, tmp_path: Path
) -> None:
    (model / SIGNATURE).write_bytes(sign_files(model.name, FILES, key))
    arguments = (
        *("verify", "key", str(model), "--signature", str(model / SIGNATURE)),
        *("--public_key", "public.pem"),
    )
    accepted = _other_program(tmp_path, *arguments)
    assert accepted.returncode == 0, accepted.stderr
    (model / "weights.safetensors").write_bytes(b"others")
    assert _other_program(tmp_path, *arguments).returncode != 0
    (model / "weights.safetensors").write_bytes(FILES["weights.safetensors"])
    (model / "more").write_bytes(b"")
    assert _other_program(tmp_path, *arguments).returncode != 0


def test_we_verify_a_signature_of_the_program_of_the_format(
    model: Path, key: SigningKey, tmp_path: Path
) -> None:
    done = _other_program(
        tmp_path,
        *("sign", "key", str(model), "--signature", str(model / SIGNATURE), "--private_key", "private.pem"),
    )
    assert done.returncode == 0, done.stderr
    assert verify_files((model / SIGNATURE).read_bytes(), FILES, [key.public]) == key.public
