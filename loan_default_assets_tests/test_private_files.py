"""A home is for its owner alone from the start of any process on; files elsewhere are as the user's umask says."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets import private_files
from loan_default_assets.model import artifact_files
from loan_default_assets.orchestration.storage import PlatformStorage
from loan_default_assets.warehouse.database import dagster_url
from loan_default_assets.warehouse.embedded.data_location import locate
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder

UMASK = 0o027


@pytest.fixture(autouse=True)
def umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has prepared no home yet, under the umask of a user."""
    monkeypatch.setattr(private_files, "_users_umask", None)
    before = os.umask(UMASK)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_files_of_a_home_are_private_and_folders_above_it_are_not(tmp_path: Path) -> None:
    for name in ("first", "second"):
        home = tmp_path / name / "above" / "home"
        private_files.prepare_home(home)
        (home / "file").touch()
        subprocess.run(["sh", "-c", "mkdir folder && touch folder/file"], cwd=home, check=True)
        found = [mode(home / part) for part in (".", "file", "folder", "folder/file")]
        assert found == [0o700, 0o600, 0o700, 0o600]
        assert mode(home.parent) == mode(home.parents[1]) == 0o777 & ~UMASK


def test_an_existing_home_is_tightened_and_nothing_outside_of_it(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "deep" / "deeper").mkdir(parents=True)
    outside.mkdir()
    for file in (home / "file", home / "deep" / "deeper" / "program", outside / "file"):
        file.touch()
    for path, given in (
        (home, 0o777),
        (home / "deep", 0o775),
        (home / "deep" / "deeper", 0o755),
        (home / "file", 0o640),
        (home / "deep" / "deeper" / "program", 0o755),
        (outside, 0o755),
        (outside / "file", 0o644),
    ):
        path.chmod(given)
    (home / "link").symlink_to(outside)
    (home / "broken").symlink_to(outside / "nothing")
    private_files.prepare_home(home)
    assert mode(home) == mode(home / "deep") == mode(home / "deep" / "deeper") == 0o700
    assert (mode(home / "file"), mode(home / "deep" / "deeper" / "program")) == (0o600, 0o700)
    assert (mode(outside), mode(outside / "file")) == (0o755, 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_others_pass_through_a_home_only_where_root_runs_a_server_in_it() -> None:
    with accessible_folder() as folder:
        without, home = folder / "without", folder / "home"
        for each in (without, home):
            private_files.prepare_home(each)
        without.chmod(0o755)
        server = home / "postgres"
        server.mkdir()
        assert locate(server).data_root == server
        for each in (without, home):
            private_files.prepare_home(each)
        assert (mode(without), mode(home), mode(server)) == (0o700, 0o711, 0o700)
        assert list(private_files.PASSABLE) == ["."]


def test_a_file_for_the_user_has_the_users_mode_and_in_the_home_a_private_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    private_files.prepare_home(home)
    existing = tmp_path / "existing"
    existing.touch()
    existing.chmod(0o604)
    for path in (tmp_path / "new", home / "new", existing):
        private_files.write_for_user(path, "text", home)
    assert (mode(tmp_path / "new"), mode(home / "new"), mode(existing)) == (0o640, 0o600, 0o604)


@pytest.mark.parametrize(("root", "folder", "file"), [(0o700, 0o700, 0o600), (0o750, 0o750, 0o640)])
def test_a_model_is_as_open_as_the_root_of_the_models(
    root: int, folder: int, file: int, tmp_path: Path
) -> None:
    private_files.restrict_new_files()
    models = tmp_path / "models"
    models.mkdir()
    models.chmod(root)
    artifact_files.write(models / "c0123456789ab", {"model.json": b"{}"})
    written = models / "c0123456789ab"
    assert (mode(written), mode(written / "model.json")) == (folder, file)


def test_every_process_of_dagster_writes_private_files(database_url: str, tmp_path: Path) -> None:
    PlatformStorage(dagster_url(database_url))
    (tmp_path / "file").touch()
    assert mode(tmp_path / "file") == 0o600
