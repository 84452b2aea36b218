"""What the supervisor of the service imports: it reads no frames and scores nothing."""

import os
import subprocess
import sys
from pathlib import Path

UNWANTED = {"dagster", "pandas", "pandera", "scipy", "sklearn", "torch"}


def test_the_supervisor_imports_neither_frames_nor_models(tmp_path: Path) -> None:
    code = f"import bento.__main__, bento.service, sys; print(sorted({UNWANTED} & set(sys.modules)))"
    environment = os.environ | {"PORTFOLIO": "demo", "LOAN_DEFAULT_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
