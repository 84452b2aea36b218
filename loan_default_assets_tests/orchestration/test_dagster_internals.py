"""Private modules of Dagster are imported by one module only."""

import ast
from pathlib import Path

from loan_default_assets.orchestration import dagster_internals

ROOT = Path(__file__).resolve().parents[2]


def private_imports(source: str) -> list[str]:
    """Imported modules of Dagster or its libraries below a name with a leading underscore."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return [m for m in modules if m.startswith("dagster") and any(p.startswith("_") for p in m.split("."))]


def test_only_the_adapter_imports_private_modules() -> None:
    files = [
        path
        for folder in ("loan_default_assets", "bento", "deploy")
        for path in ROOT.glob(f"{folder}/**/*.py")
    ]
    importing = {path for path in files if private_imports(path.read_text())}
    assert importing == {Path(dagster_internals.__file__).resolve()}


def test_private_imports_are_recognized() -> None:
    source = "import dagster\nfrom dagster import _core\nimport dagster._utils\nfrom dagster_postgres._x import y\n"
    assert private_imports(source) == ["dagster._core", "dagster._utils", "dagster_postgres._x.y"]
