"""Whether the files of every model are those that were registered, signed and promoted."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loan_default_assets.decisions.model_scorers import ModelScorer, load_scorer
from loan_default_assets.pipeline.deviations import Deviations
from loan_default_assets.warehouse.champion_decisions import RecordedDecision
from loan_default_assets.warehouse.registry import ModelRecord

if TYPE_CHECKING:
    from loan_default_assets.model.artifact_store import ArtifactStore

# What is wrong with the signature of a model's manifest; None where it is as it must be. The last argument: whether a
# decision announced that the model is signed.
CheckManifest = Callable[[ModelRecord, Path, bool], str | None]


@dataclass(frozen=True)
class VerifiedFiles:
    """The models whose files are as registered.

    Attributes:
        folders: Folder by version.
        pruned: Versions whose files retention has deleted.
    """

    folders: dict[str, Path]
    pruned: frozenset[str]


def verify_files(
    models: Iterable[ModelRecord],
    pruned: Collection[str],
    store: "ArtifactStore",
    check_manifest: CheckManifest | None,
    signed: Collection[str],
    deviations: Deviations,
) -> VerifiedFiles:
    """Compare files with manifest and registry, and the registry with what the files say.

    Args:
        pruned: Versions whose files retention has deleted, or was deleting when it was killed: files that are there
            are compared in spite of it.
        check_manifest: Checks the signature of a manifest; None where none is expected.
        signed: Versions that a decision made champion which announced a signature: a model is signed before it.
    """
    folders: dict[str, Path] = {}
    gone = set()
    for model in models:
        found = store.check(model)
        # Refused: registered with files of a store that is not the root any more.
        if model.version in pruned and found.state in ("missing", "refused"):
            gone.add(model.version)
            continue
        if not found.intact:
            deviations.add(
                "files",
                "files",
                f"version {model.version}",
                expected=f"an artifact with SHA-256 {model.artifact_sha256[:12]}.., as registered",
                found=found.problem.partition("\n")[0],
            )
            continue
        folders[model.version] = found.path
        if check_manifest is not None and (
            problem := check_manifest(model, found.path, model.version in signed)
        ):
            deviations.add(
                "signature",
                "files",
                f"version {model.version}",
                expected="a valid signature of manifest.json",
                found=problem,
            )
        _compare_registry(model, json.loads((found.path / "model.json").read_text("utf-8")), deviations)
    return VerifiedFiles(folders, frozenset(gone))


def verify_pruned_versions(
    pruned: Mapping[str, datetime], decisions: Sequence[RecordedDecision], deviations: Deviations
) -> None:
    """Compare the versions whose files retention has deleted with the champions: it never deletes the files of one.

    Args:
        pruned: Time of the deletion by version.
        decisions: The first one first.
    """
    champions = [(each.decided_at, each.version) for each in decisions if each.action != "rejected"]
    for version, pruned_at in pruned.items():
        before = [champion for decided_at, champion in champions if decided_at <= pruned_at]
        if version in (*before[-1:], *(champion for _, champion in champions[-1:])):
            deviations.add(
                "files",
                "pruned_models",
                f"version {version}",
                expected="no row: retention never deletes the files of the champion",
                found=f"a deletion at {pruned_at:%Y-%m-%d %H:%M}",
            )


class Scorers:
    """The models of verified files, loaded when they are first needed."""

    def __init__(self, models: Iterable[ModelRecord], files: VerifiedFiles) -> None:
        self._models = {model.version: model for model in models}
        self._files = files
        self._loaded: dict[str, ModelScorer | str] = {}

    def __call__(self, version: str) -> ModelScorer | str:
        """The model of a version, or why it cannot score."""
        if version not in self._loaded:
            self._loaded[version] = self._load(version)
        return self._loaded[version]

    def _load(self, version: str) -> ModelScorer | str:
        from loan_default_assets.model.artifact import ArtifactError

        if version in self._files.pruned:
            return "retention deleted the files of their model"
        if version not in self._files.folders:
            return "the files of their model are not as registered"
        try:
            return load_scorer(self._files.folders[version], self._models[version].artifact_sha256)
        except (ArtifactError, ValueError):
            return "the files of their model cannot be loaded by this release"


def _compare_registry(model: ModelRecord, stored: dict[str, Any], deviations: Deviations) -> None:
    """Compare a row of `model_metadata` with the files of its model."""
    expected = {
        "kind": stored["kind"],
        "version": stored["kind"][0] + model.artifact_sha256[:12],
        "portfolio_hash": stored["portfolio_hash"],
        "snapshot_hash": stored["snapshot_hash"],
        "threshold": stored.get("threshold"),
    }
    # Only classifiers say so, and not those of the first release.
    expected |= {name: stored["extra"][name] for name in ("attempt", "parent") if name in stored["extra"]}
    for name, value in expected.items():
        if getattr(model, name) != value:
            deviations.add(
                "snapshot" if name == "snapshot_hash" else "registry",
                "model_metadata",
                f"version {model.version}",
                expected=f"{name} {value}, as in its artifact",
                found=str(getattr(model, name)),
            )
