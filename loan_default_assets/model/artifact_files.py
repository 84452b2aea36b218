"""The folder of an artifact: written in one rename, verified byte by byte, cleared of the remains of a crash."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

VERSION = re.compile(r"[ce][0-9a-f]{12}")
MANIFEST = "manifest.json"
# Beside the files that it signs; not one of them.
SIGNATURE = "model.sig"
CONTENT = ("weights.safetensors", "encoding.safetensors", "model.json", "portfolio.json")
TREES, ADDITIVE = "trees.safetensors", "additive.safetensors"
VALIDATION = "validation.safetensors"
# Not of every model: which there are, its kind, its members and the release that wrote it decide.
OPTIONAL = (TREES, ADDITIVE, VALIDATION)


ArtifactState = Literal[
    "intact", "missing", "unreadable", "damaged", "replaced", "untrusted", "unsigned", "refused"
]


class ArtifactError(Exception):
    """An artifact that is missing, damaged, unwritable, or another one than requested.

    Attributes:
        state: What is wrong with its files; `refused` where they are intact, or were never examined.
        remedy: What to run next, where the state does not say it.
    """

    def __init__(self, message: str, state: ArtifactState = "refused", remedy: str = "") -> None:
        super().__init__(message)
        self.state = state
        self.remedy = remedy


class ArtifactRootError(Exception):
    """The root of the artifacts cannot be reached or refuses, so nothing is known of any of them."""


def read(path: Path) -> dict[str, bytes]:
    """Read and verify the files of an artifact.

    Args:
        path: Folder of the artifact.

    Returns:
        Content by file name, the manifest included.

    Raises:
        ArtifactError: A file cannot be read or differs from its digest in the manifest.
    """
    try:
        files = {name: (path / name).read_bytes() for name in (*CONTENT, MANIFEST)}
        files |= {name: (path / name).read_bytes() for name in OPTIONAL if (path / name).exists()}
    except FileNotFoundError as error:
        name = "the folder" if not path.exists() else Path(str(error.filename)).name
        raise ArtifactError(f"{path}: {name} does not exist", "missing") from None
    except OSError as error:
        name = Path(str(error.filename or path)).name
        raise ArtifactError(f"{path}: {name} cannot be read ({error.strerror})", "unreadable") from None
    return verified(files, str(path))


def verified(files: dict[str, bytes], where: str) -> dict[str, bytes]:
    """The files of an artifact, each of which is as the manifest says.

    Args:
        files: Content by file name, the manifest included.
        where: Folder or URL of the artifact, for the message.

    Raises:
        ArtifactError: A file differs from its digest in the manifest.

    Examples:
        >>> verified({MANIFEST: b"{}"}, "c0123456789ab")
        {'manifest.json': b'{}'}
    """
    expected = {name: digest_of(content) for name, content in files.items() if name != MANIFEST}
    if files[MANIFEST] != to_json(expected):
        differing = ", ".join(_differing(files[MANIFEST], expected)) or MANIFEST
        raise ArtifactError(f"{where}: {differing} differs from its SHA-256 in {MANIFEST}", "damaged")
    return files


def _differing(manifest: bytes, actual: Mapping[str, str]) -> list[str]:
    """Names of the files that are not as the manifest says; empty where the manifest itself is damaged."""
    try:
        expected: dict[str, str] = json.loads(manifest)
        return [name for name in sorted({*expected, *actual}) if expected.get(name) != actual.get(name)]
    except (ValueError, AttributeError, TypeError):
        return []


def intact(target: Path, digest: str) -> bool:
    """Whether a version exists; a damaged folder of that name is removed.

    Args:
        target: Folder of the version.
        digest: SHA-256 of its manifest.

    Raises:
        OSError: The damaged folder cannot be removed.

    Examples:
        >>> intact(Path("no-such-folder/c0123456789ab"), "0" * 64)
        False
    """
    try:
        if digest_of(read(target)[MANIFEST]) == digest:
            return True
    except ArtifactError:
        pass
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.exists():
        shutil.rmtree(target)
    return False


def write(target: Path, files: Mapping[str, bytes]) -> None:
    """Write and sync all files, then rename the folder, so that it exists completely or not at all.

    Folder and files are for those to whom the root is open: nobody else's in a home, a group's in a root of the group.

    Args:
        target: Folder of the version.
        files: Content by file name.

    Raises:
        OSError: The folder cannot be written.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     write(Path(root) / "c0123456789ab", {"model.json": b"{}"})
        ...     [path.name for path in Path(root).rglob("*")]
        ['c0123456789ab', 'model.json']
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        mode = target.parent.stat().st_mode & 0o777
        partial.chmod(mode)
        for name, content in files.items():
            with (partial / name).open("wb") as file:
                os.fchmod(file.fileno(), mode & 0o666)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove partial folders and files of processes on this machine that no longer run.

    Args:
        folder: Root of the artifacts.

    Examples:
        >>> sweep(Path("no-such-folder"))
    """
    for partial in folder.glob(".*.partial"):
        pid = int(partial.name.split(".")[-2])
        if partial.is_file():
            if not _alive(pid):
                partial.unlink(missing_ok=True)
        elif pid == os.getpid() or not _alive(pid):
            shutil.rmtree(partial, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def to_json(value: Mapping[str, Any]) -> bytes:
    """Encode as JSON whose bytes depend on the value alone.

    Examples:
        >>> to_json({"b": np.float32(1), "a": np.zeros(2)}).decode().split()
        ['{', '"a":', '[', '0.0,', '0.0', '],', '"b":', '1.0', '}']
    """
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal digits.

    Examples:
        >>> digest_of(b"")[:12]
        'e3b0c44298fc'
    """
    return hashlib.sha256(content).hexdigest()
