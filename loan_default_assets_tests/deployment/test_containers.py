"""The platform in containers: the demo chain, requests from outside, and a crash of every container."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from bento.generated import loan_default_pb2 as messages
from bento.generated.loan_default_pb2_grpc import LoanDefaultStub
from loan_default_assets_tests.deployment.compose import SERVICES, ComposeProject, missing

_REASON = missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(_REASON is not None, reason=str(_REASON)),
]

_FINGERPRINT = """
import json
from loan_default_assets.commands.run import fingerprint
from loan_default_assets.commands.session import open_session
from loan_default_assets.settings import Settings
with open_session(Settings()) as session:
    print(json.dumps(fingerprint(session)))
"""
_LOGGED = """
from loan_default_assets.commands.session import open_session
from loan_default_assets.settings import Settings
with open_session(Settings()) as session, session.database.transaction() as cursor:
    cursor.execute("SELECT request_id::text FROM predictions")
    print("\\n".join(row[0] for row in cursor.fetchall()))
"""

_PARTITIONS = """query($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } }
}"""
_BACKFILL = """mutation($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) { __typename ... on LaunchBackfillSuccess { backfillId } }
}"""
_RUNS = """query($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { status } } }
}"""


@pytest.fixture(scope="module")
def platform() -> Iterator[ComposeProject]:
    """The platform, serving a champion."""
    project = ComposeProject()
    try:
        project.up()
        project.compose("exec", "-T", "code", "loan-default", "demo")
        _eventually(lambda: project.request("/health")[0] == 200)
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def loan(platform: ComposeProject) -> dict[str, Any]:
    """The example of the service's OpenAPI document."""
    status, document = platform.request("/openapi.json", key=platform.key)
    assert status == 200
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    example: dict[str, Any] = content.get("example") or next(iter(content["examples"].values()))["value"]
    return example


@pytest.mark.parametrize(
    "name",
    [
        "POSTGRES_PASSWORD",
        "SERVICE_API_KEYS",
        "SERVICE_ADMIN_KEYS",
        "DAGSTER_UI_PASSWORD",
    ],
)
def test_compose_refuses_to_start_without_a_secret(name: str) -> None:
    project = ComposeProject()
    environment = {key: value for key, value in project.environment.items() if key != name}
    refused = project.attempt(environment, "up", "--detach", "--no-build")
    assert refused.returncode != 0
    assert f"set {name} in .env" in refused.stderr


def test_a_loan_is_scored_from_outside_over_http_and_grpc(
    platform: ComposeProject, loan: dict[str, Any]
) -> None:
    champion = json.loads(platform.compose("exec", "-T", "code", "loan-default", "status", "--json"))[
        "champion"
    ]
    status, http = platform.request("/predict", loan, platform.key)
    assert status == 200, http
    assert http["model_version"] == champion["version"]
    remote = _predict_grpc(platform, loan)
    assert remote.model_version == http["model_version"]
    assert remote.probability == pytest.approx(http["probability"], abs=1e-6)
    _eventually(lambda: {http["request_id"], remote.request_id} <= _logged_requests(platform))


def test_the_service_requires_a_key(platform: ComposeProject, loan: dict[str, Any]) -> None:
    assert platform.request("/predict", loan)[0] == 401
    assert platform.request("/predict", loan, platform.admin_key)[0] == 403
    with pytest.raises(grpc.RpcError, match="UNAUTHENTICATED"):
        _predict_grpc(platform, loan, key=None)


@pytest.mark.parametrize("crashed", [*((name,) for name in SERVICES), SERVICES], ids=",".join)
def test_a_crashed_container_is_restarted_and_no_prediction_is_lost(
    platform: ComposeProject, loan: dict[str, Any], crashed: tuple[str, ...]
) -> None:
    before = json.loads(platform.run_python(_FINGERPRINT))
    scored = [_predicted(platform, loan) for _ in range(20)]
    restarts = {service: platform.state(service)["RestartCount"] for service in crashed}
    for service in crashed:
        platform.crash(service)
    scored += [
        response["request_id"]
        for status, response in (platform.request("/predict", loan, platform.key) for _ in range(20))
        if status == 200
    ]
    for service, count in restarts.items():
        _restarted(platform, service, count)
    for service in SERVICES:
        platform.wait_healthy(service)
    _eventually(lambda: platform.request("/predict", loan, platform.key)[0] == 200)
    _eventually(lambda: set(scored) <= _logged_requests(platform))
    after = json.loads(platform.run_python(_FINGERPRINT))
    assert after | {"predictions": None} == before | {"predictions": None}


def test_a_cut_off_run_is_retried_and_its_backfill_continues(platform: ComposeProject) -> None:
    before = json.loads(platform.run_python(_FINGERPRINT))
    assets = [{"path": ["demo", name]} for name in ("raw_loans", "processed_features")]
    keys = platform.graphql(_PARTITIONS, key=assets[0])["assetNodeOrError"]["partitionKeys"]
    backfill = {"assetSelection": assets, "partitionNames": keys[-240:]}
    launched = platform.graphql(_BACKFILL, backfill=backfill)["launchPartitionBackfill"]
    wanted = {"tags": [{"key": "dagster/backfill", "value": launched["backfillId"]}]}

    def statuses() -> list[str]:
        return [run["status"] for run in platform.graphql(_RUNS, filter=wanted)["runsOrError"]["results"]]

    _eventually(lambda: statuses() == ["STARTED"], 600)
    platform.crash("code")
    _eventually(lambda: statuses() == ["SUCCESS", "FAILURE"], 900)
    after = json.loads(platform.run_python(_FINGERPRINT))
    assert [after[table] for table in ("raw_data", "processed_data")] == [
        before[table] for table in ("raw_data", "processed_data")
    ]


def _restarted(platform: ComposeProject, service: str, count: int) -> None:
    _eventually(lambda: platform.state(service)["RestartCount"] > count)


def _predicted(platform: ComposeProject, loan: dict[str, Any]) -> str:
    status, response = platform.request("/predict", loan, platform.key)
    assert status == 200, response
    return str(response["request_id"])


def _predict_grpc(platform: ComposeProject, loan: dict[str, Any], key: str | None = "") -> Any:
    request = messages.PredictRequest(
        categorical_features=loan["categorical_features"], numerical_features=loan["numerical_features"]
    )
    metadata = () if key is None else (("authorization", f"Bearer {platform.key}"),)
    with grpc.insecure_channel(f"127.0.0.1:{platform.grpc}") as channel:
        return LoanDefaultStub(channel).Predict(request, metadata=metadata, timeout=30)


def _logged_requests(platform: ComposeProject) -> set[str]:
    """Request ids in the table `predictions`, each of them once."""
    request_ids = platform.run_python(_LOGGED).split()
    assert len(request_ids) == len(set(request_ids))
    return set(request_ids)


def _eventually(condition: Callable[[], bool], seconds: float = 180) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"the condition was not met within {seconds} s"
        time.sleep(1)
