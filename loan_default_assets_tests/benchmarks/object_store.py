"""`python -m loan_default_assets_tests.benchmarks.object_store FOLDER`: seconds to publish, load and check a model.

FOLDER is that of a model, `.loan_default/models/c...` after `loan-default demo`. The roots are a folder, file:// and,
where s3fs and moto are installed (`make test-s3`), moto's S3 server on this machine.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from loan_default_assets.model.artifact import load
from loan_default_assets.model.artifact_files import MANIFEST, digest_of, read, write
from loan_default_assets.object_store.artifact_cache import artifact_cache
from loan_default_assets.settings import Settings
from loan_default_assets.signing.signed_models import artifact_store
from loan_default_assets_tests.model.test_artifact_store import Registered
from loan_default_assets_tests.object_store.moto_server import CREDENTIALS, INSTALLED, serving

REPETITIONS = 15


def seconds(work: Callable[[], object], prepare: Callable[[], object] = lambda: None) -> float:
    """The median time of a piece of work, each time after `prepare`; the first time is not counted."""
    times = []
    for _ in range(REPETITIONS + 1):
        prepare()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times[1:])


def measure(root: str, source: Path, scratch: Path) -> dict[str, float]:
    """Seconds by operation, for one root."""
    settings = Settings(loan_default_home=scratch / "home", artifact_root=root)
    files, store, cache = read(source), artifact_store(settings), artifact_cache(settings)
    digest = digest_of(files[MANIFEST])
    model = Registered(source.name, f"{root}/{source.name}", digest)
    folder = store.root / source.name

    def publish() -> None:
        write(folder, files)
        if cache:
            cache.publish(folder)

    def forget() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def remove() -> None:
        forget()
        if cache:
            cache.objects.delete([*cache.objects.sizes(source.name)])

    found = {"publish": seconds(publish, remove)}
    if cache:
        found["load, no copy"] = seconds(lambda: load(store.folder(model), sha256=digest), forget)
    found["load"] = seconds(lambda: load(store.folder(model), sha256=digest))
    found["check"] = seconds(lambda: store.check(model))
    return found


@contextmanager
def roots(scratch: Path) -> Iterator[dict[str, str]]:
    """A root by its name."""
    local = {"folder": str(scratch / "folder"), "file://": f"file://{scratch}/objects"}
    if not INSTALLED:
        yield local
        return
    with serving() as (url, _):
        os.environ |= CREDENTIALS | {"AWS_ENDPOINT_URL_S3": url}
        import s3fs

        s3fs.S3FileSystem().mkdir("bank")
        yield local | {"s3:// (moto)": "s3://bank/models"}


def main() -> None:
    source = Path(sys.argv[1]).resolve()
    size = sum(path.stat().st_size for path in source.iterdir())
    print(f"{source.name}, {size / 1e6:.1f} MB, median of {REPETITIONS}, milliseconds")
    with tempfile.TemporaryDirectory() as name, roots(Path(name)) as found:
        for title, root in found.items():
            with tempfile.TemporaryDirectory() as scratch:
                times = measure(root, source, Path(scratch))
            print(f"{title:14}" + ", ".join(f"{each} {1000 * taken:.1f}" for each, taken in times.items()))


if __name__ == "__main__":
    main()
