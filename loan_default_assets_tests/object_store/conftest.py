"""Roots behind URLs: a folder as file://, and a bucket of moto's server where that is installed."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from loan_default_assets_tests.object_store.moto_server import CREDENTIALS, INSTALLED, serving

needs_s3 = pytest.mark.skipif(not INSTALLED, reason="s3fs and moto are not installed: make test-s3")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """URL of an S3 server that accepts every caller."""
    if not INSTALLED:
        pytest.skip("s3fs and moto are not installed: make test-s3")
    with serving() as (url, _):
        yield url


@pytest.fixture
def s3_environment(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server's URL, with the variables that s3fs reads."""
    import s3fs

    for name, value in (CREDENTIALS | {"AWS_ENDPOINT_URL_S3": s3_server}).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3_server
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["file", pytest.param("s3", marks=needs_s3)])
def root_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty root."""
    if request.param == "file":
        return f"file://{tmp_path}/store/models"
    import s3fs

    request.getfixturevalue("s3_environment")
    bucket = f"bank-{secrets.token_hex(8)}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/team/models"
