import ctypes
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from loan_default_assets.model.artifact import ArtifactError, load, save
from loan_default_assets.model.artifact_store import ArtifactCheck, ArtifactStore, file_states
from loan_default_assets.model.training import FittedModel
from loan_default_assets_tests.damages import DAMAGES, WEIGHTS, Damage
from loan_default_assets_tests.model.examples import fitted


@dataclass(frozen=True)
class Registered:
    version: str
    artifact_uri: str
    artifact_sha256: str


MODELS = {"one": {"seed": 0}, "two": {"seed": 1}}


@cache
def model(name: str) -> FittedModel:
    return fitted(members=1, boosting=False, **MODELS[name])


def put(root: Path, name: str = "one") -> Registered:
    """A small model under `root`."""
    saved = save(
        root,
        model(name),
        portfolio_hash="a" * 64,
        portfolio={"name": name},
        snapshot_hash="b" * 64,
        feature_names={"numbers": (), "categories": ()},
    )
    return Registered(saved.version, str(saved.path), saved.sha256)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two models, and nothing else."""
    home = tmp_path_factory.mktemp("made") / "home"
    for name in MODELS:
        put(home / "models", name)
    return home


@pytest.fixture
def store(made: Path, tmp_path: Path) -> ArtifactStore:
    """The store of a copy of that home."""
    shutil.copytree(made, tmp_path / "home")
    return ArtifactStore(tmp_path / "home" / "models", tmp_path / "home")


@pytest.fixture
def one(store: ArtifactStore) -> Registered:
    return put(store.root)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_model_has_a_state_and_a_next_command(
    store: ArtifactStore, one: Registered, damage: Damage
) -> None:
    assert store.check(one).state == "intact"
    assert load(store.folder(one), sha256=one.artifact_sha256).version == one.version
    other = put(store.root, "two")
    damage.do(store.root / one.version, store.root / other.version)
    found = store.check(one)
    assert (found.state, found.path) == (damage.state, store.root / one.version)
    assert f"the files of model {one.version} are {damage.state}: " in found.problem
    assert "\nNext: " in found.problem
    with pytest.raises(ArtifactError) as refused:
        store.folder(one)
    assert (str(refused.value), refused.value.state) == (found.problem, damage.state)
    assert store.check(other).intact
    # The same training puts the files back.
    assert put(store.root) == one
    assert store.check(one).intact


def test_files_are_found_by_content_wherever_they_are_under_the_root(
    store: ArtifactStore, one: Registered
) -> None:
    for place in ("renamed", "models/" + one.version, "c000000000000"):
        target = store.root / place
        target.parent.mkdir(exist_ok=True)
        (store.root / one.version).rename(target)
        assert store.folder(one) == target
        assert load(target, sha256=one.artifact_sha256).version == one.version
        target.rename(store.root / one.version)
    # What a killed process was writing may be removed at any time.
    (store.root / one.version).rename(store.root / f".{one.version}.1.partial")
    assert store.check(one).state == "missing"


def test_the_root_comes_before_the_folder_that_was_registered(store: ArtifactStore, made: Path) -> None:
    original = put(made / "models")
    assert Path(original.artifact_uri).is_relative_to(made)
    assert store.folder(original) == store.root / original.version
    shutil.rmtree(store.root / original.version)
    assert store.folder(original) == Path(original.artifact_uri), "a former ARTIFACT_ROOT is no other home"
    (Path(original.artifact_uri) / WEIGHTS).rename(made / "kept")
    try:
        assert store.check(original).state == "missing"
    finally:
        (made / "kept").rename(Path(original.artifact_uri) / WEIGHTS)


@pytest.mark.parametrize("file", ["postgres/start.lock", "dagster/dagster.yaml", "up.lock"])
def test_a_copied_home_never_uses_the_files_of_the_original(
    store: ArtifactStore, one: Registered, tmp_path: Path, file: str
) -> None:
    (store.home / file).parent.mkdir(exist_ok=True)
    (store.home / file).touch()
    copy = ArtifactStore(tmp_path / "copy" / "models", tmp_path / "copy")
    shutil.copytree(store.home, copy.home)
    assert copy.folder(one) == copy.root / one.version
    shutil.rmtree(copy.root / one.version)
    found = copy.check(one)
    assert found.state == "missing"
    assert f"{one.artifact_uri} is in the home of another installation" in found.problem
    # The same home under another ARTIFACT_ROOT still uses its own files.
    assert ArtifactStore(tmp_path / "elsewhere", store.home).folder(one) == Path(one.artifact_uri)


def test_an_address_that_is_no_folder_is_refused(store: ArtifactStore) -> None:
    found = store.check(Registered("c0", "s3://bucket/c0", "0" * 64))
    assert found.state == "refused"
    assert "s3:// artifacts cannot be read: set ARTIFACT_ROOT to a folder" in found.problem


@pytest.mark.parametrize("part", ["file", "folder", "root"])
def test_modes_that_forbid_reading(store: ArtifactStore, one: Registered, part: str) -> None:
    folder = store.root / one.version
    path = {"file": folder / WEIGHTS, "folder": folder, "root": store.root}[part]
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        found = _without_the_rights_of_root(lambda: store.check(one))
    finally:
        path.chmod(mode)
    assert found.state == "unreadable"
    assert "Permission denied" in found.problem


def _without_the_rights_of_root(work: Callable[[], ArtifactCheck]) -> ArtifactCheck:
    """Run `work` in a thread in which the modes of files hold for root too."""
    results: list[ArtifactCheck] = []

    def run() -> None:
        if os.geteuid() == 0:
            # Linux: capset of this thread alone, with no effective capability.
            header = (ctypes.c_uint32 * 2)(0x20080522, 0)
            data = (ctypes.c_uint32 * 6)()
            assert ctypes.CDLL(None, use_errno=True).capset(header, data) == 0
        results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def test_the_states_change_with_the_files(store: ArtifactStore, one: Registered) -> None:
    folder = store.root / one.version
    before = file_states(folder)
    assert before == file_states(folder)
    os.utime(folder / WEIGHTS, ns=(1, 1))
    assert file_states(folder) != before
    shutil.rmtree(folder)
    assert file_states(folder) == ()
