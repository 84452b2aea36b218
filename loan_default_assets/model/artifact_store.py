"""Where the files of a registered model are: found by their content, under the root of the artifacts first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from loan_default_assets.model.artifact_files import MANIFEST, ArtifactError, ArtifactState, digest_of, read

FilesSignature = tuple[tuple[str, int, int, int], ...]

# A folder with one of these files is the home of an installation.
_FILES_OF_A_HOME = ("postgres/start.lock", "dagster/dagster.yaml", "up.lock")


class RegisteredModel(Protocol):
    """What the registry knows of a model's files. The URI is where they were written, and no more than a hint."""

    @property
    def version(self) -> str: ...

    @property
    def artifact_uri(self) -> str: ...

    @property
    def artifact_sha256(self) -> str: ...


@dataclass(frozen=True)
class ArtifactCheck:
    """The result of a search for the files of a model.

    Attributes:
        version: The model.
        state: `intact`, or what is wrong with the files at `path`.
        path: The folder with intact files; otherwise the folder in which they belong.
        problem: What is wrong and what to run next; empty where the files are intact.
    """

    version: str
    state: ArtifactState
    path: Path
    problem: str = ""

    @property
    def intact(self) -> bool:
        """Whether the model can be loaded from `path`."""
        return self.state == "intact"


@dataclass(frozen=True)
class ArtifactStore:
    """The artifacts of one installation.

    Attributes:
        root: Folder with one folder per version.
        home: LOAN_DEFAULT_HOME. Files in the home of another installation are never used: this one may be its copy.

    Examples:
        >>> from types import SimpleNamespace
        >>> store = ArtifactStore(Path("no-such-home/models"), Path("no-such-home"))
        >>> model = SimpleNamespace(version="c1", artifact_uri="/no/such/c1", artifact_sha256="0" * 64)
        >>> store.check(model).state
        'missing'
    """

    root: Path
    home: Path

    def check(self, model: RegisteredModel) -> ArtifactCheck:
        """Search the files of a model and verify every byte of them.

        Args:
            model: A version of the registry.
        """
        first: ArtifactError | None = None
        for folder in self._candidates(model):
            try:
                if digest_of(read(folder)[MANIFEST]) == model.artifact_sha256:
                    return ArtifactCheck(model.version, "intact", folder)
                raise ArtifactError(f"{folder} holds the files of another model", "replaced")
            except ArtifactError as error:
                if first is None or first.state == "missing":
                    first = error
        return self._failed(model, first)

    def _failed(self, model: RegisteredModel, found: ArtifactError | None) -> ArtifactCheck:
        belongs = self.root / model.version
        failure = found or ArtifactError(f"{belongs} does not exist", "missing")
        scheme, elsewhere = urlsplit(model.artifact_uri).scheme, self._other_home(model)
        if scheme not in ("", "file"):
            failure = ArtifactError(f"{scheme}:// artifacts cannot be read: set ARTIFACT_ROOT to a folder")
        elif failure.state == "missing" and elsewhere is not None:
            reason = f"{belongs} does not exist, and {elsewhere} is in the home of another installation"
            failure = ArtifactError(reason, "missing")
        problem = (
            f"the files of model {model.version} are {failure.state}: {failure}\n"
            f"Next: copy them to {belongs}, restore a backup (loan-default restore DIR), or train again: "
            "loan-default run"
        )
        return ArtifactCheck(model.version, failure.state, belongs, problem)

    def folder(self, model: RegisteredModel) -> Path:
        """The folder with the verified files of a model.

        Raises:
            ArtifactError: There is none; the message says what is wrong and what to run next.
        """
        found = self.check(model)
        if not found.intact:
            raise ArtifactError(found.problem, found.state)
        return found.path

    def _candidates(self, model: RegisteredModel) -> Iterator[Path]:
        yield self.root / model.version
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


def signature(folder: Path) -> FilesSignature:
    """Names, inodes, sizes and times of a folder's files: cheap, and changed by whatever changes the files.

    Args:
        folder: Folder of an artifact; empty for one that does not exist or cannot be read.

    Examples:
        >>> signature(Path("no-such-folder"))
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
