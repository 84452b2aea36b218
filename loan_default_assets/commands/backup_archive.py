"""A backup as a folder: written beside its place and renamed once it is complete, and verified byte by byte."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from loan_default_assets.commands.command_errors import CommandError

SUMS, DETAILS, DUMP, MODELS, SPOOL, PORTFOLIO, PUBLIC_KEYS, KEYS, ERASURES = (
    "SHA256SUMS",
    "backup.json",
    "database.dump",
    "models",
    "service",
    "portfolio",
    "keys/public",
    "prediction-keys",
    "erasures",
)
# New versions of files: while they are written, and once they replace the former ones.
_STAGED, _DECIDED = ".changing", ".changed"
FORMAT = 1
_BLOCK = 1 << 20


@contextmanager
def new_archive(target: Path) -> Iterator[Path]:
    """A folder to fill; at the end of the block it is summed, verified, flushed to disk and renamed to `target`.

    After any error, and after kill -9, there is no `target`. Folders are for this user only, and files too.

    Args:
        target: A folder that does not exist, or is empty.

    Raises:
        CommandError: `target` is not empty, or cannot be written.
    """
    target = target.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CommandError(f"{target} exists and is not empty\nNext: the same command with another folder")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _sweep(target)
        partial.mkdir(mode=0o700, parents=True)
        yield partial
        _close(partial)
        partial.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise CommandError(
            f"{error.filename or target}: {error.strerror}; no backup was made\n"
            "Next: free disk space or give another folder, then the same command"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write(file: Path, content: bytes) -> None:
    """Write a file that this user alone may read; its folders are created."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(content)


def verify(folder: Path) -> dict[str, Any]:
    """Read every file of a backup and compare it with its SHA-256.

    Returns:
        The content of `backup.json`.

    Raises:
        CommandError: The folder is no complete backup, or is damaged, or was made by a newer release.
    """
    with _exclusive(folder):
        return _verify(folder)


@contextmanager
def changing(folder: Path) -> Iterator[Path]:
    """A folder for new versions of files of a backup; at the end of the block they replace the former ones together.

    After an error, and after kill -9 within the block, the backup is as before; killed later, the next command
    completes the change. Two at once wait for each other.

    Raises:
        CommandError: The folder is no complete backup, is damaged, or cannot be written.
    """
    with _exclusive(folder):
        _verify(folder)
        staged = folder / _STAGED
        try:
            staged.mkdir(mode=0o700)
            yield staged
            changed = {str(p.relative_to(staged)): p for p in sorted(staged.rglob("*")) if p.is_file()}
            digests = {name: digest_of_file(path) for name, path in changed.items()}
            sums = sorted({**_read_sums(folder), **digests}.items())
            write(staged / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sums).encode())
            for path in (*staged.rglob("*"), staged):
                _flush(path)
            staged.rename(folder / _DECIDED)
        except OSError as error:
            raise CommandError(
                f"{error.filename or folder}: {error.strerror}; the backup {folder} was not changed\n"
                "Next: make it writable, or free disk space; then the same command"
            ) from None
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        try:
            _flush(folder)
            _finish_change(folder)
        except OSError as error:
            raise CommandError(
                f"{error.filename or folder}: {error.strerror}; the change of the backup {folder} was decided and is "
                "not complete\nNext: make it writable; then the same command, which completes it"
            ) from None


def _finish_change(folder: Path) -> None:
    """Complete a change that was decided, and drop one that was not; repeated, it does nothing."""
    shutil.rmtree(folder / _STAGED, ignore_errors=True)
    decided = folder / _DECIDED
    if not decided.exists():
        return
    changed = [path for path in sorted(decided.rglob("*")) if path.is_file()]
    for path in sorted(changed, key=lambda path: path.name == SUMS):
        target = folder / path.relative_to(decided)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(target)
        _flush(target.parent)
    shutil.rmtree(decided)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """One process at a time reads or changes a backup, after a change that was killed is completed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # the reader says what is wrong with it
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            _finish_change(folder)
        except OSError as error:
            raise CommandError(_damaged(folder, [f"{error.filename}: {error.strerror}"])) from None
        yield
    finally:
        os.close(descriptor)


def _verify(folder: Path) -> dict[str, Any]:
    try:
        sums = _read_sums(folder)
        present = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()} - {SUMS}
        problems = [f"{name}: missing" for name in sorted({*sums} - present)]
        problems += [f"{name}: not part of the backup" for name in sorted(present - {*sums})]
        problems += [
            f"{name}: differs from its SHA-256"
            for name in sorted(present & {*sums})
            if (folder / name).is_symlink() or digest_of_file(folder / name) != sums[name]
        ]
        if problems:
            raise CommandError(_damaged(folder, problems))
        details: dict[str, Any] = json.loads((folder / DETAILS).read_bytes())
    except OSError as error:
        raise CommandError(_damaged(folder, [f"{error.filename or folder}: {error.strerror}"])) from None
    except ValueError:
        raise CommandError(_damaged(folder, [f"{SUMS} or {DETAILS}: not readable"])) from None
    if details.get("format") != FORMAT:
        raise CommandError(
            f"{folder} is a backup of format {details.get('format')}, and this release reads {FORMAT}\n"
            f"Next: restore it with release {details.get('release')} of loan-default-assets"
        )
    return details


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file of any size, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(folder: Path, problems: list[str]) -> str:
    shown = [f"  {problem}" for problem in problems[:10]]
    more = [f"  and {len(problems) - 10} more"] if len(problems) > 10 else []
    return "\n".join(
        [
            f"{folder} is no complete, undamaged backup; nothing was changed:",
            *shown,
            *more,
            "Next: loan-default restore with another backup",
        ]
    )


def _read_sums(folder: Path) -> Mapping[str, str]:
    """SHA-256 by path, in the format of `sha256sum --check`."""
    sums = {}
    for line in (folder / SUMS).read_text("utf-8").splitlines():
        digest, mark, name = line[:64], line[64:66], line[66:]
        if mark != "  " or ".." in Path(name).parts or Path(name).is_absolute():
            raise ValueError(line)
        sums[name] = digest
    return sums


def _close(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{digest_of_file(path)}  {path.relative_to(folder)}\n" for path in files]
    write(folder / SUMS, "".join(lines).encode())
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o700 if path.is_dir() else 0o600)
        _flush(path)
    verify(folder)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(target: Path) -> None:
    """Remove what killed processes left of a backup to the same folder."""
    for partial in target.parent.glob(f".{target.name}.*.partial"):
        pid = partial.name.split(".")[-2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(partial, ignore_errors=True)
