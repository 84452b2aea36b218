"""The service loads a signed champion and refuses a manipulated one; the model that it has stays."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from bento.inference.champion_loader import Champion
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import (
    artifact_store,
    model_signer,
    private_path,
    public_folder,
)
from loan_default_assets.signing.signing_keys import SigningKey, signing_key
from loan_default_assets.warehouse.registry import ModelRecord
from loan_default_assets_tests.bento.served_process import Served, service
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank
from loan_default_assets_tests.tamperings import TAMPERINGS


@dataclass(frozen=True)
class SignedBank:
    """A bank with two signed models."""

    bank: ServedBank
    settings: Settings
    one: ModelRecord
    two: ModelRecord

    @property
    def key(self) -> SigningKey:
        return signing_key(private_path(self.settings), None)

    def folder(self, record: ModelRecord) -> Path:
        return self.bank.root / record.version

    def champion(self, wanted: list[ModelRecord], **changed: object) -> Champion:
        store = artifact_store(self.settings.model_copy(update=changed))
        return Champion(self.bank.portfolio, store, lambda: wanted[0])


@pytest.fixture
def signed(make_bank: Callable[[], ServedBank], tmp_path: Path) -> SignedBank:
    bank = make_bank()
    records = [bank.register(number) for number in (0, 1)]
    settings = Settings(loan_default_home=tmp_path / "home", artifact_root=str(bank.root))
    for record in records:
        model_signer(settings)(artifact_store(settings).check(record).required())
    return SignedBank(bank, settings, *records)


def test_a_manipulated_champion_is_refused(signed: SignedBank, tmp_path: Path) -> None:
    wanted = [signed.one]
    champion = signed.champion(wanted)
    assert champion.poll() == "loaded"
    current = champion.current
    assert current is not None
    assert current.signed_by == signed.key.public.key_id
    folder = signed.folder(signed.two)
    shutil.copytree(folder, tmp_path / "kept")
    for name, tampering in TAMPERINGS.items():
        tampering.do(folder, signed.folder(signed.one), signed.key)
        version, digest = tampering.registered(folder, signed.two.version)
        wanted[0] = replace(signed.two, version=version, artifact_sha256=digest)
        assert champion.poll(retry_refused=True) == "refused", name
        assert champion.current is current
        assert tampering.message in str(champion.error), name
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "kept", folder)
    wanted[0] = signed.two
    assert champion.poll(retry_refused=True) == "loaded"


def test_a_champion_without_a_signature(signed: SignedBank, caplog: pytest.LogCaptureFixture) -> None:
    (signed.folder(signed.one) / SIGNATURE).unlink()
    champion = signed.champion([signed.one])
    with caplog.at_level(logging.WARNING, "bentoml.loan_default.model"):
        assert champion.poll() == "loaded"
    assert f"loan-default promote {signed.one.version} signs it" in caplog.text
    assert (champion.error, champion.files_problem) == (None, None)
    for changed in (
        {"require_signature": True},
        {"signing_public_keys": str(public_folder(signed.settings))},
    ):
        required = signed.champion([signed.one], **changed)
        assert required.poll() == "refused"
        assert "are unsigned: " in str(required.error)
        assert signed.champion([signed.two], **changed).poll() == "loaded"


def until(served: Served, state: str, reason: str = "") -> dict[str, object]:
    """The health once it is in this state for this reason."""
    end = time.monotonic() + 60
    while (body := httpx.get(served.http + "/health").json())["status"] != state or (
        reason not in body.get("reason", "")
    ):
        assert time.monotonic() < end, body
        time.sleep(0.1)
    return body


def test_a_service_with_public_keys_alone_serves_on_while_a_champion_is_refused(
    signed: SignedBank, tmp_path: Path
) -> None:
    bank = signed.bank
    keys = tmp_path / "public"
    shutil.copytree(public_folder(signed.settings), keys)
    bank.promote(signed.one)
    settings = {
        "portfolio": bank.portfolio_file,
        "database_url": bank.url,
        "artifact_root": bank.root,
        "signing_public_keys": keys,
    }
    with service(tmp_path / "service", ready="/health", **settings) as served:
        assert until(served, "ok") == {
            "status": "ok",
            "model_version": signed.one.version,
            "replicas": {"alive": 1, "outdated": 0},
        }
        info = httpx.get(served.http + "/model-info").json()
        assert info["model"]["signed_by"] == signed.key.public.key_id
        signature = signed.folder(signed.two) / SIGNATURE
        kept = signature.read_bytes()
        TAMPERINGS["another key"].do(signed.folder(signed.two), signed.folder(signed.one), signed.key)
        bank.promote(signed.two)
        reloaded = httpx.post(served.http + "/reload-model", json={}, timeout=30)
        assert reloaded.status_code == 202
        assert "are untrusted: " in reloaded.json()["states"][0]["error"]
        body = httpx.get(served.http + "/health").json()
        assert body["model_version"] == signed.one.version
        assert "it was signed with a key that is not trusted" in str(body["reason"])
        predicted = httpx.post(served.http + "/predict", json=request(reasons="none"))
        assert predicted.json()["model_version"] == signed.one.version
        signature.write_bytes(kept)
        assert httpx.post(served.http + "/reload-model", json={}, timeout=30).status_code == 200
        # Of the model in memory, a restart could not load the files now.
        signature.write_bytes(b"")
        until(served, "degraded", "it is no complete Sigstore bundle")
        signature.unlink()
        until(served, "degraded", "are unsigned: ")
        signature.write_bytes(kept)
        until(served, "ok")
    assert not (tmp_path / "service" / "keys").exists()
