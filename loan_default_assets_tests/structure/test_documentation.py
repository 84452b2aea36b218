"""The documentation refers to files that exist, and the examples in docstrings are run."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "README.ko.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md")),
)
# Paths in backticks may be relative to one of these; a path with a placeholder is not checked.
BASES = (
    "",
    "loan_default_assets",
    "loan_default_assets/portfolio/ingest",
    "loan_default_assets/warehouse",
    "loan_default_assets_tests",
)
FILE = re.compile(r"`((?:[\w.]+/)*[\w.-]+\.(?:py|md|sql|yaml|yml|toml|proto|json))`")


def missing_files(text: str) -> list[str]:
    """Files named in backticks that exist under none of the base folders."""
    return [name for name in FILE.findall(text) if not any((ROOT / base / name).exists() for base in BASES)]


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "README.ko.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/retraining.md",
        "docs/threat-model.md",
    ],
)
def test_every_named_file_exists(document: str) -> None:
    # Files of LOAN_DEFAULT_HOME.
    written = {"loan.json"}
    assert set(missing_files((ROOT / document).read_text("utf-8"))) <= written


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_to_a_file(document: str) -> None:
    path = ROOT / document
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text("utf-8"))
    broken = [target for target in targets if "://" not in target and not (path.parent / target).exists()]
    assert not broken


def test_a_missing_file_is_found() -> None:
    assert missing_files("`pipeline/no_such_step.py` and `settings.py`") == ["pipeline/no_such_step.py"]


def test_the_index_lists_every_decision_once() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")


def test_the_examples_of_every_module_are_run() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    run = [ROOT / path for path in settings["tool"]["pytest"]["ini_options"]["testpaths"]]
    modules = (
        path for package in ("bento", "loan_default_assets") for path in (ROOT / package).rglob("*.py")
    )
    with_examples = [
        path for path in modules if re.search(r"^\s+>>> ", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert with_examples
    assert not [path for path in with_examples if not {path, *path.parents} & set(run)]
