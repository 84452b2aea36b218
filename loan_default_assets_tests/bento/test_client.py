"""The typed client: equal predictions over both transports, errors with the field, and TLS."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bento.client import GrpcClient, HttpClient, Loan, ServiceError
from loan_default_assets_tests.bento.served_process import ROOT, Served, service
from loan_default_assets_tests.bento.tiny_models import ServedBank

LOAN = Loan(
    {"grade": "2", "job": None},
    {"income": 30_000, "debt": None, "children": 2},
    {"hired": date(2020, 5, 1)},
    as_of=date(2024, 6, 30),
    loan_id="L-7",
    reasons="all",
)
BAD = Loan({"grade": "9"}, {"income": -1, "children": 2})


def test_both_transports_return_equal_predictions(served: Served) -> None:
    with HttpClient(served.http) as http, GrpcClient(served.grpc) as rpc:
        by_http, by_grpc = http.predict(LOAN), rpc.predict(LOAN)
        assert abs(by_http.probability - by_grpc.probability) < 1e-6
        assert [r.code for r in by_http.reasons] == [r.code for r in by_grpc.reasons]
        assert (by_http.model_version, by_http.threshold) == (by_grpc.model_version, by_grpc.threshold)
        for client in (http, rpc):
            batch = client.predict_batch([LOAN, LOAN])
            assert [each.prediction for each in batch.predictions] == [by_http.prediction] * 2
            assert client.model_info()["model"]["version"] == by_http.model_version
        reloaded, by_rpc = http.reload_model(), rpc.reload_model()
        assert reloaded.outdated == by_rpc.outdated == ()
        assert (reloaded.expected, reloaded.desired) == (by_rpc.expected, by_rpc.desired)
        assert [(s.replica, s.loaded) for s in reloaded.states] == [
            (s.replica, s.loaded) for s in by_rpc.states
        ]
        assert by_rpc.states[0].loaded == by_http.model_version


def test_requests_to_this_machine_use_no_proxy(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HttpClient(served.http) as http, GrpcClient(served.grpc) as rpc:
        assert http.predict(LOAN).prediction == rpc.predict(LOAN).prediction


def test_a_refusal_names_the_fields(served: Served) -> None:
    with HttpClient(served.http) as http, GrpcClient(served.grpc) as rpc:
        with pytest.raises(ServiceError, match=r"numerical_features\.income") as refused:
            http.predict(BAD)
        assert refused.value.code == "invalid_request"
        assert {each.field for each in refused.value.details} == {
            "categorical_features.grade",
            "numerical_features.income",
        }
        with pytest.raises(ServiceError, match=r"categorical_features\.grade") as refused:
            rpc.predict(BAD)
        assert refused.value.code == "INVALID_ARGUMENT"


def test_an_unreachable_service_is_a_service_error() -> None:
    with (
        HttpClient("http://127.0.0.1:1", timeout=2) as http,
        pytest.raises(ServiceError, match="unreachable"),
    ):
        http.predict(LOAN)
    with GrpcClient("127.0.0.1:1", timeout=2) as rpc, pytest.raises(ServiceError, match="UNAVAILABLE"):
        rpc.predict(LOAN)


def test_the_client_needs_no_model_libraries() -> None:
    libraries = "{'torch', 'pandas', 'bentoml', 'sqlalchemy'}"
    code = f"import sys, bento.client; assert not {libraries} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_tls_and_keys(bank: ServedBank, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    options = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *options]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    settings = {"service_tls_certificate": certificate, "service_tls_key": key, "service_api_keys": "k" * 20}
    with service(
        tmp_path, ready="/health", tls=True, portfolio=bank.portfolio_file, database_url=bank.url, **settings
    ) as served:
        with HttpClient(served.http, key="k" * 20, verify=certificate) as http:
            by_http = http.predict(LOAN)
        with GrpcClient(served.grpc, key="k" * 20, root=certificate) as rpc:
            assert abs(rpc.predict(LOAN).probability - by_http.probability) < 1e-6
        with (
            GrpcClient(served.grpc, root=certificate) as rpc,
            pytest.raises(ServiceError, match="UNAUTHENTICATED"),
        ):
            rpc.predict(LOAN)
        with (
            GrpcClient(served.grpc, key="k" * 20, timeout=5) as rpc,
            pytest.raises(ServiceError, match="UNAVAILABLE"),
        ):
            rpc.predict(LOAN)
