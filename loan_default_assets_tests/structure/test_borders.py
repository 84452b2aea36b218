"""Every function that Dagster calls keeps values out of the errors that Dagster stores."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "loan_default_assets"
CALLED = {
    "asset",
    "multi_asset",
    "asset_check",
    "multi_asset_check",
    "op",
    "sensor",
    "asset_sensor",
    "schedule",
}
CALLED |= {
    "run_failure_sensor",
    "run_status_sensor",
    "success_hook",
    "failure_hook",
    "observable_source_asset",
}
BORDERS = {"retried", "reported"}


def decorators(function: ast.FunctionDef) -> list[str]:
    """The names of a function's decorators, from the outermost."""
    names = []
    for each in function.decorator_list:
        target = each.func if isinstance(each, ast.Call) else each
        names.append(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return names


def functions_that_dagster_calls(source: str) -> dict[str, list[str]]:
    """Decorators of the functions that are assets, checks, ops or sensors, by name."""
    found = {
        node.name: decorators(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
    }
    return {name: names for name, names in found.items() if CALLED & set(names)}


def called() -> list[tuple[str, list[str]]]:
    files = [*ROOT.glob("assets/*.py"), *ROOT.glob("orchestration/*.py"), ROOT / "definitions.py"]
    return [
        entry for file in files for entry in functions_that_dagster_calls(file.read_text("utf-8")).items()
    ]


def test_all_assets_ops_and_sensors_are_found() -> None:
    assert len(called()) == 15


@pytest.mark.parametrize(
    ("name", "names"), called(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_its_innermost_decorator_is_a_border(name: str, names: list[str]) -> None:
    assert names[-1] in BORDERS


def test_a_function_without_a_border_is_found() -> None:
    source = "@dg.asset(name='a')\n@retried\ndef one(): ...\n@dg.op\ndef two(): ...\ndef three(): ..."
    assert functions_that_dagster_calls(source) == {"one": ["asset", "retried"], "two": ["op"]}
