"""The shared folder of files as people have them, where available: each goes the whole way as its case states."""

import os
from pathlib import Path

import pytest

from loan_default_assets_tests.cases.case_checks import check_case
from loan_default_assets_tests.cases.folder_cases import EXPECTED, OF_LEAKAGE, folder_case
from loan_default_assets_tests.cases.test_case_files import CASES

FOLDER = Path(os.environ.get("LOAN_CASES_DIR", Path(__file__).parents[3] / "shared" / "cases"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_of_the_folder_gives_the_stated_values(name: str, tmp_path: Path, cases_url: str) -> None:
    if not (FOLDER / name).is_dir():
        pytest.skip(f"{FOLDER / name} does not exist")
    check_case(folder_case(FOLDER / name, name), tmp_path, cases_url)


def test_every_case_has_a_copy_of_our_own() -> None:
    assert set(EXPECTED) - {case.name for case in CASES} == set()


def test_every_case_of_the_folder_is_tested() -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} does not exist")
    of_files = {path.name for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith("ops_")}
    assert of_files == set(EXPECTED) | OF_LEAKAGE
