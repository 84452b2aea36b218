"""The commands that the demo prints at its end, run unchanged against a running service."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from loan_default_assets.commands.first_score import request_lines
from loan_default_assets.settings import Settings
from loan_default_assets_tests.bento.served_process import Served
from loan_default_assets_tests.bento.small_portfolio import request


@pytest.fixture
def printed(served: Served, tmp_path: Path) -> list[str]:
    """The lines for the shared service and a loan in a folder whose name needs quoting."""
    folder = tmp_path / "a bank's home"
    folder.mkdir()
    file = folder / "loan.json"
    file.write_text(json.dumps(request(loan_id="again"), ensure_ascii=False))
    ports = [int(address.rsplit(":", 1)[1]) for address in (served.http, served.grpc)]
    settings = Settings(service_http_port=ports[0], service_grpc_port=ports[1])
    return request_lines(settings.model_copy(update={"database_url": None}), file)


def grpcurl(line: str) -> dict[str, Any]:
    """The output of grpcurl, which reads the service from reflection, and reads and writes JSON."""
    words = shlex.split(line)
    assert [words[0], *words[1:4], words[6]] == ["grpcurl", "-plaintext", "-d", "@", "<"]
    address, method, file = words[4], words[5], Path(words[7])
    with grpc.insecure_channel(address) as channel:
        # grpcurl tries the newer protocol first, and this one only after UNIMPLEMENTED.
        newer = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        with pytest.raises(grpc.RpcError) as missing:
            list(newer(iter([b""])))
        assert missing.value.code() == grpc.StatusCode.UNIMPLEMENTED
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        descriptor = pool.FindServiceByName(method.split("/")[0]).FindMethodByName(method.split("/")[1])
        message = json_format.Parse(file.read_text(), GetMessageClass(descriptor.input_type)())
        response = channel.unary_unary(
            f"/{method}",
            request_serializer=type(message).SerializeToString,
            response_deserializer=GetMessageClass(descriptor.output_type).FromString,
        )(message)
        return json_format.MessageToDict(
            response, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )


def test_the_printed_commands_return_equal_predictions(printed: list[str]) -> None:
    up, curl, over_grpc = (line.removeprefix("try again").strip() for line in printed)
    assert up == "loan-default up &"
    by_grpc = grpcurl(over_grpc)
    assert 0 < by_grpc["probability"] < 1
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    by_http = json.loads(subprocess.run(["sh", "-c", curl], capture_output=True, check=True).stdout)
    assert abs(by_http["probability"] - by_grpc["probability"]) < 1e-6
    for name in ("prediction", "threshold", "model_version"):
        assert by_http[name] == by_grpc[name]


@pytest.mark.parametrize(
    ("changed", "first", "keyed"),
    [
        ({"database_url": None}, "try again   loan-default up &", False),
        (
            {"database_url": "postgresql://bank@postgres/loans"},
            "try again   in containers: docs/deployment.md; elsewhere:",
            False,
        ),
        (
            {"database_url": None, "service_api_keys": "user-key-0123456789"},
            "try again   loan-default up &",
            True,
        ),
    ],
)
def test_the_lines_fit_the_deployment(changed: dict[str, Any], first: str, keyed: bool) -> None:
    lines = request_lines(Settings.model_validate(changed), Path("/home/bank/loan.json"))
    assert lines[0] == first
    assert [line.strip().split()[0] for line in lines[-2:]] == ["curl", "grpcurl"]
    assert [' -H "authorization: Bearer $KEY" ' in line for line in lines[-2:]] == [keyed] * 2
    assert "user-key" not in "".join(lines)
