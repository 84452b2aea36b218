"""A process that scores does not return its memory to the system between two blocks of rows."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from loan_default_assets.model.artifact import save
from loan_default_assets_tests.model.examples import fitted

# Prints which share of 36 MiB that were allocated and freed is still resident.
_PROGRAM = """
import resource, sys
from pathlib import Path
import numpy as np
from loan_default_assets.model.predictor import Predictor

predictor = Predictor.from_artifact(sys.argv[1])
if len(sys.argv) > 2:
    getattr(predictor, sys.argv[2])(np.ones((8, 3), np.float32), np.ones((8, 2), np.int16))

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

before, size, pieces = resident(), 1 << 20, 36
block = [np.ones(size, np.uint8) for _ in range(pieces)]
del block
print((resident() - before) / (size * pieces))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
@pytest.mark.parametrize(("method", "kept"), [(None, False), ("predict", True), ("contributions", True)])
def test_memory_is_kept_once_rows_were_scored(tmp_path: Path, method: str | None, kept: bool) -> None:
    common = {"portfolio_hash": "p", "portfolio": {}, "snapshot_hash": "s"}
    names = {"numbers": ("income", "amount", "age"), "categories": ("region", "purpose")}
    saved = save(tmp_path, fitted(), feature_names=names, **common)
    arguments = [sys.executable, "-c", _PROGRAM, str(saved.path), *([method] if method else [])]
    share = float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert share > 0.9 if kept else share < 0.1
