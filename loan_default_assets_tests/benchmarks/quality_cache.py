"""Where a fit is stored: per set, configuration, seed and version of the code, so that nothing is fitted twice."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from loan_default_assets.model.config import ModelConfig
from loan_default_assets_tests.benchmarks.quality_references import REFERENCES

PACKAGES = ("loan_default_assets", "loan_default_assets_tests")
# A change of how sets are read shows in the digest of the set; one of the report shows in the report alone.
_TRANSFORMER = "loan_default_assets_tests.benchmarks.quality_transformer"
_REFERENCES = "loan_default_assets_tests.benchmarks.quality_references"


@dataclass(frozen=True)
class FitJob:
    """One fit: a model on a set with a seed.

    Attributes:
        set_path: File of the set.
        set_digest: Its hash.
        model: Name of a reference, or `transformer`.
        folder: Where fits are stored.
        code_digest: Hash of the source that the fit depends on.
        settings: All settings of a transformer.
    """

    set_path: Path
    set_digest: str
    model: str
    seed: int
    folder: Path
    code_digest: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the fit is stored, without suffix."""
        identity = json.dumps(
            [self.set_digest, self.model, dict(self.settings), self.seed, self.code_digest], sort_keys=True
        )
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return self.folder / f"{self.set_path.stem}-{self.model}-{self.seed}-{key}"

    @property
    def title(self) -> str:
        """What is fitted, for a line of progress."""
        changed = ", ".join(
            f"{name} {value}" for name, value in self.settings.items() if value != _default(name)
        )
        settings = f" ({changed})" if changed else ""
        return f"{self.set_path.stem.rpartition('-')[0]}, {self.model}{settings}, seed {self.seed}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **{name: str(getattr(self, name)) for name in ("set_path", "set_digest", "model", "folder")},
            "seed": self.seed,
            "settings": dict(self.settings),
            "code_digest": self.code_digest,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FitJob":
        """The inverse of `as_dict`."""
        paths = {name: Path(values[name]) for name in ("set_path", "folder")}
        return cls(**{**values, **paths})


@cache
def code_digest(model: str) -> str:
    """Hash of the source that a model's fit depends on, and the version of the library of a reference.

    Raises:
        ValueError: The library is not installed.
    """
    if model not in REFERENCES:
        return source_digest(_TRANSFORMER)
    return f"{source_digest(_REFERENCES)} {_version(REFERENCES[model].distribution)}"


def _default(name: str) -> Any:
    return getattr(ModelConfig, name, None)


def source_digest(module: str) -> str:
    """Hash of a module and of all modules of the project that it imports, directly or not."""
    found = hashlib.sha256()
    for path in sorted(_closure(module)):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _closure(module: str) -> set[Path]:
    waiting, paths = [module], set[Path]()
    while waiting:
        path = _path(waiting.pop())
        if path is None or path in paths:
            continue
        paths.add(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return paths


@cache
def _path(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(
            f"{distribution} is not installed: pip install '.[quality]', or choose among --references"
        ) from None
