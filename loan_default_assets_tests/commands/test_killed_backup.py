"""Backups and restores that are killed at any of their steps."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from loan_default_assets.commands import backup_archive, pending_restore
from loan_default_assets.commands.backup import backup
from loan_default_assets.commands.command_errors import CommandError
from loan_default_assets.commands.restore import restore
from loan_default_assets.commands.session import open_session
from loan_default_assets.model import artifact_files
from loan_default_assets.orchestration import run_tracking
from loan_default_assets.warehouse import dump
from loan_default_assets_tests.commands.backed_up_release import SPOOLED, tree
from loan_default_assets_tests.releases.former_release import Restored

pytestmark = pytest.mark.usefixtures("plain_environment")


def _killed_at(module: Any, name: str, work: Callable[[], object], *, after: bool) -> None:
    """Run `work` in a process that is killed when it calls this function, or when the function has returned."""

    def child() -> None:
        called = getattr(module, name)

        def killing(*arguments: Any, **options: Any) -> None:
            if after:
                called(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, killing)
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("module", "name", "after"),
    [
        (backup_archive, "new_archive", True),
        (dump, "dump", False),
        (dump, "dump", True),
        (backup_archive, "_close", False),
        (backup_archive, "verify", False),
        (backup_archive, "verify", True),
    ],
)
def test_a_killed_backup_is_none(
    former: Restored, tmp_path: Path, module: Any, name: str, after: bool
) -> None:
    target = tmp_path / "backup"
    _killed_at(module, name, lambda: backup(former.settings, target), after=after)
    assert not target.exists()
    for partial in tmp_path.iterdir():
        with (
            pytest.raises(CommandError, match="no complete, undamaged backup")
            if name != "verify"
            else nullcontext()
        ):
            backup_archive.verify(partial)
    backup(former.settings, target)
    backup_archive.verify(target)
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


@pytest.mark.parametrize(
    ("module", "name", "after", "committed"),
    [
        (artifact_files, "write", True, False),
        (pending_restore, "stage", False, False),
        (pending_restore, "stage", True, False),
        (dump, "_copy", True, False),
        (dump, "restore", True, True),
        (run_tracking, "fail_restored", True, True),
        (pending_restore, "_put_in_place", False, True),
        (pending_restore, "_put_in_place", True, True),
    ],
)
def test_a_killed_restore_is_completed_or_has_changed_nothing(
    former: Restored, archive: Path, occupied: Restored, module: Any, name: str, after: bool, committed: bool
) -> None:
    shutil.rmtree(occupied.settings.home / "models")
    before, spooled = occupied.contents(), tree(occupied.settings.home / "service")
    _killed_at(module, name, lambda: restore(occupied.settings, archive, replace=True), after=after)
    # This waits for the locks of a transaction that the kill has cut off.
    assert occupied.contents() == (former.contents() if committed else before)
    # The next command of any kind settles it.
    with open_session(occupied.settings):
        pass
    assert not list(occupied.settings.home.glob("restore-*/"))
    service = occupied.settings.home / "service"
    if committed:
        assert [str(path.relative_to(service)) for path in service.rglob("*.jsonl")] == [SPOOLED]
        assert (occupied.settings.home / "portfolio" / "small_bank.yaml").exists()
        assert len(list(occupied.settings.home.glob("replaced-*/small_bank/spool/other.jsonl"))) == 1
    else:
        assert tree(service) == spooled
    restore(occupied.settings, archive, replace=True)
    assert occupied.contents() == former.contents()
