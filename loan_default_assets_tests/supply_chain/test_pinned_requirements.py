"""The image installs pinned versions whose hashes are known, and they are versions that pyproject.toml allows."""

import re
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from loan_default_assets_tests.supply_chain.dependency_licences import PROJECT, ROOT
from loan_default_assets_tests.supply_chain.pinned_requirements import CONSTRAINTS, ENTRY, pinned

TEXT = CONSTRAINTS.read_text("utf-8")
REQUIRED = [
    Requirement(text)
    for text in [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    if not text.startswith("torch==")
]
DIGEST = "0" * 64


@pytest.mark.parametrize("requirement", REQUIRED, ids=lambda requirement: requirement.name)
def test_a_requirement_is_pinned_to_a_version_that_it_allows(requirement: Requirement) -> None:
    version = pinned()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True), "run `make constraints`"


def test_every_line_is_a_pinned_package_with_hashes_or_a_comment() -> None:
    rest = [line for line in ENTRY.sub("", TEXT).splitlines() if line and not line.startswith("#")]
    assert not rest


def test_the_file_names_no_package_index() -> None:
    assert "://" not in TEXT
    assert not re.search(r"^\s*--(?!hash=)", TEXT, re.MULTILINE)


@pytest.mark.parametrize(
    "entry",
    [
        "click==8.1.0",
        "click>=8.1 \\\n    --hash=sha256:" + DIGEST,
        "click==8.1.0 \\\n    --hash=md5:" + DIGEST,
        "click==8.1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:" + DIGEST,
    ],
)
def test_an_entry_without_version_or_hash_or_of_another_platform_does_not_count(entry: str) -> None:
    assert not pinned(entry)
    assert pinned(f"click==8.1.0 \\\n    --hash=sha256:{DIGEST}\n{entry}") == {"click": "8.1.0"}


def test_the_dependencies_stated_for_torch_are_those_of_its_wheel() -> None:
    (stated,) = PROJECT["tool"]["uv"]["dependency-metadata"]
    assert f"{stated['name']}=={stated['version']}" in PROJECT["project"]["dependencies"]
    wheel = {Requirement(text) for text in requires("torch") or [] if "extra ==" not in text}
    cuda = {r for r in wheel if re.match(r"nvidia-|cuda-|triton", r.name)}
    assert {str(r) for r in wheel - cuda} == {str(Requirement(text)) for text in stated["requires-dist"]}


def test_the_image_checks_the_hash_of_every_package_but_torch() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    # The stage of the bill of materials is no part of the image.
    stages = [stage for stage in dockerfile.split("\nFROM ") if "AS package-list" not in stage]
    commands = [part for stage in stages for line in stage.splitlines() for part in line.split("&&")]
    first, *others = [" ".join(part.split()) for part in commands if re.search(r"\bpip install\b", part)]
    assert first == "pip install --require-hashes --no-deps --requirement constraints.txt"
    assert len(others) == 3
    assert all("torch==" in command or "--no-index" in command for command in others)
