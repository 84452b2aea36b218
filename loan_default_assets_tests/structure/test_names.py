"""One name for one thing: no two modules and no two classes of the project share a name."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("loan_default_assets", "bento", "loan_default_assets_tests")
# Names that Python, pytest and BentoML give a meaning of their own.
SPECIAL_MODULES = {"__init__", "__main__", "conftest"}


def modules(*packages: str) -> Iterator[Path]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "generated" not in path.parts:
                yield path


def shared(names: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """Names that stand at several locations."""
    locations: dict[str, list[str]] = defaultdict(list)
    for name, location in names:
        locations[name].append(location)
    return {name: found for name, found in locations.items() if len(found) > 1}


def module_names(paths: Iterator[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if path.stem not in SPECIAL_MODULES:
            yield path.stem, str(path.relative_to(ROOT))


def class_names(paths: Iterator[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield node.name, str(path.relative_to(ROOT))


def test_no_two_modules_share_a_name() -> None:
    assert not shared(module_names(modules(*PACKAGES)))


def test_no_two_classes_share_a_name() -> None:
    assert not shared(class_names(modules("loan_default_assets", "bento")))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([("a", "x/a.py"), ("b", "x/b.py")], {}),
        ([("a", "x/a.py"), ("a", "y/a.py")], {"a": ["x/a.py", "y/a.py"]}),
    ],
)
def test_a_shared_name_is_found(names: list[tuple[str, str]], expected: dict[str, list[str]]) -> None:
    assert shared(iter(names)) == expected
