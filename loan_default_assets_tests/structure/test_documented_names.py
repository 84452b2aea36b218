"""What documents name exists: modules that are run, targets of make, headings, routes, variables, tables, folders."""

import re
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest

from bento.access.permissions import ROUTES, route_of
from loan_default_assets.commands import backup_archive
from loan_default_assets.portfolio.yaml_loader import library_names
from loan_default_assets.settings import Settings
from loan_default_assets_tests.structure.documents import ROOT, code_blocks, prose, section

DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
}
# Names of earlier releases.
PRESENT = {name: text for name, text in DOCUMENTS.items() if name != "CHANGELOG.md"}
# Of Dagster's UI, not of the service.
DAGSTER_UI = "/graphql"
FOLDERS = ("bento", "deploy", "loan_default_assets", "loan_default_assets_tests/benchmarks", "sql")
# Variables, rules and placeholders that only other programs read.
FOREIGN_NAMES = {
    "CKV2_K8S_6",
    "DAGSTER_REDACT_USER_CODE_ERRORS",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MODEL_FOLDER",
    "RAY_AUTH_MODE",
    "RAY_USE_TLS",
}


def code(text: str) -> str:
    """Everything in a document that stands in a block or between backticks, one per line."""
    blocks = (content for _, content in code_blocks(text))
    return "\n".join(chain(blocks, re.findall(r"`([^`\n]+)`", prose(text))))


def run_modules(text: str) -> set[str]:
    """The modules of ours that a document runs."""
    return {
        name.rstrip(".")
        for name in re.findall(r"python3? -m ([\w.]+)", code(text))
        if name.startswith(("bento", "loan_default"))
    }


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site of `make docs` write it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words.lower()).strip())


def anchors(text: str) -> set[str]:
    """The anchors of all headings of a document."""
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)}


def linked_anchors(name: str, text: str) -> list[tuple[str, str]]:
    """Document and anchor of every link to a heading, the document relative to the root."""
    found = re.findall(r"\]\((?!\w+://)([^)#\s]*)#([^)\s]+)\)", text)
    folder = (ROOT / name).parent
    return [
        (str((folder / target).resolve().relative_to(ROOT)) if target else name, heading)
        for target, heading in found
    ]


def routes(text: str) -> set[str]:
    """The paths of requests that a document names with their method."""
    return {
        path.replace("{id}", "{request_id}") for path in re.findall(r"(?:GET|POST) (/[\w./{}-]*)", code(text))
    }


def variables(text: str) -> set[str]:
    """Names in capitals with an underscore, the form of a variable of the environment."""
    return set(re.findall(r"(?<![\w.*])[A-Z][A-Z0-9]*_[A-Z0-9_]+(?![\w*])", code(text)))


@pytest.mark.parametrize("name", PRESENT)
def test_every_module_that_is_run_exists(name: str) -> None:
    assert [module for module in sorted(run_modules(PRESENT[name])) if find_spec(module) is None] == []


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target for text in PRESENT.values() for target in re.findall(r"^make ([a-z0-9-]+)", code(text), re.M)
    }
    assert len(named) > 10
    assert named - targets == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_to_a_heading_leads_to_one(name: str) -> None:
    known = {document: anchors(text) for document, text in DOCUMENTS.items()}
    assert [link for link in linked_anchors(name, DOCUMENTS[name]) if link[1] not in known[link[0]]] == []


def test_every_route_exists() -> None:
    named = set().union(*map(routes, PRESENT.values()))
    assert len(named) > 6
    assert {path for path in named if path not in ROUTES and route_of(path) is None} == {DAGSTER_UI}


def test_every_variable_exists() -> None:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [ROOT / name for name in ("docker-compose.yml", "Dockerfile", ".env.example", "pyproject.toml")]
    known = {name.upper() for name in Settings.model_fields} | FOREIGN_NAMES
    for path in files:
        if path.suffix in {".py", ".sql", ".yaml", ".yml", ".json", ".toml", ".tpl", ".txt", ".example", ""}:
            known |= set(re.findall(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", path.read_text("utf-8", errors="ignore")))
    found = {name: sorted(unknown) for name, text in PRESENT.items() if (unknown := variables(text) - known)}
    assert found == {}


def test_every_table_and_view_is_in_the_architecture() -> None:
    sql = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "sql").glob("*.sql")))
    created = set(re.findall(r"^CREATE (?:UNLOGGED )?TABLE (\w+)", sql, re.MULTILINE))
    created |= set(re.findall(r"^CREATE VIEW (\w+)", sql, re.MULTILINE))
    gone = set(re.findall(r"^(?:DROP TABLE|ALTER VIEW) (\w+)", sql, re.MULTILINE))
    renamed = set(re.findall(r"^ALTER VIEW \w+ RENAME TO (\w+)", sql, re.MULTILINE))
    # A partition of its table.
    created = {name for name in created - gone | renamed if not name.endswith("_undated")}
    state = section("architecture.md", "## State")
    assert len(created) > 35
    assert sorted(name for name in created if f"`{name}`" not in state) == []


def test_every_folder_and_file_of_a_home_is_in_the_architecture() -> None:
    source = "\n".join(
        path.read_text("utf-8")
        for folder in ("bento", "loan_default_assets")
        for path in (ROOT / folder).rglob("*.py")
    )
    written = set(re.findall(r'\bhome / "([\w.-]+)"', source)) | {
        backup_archive.SPOOL,
        backup_archive.PORTFOLIO,
        backup_archive.ERASURES,
    }
    named = set(re.findall(r"`([\w.-]+)/?[^`]*`", section("architecture.md", "## State")))
    assert {"models", "keys", "postgres", "up.lock"} <= written
    assert written - named == set()


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_every_portfolio_of_the_library_is_named(name: str) -> None:
    text = DOCUMENTS[name]
    assert [
        each for each in library_names() if f"`{each}`" not in text and f"library/{each}.yaml" not in text
    ] == []


@pytest.mark.parametrize(
    ("text", "module", "route", "variable", "heading"),
    [
        (
            "# A, b: `c`\n\nRun `python -m bento.nothing`, `GET /no/{id}`, `NO_SUCH_NAME=1`.\n",
            {"bento.nothing"},
            {"/no/{request_id}"},
            {"NO_SUCH_NAME"},
            {"a-b-c"},
        ),
        ("```sh\npython -m bento\nA_B=1 x\n```\n# A\n", {"bento"}, set(), {"A_B"}, {"a"}),
        ("`python -m venv`, `RETENTION_*`, NO_CODE\n", set(), set(), set(), set()),
    ],
)
def test_names_are_found(
    text: str, module: set[str], route: set[str], variable: set[str], heading: set[str]
) -> None:
    assert (run_modules(text), routes(text), variables(text), anchors(text)) == (
        module,
        route,
        variable,
        heading,
    )


def test_links_to_headings_are_found() -> None:
    assert linked_anchors("docs/a.md", "[x](b.md#c), [y](#d), [z](https://e#f)") == [
        (str(Path("docs/b.md")), "c"),
        ("docs/a.md", "d"),
    ]


def test_every_package_and_module_of_the_root_is_in_the_architecture() -> None:
    root = ROOT / "loan_default_assets"
    packages = {f"{path.parent.name}/" for path in root.glob("*/__init__.py")}
    modules = {path.name for path in root.glob("*.py") if not path.name.startswith("__")}
    # All of them parse arguments, as cli.py does.
    modules -= {"cli_decisions.py", "cli_options.py", "cli_upkeep.py"}
    text = section("architecture.md", "## Packages")
    named = set(re.findall(r'[`"]([\w]+(?:/|\.py))', text))
    assert len(packages) > 10
    assert (packages | modules) - named == set()
