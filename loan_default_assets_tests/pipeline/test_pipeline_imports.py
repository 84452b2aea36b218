import ast
import subprocess
import sys
from pathlib import Path

import pytest

from loan_default_assets import pipeline

MODULES = sorted(Path(pipeline.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_module_imports_dagster_anywhere(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] not in ("dagster", "bento")
            assert not name.startswith(("loan_default_assets.assets", "loan_default_assets.orchestration"))


def test_the_steps_load_without_dagster_and_without_slow_libraries() -> None:
    imports = "; ".join(f"import loan_default_assets.pipeline.{path.stem}" for path in MODULES[1:])
    unwanted = {"dagster", "torch", "sklearn", "matplotlib", "pandera", "bentoml", "optuna"}
    code = f"{imports}; import sys; print(sorted({unwanted} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
