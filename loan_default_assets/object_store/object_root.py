"""The objects below a URL that fsspec opens, such as s3://bucket/prefix, and what their errors mean.

docs/decisions/object-store.md says why fsspec, and what a store must promise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loan_default_assets.model.artifact_files import ArtifactRootError

# Packages of this project's extras; for any other scheme, fsspec names the package.
_EXTRAS = {"s3": "s3", "s3a": "s3"}
# Names of errors that say that a store refuses the caller; the libraries that define them may not be installed.
_REFUSALS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
_S3_VARIABLES = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (or the role or profile)"


@dataclass(frozen=True)
class ObjectRoot:
    """The objects below a URL, by their names relative to it. Nothing is cached between two calls.

    Attributes:
        url: Without a slash at its end, and without credentials.
    """

    url: str

    @property
    def scheme(self) -> str:
        """The part before `://`."""
        return self.url.partition("://")[0]

    def read(self, names: Collection[str]) -> dict[str, bytes]:
        """Contents by name, of those objects that exist.

        Raises:
            ArtifactRootError: The store cannot be reached or refuses.
        """
        if not names:
            return {}
        with self._opened() as (files, path):
            found: dict[str, Any] = files.cat([path(name) for name in names], on_error="return")
            contents = {}
            for name in names:
                content = found[path(name)]
                if isinstance(content, FileNotFoundError | NotADirectoryError):
                    continue
                if isinstance(content, Exception):
                    raise content
                contents[name] = content
            return contents

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes by name of every object below a folder, or of all.

        Raises:
            ArtifactRootError: The store cannot be reached or refuses, or the bucket does not exist.
        """
        with self._opened() as (files, path):
            start = len(path("")) if path("") else 0
            found = files.find(path(folder), detail=True)
            return {name[start:].lstrip("/"): int(details["size"] or 0) for name, details in found.items()}

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Write objects, each of which exists completely or not at all; not in any order.

        Raises:
            ArtifactRootError: The store cannot be reached or refuses, or the bucket does not exist.
        """
        with self._opened() as (files, path):
            if _is_local(files):
                for name, content in contents.items():
                    partial = _partial(path(name))
                    files.pipe_file(partial, content)
                    files.mv(partial, path(name))
            else:
                files.pipe({path(name): content for name, content in contents.items()})

    def upload(self, file: Path, name: str) -> None:
        """Write an object from a file, which may be larger than memory.

        Raises:
            ArtifactRootError: The store cannot be reached or refuses, or the bucket does not exist.
        """
        with self._opened() as (files, path):
            if _is_local(files):
                files.put_file(str(file), _partial(path(name)))
                files.mv(_partial(path(name)), path(name))
            else:
                files.put_file(str(file), path(name))

    def delete(self, names: Collection[str]) -> None:
        """Delete objects; those that do not exist are none.

        Raises:
            ArtifactRootError: The store cannot be reached or refuses.
        """
        with self._opened() as (files, path):
            for name in names:
                try:
                    files.rm_file(path(name))
                except FileNotFoundError:
                    continue

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Callable[[str], str]]]:
        """The file system, and its path of a name. Texts of foreign errors may quote a key and are not passed on."""
        try:
            import fsspec

            options = {"auto_mkdir": True} if self.scheme in ("file", "local") else {}
            files, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **options)
            yield files, lambda name: f"{root}/{name}".rstrip("/")
        except Exception as error:  # noqa: BLE001 - every library has errors of its own
            raise self._explained(error) from None

    def _explained(self, error: Exception) -> ArtifactRootError:
        kind = type(error).__name__
        if isinstance(error, ImportError):
            return self._error(f"{self.scheme}:// needs a package that is not installed", self._install())
        if isinstance(error, ValueError) and "Protocol not known" in str(error):
            return self._error(
                f"no file system is known for {self.scheme}://",
                "set ARTIFACT_ROOT to a folder or an s3:// URL",
            )
        if isinstance(error, FileNotFoundError):
            return self._error("the bucket does not exist", "create it, or correct ARTIFACT_ROOT")
        if isinstance(error, PermissionError) or kind in _REFUSALS:
            variables = _S3_VARIABLES if self.scheme in _EXTRAS else "the credentials of its library"
            return self._error(
                f"access is refused ({kind})",
                f"check {variables} and the right to list, read, write and delete there; then the same command",
            )
        if isinstance(error, OSError) and _is_local_scheme(self.scheme) and error.errno:
            return self._error(os.strerror(error.errno), "free disk space, or correct ARTIFACT_ROOT")
        variables = "AWS_ENDPOINT_URL_S3 and AWS_REGION" if self.scheme in _EXTRAS else "its settings"
        return self._error(
            f"the store cannot be reached or used ({kind})",
            f"check the network, {variables}; then the same command",
        )

    def _install(self) -> str:
        if extra := _EXTRAS.get(self.scheme):
            return f"pip install 'loan-default-assets[{extra}]'"
        from fsspec.registry import known_implementations

        return str(
            known_implementations.get(self.scheme, {}).get("err", "install the package of this scheme")
        )

    def _error(self, problem: str, remedy: str) -> ArtifactRootError:
        return ArtifactRootError(f"artifacts in {self.url}: {problem}\nNext: {remedy}")


def _is_local_scheme(scheme: str) -> bool:
    return scheme in ("file", "local")


def _is_local(files: Any) -> bool:
    """Whether a write that is cut off leaves a part of the object, as stores of objects never do."""
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(files, LocalFileSystem)


def _partial(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name}.{os.getpid()}.partial"
