"""What the store of artifacts needs of its callers: models, signatures, and a root behind a URL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class RegisteredModel(Protocol):
    """What the registry knows of a model's files. The URI is where they were written, and no more than a hint."""

    @property
    def version(self) -> str: ...

    @property
    def artifact_uri(self) -> str: ...

    @property
    def artifact_sha256(self) -> str: ...


class SignatureCheck(Protocol):
    """Which signatures of models are accepted, and whether a model must have one to serve."""

    @property
    def required(self) -> bool: ...

    def signed_by(self, folder: Path, files: Mapping[str, bytes]) -> str | None:
        """Id of the key that signed the verified files of a folder; None where there is no signature.

        Raises:
            ArtifactError: There is a signature that is not accepted.
        """
        ...


class ArtifactOrigin(Protocol):
    """A root behind a URL, whose artifacts are copied into a folder."""

    @property
    def url(self) -> str: ...

    def refresh(self, version: str, sha256: str, *, whole: bool) -> None:
        """Make the copy of a version what the root has; `whole`: after reading every byte there.

        Raises:
            ArtifactError: The root has no intact files of it.
            ArtifactRootError: The root cannot be reached or refuses.
        """
        ...

    def publish(self, folder: Path) -> None:
        """Write the artifact of a folder to the root.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        ...

    def publish_report(self, version: str) -> None:
        """Write the newest model report of a version to the root.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses.
        """
        ...

    def refresh_report(self, version: str) -> None:
        """Copy the newest model report of a version from the root.

        Raises:
            ArtifactRootError: The root cannot be reached or refuses, or the copy cannot be written.
        """
        ...
