"""The commands of the README and of the quick start, in the order in which a newcomer types them."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from loan_default_assets_tests.bento.served_process import free_ports
from loan_default_assets_tests.structure.documents import ROOT, code_blocks

pytestmark = pytest.mark.slow

# Typed once in the project's folder, where the tests run already.
INSTALLATION = ("make ", ". .venv/")


def shell_lines(document: str, section: str = "") -> list[str]:
    """The lines of the shell blocks of a document, or of its part from a text on, without those that install."""
    text = (ROOT / document).read_text("utf-8")
    assert section in text
    blocks = "".join(
        content for language, content in code_blocks(text[text.index(section) :]) if language == "sh"
    )
    return [line for line in blocks.splitlines() if not line.startswith(INSTALLATION)]


@pytest.fixture
def shell_environment(tmp_path: Path) -> dict[str, str]:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    unset = {"DATABASE_URL", "PORTFOLIO", "LOAN_SOURCE", "LOAN_DEFAULT_HOME"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    # Small transformers: what is tested are the commands.
    return kept | {"PATH": programs, "NUM_LAYERS": "1", "OMP_NUM_THREADS": "1"}


def typed(
    lines: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the lines in one shell, which ends at the first that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


@pytest.mark.parametrize("document", ["docs/quickstart.md", "docs/quickstart.ko.md"])
def test_the_quick_start_leads_to_a_report_and_an_explained_decision(
    document: str, tmp_path: Path, shell_environment: dict[str, str]
) -> None:
    done = typed(shell_lines(document), tmp_path, shell_environment)
    assert (tmp_path / "report.html").stat().st_size > 50_000
    assert (tmp_path / "validation.xlsx").read_bytes().startswith(b"PK")
    assert len((tmp_path / "scored.csv").read_text("utf-8").splitlines()) == 6
    [shown] = [
        content for _, content in code_blocks((ROOT / document).read_text("utf-8")) if " explain " in content
    ]
    request = done.stderr.split("loan-default explain ")[1].split()[0]
    explained = typed([shown.replace("REQUEST_ID", request)], tmp_path, shell_environment)
    assert ("부도확률(PD)" if ".ko." in document else "PD: ") in explained.stdout


@pytest.mark.parametrize("document", ["README.md", "README.ko.md"])
def test_the_own_loans_of_the_readme(
    document: str, tmp_path: Path, shell_environment: dict[str, str]
) -> None:
    lines = [line for line in shell_lines(document) if line.startswith("loan-default")]
    assert [line.split()[1] for line in lines] == ["sample", "init", "run", "status"]
    assert "champion    c" in typed(lines, tmp_path, shell_environment).stdout


@pytest.mark.parametrize("document", ["README.md", "README.ko.md"])
def test_the_requests_of_the_readme(document: str, tmp_path: Path, shell_environment: dict[str, str]) -> None:
    http, grpc, dagster = free_ports(3)
    environment = shell_environment | {
        "SERVICE_HTTP_PORT": str(http),
        "SERVICE_GRPC_PORT": str(grpc),
        "DAGSTER_PORT": str(dagster),
    }
    # What `make demo` runs after the installation.
    typed(["loan-default demo"], tmp_path, environment)
    requests = [line for line in shell_lines(document) if line.startswith(("curl", "grpcurl"))]
    assert len(requests) == 2
    up = subprocess.Popen(
        ["loan-default", "up"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            assert up.poll() is None
            try:
                if httpx.get(f"http://127.0.0.1:{http}/readyz", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.5)
        for request in requests:
            if shutil.which(request.split()[0]):
                line = request.replace(":8000", f":{http}").replace(":50051", f":{grpc}")
                assert '"probability"' in typed([line], tmp_path, environment).stdout
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 130
