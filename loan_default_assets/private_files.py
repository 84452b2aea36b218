"""Modes of files: in LOAN_DEFAULT_HOME for their owner alone, elsewhere as the user's umask says."""

import errno
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_OTHERS = 0o077
_PASS = 0o011
# Folders of a home, relative to it, that may have a permission for others, which one, and why.
PASSABLE: Mapping[str, str] = {
    ".": "x, so that nothing can be listed: PostgreSQL does not run as root, and the user as which root runs it must "
    "pass through the home to its own folder `postgres`",
}
_users_umask: int | None = None


def restrict_new_files() -> None:
    """Whatever this process and its children create from now on is for their user alone."""
    global _users_umask
    before = os.umask(_OTHERS)
    if _users_umask is None:
        _users_umask = before


def prepare_home(home: Path) -> None:
    """Create the home unless it exists, take away what others may do in it, and restrict new files.

    Args:
        home: LOAN_DEFAULT_HOME. Folders above it are created with the user's umask.

    Raises:
        OSError: The home cannot be created.
    """
    if not home.exists():
        restricted = os.umask(_users_umask) if _users_umask is not None else None
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(home)) from None
        finally:
            if restricted is not None:
                os.umask(restricted)
    restrict_new_files()
    home.mkdir(exist_ok=True)
    tighten(home)


def tighten(home: Path) -> None:
    """Take the permissions of others from all files and folders of a home; links are not followed.

    Files that vanish meanwhile, and those of other users, stay as they are.
    """
    with suppress(OSError):
        _take_from_others(str(home), home.stat().st_mode, _PASS if _is_passed_through(home) else 0)
    folders = [str(home)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_symlink():
                        continue
                    _take_from_others(entry.path, entry.stat(follow_symlinks=False).st_mode)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)


def let_pass(folder: Path) -> None:
    """Let other users pass through a folder of PASSABLE to what is theirs in it; they cannot list it."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & _PASS != _PASS:
        folder.chmod(mode | _PASS)


def give_users_mode(path: Path, home: Path) -> None:
    """The mode of a new file that the user has asked for: by the user's umask, but in the home a private one."""
    if path.resolve().is_relative_to(home):
        path.chmod(0o600)
    elif _users_umask is not None:
        path.chmod(0o666 & ~_users_umask)


def write_for_user(path: Path, text: str, home: Path) -> None:
    """Write a file that the user has asked for; one that exists keeps its mode."""
    new = not path.exists()
    path.write_text(text, encoding="utf-8")
    if new:
        give_users_mode(path, home)


def make_private_folders(folder: Path) -> None:
    """Create a folder and those above it that do not exist, each for this user only."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def write_file(path: Path, content: bytes, *, partial_folder: Path) -> None:
    """Write a file that exists completely or not at all, through a partial file in another folder.

    It is for those to whom its folder is open: nobody else's in a home, a group's in a folder of the group.

    Raises:
        OSError: It cannot be written.
    """
    partial = write_partial(path, content, partial_folder)
    try:
        partial.chmod(path.parent.stat().st_mode & 0o666)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that exists completely or not at all; one that exists is replaced.

    Raises:
        OSError: It cannot be written; the error names the file, and no partial one.
    """
    try:
        partial = write_partial(path, content, path.parent)
        try:
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_partial(path: Path, content: bytes, folder: Path) -> Path:
    """Write a file of mode 0600 under a name that `artifact_files.sweep` removes once this process has ended."""
    partial = folder / f".{path.name}.{secrets.token_hex(4)}.{os.getpid()}.partial"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return partial


def _is_passed_through(home: Path) -> bool:
    try:
        return (home / "postgres").stat().st_uid != home.stat().st_uid
    except OSError:
        return False


def _take_from_others(path: str, mode: int, kept: int = 0) -> None:
    if mode & _OTHERS & ~kept:
        os.chmod(path, stat.S_IMODE(mode) & ~(_OTHERS & ~kept))  # noqa: PTH101 - an entry of scandir
