"""A process that scores does not return its memory to the system between two blocks of rows."""

import pickle
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from loan_default_assets.model.predictor import Predictor
from loan_default_assets_tests.model.examples import fitted, loans

# Prints which share of the pages of 36 MiB, allocated and freed before, the system had to supply once more. The pieces
# are too small for huge pages.
_PROGRAM = """
import pickle, resource, sys
from pathlib import Path
import numpy as np

predictor, numerical, categorical = pickle.loads(Path(sys.argv[1]).read_bytes())
if len(sys.argv) > 2:
    getattr(predictor, sys.argv[2])(numerical, categorical)
size, pieces = 1 << 20, 36
for repetition in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = [np.ones(size, np.uint8) for _ in range(pieces)]
    del block
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults * resource.getpagesize() / (size * pieces))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
@pytest.mark.parametrize(("method", "kept"), [(None, False), ("predict", True), ("contributions", True)])
def test_memory_is_kept_once_rows_were_scored(tmp_path: Path, method: str | None, kept: bool) -> None:
    rows = loans(8)
    file = tmp_path / "predictor.pickle"
    file.write_bytes(pickle.dumps((Predictor(fitted(), "c0", {}), rows.numerical, rows.categorical)))
    arguments = [sys.executable, "-c", _PROGRAM, str(file), *([method] if method else [])]
    share = float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)
    assert share < 0.05 if kept else share > 0.5
