"""A copy of a whole home, database and models: it works on its own files alone, and the original is unchanged."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets.commands.promote import rollback
from loan_default_assets.commands.score import score
from loan_default_assets.commands.session import dagster_instance, open_session
from loan_default_assets.commands.status import status
from loan_default_assets.model.artifact_files import ArtifactError
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.embedded.local_postgres import LocalPostgres
from loan_default_assets_tests.releases.former_release import FILES, lay_out
from loan_default_assets_tests.warehouse.embedded.homes import accessible_folder

CHAMPION, FORMER = "ce59aee2d2b6c", "c8e51dc0dede0"


@pytest.fixture
def original(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The installation of the former release with an embedded server, used once by this release, and stopped."""
    for name in ("PORTFOLIO", "LOAN_SOURCE", "LOAN_DEFAULT_HOME", "DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.setenv(name, "")
    with accessible_folder() as top:
        with LocalPostgres(top / "home").use() as url:
            settings = lay_out(top, url).settings.model_copy(update={"database_url": None})
        with open_session(settings) as session, dagster_instance(session):
            assert _champion(settings) == (CHAMPION, "intact", top / "home" / "models" / CHAMPION)
        try:
            yield settings
        finally:
            for home in (top / "home", top / "copy"):
                LocalPostgres(home).remove()


def _champion(settings: Settings) -> tuple[str, str, Path]:
    with open_session(settings) as session:
        champion = status(session)["champion"]
    return champion["version"], champion["files"]["state"], Path(champion["files"]["folder"])


@pytest.mark.parametrize("command", ["cp -r", "cp -a"])
def test_a_copy_and_its_original_are_two_installations(original: Settings, command: str) -> None:
    copy = original.model_copy(update={"loan_default_home": original.home.parent / "copy"})
    subprocess.run([*command.split(), original.home, copy.home], check=True)
    with open_session(original):  # the original's server runs meanwhile
        assert _champion(copy) == (CHAMPION, "intact", copy.home / "models" / CHAMPION)
        with open_session(copy) as session:
            rollback(session, "a test")
        assert _champion(copy) == (FORMER, "intact", copy.home / "models" / FORMER)
    assert _champion(original) == (CHAMPION, "intact", original.home / "models" / CHAMPION)

    shutil.rmtree(copy.home / "models")
    with open_session(copy) as session:
        problem = status(session)["champion"]["files"]["problem"]
        assert f"{original.home}/models/{FORMER} is in the home of another installation" in problem
        with pytest.raises(ArtifactError, match=f"the files of model {FORMER} are missing"):
            score(session, str(FILES / "applications.csv"), io.StringIO())
