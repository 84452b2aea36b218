"""A model's folder on disk: written in one rename, verified byte by byte, cleared of what a crash left."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

MANIFEST = "manifest.json"
CONTENT = ("weights.safetensors", "encoding.safetensors", "model.json", "portfolio.json")


class ArtifactError(Exception):
    """A model folder that is missing, damaged, unwritable, or another model than the one asked for."""


def read(path: Path) -> dict[str, bytes]:
    """Every file's content, each as the manifest says. Raises ArtifactError."""
    try:
        files = {name: (path / name).read_bytes() for name in (*CONTENT, MANIFEST)}
    except OSError as error:
        name = Path(str(error.filename)).name
        raise ArtifactError(
            f"{path}: {name} cannot be read ({error.strerror}); restore the folder or retrain"
        ) from error
    expected = to_json({name: digest_of(files[name]) for name in CONTENT})
    if files[MANIFEST] != expected:
        raise ArtifactError(
            f"{path}: a file differs from its SHA-256 in {MANIFEST}; restore the folder or retrain"
        )
    return files


def intact(target: Path, digest: str) -> bool:
    """Whether the version is there already; a damaged folder of that name is cleared away."""
    if not target.exists():
        return False
    try:
        if digest_of(read(target)[MANIFEST]) == digest:
            return True
    except ArtifactError:
        pass
    shutil.rmtree(target)
    return False


def write(target: Path, files: Mapping[str, bytes]) -> None:
    """All files on the disk, then the folder's name: it is there whole or not at all. Raises OSError."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.mkdir(parents=True)
        for name, content in files.items():
            with (partial / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what killed processes of this machine left half written."""
    for left in folder.glob(".*.partial"):
        pid = int(left.name.split(".")[-2])
        if pid == os.getpid() or not _alive(pid):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
