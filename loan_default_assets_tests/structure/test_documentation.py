"""The documentation refers to files that exist, and the examples in docstrings are run."""

import re
import tomllib
from itertools import chain
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
FOLDERS = (
    ".devcontainer",
    "bento",
    "deploy",
    "docs",
    "loan_default_assets",
    "loan_default_assets_tests",
    "sql",
)
# Paths in backticks may leave out the first folders; a path with a placeholder is not checked.
FILES = {
    f"/{path.relative_to(ROOT)}"
    for path in chain(
        ROOT.glob("*.*"),
        *((ROOT / folder).rglob("*.*") for folder in FOLDERS),
    )
}
# Of a home, a model, a backup and a bill of materials; and of the examples.
WRITTEN = {
    "backup.json",
    "image.cdx.json",
    "loan.json",
    "loans.yaml",
    "manifest.json",
    "model.json",
    "openapi.json",
    "portfolio.json",
    "reports/VERSION.json",
    "sbom.cdx.json",
}
FILE = re.compile(r"`((?:[\w.]+/)*[\w.-]+\.(?:py|md|sql|yaml|yml|toml|proto|json))`")


def missing_files(text: str) -> list[str]:
    """Files named in backticks that exist nowhere in the repository."""
    return [name for name in FILE.findall(text) if not any(path.endswith(f"/{name}") for path in FILES)]


# The change log names files of earlier releases.
@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_every_named_file_exists(document: str) -> None:
    assert set(missing_files((ROOT / document).read_text("utf-8"))) <= WRITTEN


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
