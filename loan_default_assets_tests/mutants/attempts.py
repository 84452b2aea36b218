"""One planted fault tried in a copy of the repository, and a record of what its tests said."""

import compileall
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory

from loan_default_assets_tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("loan_default_assets", "loan_default_assets_tests", "bento", "sql", "pyproject.toml")
SECONDS = 600
# pytest's exit codes.
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Outcome:
    """What the tests said of one fault.

    Attributes:
        killed: Whether a test failed.
        by: The first test that failed; empty for a survivor.
    """

    killed: bool
    by: str


class AttemptRecord:
    """Outcomes by fault, in a file of JSON lines; a fault whose module or tests have changed has none."""

    def __init__(self, path: Path, root: Path = ROOT) -> None:
        self._path, self._root = path, root
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        # A line that was cut off by the end of the process is omitted.
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        self._outcomes = {entry.pop("digest"): Outcome(**entry) for entry in entries}

    def get(self, mutant: Mutant) -> Outcome | None:
        """The outcome of the fault in the present source; None where it was not tried in it."""
        return self._outcomes.get(digest(mutant, self._root))

    def add(self, mutant: Mutant, outcome: Outcome) -> None:
        key = digest(mutant, self._root)
        self._outcomes[key] = outcome
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"digest": key, **asdict(outcome)}) + "\n")


def digest(mutant: Mutant, root: Path) -> str:
    """SHA-256 of the fault, its module and its tests; what these import is not part of it."""
    fault = json.dumps([mutant.path, mutant.line, mutant.fault, mutant.tests])
    found = hashlib.sha256(fault.encode())
    for path in (mutant.path, *mutant.tests):
        found.update(hashlib.sha256((root / path).read_bytes()).digest())
    return found.hexdigest()


def planted(mutant: Mutant, source: str) -> str:
    """The source with the fault.

    Raises:
        ValueError: The line does not occur exactly once.
    """
    if source.count(mutant.line) != 1:
        raise ValueError(
            f"{mutant.path}: {mutant.line.strip()!r} must occur once; correct the table of faults"
        )
    return source.replace(mutant.line, mutant.fault)


@contextmanager
def copied_repository() -> Iterator[Path]:
    """A copy that may be altered, compiled once for all attempts."""
    with TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy / name)
        # By the hash of the source: a fault may have the length and the time of the line that it replaces.
        compileall.compile_dir(copy, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        yield copy


def attempt(mutant: Mutant, copy: Path) -> Outcome:
    """Plant a fault in a copy, run its tests, and take the fault out again.

    Raises:
        RuntimeError: The tests could not be run.
    """
    path = copy / mutant.path
    source = path.read_text("utf-8")
    path.write_text(planted(mutant, source), "utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        result = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    finally:
        path.write_text(source, "utf-8")
    if result.returncode not in (PASSED, FAILED):
        raise RuntimeError(f"{mutant.path}: pytest ended with {result.returncode}\n{result.stdout[-2000:]}")
    failed = [line.split()[1] for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return Outcome(result.returncode == FAILED, failed[0] if failed else "")
