import multiprocessing
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from loan_default_assets.signing.signing_keys import SigningKeyError, publish, signing_key, trusted_keys
from loan_default_assets_tests.tamperings import stranger


def private_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: str | None = None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, encryption
    )


def test_a_key_is_generated_once_and_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keys" / "signing.pem"
    before = os.umask(0)
    try:
        key = signing_key(path, None)
        publish(key.public, path.parent / "public")
    finally:
        os.umask(before)
    assert signing_key(path, None).public.key_id == key.public.key_id
    for each in (path.parent, path.parent / "public"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    public = path.parent / "public" / f"{key.public.key_id[:16]}.pem"
    assert {each: stat.S_IMODE(each.stat().st_mode) for each in path.parent.rglob("*") if each.is_file()} == {
        path: 0o600,
        public: 0o600,
    }
    [read] = trusted_keys([path.parent / "public"])
    assert (read.key_id, read.pem) == (key.public.key_id, public.read_bytes())


def _generate(path: Path, start: threading.Barrier, found: "multiprocessing.Queue[str]") -> None:
    start.wait()
    found.put(signing_key(path, None).public.key_id)


def test_processes_that_need_a_key_at_once_agree_on_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(5):
        path = tmp_path / str(attempt) / "signing.pem"
        start, found = context.Barrier(4), context.Queue()
        processes = [context.Process(target=_generate, args=(path, start, found)) for _ in range(4)]
        for process in processes:
            process.start()
        ids = {found.get(timeout=60) for _ in processes}
        for process in processes:
            process.join(60)
        assert ids == {signing_key(path, None).public.key_id}
        assert [each.name for each in path.parent.iterdir()] == ["signing.pem"]


def test_a_password_encrypts_the_generated_key(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    key = signing_key(path, "correct horse")
    assert b"ENCRYPTED" in path.read_bytes()
    assert signing_key(path, "correct horse").public.key_id == key.public.key_id
    for password, message in {
        None: f"{path} is encrypted\nNext: set SIGNING_KEY_PASSWORD",
        "wrong": "or SIGNING_KEY_PASSWORD is not its password\nNext: ",
    }.items():
        with pytest.raises(SigningKeyError) as refused:
            signing_key(path, password)
        assert message in str(refused.value)
        assert "correct horse" not in str(refused.value)


def _no_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("a file, in which nobody can generate a key")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("no key"), "is no private key in PEM format"),
        (lambda path: path.write_bytes(stranger().public.pem), "is no private key in PEM format"),
        (
            lambda path: path.write_bytes(private_pem(ec.generate_private_key(ec.SECP384R1()))),
            "is not on the elliptic curve P-256",
        ),
        (
            lambda path: path.write_bytes(private_pem(rsa.generate_private_key(65537, 2048))),
            "is not on the elliptic curve P-256",
        ),
        (_no_folder, "cannot be read or generated (Not a directory)"),
        (lambda path: path.mkdir(), "cannot be read or generated (Is a directory)"),
    ],
)
def test_a_key_that_cannot_sign_is_refused(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "keys" / "signing.pem"
    path.parent.mkdir()
    make(path)
    with pytest.raises(SigningKeyError) as refused:
        signing_key(path, None)
    assert message in str(refused.value)
    assert "\nNext: set SIGNING_KEY" in str(refused.value)


def test_the_formats_of_other_programs_are_read(tmp_path: Path) -> None:
    key, path = stranger(), tmp_path / "ec.pem"
    path.write_bytes(private_pem(key.key))
    assert signing_key(path, None).public.key_id == key.public.key_id
    path.write_bytes(private_pem(key.key, "secret"))
    assert signing_key(path, "secret").public.key_id == key.public.key_id


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"no key", "is no public key in PEM format"),
        ("a private key", "is no public key in PEM format"),
        ("another curve", "is not on the elliptic curve P-256"),
    ],
)
def test_a_trusted_key_that_cannot_be_read_is_an_error(
    tmp_path: Path, content: bytes | str | None, message: str
) -> None:
    if content == "a private key":
        content = private_pem(stranger().key)
    elif content == "another curve":
        other = ec.generate_private_key(ec.SECP384R1()).public_key()
        content = other.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    good, path = tmp_path / "good.pem", tmp_path / "key.pem"
    good.write_bytes(stranger().public.pem)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SigningKeyError) as refused:
        trusted_keys([good, path])
    assert f"{path} {message}\nNext: correct SIGNING_PUBLIC_KEYS" in str(refused.value)
