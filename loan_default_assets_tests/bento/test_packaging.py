"""A champion in BentoML's store, and a Bento that serves that version after later promotions."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bento.packaging import ARTIFACT, PUBLIC_KEYS, PackagingError, build_bento, save_model
from loan_default_assets.model.artifact import ArtifactError
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signed_models import (
    artifact_store,
    check_model,
    model_signer,
    signature_rules,
)
from loan_default_assets_tests.bento.served_process import Served, environment, free_ports, wait_until
from loan_default_assets_tests.bento.small_portfolio import request
from loan_default_assets_tests.bento.tiny_models import ServedBank


def test_a_model_is_saved_once_and_unchanged(make_bank: Callable[..., ServedBank], tmp_path: Path) -> None:
    bank = make_bank()
    record, folder = bank.register(0), bank.root
    artifact = folder / record.version
    artifact.chmod(0o750)
    tag = save_model(artifact, record, bank.portfolio, store=tmp_path)
    assert tag == f"corner_bank:{record.version}"
    saved = tmp_path / "models" / "corner_bank" / record.version
    assert not [path for path in (saved, *saved.rglob("*")) if path.stat().st_mode & 0o077]
    names = sorted(path.name for path in artifact.iterdir())
    assert [(saved / ARTIFACT / name).read_bytes() for name in names] == [
        (artifact / name).read_bytes() for name in names
    ]
    assert not [path for path in saved.rglob("*") if path.suffix in (".pkl", ".pt", ".bin")]
    assert {"status: candidate", "verdict: none", "f1: unknown"} <= {
        line.strip() for line in (saved / "model.yaml").read_text().splitlines()
    }
    written = (saved / "model.yaml").stat().st_mtime_ns
    assert save_model(artifact, record, bank.portfolio, store=tmp_path) == tag
    assert (saved / "model.yaml").stat().st_mtime_ns == written
    weights = saved / ARTIFACT / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert save_model(artifact, record, bank.portfolio, store=tmp_path) == tag
    assert weights.read_bytes() == (artifact / "weights.safetensors").read_bytes()


def test_a_model_is_saved_with_its_signature_and_the_trusted_keys(
    make_bank: Callable[..., ServedBank], tmp_path: Path
) -> None:
    bank, settings = make_bank(), Settings(loan_default_home=tmp_path / "home")
    record = bank.register(0)
    artifact, store = bank.root / record.version, tmp_path / "store"
    signed_store = replace(artifact_store(settings), root=bank.root)
    key_id = model_signer(settings)(signed_store.check(record).required())
    trusted = signature_rules(settings).trusted()
    signature = (artifact / SIGNATURE).read_bytes()
    (artifact / SIGNATURE).unlink()
    saved = store / "models" / "corner_bank" / record.version
    # Without keys, with keys, with the signature: what came later is taken over.
    tag = save_model(artifact, record, bank.portfolio, store=store)
    assert not list((saved / PUBLIC_KEYS).iterdir())
    save_model(artifact, record, bank.portfolio, store=store, trusted=trusted)
    assert len(list((saved / PUBLIC_KEYS).iterdir())) == 1
    assert not (saved / ARTIFACT / SIGNATURE).exists()
    (artifact / SIGNATURE).write_bytes(signature)
    assert save_model(artifact, record, bank.portfolio, store=store, trusted=trusted) == tag
    written = (saved / "model.yaml").stat().st_mtime_ns
    assert save_model(artifact, record, bank.portfolio, store=store, trusted=trusted) == tag
    assert (saved / "model.yaml").stat().st_mtime_ns == written
    # A deployment elsewhere has neither the home nor the root of the artifacts.
    elsewhere = Settings(loan_default_home=tmp_path / "elsewhere")
    rules = signature_rules(elsewhere, default=saved / PUBLIC_KEYS)
    assert check_model(saved / ARTIFACT, rules) == key_id
    with pytest.raises(ArtifactError, match="a key that is not trusted"):
        check_model(saved / ARTIFACT, signature_rules(elsewhere))


def test_a_damaged_artefact_is_not_packaged(make_bank: Callable[..., ServedBank], tmp_path: Path) -> None:
    bank = make_bank()
    record = bank.register(0)
    with pytest.raises(ArtifactError):
        save_model(
            bank.root / record.version,
            replace(record, artifact_sha256="0" * 64),
            bank.portfolio,
            store=tmp_path,
        )
    assert not (tmp_path / "models").exists()


@pytest.mark.slow
def test_a_bento_serves_the_version_it_was_built_with(
    make_bank: Callable[..., ServedBank], tmp_path: Path
) -> None:
    bank, store = make_bank(), tmp_path / "store"
    first, second = bank.register(0), bank.register(1)
    signing = Settings(loan_default_home=tmp_path / "signing")
    signed_store = replace(artifact_store(signing), root=bank.root)
    key_id = model_signer(signing)(signed_store.check(first).required())
    trusted = signature_rules(signing).trusted()
    tag = save_model(bank.root / first.version, first, bank.portfolio, store=store, trusted=trusted)
    built = build_bento(tag, store=store)
    assert built.tag == f"loan_default_corner_bank:{first.version}"
    assert build_bento(tag, store=store) == built
    save_model(bank.root / second.version, second, bank.portfolio, store=store)
    bank.promote(second)
    shutil.rmtree(bank.root / first.version)
    http, grpc = free_ports(2)
    settings = {
        "service_http_port": http,
        "service_grpc_port": grpc,
        "bentoml_home": store,
        "database_url": bank.url,
        "require_signature": True,
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", built.tag],
            cwd=tmp_path,
            env=environment(tmp_path, bentoml_do_not_track="True", **settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    served = Served(f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}", process, log, tmp_path)
    try:
        wait_until(served, "/health")
        response = httpx.post(served.http + "/predict", json=request())
        assert response.json()["model_version"] == first.version
        assert httpx.get(served.http + "/model-info").json()["model"]["signed_by"] == key_id
        assert (
            httpx.post(served.http + "/reload-model", json={}, timeout=30).json()["desired"] == first.version
        )
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


def test_an_unknown_tag_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match="unknown:c0"):
        build_bento("unknown:c0", store=tmp_path)
