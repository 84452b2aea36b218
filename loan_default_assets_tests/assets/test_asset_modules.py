import ast
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from loan_default_assets import assets
from loan_default_assets.definitions import build_definitions
from loan_default_assets.settings import Settings

MAX_FUNCTION_LINES = 40
MAX_MODULE_LINES = 60
ASSETS = (
    "raw_loans",
    "processed_features",
    "pretrained_encoder",
    "classifier",
    "evaluation",
    "champion",
    "classifier_bento",
    "scored_loans",
)
WARNINGS = ("f1_", "not_worse_", "leakage_is_excluded", "no_feature_drift", "no_score_drift")
FOLDER = Path(assets.__file__).parent


def test_every_asset_has_a_module_and_there_is_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == {*ASSETS, "__init__", "metadata"}


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_is_a_short_function_in_a_short_module(name: str) -> None:
    source = (FOLDER / f"{name}.py").read_text()
    [function] = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    first = min(decorator.lineno for decorator in function.decorator_list)
    assert function.end_lineno is not None
    assert function.end_lineno - first + 1 <= MAX_FUNCTION_LINES, "decorators included"
    assert len(source.splitlines()) <= MAX_MODULE_LINES


def test_descriptions_are_two_sentences(tmp_path: Path) -> None:
    graph = build_definitions(settings=Settings(portfolio="demo", loan_default_home=tmp_path))
    described = {
        spec.key.path[-1]: spec.description or ""
        for asset in graph.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.specs
    }
    assert set(described) == set(ASSETS)
    for name, text in described.items():
        sentences = text.split(". ")
        assert len(sentences) == 2, name
        assert text.endswith("."), name


def test_every_check_says_what_a_failure_means_and_what_to_do(tmp_path: Path) -> None:
    graph = build_definitions(settings=Settings(portfolio="demo", loan_default_home=tmp_path))
    checks = [
        spec
        for asset in graph.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
    ]
    assert len({(spec.asset_key, spec.name) for spec in checks}) == len(checks) == 15
    for spec in checks:
        text = spec.description or ""
        assert re.fullmatch(r"If it (fails|warns), [^.]+(\.md[^.]+)?; [^.]+(\.md[^.]+)?\.", text), spec
        # Only what can be wrong with data or labels stops the steps behind it.
        assert text.startswith("If it warns") is (spec.name.startswith(WARNINGS)), spec


def test_the_graph_loads_without_slow_libraries() -> None:
    unwanted = {"torch", "sklearn", "matplotlib", "bentoml", "optuna"}
    code = f"import loan_default_assets.definitions, sys; print(sorted({unwanted} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
