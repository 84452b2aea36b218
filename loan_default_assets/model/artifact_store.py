"""Where the files of a registered model are: found by their content, under the root of the artifacts first.

The root is a folder, or it is behind a URL, and the folder holds verified copies.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from loan_default_assets.model.artifact_files import (
    MANIFEST,
    VERSION,
    ArtifactError,
    ArtifactRootError,
    ArtifactState,
    digest_of,
    read,
)
from loan_default_assets.model.artifact_protocols import ArtifactOrigin, RegisteredModel, SignatureCheck

if TYPE_CHECKING:
    from loan_default_assets.model.artifact import SavedArtifact

logger = logging.getLogger(__name__)

FileStates = tuple[tuple[str, int, int, int], ...]

# A folder with one of these files is the home of an installation.
_FILES_OF_A_HOME = ("postgres/start.lock", "dagster/dagster.yaml", "up.lock")


@dataclass(frozen=True)
class ArtifactCheck:
    """The result of a search for the files of a model.

    Attributes:
        version: The model.
        state: `intact`, or what is wrong with the files at `path`.
        path: The folder with intact files; otherwise the folder in which they belong.
        problem: What is wrong and what to run next; empty where the files are intact.
        sha256: Digest of the intact files, as registered.
        signed_by: Id of the key that signed the files; None without a signature.
    """

    version: str
    state: ArtifactState
    path: Path
    problem: str = ""
    sha256: str = ""
    signed_by: str | None = None

    @property
    def intact(self) -> bool:
        """Whether the model can be loaded from `path`."""
        return self.state == "intact"

    def required(self) -> ArtifactCheck:
        """The check itself, of intact files.

        Raises:
            ArtifactError: They are not; the message says what is wrong and what to run next.
        """
        if not self.intact:
            raise ArtifactError(self.problem, self.state)
        return self


@dataclass(frozen=True)
class ArtifactStore:
    """The artifacts of one installation.

    Attributes:
        root: Folder with one folder per version.
        home: LOAN_DEFAULT_HOME. Files in the home of another installation are never used: this one may be its copy.
        signatures: The signatures that are accepted; None: signatures are not examined.
        origin: The root behind a URL of which `root` holds copies; None where `root` is the root itself.
        whole: Read every byte at the origin, also where the copy is intact.
        offline: Use an intact copy while the origin cannot be reached.

    Examples:
        >>> from types import SimpleNamespace
        >>> store = ArtifactStore(Path("no-such-home/models"), Path("no-such-home"))
        >>> model = SimpleNamespace(version="c1", artifact_uri="/no/such/c1", artifact_sha256="0" * 64)
        >>> store.check(model).state
        'missing'
    """

    root: Path
    home: Path
    signatures: SignatureCheck | None = None
    origin: ArtifactOrigin | None = None
    whole: bool = False
    offline: bool = False

    def check(self, model: RegisteredModel) -> ArtifactCheck:
        """Search the files of a model, and verify every byte of them and their signature, if they have one.

        Args:
            model: A version of the registry.

        Raises:
            ArtifactRootError: The origin cannot be reached or refuses.
        """
        if self.origin is None:
            return self._check_folders(model)
        try:
            self.origin.refresh(model.version, model.artifact_sha256, whole=self.whole)
        except ArtifactError as error:
            return self._failed(model, error)
        except ArtifactRootError as error:
            if not self.offline:
                raise
            found = self._check_folders(model)
            if found.state in ("missing", "damaged"):
                return replace(found, state="unreadable", problem=str(error))
            logger.warning("the copy of %s is used: %s", model.version, str(error).partition("\n")[0])
            return found
        return self._check_folders(model)

    def _check_folders(self, model: RegisteredModel) -> ArtifactCheck:
        first: ArtifactError | None = None
        for folder in self._candidates(model):
            try:
                signed_by = self._verify(folder, model)
            except ArtifactError as error:
                if first is None or first.state == "missing":
                    first = error
                continue
            # Beside a folder whose signature is refused, a copy without one proves nothing.
            if signed_by is not None or first is None or first.state != "untrusted":
                return ArtifactCheck(
                    model.version, "intact", folder, sha256=model.artifact_sha256, signed_by=signed_by
                )
        return self._failed(model, first)

    def check_served(self, model: RegisteredModel) -> ArtifactCheck:
        """`check` for a model that is to serve: where signatures are required, one without is not intact.

        Args:
            model: A version of the registry.

        Raises:
            ArtifactRootError: The origin cannot be reached or refuses.
        """
        found = self.check(model)
        if (
            not found.intact
            or found.signed_by is not None
            or not (self.signatures and self.signatures.required)
        ):
            return found
        problem = (
            f"the files of model {model.version} are unsigned: {self._shown(str(found.path))} has no model.sig, and "
            f"signatures are required (REQUIRE_SIGNATURE)\nNext: loan-default promote {model.version}, which signs them"
        )
        return replace(found, state="unsigned", problem=problem)

    def _verify(self, folder: Path, model: RegisteredModel) -> str | None:
        files = read(folder)
        digest = digest_of(files[MANIFEST])
        if digest != model.artifact_sha256:
            raise ArtifactError(f"{folder} holds the files of another model", "replaced")
        if VERSION.fullmatch(model.version) and model.version[1:] != digest[:12]:
            raise ArtifactError(f"{folder} holds files that are registered as another version", "replaced")
        return self.signatures.signed_by(folder, files) if self.signatures else None

    def _failed(self, model: RegisteredModel, found: ArtifactError | None) -> ArtifactCheck:
        belongs = self.root / model.version
        failure = found or ArtifactError(f"{belongs} does not exist", "missing")
        scheme, elsewhere = urlsplit(model.artifact_uri).scheme, self._other_home(model)
        if self.origin is not None:
            pass
        elif scheme not in ("", "file"):
            failure = ArtifactError(
                f"{scheme}:// artifacts cannot be read: set ARTIFACT_ROOT to a folder with copies of them, or to "
                f"{model.artifact_uri.rpartition('/')[0]}"
            )
        elif failure.state == "missing" and elsewhere is not None:
            reason = f"{belongs} does not exist, and {elsewhere} is in the home of another installation"
            failure = ArtifactError(reason, "missing")
        remedy = failure.remedy or (
            f"copy them to {belongs}, restore a backup (loan-default restore DIR), or train again: loan-default run"
        )
        problem = self._shown(
            f"the files of model {model.version} are {failure.state}: {failure}\nNext: {remedy}"
        )
        return ArtifactCheck(model.version, failure.state, belongs, problem)

    def _shown(self, text: str) -> str:
        """A message in which the paths of copies are those of the originals."""
        return text if self.origin is None else text.replace(str(self.root), self.origin.url)

    def publish(self, saved: SavedArtifact) -> SavedArtifact:
        """Write a saved artifact to the origin; where the root is a folder, it is there already.

        Returns:
            The artifact with its address.

        Raises:
            ArtifactRootError: The origin cannot be reached or refuses.
        """
        if self.origin is None:
            return saved
        self.origin.publish(saved.path)
        return replace(saved, uri=f"{self.origin.url}/{saved.version}")

    def folder(self, model: RegisteredModel) -> Path:
        """The folder with the verified files of a model.

        Raises:
            ArtifactError: There is none; the message says what is wrong and what to run next.
        """
        return self.check(model).required().path

    def _candidates(self, model: RegisteredModel) -> Iterator[Path]:
        yield self.root / model.version
        if self.origin is not None:
            # What only this machine has, other machines cannot load.
            return
        # A root that was copied into itself, or a folder that was renamed.
        for pattern in (f"*/{model.version}", "*"):
            with suppress(OSError):
                for folder in sorted(self.root.glob(pattern)):
                    elsewhere = folder != self.root / model.version and not folder.name.startswith(".")
                    if elsewhere and _digest_of_manifest(folder) == model.artifact_sha256:
                        yield folder
        hint = _local_path(model.artifact_uri)
        if hint is not None and hint.parent != self.root and self._other_home(model) is None:
            yield hint

    def _other_home(self, model: RegisteredModel) -> Path | None:
        """The folder that the hint names, where it is in another installation's home."""
        hint = _local_path(model.artifact_uri)
        if hint is None:
            return None
        for parent in hint.absolute().parents:
            if parent == self.home.absolute():
                return None
            if any(_exists(parent / name) for name in _FILES_OF_A_HOME):
                return hint
        return None


def file_states(folder: Path) -> FileStates:
    """Names, inodes, sizes and times of a folder's files: cheap, and changed by whatever changes the files.

    Args:
        folder: Folder of an artifact; empty for one that does not exist or cannot be read.

    Examples:
        >>> file_states(Path("no-such-folder"))
        ()
    """
    try:
        found = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    except OSError:
        return ()
    return tuple((name, state.st_ino, state.st_size, state.st_mtime_ns) for name, state in found)


def _local_path(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path) if parts.scheme else uri)


def _digest_of_manifest(folder: Path) -> str | None:
    try:
        return digest_of((folder / MANIFEST).read_bytes())
    except OSError:
        return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
