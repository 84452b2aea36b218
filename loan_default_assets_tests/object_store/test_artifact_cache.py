"""A model is published completely or not at all, and no host loads anything but the registered bytes."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from loan_default_assets.model.artifact import load
from loan_default_assets.model.artifact_files import (
    MANIFEST,
    SIGNATURE,
    ArtifactRootError,
    ArtifactState,
    read,
    write,
)
from loan_default_assets.object_store import artifact_cache
from loan_default_assets.object_store.artifact_cache import ArtifactCache
from loan_default_assets.object_store.object_root import ObjectRoot
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets_tests.damages import DAMAGES, WEIGHTS
from loan_default_assets_tests.model.test_artifact_store import Registered, put
from loan_default_assets_tests.object_store.hosts import Host

FILES = 6


@pytest.fixture
def trainer(root_url: str, tmp_path: Path) -> Host:
    """The host that publishes."""
    return Host.of(tmp_path / "trainer", root_url)


@pytest.fixture
def server(root_url: str, tmp_path: Path) -> Host:
    """Another host, without copies."""
    return Host.of(tmp_path / "server", root_url)


@pytest.fixture
def one(trainer: Host) -> Registered:
    return trainer.publish()


def test_a_published_model_is_loaded_by_another_host(
    trainer: Host, server: Host, one: Registered, tmp_path: Path
) -> None:
    in_a_folder = put(tmp_path / "folder")
    assert (in_a_folder.version, in_a_folder.artifact_sha256) == (one.version, one.artifact_sha256)
    folder = server.store.folder(one)
    assert folder.is_relative_to(server.settings.home)
    assert load(folder, sha256=one.artifact_sha256).version == one.version
    assert read(folder) == read(Path(in_a_folder.artifact_uri)), "the layout is that of a folder"
    assert server.objects.sizes() == {
        f"{one.version}/{name}": len(content) for name, content in read(folder).items()
    }
    assert server.cache.sizes() == {one.version: sum(server.objects.sizes().values())}


@dataclass(frozen=True)
class ObjectDamage:
    """A damage of the objects of a model, given those of another.

    Attributes:
        state: What a host without a copy finds.
        noticed: Whether a host with a copy finds it without reading every object.
    """

    state: ArtifactState
    do: Callable[[ObjectRoot, str, str], object]
    noticed: bool = False


def _flip(objects: ObjectRoot, name: str) -> None:
    content = bytearray(objects.read([name])[name])
    content[len(content) // 2] ^= 1
    objects.write({name: bytes(content)})


def _put_other_files(objects: ObjectRoot, version: str, other: str) -> None:
    found = objects.read([*objects.sizes(other)])
    objects.write({name.replace(other, version): content for name, content in found.items()})


OBJECT_DAMAGES = {
    "all deleted": ObjectDamage("missing", lambda o, one, _: o.delete([*o.sizes(one)]), noticed=True),
    "manifest deleted": ObjectDamage(
        "missing", lambda o, one, _: o.delete([f"{one}/{MANIFEST}"]), noticed=True
    ),
    "object deleted": ObjectDamage("missing", lambda o, one, _: o.delete([f"{one}/{WEIGHTS}"])),
    "truncated": ObjectDamage("damaged", lambda o, one, _: o.write({f"{one}/{WEIGHTS}": b"half"})),
    "empty": ObjectDamage("damaged", lambda o, one, _: o.write({f"{one}/{WEIGHTS}": b""})),
    "flipped bit": ObjectDamage("damaged", lambda o, one, _: _flip(o, f"{one}/{WEIGHTS}")),
    "flipped bit in the manifest": ObjectDamage(
        "damaged", lambda o, one, _: _flip(o, f"{one}/{MANIFEST}"), noticed=True
    ),
    "another model's objects": ObjectDamage("replaced", _put_other_files, noticed=True),
    "a further object of the format": ObjectDamage(
        "damaged", lambda o, one, _: o.write({f"{one}/trees.safetensors": b"x"})
    ),
}


@pytest.mark.parametrize("damage", OBJECT_DAMAGES.values(), ids=OBJECT_DAMAGES)
def test_a_damaged_object_is_refused_with_a_next_command(
    trainer: Host, server: Host, one: Registered, damage: ObjectDamage
) -> None:
    other = trainer.publish("two")
    damage.do(trainer.objects, one.version, other.version)
    for found in (server.store.check(one), server.check_as_service(one), trainer.check_whole(one)):
        assert found.state == damage.state
        assert f"the files of model {one.version} are {damage.state}: {trainer.cache.url}" in found.problem
        assert found.problem.count("\nNext: ") == 1
        assert "artifact-cache" not in found.problem
        assert not (server.store.root / one.version).exists()
    assert trainer.store.check(one).state == (damage.state if damage.noticed else "intact")
    assert server.store.check(other).intact
    # The same training publishes what is missing.
    trainer.objects.delete([f"{one.version}/trees.safetensors"])
    assert trainer.publish() == one
    assert server.store.check(one).intact
    assert trainer.check_whole(one).intact


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_copy_is_replaced(trainer: Host, server: Host, one: Registered, name: str) -> None:
    other = server.store.folder(trainer.publish("two"))
    DAMAGES[name].do(server.store.folder(one), other)
    assert read(server.store.folder(one)) == read(trainer.store.folder(one))
    assert not [*server.store.root.glob(".*.partial")]


@pytest.mark.parametrize("written", range(FILES + 1))
def test_a_publication_that_is_killed_between_two_objects(
    trainer: Host, server: Host, tmp_path: Path, written: int
) -> None:
    one = put(trainer.store.root)
    code = """
import os, signal, sys
from pathlib import Path
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.object_store.object_root import ObjectRoot
from loan_default_assets.settings import Settings

write, left = ObjectRoot.write, int(sys.argv[1])

def write_some(self, contents):
    global left
    for name, content in sorted(contents.items()):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, {name: content})
        left -= 1

ObjectRoot.write = write_some
artifact_cache(Settings()).publish(Path(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", code, str(written), str(trainer.store.root / one.version)],
        env=os.environ
        | {"LOAN_DEFAULT_HOME": str(trainer.settings.home), "ARTIFACT_ROOT": trainer.cache.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    stored = trainer.objects.sizes()
    assert len(stored) == written
    assert (f"{one.version}/{MANIFEST}" in stored) == (written == FILES)
    for host in (server, trainer):
        assert host.store.check(one).state == ("intact" if written == FILES else "missing")
    assert trainer.publish().version == one.version
    assert server.store.check(one).intact


def test_a_signature_holds_as_in_a_folder(trainer: Host, server: Host, one: Registered) -> None:
    assert server.store.check(one).signed_by is None
    required = Host(server.settings.model_copy(update={"require_signature": True}))
    unsigned = required.store.check_served(one)
    assert unsigned.state == "unsigned"
    assert f"{server.cache.url}/{one.version} has no {SIGNATURE}" in unsigned.problem
    key_id = trainer.sign(one)
    # The copy of before gets the signature, and the key with it.
    for host in (trainer, server, required):
        assert host.store.check_served(one).signed_by == key_id
    signature = f"{one.version}/{SIGNATURE}"
    good = server.objects.read([signature])
    _flip(server.objects, signature)
    refused = server.store.check(one)
    assert refused.state == "untrusted"
    assert f"{server.cache.url}/{signature}" in refused.problem
    server.objects.write(good)
    assert server.store.check(one).signed_by == key_id
    server.objects.delete([signature])
    assert server.store.check(one).signed_by is None
    assert trainer.sign(one) == key_id


def test_a_key_is_trusted_while_the_root_has_it(trainer: Host, server: Host, one: Registered) -> None:
    key_id = trainer.sign(one)
    assert server.store.check(one).signed_by == key_id
    [key] = server.objects.sizes(artifact_cache.KEYS)
    content = server.objects.read([key])
    server.objects.delete([key])
    assert server.store.check(one).state == "untrusted"
    server.objects.write(content)
    assert server.store.check(one).signed_by == key_id


def test_named_keys_are_trusted_instead_of_those_of_the_root(
    trainer: Host, server: Host, one: Registered, tmp_path: Path
) -> None:
    trainer.sign(one)
    [key] = (trainer.store.root / artifact_cache.KEYS).glob("*.pem")
    shutil.copy(key, tmp_path / "named.pem")
    named = Host(server.settings.model_copy(update={"signing_public_keys": str(tmp_path / "named.pem")}))
    assert named.store.check_served(one).intact
    stranger = Host.of(tmp_path / "stranger", trainer.cache.url)
    trainer.objects.delete([f"{one.version}/{SIGNATURE}"])
    stranger.sign(one)
    assert server.store.check(one).signed_by, "whoever writes to the root is trusted, as in a folder"
    assert named.store.check(one).state == "untrusted"


def unreachable(*_: object) -> None:
    raise ArtifactRootError("artifacts in s3://bank: the store cannot be reached\nNext: check the network")


def test_a_service_goes_on_with_its_copy_while_the_root_is_down(
    trainer: Host, server: Host, one: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = trainer.publish("two")
    assert server.store.check(one).intact
    monkeypatch.setattr(ObjectRoot, "sizes", unreachable)
    with pytest.raises(ArtifactRootError, match="cannot be reached"):
        server.store.check(one)
    assert server.check_as_service(one).intact
    refused = server.check_as_service(two)
    assert refused.state == "unreadable"
    assert refused.problem.endswith("cannot be reached\nNext: check the network")
    (server.store.root / one.version / WEIGHTS).write_bytes(b"damaged")
    assert server.check_as_service(one).state == "unreadable"


def test_copies_beyond_the_limit_are_deleted_unless_they_were_used_recently(
    trainer: Host, server: Host, one: Registered
) -> None:
    two = trainer.publish("two")
    small = Host(server.settings.model_copy(update={"artifact_cache_bytes": 0}))
    folder = small.store.folder(one)
    small.store.folder(two)
    assert folder.exists()
    long_ago = folder.stat().st_mtime - artifact_cache.RECENT_SECONDS - 60
    os.utime(folder, (long_ago, long_ago))
    server.store.folder(two)
    assert folder.exists(), "within the limit"
    small.store.folder(two)
    assert not folder.exists()
    assert small.store.folder(one) == folder


def test_processes_that_load_a_model_at_once_share_one_copy(server: Host, one: Registered) -> None:
    code = """
import sys
from types import SimpleNamespace
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets.model.artifact import load

model = SimpleNamespace(version=sys.argv[1], artifact_uri="", artifact_sha256=sys.argv[2])
for _ in range(3):
    load(artifact_store(Settings()).folder(model), sha256=sys.argv[2])
"""
    environment = os.environ | {
        "LOAN_DEFAULT_HOME": str(server.settings.home),
        "ARTIFACT_ROOT": server.cache.url,
        "OMP_NUM_THREADS": "1",
    }
    (server.store.root / one.version).mkdir(parents=True)
    (server.store.root / one.version / WEIGHTS).write_bytes(b"damaged")

    def loaded(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, one.version, one.artifact_sha256],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr if done.returncode else ""

    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(loaded, range(3))] == [""] * 3
    assert {path.name for path in server.store.root.iterdir()} <= {one.version, ".lock", artifact_cache.KEYS}


def test_a_copy_is_written_by_one_at_a_time(
    server: Host, one: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have read the objects before either writes: the second must find what the first has written."""
    both, written = threading.Barrier(2), []
    read_objects = ArtifactCache._read_objects

    def read_together(cache: ArtifactCache, version: str) -> dict[str, bytes]:
        files = read_objects(cache, version)
        both.wait(60)
        return files

    def write_slowly(folder: Path, files: dict[str, bytes]) -> None:
        written.append(folder)
        time.sleep(0.5)
        write(folder, files)

    monkeypatch.setattr(ArtifactCache, "_read_objects", read_together)
    monkeypatch.setattr(artifact_cache, "write", write_slowly)
    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(lambda _: server.store.check(one), range(2))]
    assert [each.state for each in found] == ["intact", "intact"]
    assert written == [server.store.root / one.version]


def test_a_model_of_a_bento_needs_no_root(
    trainer: Host, server: Host, one: Registered, tmp_path: Path
) -> None:
    packaged = replace(one, artifact_uri=str(trainer.store.root / one.version))
    trainer.objects.delete([*trainer.objects.sizes(one.version)])
    assert server.store.check(packaged).state == "missing", "other hosts do not have this folder"
    pinned = artifact_store(server.settings, default_keys=tmp_path / "keys")
    assert pinned.folder(packaged) == trainer.store.root / one.version


def test_a_withdrawn_model_is_loaded_by_no_host(trainer: Host, server: Host, one: Registered) -> None:
    assert server.store.check(one).intact
    trainer.cache.withdraw(one.version)
    assert one.version in trainer.cache.sizes(), "the rest is deleted next"
    for host in (trainer, server):
        assert host.store.check(one).state == "missing"
    assert not (trainer.store.root / one.version).exists()
    trainer.cache.delete(one.version)
    assert trainer.objects.sizes() == {}
    trainer.cache.withdraw(one.version)
    trainer.cache.delete(one.version)


def test_a_home_that_cannot_be_written_is_named(
    trainer: Host, root_url: str, one: Registered, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    broken = replace(trainer.cache, root=tmp_path / "file" / "copies")
    with pytest.raises(ArtifactRootError, match=r"cannot be written .*\nNext: .*LOAN_DEFAULT_HOME"):
        broken.refresh(one.version, one.artifact_sha256, whole=False)
