"""Artifacts of an object root: published with the manifest last, verified when read, copied under LOAN_DEFAULT_HOME.

A copy is a folder as `model/artifact_files.py` writes it, so whatever reads a model reads a folder. Several processes
of one home share the copies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loan_default_assets.model.artifact_files import (
    CONTENT,
    MANIFEST,
    OPTIONAL,
    SIGNATURE,
    VERSION,
    ArtifactError,
    ArtifactRootError,
    digest_of,
    intact,
    read,
    sweep,
    verified,
    write,
)
from loan_default_assets.object_store.object_root import ObjectRoot
from loan_default_assets.private_files import make_private_folders, write_file
from loan_default_assets.report_files import FOLDER as REPORTS
from loan_default_assets.report_files import ReportFileError, find_report, read_report, remove_former
from loan_default_assets.settings import Settings

# Public keys that are trusted unless SIGNING_PUBLIC_KEYS is set.
KEYS = ".keys"
# Copies that were used within this time are not deleted for the sake of the limit: a process may be reading them.
RECENT_SECONDS = 3600.0


@dataclass(frozen=True)
class ArtifactCache:
    """The artifacts of an object root and their copies.

    Attributes:
        root: Folder of the copies, one folder per version.
        objects: The root itself, with objects named `<version>/<file>`.
        limit_bytes: Most bytes of copies, besides those that were used recently.
    """

    root: Path
    objects: ObjectRoot
    limit_bytes: int

    @property
    def url(self) -> str:
        """The root's URL."""
        return self.objects.url

    def refresh(self, version: str, sha256: str, *, whole: bool) -> None:
        """Make the copy of a version what the root has: every file verified, the signature and trusted keys as there.

        The root is always asked for the manifest, the signature and the keys. Other files are read where the copy is
        not intact.

        Args:
            version: The version.
            sha256: Digest of its manifest, as registered.
            whole: Read and verify every object.

        Raises:
            ArtifactError: The objects are missing, damaged or those of another model.
            ArtifactRootError: The root cannot be reached or refuses, or the copy cannot be written.
        """
        keys = [name for name in self.objects.sizes(KEYS) if name.endswith(".pem")]
        manifest, signature = f"{version}/{MANIFEST}", f"{version}/{SIGNATURE}"
        found = self.objects.read([manifest, signature, *keys])
        folder = self.root / version
        files = None
        if whole or digest_of(found.get(manifest, b"")) != sha256 or not _holds(folder, sha256):
            files = self._read_objects(version)
            if digest_of(files[MANIFEST]) != sha256:
                raise ArtifactError(f"{self.url}/{version} holds the files of another model", "replaced")
        with self._changing():
            if files is not None and not intact(folder, sha256):
                write(folder, files)
            self._mirror(folder / SIGNATURE, found.get(signature))
            for name in {path.name for path in (self.root / KEYS).glob("*.pem")} | {
                Path(key).name for key in keys
            }:
                self._mirror(self.root / KEYS / name, found.get(f"{KEYS}/{name}"))
            os.utime(folder)
            self._evict(folder)

    def publish(self, folder: Path) -> None:
        """Write the artifact of a folder to the root, where it is not there intact; the manifest is written last.

        Without the manifest whose digest is registered, nothing of the version can be loaded.

        Raises:
            ArtifactError: The folder is not intact.
            ArtifactRootError: The root cannot be reached or refuses.
        """
        files = {f"{folder.name}/{name}": content for name, content in read(folder).items()}
        signature, manifest = f"{folder.name}/{SIGNATURE}", f"{folder.name}/{MANIFEST}"
        present = self.objects.read([*files, signature])
        missing = {name: content for name, content in files.items() if present.get(name) != content}
        last = missing.pop(manifest, None)
        if missing:
            self.objects.write(missing)
        if last is not None:
            self.objects.write({manifest: last})
        if signature not in present and (folder / SIGNATURE).exists():
            self.objects.write({signature: (folder / SIGNATURE).read_bytes()})

    def publish_signature(self, version: str, content: bytes) -> None:
        """Write the signature of a version to the root.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        self.objects.write({f"{version}/{SIGNATURE}": content})

    def publish_key(self, name: str, pem: bytes) -> None:
        """Write a public key to the root, where it is not there.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        if self.objects.read([f"{KEYS}/{name}"]) != {f"{KEYS}/{name}": pem}:
            self.objects.write({f"{KEYS}/{name}": pem})

    def publish_report(self, version: str) -> None:
        """Write the newest model report of a version, which is in the home, to the root, where it replaces the former.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
            OSError: The report cannot be read.
        """
        found = find_report(self.root, version)
        if found is None:
            return
        content, record = f"{REPORTS}/{found.path.name}", f"{REPORTS}/{version}.json"
        self.objects.write({content: found.path.read_bytes()})
        # It names the content, so it comes afterwards.
        self.objects.write({record: (self.root / record).read_bytes()})
        former = [name for name in self.objects.sizes(REPORTS) if name.startswith(f"{REPORTS}/{version}-")]
        self.objects.delete([name for name in former if name != content])

    def refresh_report(self, version: str) -> None:
        """Copy the newest model report of a version from the root, unless it is in the home, intact.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses, or the copy cannot be written.
        """
        record = f"{REPORTS}/{version}.json"
        described, path = self.objects.read([record]).get(record), self.root / record
        with suppress(ReportFileError):
            if described is None or (
                path.exists() and path.read_bytes() == described and read_report(self.root, version)
            ):
                return
        with self._changing():
            self._mirror(path, described)
            if found := find_report(self.root, version):
                name = f"{REPORTS}/{found.path.name}"
                self._mirror(found.path, self.objects.read([name]).get(name))
                remove_former(found)

    def sizes(self) -> dict[str, int]:
        """Bytes by version, of what is in the root.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        found: dict[str, int] = {}
        for name, size in self.objects.sizes().items():
            version, separator, _ = name.partition("/")
            if separator and VERSION.fullmatch(version):
                found[version] = found.get(version, 0) + size
        return found

    def withdraw(self, version: str) -> None:
        """Delete the manifest of a version, so that nothing of it can be loaded, and then its copy.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        self.objects.delete([f"{version}/{MANIFEST}"])
        with self._changing():
            self._remove(self.root / version)

    def delete(self, version: str) -> None:
        """Delete the objects of a version that was withdrawn.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        self.objects.delete([*self.objects.sizes(version)])

    def _read_objects(self, version: str) -> dict[str, bytes]:
        names = (*CONTENT, *OPTIONAL, MANIFEST)
        found = self.objects.read([f"{version}/{name}" for name in names])
        files = {name: found[f"{version}/{name}"] for name in names if f"{version}/{name}" in found}
        where = f"{self.url}/{version}"
        if not files:
            raise ArtifactError(f"{where} does not exist", "missing")
        if missing := [name for name in (*CONTENT, MANIFEST) if name not in files]:
            raise ArtifactError(f"{where}: {missing[0]} does not exist", "missing")
        return verified(files, where)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One process changes the copies at a time. A process that is killed frees the lock."""
        try:
            make_private_folders(self.root)
            with (self.root / ".lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise ArtifactRootError(
                f"{error.filename or self.root} cannot be written ({error.strerror}), so no model of {self.url} can be "
                "read\nNext: free disk space, or set LOAN_DEFAULT_HOME to a writable folder; then the same command"
            ) from None

    def _mirror(self, path: Path, content: bytes | None) -> None:
        if content is None:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_bytes() != content:
            make_private_folders(path.parent)
            write_file(path, content, partial_folder=self.root)

    def _evict(self, used: Path) -> None:
        """Delete the copies that were not used for the longest time, until the rest is within the limit."""
        sweep(self.root)
        copies = sorted(
            (folder.stat().st_mtime, sum(path.stat().st_size for path in folder.iterdir()), folder)
            for folder in self.root.iterdir()
            if VERSION.fullmatch(folder.name) and folder.is_dir()
        )
        total, now = sum(size for _, size, _ in copies), time.time()
        for last_used, size, folder in copies:
            if total <= self.limit_bytes:
                return
            if folder != used and now - last_used > RECENT_SECONDS:
                self._remove(folder)
                total -= size

    def _remove(self, folder: Path) -> None:
        if folder.is_dir():
            removed = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
            folder.replace(removed)
            shutil.rmtree(removed)


def artifact_cache(settings: Settings) -> ArtifactCache | None:
    """The artifacts of the settings where ARTIFACT_ROOT is a URL; None for a folder."""
    if settings.artifact_url is None:
        return None
    return ArtifactCache(
        settings.models_folder, ObjectRoot(settings.artifact_url), settings.artifact_cache_bytes
    )


def _holds(folder: Path, sha256: str) -> bool:
    try:
        return digest_of(read(folder)[MANIFEST]) == sha256
    except ArtifactError:
        return False
