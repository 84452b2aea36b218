"""Every runtime dependency has a permitted licence, and docs/licences.md lists what the image installs."""

import re
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from loan_default_assets_tests.supply_chain.dependency_licences import (
    PROJECT,
    ROOT,
    RULES,
    licence_of,
    runtime_dependencies,
)
from loan_default_assets_tests.supply_chain.pinned_requirements import pinned

INSTALLED = runtime_dependencies(PROJECT["project"]["dependencies"])
ROW = re.compile(r"^\| ([a-z0-9-]+) \| ([^|]+) \| (?:yes)? *\|$", re.MULTILINE)
LISTED = dict(ROW.findall((ROOT / "docs/licences.md").read_text("utf-8")))

BSD3 = "Redistribution and use ... Neither the name of its author may be used to endorse or promote products"
BSD4 = f"{BSD3}. All advertising materials mentioning features must display this"


def test_every_installed_dependency_has_a_permitted_licence() -> None:
    refused = {
        name: licence_of(package)
        for name, package in INSTALLED.items()
        if not RULES.permits(name, licence_of(package))
    }
    assert not refused, "replace the package, or state the exception in [tool.licences.exceptions]"


def test_dependencies_of_dependencies_and_of_extras_are_followed() -> None:
    found = runtime_dependencies(["uvicorn[standard]", "dagster-postgres"])
    assert {"uvicorn", "h11", "httptools", "dagster", "psycopg2-binary"} <= set(found)
    assert "httptools" not in runtime_dependencies(["uvicorn"])


def test_the_page_lists_the_packages_that_the_image_installs() -> None:
    assert set(LISTED) == {*pinned(), "torch"}, "run `make licences`"


def test_the_page_has_the_licences_of_the_pinned_versions() -> None:
    differing = {
        name: (LISTED[name], licence_of(INSTALLED[name]))
        for name, version in pinned().items()
        if name in INSTALLED
        and INSTALLED[name].version == version
        and LISTED[name] != licence_of(INSTALLED[name])
    }
    assert not differing, "run `make licences`"


def test_every_exception_is_for_a_package_in_use_and_has_a_reason() -> None:
    for name, rule in RULES.exceptions.items():
        assert len(rule["reason"]) > 20
        assert "*" in name or rule["licence"] in LISTED[name].split(" AND ")


@pytest.mark.parametrize(
    ("name", "licence", "permitted"),
    [
        ("some-package", "MIT", True),
        ("some-package", "GPL-3.0-only", False),
        ("some-package", "MIT OR GPL-3.0-only", True),
        ("some-package", "MIT AND GPL-3.0-only", False),
        ("some-package", "MIT AND (BSD-3-Clause OR GPL-3.0-only)", False),
        ("some-package", "Apache-2.0 WITH LLVM-exception AND MIT", True),
        ("some-package", "LGPL", False),
        ("some-package", "", False),
        ("psycopg2-binary", "LGPL", True),
        ("psycopg2-binary", "GPL-3.0-only", False),
        ("nvidia-cublas", "Proprietary", True),
        ("nvidia-ml-py", "Proprietary", False),
    ],
)
def test_what_the_rules_permit(name: str, licence: str, permitted: bool) -> None:
    assert RULES.permits(name, licence) is permitted


@pytest.mark.parametrize(
    ("metadata", "file", "licence"),
    [
        (["License-Expression: MIT", "License: GPL"], "", "MIT"),
        (["License: Apache License 2.0"], "", "Apache-2.0"),
        (["License: UNKNOWN", "Classifier: License :: OSI Approved :: MIT License"], "", "UNKNOWN"),
        (["Classifier: License :: OSI Approved :: MIT License"], "", "MIT"),
        (
            ["Classifier: License :: OSI Approved", "Classifier: License :: OSI Approved :: MIT License"],
            "",
            "MIT",
        ),
        (
            [
                "Classifier: License :: OSI Approved :: Apache Software License",
                "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
            ],
            "",
            "Apache-2.0 AND GNU General Public License v3 (GPLv3)",
        ),
        (["Classifier: License :: OSI Approved :: BSD License"], "", "BSD"),
        (["Classifier: License :: OSI Approved :: BSD License"], BSD3, "BSD-3-Clause"),
        (["Classifier: License :: OSI Approved :: BSD License"], BSD4, "BSD-4-Clause"),
        (["License: LicenseRef-NVIDIA-Proprietary"], "", "Proprietary"),
        ([], "", ""),
    ],
)
def test_the_licence_that_metadata_state(
    tmp_path: Path, metadata: list[str], file: str, licence: str
) -> None:
    folder = tmp_path / "some_package-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "\n".join(["Name: some-package", "Version: 1.0", *metadata, ""]), "utf-8"
    )
    (folder / "LICENSE").write_text(file, "utf-8")
    (folder / "RECORD").write_text(f"{folder.name}/METADATA,,\n{folder.name}/LICENSE,,\n", "utf-8")
    assert licence_of(PathDistribution(folder)) == licence
