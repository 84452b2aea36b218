"""The committed code is the code that is generated from the proto file."""

from pathlib import Path

import pytest
from grpc_tools import protoc

from bento.access.permissions import METHODS
from bento.generated import loan_default_pb2 as pb
from loan_default_assets_tests.bento.served_process import ROOT


@pytest.mark.parametrize("name", ["loan_default_pb2.py", "loan_default_pb2.pyi", "loan_default_pb2_grpc.py"])
def test_generated_code_is_up_to_date(name: str, tmp_path: Path) -> None:
    arguments = [
        "",
        f"-Ibento/generated={ROOT / 'bento'}",
        f"--python_out={tmp_path}",
        f"--pyi_out={tmp_path}",
    ]
    assert (
        protoc.main([*arguments, f"--grpc_python_out={tmp_path}", "bento/generated/loan_default.proto"]) == 0
    )
    made = (tmp_path / "bento" / "generated" / name).read_text()
    assert made == (ROOT / "bento" / "generated" / name).read_text()


def test_every_method_has_a_permission() -> None:
    service = pb.DESCRIPTOR.services_by_name["LoanDefault"]
    assert {f"/{service.full_name}/{method.name}" for method in service.methods} <= set(METHODS)
