"""The import contracts of pyproject.toml hold, and a planted violation of each kind breaks them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def copied_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for package in ("loan_default_assets", "bento"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "PATH": "", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_tree_keeps_every_contract(copied_tree: Path) -> None:
    result = lint(copied_tree)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        (
            "model/rows.py",
            "loan_default_assets.warehouse.database",
            "model and policy import no other package",
        ),
        ("policy/state.py", "loan_default_assets.settings", "model and policy import no other package"),
        ("policy/state.py", "loan_default_assets.model.rows", "model and policy do not import each other"),
        ("portfolio/spec.py", "loan_default_assets.model.rows", "portfolio imports no other package"),
        ("warehouse/loans.py", "loan_default_assets.settings", "warehouse imports portfolio"),
        ("reports/plots.py", "loan_default_assets.portfolio.spec", "reports imports model and policy"),
        ("pipeline/readiness.py", "dagster", "the steps of the chain do not import Dagster"),
        (
            "orchestration/jobs.py",
            "bento.client",
            "only the commands and classifier_bento import the service",
        ),
        ("warehouse/loans.py", "loan_default_assets.commands.session", "arrows never run back up"),
        (
            "warehouse/stored_features.py",
            "loan_default_assets.warehouse.database",
            "no two modules of a package import each other",
        ),
        ("pipeline/readiness.py", "ray", "Ray is imported by its engine and its launcher only"),
        ("engines/task_engine.py", "loan_default_assets.model.rows", "engines know no step of the chain"),
        (
            "../bento/client.py",
            "loan_default_assets.assets.champion",
            "the service imports neither the graph",
        ),
    ],
)
def test_a_planted_import_breaks_its_contract(
    copied_tree: Path, module: str, statement: str, contract: str
) -> None:
    path = copied_tree / "loan_default_assets" / module
    text = path.read_text("utf-8")
    try:
        path.write_text(f"{text}\nimport {statement}\n", "utf-8")
        result = lint(copied_tree)
    finally:
        path.write_text(text, "utf-8")
    assert result.returncode == 1, result.stdout
    assert any(line.startswith(contract) and "BROKEN" in line for line in result.stdout.splitlines())
