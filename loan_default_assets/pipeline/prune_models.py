"""Deletion of the files of models that are not needed any more; the registry keeps the version and says so."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loan_default_assets.model.artifact_files import sweep
from loan_default_assets.object_store.artifact_cache import ArtifactCache
from loan_default_assets.policy.model_retention import ModelRetention, prunable_models
from loan_default_assets.warehouse.database import Database
from loan_default_assets.warehouse.pruned_models import changing_models, mark_pruned, pruned_models
from loan_default_assets.warehouse.registry import Registry
from loan_default_assets.warehouse.shadow_models import active_shadows


@dataclass(frozen=True)
class PrunableFiles:
    """The files of a version that may be deleted.

    Attributes:
        was_promoted: Whether the version is a former champion.
        marked: Whether an earlier deletion was cut off after it had been recorded.
    """

    version: str
    folder: Path
    size_bytes: int
    was_promoted: bool
    marked: bool


def prunable_files(
    database: Database,
    root: Path,
    retention: ModelRetention,
    now: datetime,
    cache: ArtifactCache | None = None,
) -> list[PrunableFiles]:
    """The files under `root` that may be deleted.

    Args:
        root: Folder with one folder per version; nothing outside of it is ever deleted.
        retention: What is kept.
        now: The present time.
        cache: The artifacts of a root behind a URL, of which `root` holds copies.

    Raises:
        WarehouseError: The database cannot be reached.
        ArtifactRootError: The root behind the URL cannot be reached or refuses.
    """
    models = Registry(database).history()
    with database.transaction() as cursor:
        marked, shadows = pruned_models(cursor), active_shadows(cursor)
    due = {model.version for model in prunable_models(models, retention, now)} - shadows
    candidates = [model.version for model in models if model.version in due or model.version in marked]
    folders = (root / version for version in candidates)
    sizes = cache.sizes() if cache else {each.name: folder_bytes(each) for each in folders if each.is_dir()}
    return [
        PrunableFiles(
            version=model.version,
            folder=root / model.version,
            size_bytes=sizes[model.version],
            was_promoted=model.promoted_at is not None,
            marked=model.version in marked,
        )
        for model in models
        if model.version in candidates and model.version in sizes
    ]


def prune_files(
    database: Database,
    root: Path,
    retention: ModelRetention,
    now: datetime,
    cache: ArtifactCache | None = None,
) -> Sequence[PrunableFiles]:
    """Delete what `prunable_files` finds. A version is marked first, so that a deletion that is cut off goes on.

    Returns:
        What was deleted.

    Raises:
        WarehouseError: The database cannot be reached.
        ArtifactRootError: The root behind the URL cannot be reached or refuses.
        OSError: A folder cannot be deleted.
    """
    sweep(root)
    with changing_models(database) as cursor:
        # Read under the lock: a promotion or rollback that came first has changed what may be deleted.
        found = prunable_files(database, root, retention, now, cache)
        for files in found:
            mark_pruned(cursor, files.version, files.size_bytes)
    deleted = []
    for files in found:
        with changing_models(database) as cursor:
            if files.version not in pruned_models(cursor):
                continue
            if cache:
                cache.withdraw(files.version)
            else:
                # The name of a partial artifact: what a crash leaves of it is removed by the next sweep.
                removed = files.folder.with_name(f".{files.version}.{os.getpid()}.partial")
                files.folder.replace(removed)
        if cache:
            cache.delete(files.version)
        else:
            shutil.rmtree(removed)
        deleted.append(files)
    return deleted


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none. Files that vanish meanwhile count 0."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
