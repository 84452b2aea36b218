"""The errors of a root: one line that says what is wrong, the next command, and no secret."""

import io
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from loan_default_assets.model.artifact_files import ArtifactRootError
from loan_default_assets.object_store.object_root import ObjectRoot
from loan_default_assets.pipeline.scored_files import partition_file
from loan_default_assets.settings import Settings
from loan_default_assets.warehouse.batch_scores import ScoredBatch
from loan_default_assets_tests.object_store.conftest import needs_s3
from loan_default_assets_tests.object_store.moto_server import CREDENTIALS, KEY_ID, SECRET, serving

OPERATIONS: dict[str, Callable[[ObjectRoot, Path], object]] = {
    "read": lambda root, _: root.read(["c1/manifest.json"]),
    "sizes": lambda root, _: root.sizes(),
    "write": lambda root, _: root.write({"c1/manifest.json": b"{}"}),
    "upload": lambda root, folder: root.upload(folder / "file", "scored_loans/file"),
    "delete": lambda root, _: root.delete(["c1/manifest.json"]),
}


def explained(root: ObjectRoot, operation: str, folder: Path) -> str:
    """The message of a failed operation: one line, then the next command."""
    (folder / "file").write_bytes(b"content")
    with pytest.raises(ArtifactRootError) as failed:
        OPERATIONS[operation](root, folder)
    message = str(failed.value)
    assert message.startswith(f"artifacts in {root.url}: ")
    assert [line[:6] for line in message.splitlines()[1:]] == ["Next: "]
    for secret in (SECRET, KEY_ID):
        assert secret not in message
    shown = "".join(traceback.format_exception(failed.value))
    assert "During handling" not in shown
    assert "direct cause" not in shown, "the text of the library's error may hold a key"
    return message


def test_objects_are_read_written_and_deleted(root_url: str, tmp_path: Path) -> None:
    root = ObjectRoot(root_url)
    assert root.sizes() == {}
    assert root.read([]) == root.read(["c1/a"]) == {}
    root.write({"c1/a": b"1", "c1/b": b"22", "c2/a": b""})
    root.write({"c1/a": b"333"})
    (tmp_path / "file").write_bytes(b"4444")
    root.upload(tmp_path / "file", "scored_loans/file")
    assert root.sizes() == {"c1/a": 3, "c1/b": 2, "c2/a": 0, "scored_loans/file": 4}
    assert root.sizes("c1") == {"c1/a": 3, "c1/b": 2}
    assert root.sizes("c") == root.sizes("c3") == {}
    assert root.read(["c1/a", "c3/a", "c2/a"]) == {"c1/a": b"333", "c2/a": b""}
    root.delete(["c1/a", "c1/a", "c3/a"])
    assert sorted(root.sizes()) == ["c1/b", "c2/a", "scored_loans/file"]


@pytest.mark.parametrize("operation", ["write", "upload"])
def test_a_local_object_that_is_written_halfway_is_none(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ObjectRoot(f"file://{tmp_path}/store")
    names = {"write": "c1/manifest.json", "upload": "scored_loans/file"}
    root.write({names[operation]: b"former"})
    (tmp_path / "file").write_bytes(b"content")

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalFileSystem, "mv", cut)
    with pytest.raises(KeyboardInterrupt):
        OPERATIONS[operation](root, tmp_path)
    assert root.read([names[operation]]) == {names[operation]: b"former"}


def test_another_scheme_needs_no_code(tmp_path: Path) -> None:
    root = ObjectRoot("memory://a-bucket/models")
    root.write({"c1/a": b"1"})
    assert root.read(["c1/a", "c1/b"]) == {"c1/a": b"1"}
    assert root.sizes() == {"c1/a": 1}
    root.delete(["c1/a"])
    assert root.sizes() == {}


@pytest.mark.parametrize(
    ("url", "package", "remedy"),
    [
        ("s3://bank", "s3fs", "pip install 'loan-default-assets[s3]'"),
        ("gs://bank", "gcsfs", "gcsfs"),
    ],
)
def test_a_package_that_is_not_installed(url: str, package: str, remedy: str) -> None:
    """In a process of its own, since fsspec keeps the classes that it has imported."""
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from loan_default_assets.object_store.object_root import ObjectRoot\n"
        "try:\n"
        f"    ObjectRoot({url!r}).sizes()\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    [problem, following] = done.stdout.splitlines()
    scheme = url.partition("://")[0]
    assert problem == (
        f"ArtifactRootError artifacts in {url}: {scheme}:// needs a package that is not installed"
    )
    assert following.startswith("Next: ")
    assert remedy in following


def test_a_scheme_that_is_not_known(tmp_path: Path) -> None:
    assert "no file system is known for nosuch://" in explained(ObjectRoot("nosuch://bank"), "read", tmp_path)


def test_a_local_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    assert "Not a directory" in explained(ObjectRoot(f"file://{tmp_path}/store/models"), "write", tmp_path)


@needs_s3
@pytest.mark.parametrize("operation", ["sizes", "write", "upload"])
def test_a_bucket_that_does_not_exist(operation: str, s3_environment: str, tmp_path: Path) -> None:
    message = explained(ObjectRoot("s3://no-such-bucket/models"), operation, tmp_path)
    assert "the bucket does not exist" in message


@pytest.fixture(scope="module")
def strict_server() -> Iterator[str]:
    """A server that knows no caller."""
    with serving(INITIAL_NO_AUTH_ACTION_COUNT="0") as (url, _):
        yield url


@needs_s3
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("credentials", ["wrong", "none"])
def test_refused_credentials(
    credentials: str,
    operation: str,
    strict_server: str,
    s3_environment: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", strict_server)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    if credentials == "none":
        for name in CREDENTIALS:
            monkeypatch.delenv(name)
    message = explained(ObjectRoot("s3://bank/models"), operation, tmp_path)
    assert "access is refused" in message
    assert "check AWS_ACCESS_KEY_ID" in message


@needs_s3
def test_a_server_that_is_down(s3_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as (url, _):
        pass
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    message = explained(ObjectRoot("s3://bank/models"), "read", tmp_path)
    assert "the store cannot be reached or used (EndpointConnectionError)" in message
    assert "AWS_ENDPOINT_URL_S3" in message


@pytest.mark.parametrize(
    "url", [f"s3://{KEY_ID}:{SECRET}@bank", "s3://bank?key=" + SECRET, "s3://bank/*", "S3://bank", "s3://"]
)
def test_a_url_with_credentials_or_patterns_is_refused(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(artifact_root=url)
    message = str(refused.value)
    assert "AWS_SECRET_ACCESS_KEY" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("given", "url", "folder"),
    [
        ("s3://bank/models/", "s3://bank/models", "artifact-cache"),
        ("file:///mnt/share", "file:///mnt/share", "artifact-cache"),
        ("/mnt/share", None, "share"),
        (None, None, "models"),
    ],
)
def test_a_root_is_a_folder_or_a_url(given: str | None, url: str | None, folder: str) -> None:
    settings = Settings(artifact_root=given)
    assert settings.artifact_url == url
    assert folder in settings.artifact_folder.parts
    assert settings.artifact_folder.is_relative_to(settings.home) == (given != "/mnt/share")


def test_a_partition_of_scores_is_replaced_as_a_whole(root_url: str, tmp_path: Path) -> None:
    root, folder = ObjectRoot(root_url), tmp_path / "scored_loans"
    name = "scored_loans/2025-01-01.parquet"

    def write(*ids: str, fail: bool = False) -> None:
        with partition_file(
            folder, "2025-01-01", lambda file, part: root.upload(file, f"scored_loans/{part}")
        ) as add:
            add(ScoredBatch(list(ids), [0.5] * len(ids), [0] * len(ids)))  # type: ignore[arg-type]
            if fail:
                raise KeyboardInterrupt

    write("a", "b")
    write("c")
    with pytest.raises(KeyboardInterrupt):
        write("d", fail=True)
    assert [*root.sizes()] == [name]
    table = pq.read_table(io.BytesIO(root.read([name])[name]))
    assert table.column("loan_id").to_pylist() == ["c"]
    assert [*folder.iterdir()] == [], "nothing stays in the home"
